"""Captures of real interpreters: two virtual environments, their differences named, and no difference where there is none."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from assayline.environments import Environment, capture, compare, environment_from_json, fingerprint
from assayline.errors import NotFound, Unreadable

sys.path.insert(0, str(Path(__file__).parent))
from wheels import repacked, wheel

NAMES = ("alpha", "beta")


def virtual(folder: Path, *wheels: Path, installer: tuple[str, ...] = ()) -> str:
    """A virtual environment with these wheels in it, put there by pip; gives its Python."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    python = folder / "bin" / "python"
    subprocess.run([sys.executable, "-m", "pip", "--python", str(python), "install", "-q", "--no-index", "--no-deps", *installer, *map(str, wheels)], check=True)
    return str(python)


def told(first: Environment, second: Environment, relevant: list[str] | None = None) -> list[tuple[str, str, str]]:
    return [(str(one.severity), one.layer, one.name) for one in compare(first, second, relevant)]


def test_a_version_a_build_and_a_number_of_threads_are_named_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stays, scripts = wheel(tmp_path, "gamma", "1.0"), ("gamma-run",)
    first = virtual(tmp_path / "one", stays, wheel(tmp_path / "1", "alpha", "1.0"), wheel(tmp_path / "1", "beta", "1.0", {"beta.py": "A = 1\n"}, scripts=scripts))
    second = virtual(
        tmp_path / "two", stays, wheel(tmp_path / "2", "alpha", "1.1"), wheel(tmp_path / "2", "beta", "1.0", {"beta.py": "A = 2\n"}, build="1", scripts=scripts)
    )
    before = capture(first)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")

    found = compare(before, capture(second), NAMES)

    assert [(str(one.severity), one.layer, one.name, one.before, one.now) for one in found if one.layer != "packages"] == [
        ("note", "threads", "OPENBLAS_NUM_THREADS", "", "1")
    ]
    assert [(str(one.severity), one.name) for one in found if one.layer == "packages"] == [("warn", "alpha"), ("warn", "beta")]
    assert "another build of the same version" in found[1].sentence


def test_two_environments_from_the_same_wheels_do_not_differ(tmp_path: Path) -> None:
    wheels = [wheel(tmp_path, "alpha", "1.0", scripts=("alpha-run",)), wheel(tmp_path, "beta", "1.0", requires=("alpha",))]
    first, second = virtual(tmp_path / "one", *wheels), virtual(tmp_path / "a much longer name", *reversed(wheels), installer=("--no-compile",))

    one, again, two = capture(first), capture(first), capture(str(tmp_path / "a much longer name"))

    assert one == again
    assert second
    assert one.digest == two.digest
    assert compare(one, two) == ()


def test_a_file_changed_after_the_installation_is_found(tmp_path: Path) -> None:
    python = virtual(tmp_path / "one", wheel(tmp_path, "alpha", "1.0"))
    before = capture(python)
    (changed,) = (tmp_path / "one").rglob("alpha/__init__.py")
    changed.write_text(changed.read_text() + "# changed for a test\n")

    after = capture(python)

    assert told(before, after, ["alpha"]) == [("warn", "packages", "alpha")]
    assert after.packages["alpha"].altered == ("alpha/__init__.py",)


def test_a_missing_record_is_said(tmp_path: Path) -> None:
    python = virtual(tmp_path / "one", wheel(tmp_path, "alpha", "1.0"))
    before = capture(python)
    next((tmp_path / "one").rglob("alpha-1.0.dist-info/RECORD")).unlink()

    (found,) = compare(before, capture(python))

    assert str(found.severity) == "note"
    assert "has no RECORD in the second" in found.sentence


def test_what_was_captured_comes_back_from_json(tmp_path: Path) -> None:
    before = capture(check_files=False)

    after = environment_from_json(json.loads(json.dumps(before.as_json())))

    assert after == before
    assert after.digest == before.digest


@pytest.mark.parametrize("spoilt", [None, [], {"schema": 1}, {"schema": 2, "packages": {}, "facts": {}, "locks": {}}, {"schema": 1, "packages": {"a": 3}, "facts": {}, "locks": {}},
                                    {"schema": 1, "digest": "sha256:00", "packages": {}, "facts": {}, "locks": {}}])  # fmt: skip
def test_what_is_no_capture_is_refused(spoilt: object) -> None:
    with pytest.raises(Unreadable, match=r"dev\.json"):
        environment_from_json(spoilt, "dev.json")


def test_no_secret_of_the_environment_is_in_a_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("API_TOKEN", "OMP_SECRET", "MKL_LICENSE_KEY", "DATABASE_URL", "PYTHON_TOKEN"):
        monkeypatch.setenv(name, "a-secret-value")
    monkeypatch.setenv("OMP_SCHEDULE", "x" * 1000 + "a-secret-value")

    text = json.dumps([capture(check_files=False).as_json(), fingerprint().as_json()])

    assert "a-secret-value" not in text
    assert "API_TOKEN" not in text
    assert "too long to be told" in text


def test_a_password_in_the_address_of_a_package_is_not_kept(tmp_path: Path) -> None:
    python = virtual(tmp_path / "one", wheel(tmp_path, "alpha", "1.0"))
    info = next((tmp_path / "one").rglob("alpha-1.0.dist-info"))
    said = {"url": "https://me:hunter2@git.example.com/alpha?token=hunter3", "vcs_info": {"vcs": "git", "commit_id": "0a1b"}}
    (info / "direct_url.json").write_text(json.dumps(said))

    source = capture(python).packages["alpha"].source

    assert source == "git+https://git.example.com/alpha@0a1b"


def test_an_interpreter_that_is_none_is_said_to_be_none(tmp_path: Path) -> None:
    silent = tmp_path / "silent"
    silent.write_text("#!/bin/sh\nexit 3\n")
    silent.chmod(0o755)

    with pytest.raises(NotFound, match="cannot be started"):
        capture(str(tmp_path / "nothing"))
    with pytest.raises(Unreadable, match="exit code 3"):
        capture(str(silent))


def test_libraries_that_print_when_they_are_imported_do_no_harm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    python = virtual(tmp_path / "one", wheel(tmp_path, "numpy", "9.0", {"numpy.py": "print('hello'); raise SystemError('no')\n"}))
    monkeypatch.delenv("PYTHONPATH", raising=False)

    found = capture(python)

    assert found.packages["numpy"].version == "9.0"
    assert found.fact("math", "numpy was built with") == ""


@pytest.fixture
def denormals_off() -> Iterator[None]:
    """What a library linked with -ffast-math does to the thread that loads it: bits 6 and 15 of MXCSR."""
    libm, state = ctypes.CDLL("libm.so.6"), (ctypes.c_uint32 * 8)()
    libm.fegetenv(state)
    before = state[7]
    state[7] = before | 0x8040
    libm.fesetenv(state)
    yield
    state[7] = before
    libm.fesetenv(state)


@pytest.mark.skipif(platform.machine() != "x86_64" or sys.platform != "linux", reason="the layout of the control register is that of x86-64")
def test_a_process_that_drops_tiny_numbers_is_told_apart(denormals_off: None) -> None:
    found = fingerprint()

    assert (found.fact("switches", "flush to zero"), found.fact("switches", "denormals are zero")) == ("True", "True")
    assert capture(check_files=False).fact("switches", "flush to zero") == "False"


def test_options_that_a_program_changed_are_told() -> None:
    pandas = pytest.importorskip("pandas", reason="pandas is not installed: pip install 'assayline[pandas]'")
    untouched = fingerprint()

    with pandas.option_context("compute.use_bottleneck", False, "display.max_rows", 7):
        changed = fingerprint()

    assert [(str(one.severity), one.layer, one.name) for one in compare(untouched, changed)] == [("warn", "switches", "pandas compute.use_bottleneck")]


LOCKS = {
    "requirements.txt": "alpha==1.0 \\\n    --hash=sha256:00\nbeta==2.0 ; sys_platform == 'win32'\nabsent==1.0\n-e .\nbeta>=0.1  # any\n",
    "uv.lock": 'version = 1\n[[package]]\nname = "alpha"\nversion = "0.9"\nresolution-markers = ["python_version < \'3\'"]\n[[package]]\nname = "Alpha"\nversion = "1.0"\n',
    "pylock.toml": '[[packages]]\nname = "alpha"\nversion = "1.1"\n[[packages]]\nname = "beta"\nversion = "7"\nmarker = "\'dev\' in dependency_groups"\n',
    "environment.yml": "dependencies:\n  - python=3\n  - conda-forge::alpha=1.0\n  - pip:\n    - beta==1.5\n",
    "broken.lock": "neither here nor there",
}


def test_drift_between_a_lock_and_what_is_installed_is_named(tmp_path: Path) -> None:
    python = virtual(tmp_path / "one", wheel(tmp_path, "alpha", "1.0"), wheel(tmp_path, "beta", "1.0"))
    for name, text in LOCKS.items():
        (tmp_path / name).write_text(text)

    found = capture(python, project=str(tmp_path))

    assert {path: dict(lock.drift) for path, lock in found.locks.items()} == {
        "environment.yml": {"beta": ("1.5", "1.0")}, "pylock.toml": {"alpha": ("1.1", "1.0")}, "requirements.txt": {}, "uv.lock": {},
    }  # fmt: skip


def test_what_conda_installed_besides_python_packages_is_told_with_its_build(tmp_path: Path) -> None:
    python = virtual(tmp_path / "one", wheel(tmp_path, "alpha", "1.0"))
    kept = tmp_path / "one" / "conda-meta"
    kept.mkdir()
    for name in ("libopenblas-0.3.30-pthreads_h1", "alpha-1.0-py311_0", "history"):
        (kept / f"{name}.json").write_text("{}")
    before = capture(python)
    (kept / "libopenblas-0.3.30-pthreads_h1.json").rename(kept / "libopenblas-0.3.30-openmp_h2.json")

    (found,) = compare(before, capture(python))

    assert {name for name, one in before.packages.items() if one.installer == "conda"} == {"conda:libopenblas"}
    assert (str(found.severity), found.name) == ("warn", "conda:libopenblas")


def _pyenv(version: str) -> str:
    found = sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")).glob(f"versions/{version}.*/bin/python"))
    return str(found[-1]) if found else ""


@pytest.mark.parametrize("version", ["3.8", "3.12", "3.13"])
def test_another_version_of_python_can_be_captured_without_this_package(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    python = _pyenv(version)
    if not python:
        pytest.skip(f"there is no Python {version} here: pyenv install {version}")
    monkeypatch.delenv("PYTHONPATH", raising=False)

    found = capture(python)

    assert found.fact("interpreter", "version").startswith(version + ".")
    assert "assayline" not in found.packages
    assert ("warn", "interpreter", "version") in told(capture(check_files=False), found)


def _downloaded(folder: Path, version: str) -> Path:
    done = subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(folder), f"numpy=={version}"], capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"numpy {version} cannot be had here: {done.stderr[-200:]}")
    return next(folder.glob(f"numpy-{version}-*.whl"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_environments_that_differ_in_a_minor_version_a_build_and_blas_threads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    older, newer = (_downloaded(tmp_path, version) for version in ("2.3.5", "2.4.4"))
    base, twin = capture(virtual(tmp_path / "base", older)), capture(virtual(tmp_path / "twin", older))
    minor = capture(virtual(tmp_path / "minor", newer))
    built = virtual(tmp_path / "built", repacked(older, tmp_path / "again", "numpy/_globals.py", "7"))
    build = capture(built)
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    threads = capture(str(tmp_path / "base"))

    assert compare(base, twin) == ()
    assert set(told(base, minor)) <= {("warn", "packages", "numpy"), ("warn", "math", "library openblas of numpy")}
    assert ("warn", "packages", "numpy") in told(base, minor)
    assert told(base, build) == [("warn", "packages", "numpy")]
    assert "another build of the same version" in compare(base, build)[0].sentence
    assert [(severity, layer) for severity, layer, _ in told(base, threads)] == [("note", "threads")]
    assert sorted({(severity, layer) for severity, layer, _ in told(build, threads)}) == [("note", "threads"), ("warn", "packages")]
