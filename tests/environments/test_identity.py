"""The digest of what modules run on: it changes when their packages do, and not otherwise."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from assayline.environments import identity

sys.path.insert(0, str(Path(__file__).parent))
from wheels import unpacked, wheel


def test_another_version_of_a_requirement_changes_it_and_an_unrelated_package_does_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = unpacked(tmp_path / "site", wheel(tmp_path, "front", "1.0", requires=("back>=1",)), wheel(tmp_path, "back", "1.0"))
    monkeypatch.syspath_prepend(str(site))
    before = identity(["front"])

    unpacked(site, wheel(tmp_path, "other", "1.0"))
    with_unrelated = identity(["front"])
    (site / "back-1.0.dist-info").rename(site / "back-1.1.dist-info")
    unpacked(site, wheel(tmp_path, "back", "1.1"))

    assert with_unrelated == before
    assert identity(["front"]) != before


def test_the_same_version_with_other_files_changes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sites = [
        unpacked(tmp_path / "one", wheel(tmp_path / "1", "front", "1.0", {"front.py": "A = 1\n"})),
        unpacked(tmp_path / "two", wheel(tmp_path / "2", "front", "1.0", {"front.py": "A = 2\n"})),
    ]

    digests = [_of("front", site, monkeypatch) for site in sites]

    assert digests[0] != digests[1]


def test_what_an_installer_writes_anew_does_not_change_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = wheel(tmp_path, "front", "1.0", scripts=("front-command",))
    targets = [tmp_path / "plain", tmp_path / "compiled"]
    for target, option in zip(targets, ("--no-compile", "--compile"), strict=True):
        subprocess.run([sys.executable, "-m", "pip", "install", "-q", "--no-index", "--no-deps", option, "--target", str(target), str(made)], check=True)

    digests = [_of("front", target, monkeypatch) for target in [*targets, unpacked(tmp_path / "by hand", made)]]

    assert [len(list(target.rglob("*.pyc"))) for target in targets] == [0, 1]
    assert len(set(digests)) == 1


@pytest.mark.parametrize(("marker", "counts"), [("; python_version >= '3'", True), ("; sys_platform == 'none'", False), ("; extra == 'more'", False)])
def test_a_requirement_counts_where_its_marker_holds(marker: str, counts: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    front = wheel(tmp_path, "front", "1.0", requires=("back" + marker,))

    without = _of("front", unpacked(tmp_path / "without", front), monkeypatch)
    along = _of("front", unpacked(tmp_path / "along", front, wheel(tmp_path, "back", "1.0")), monkeypatch)

    assert (along != without) is counts


def test_an_extra_that_is_asked_for_brings_its_requirements(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wheels = [wheel(tmp_path, "front", "1.0", requires=("back[more]",)), wheel(tmp_path, "back", "1.0", requires=("third; extra == 'more'",))]

    without = _of("front", unpacked(tmp_path / "without", *wheels), monkeypatch)
    along = _of("front", unpacked(tmp_path / "along", *wheels, wheel(tmp_path, "third", "1.0")), monkeypatch)

    assert along != without


def test_a_circle_of_requirements_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = unpacked(tmp_path / "site", wheel(tmp_path, "front", "1.0", requires=("back",)), wheel(tmp_path, "back", "1.0", requires=("front",)))

    assert _of("front", site, monkeypatch) == _of("back", site, monkeypatch)


def test_an_editable_installation_counts_by_its_version_wherever_it_stands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sites = []
    for place in ("here", "there"):
        made = wheel(tmp_path / place, "front", "1.0", {"__editable___front.py": f"PLACE = {place!r}\n", "front-1.0.dist-info/top_level.txt": "front\n"})
        sites.append(unpacked(tmp_path / f"site {place}", made))
        (sites[-1] / "front-1.0.dist-info/direct_url.json").write_text(json.dumps({"url": f"file:///{place}", "dir_info": {"editable": True}}))

    digests = {_of("front", site, monkeypatch) for site in sites}

    assert len(digests) == 1
    assert digests != {_of("front", tmp_path, monkeypatch)}


@pytest.mark.no_cover  # what is timed is not traced
def test_it_takes_less_than_50_ms_of_processor_time_for_what_this_package_needs() -> None:
    modules = ["polars", "pyarrow", "numpy", "rich", "sqlalchemy", "fastavro", "pytest", "hypothesis", "mypy", "importlinter"]
    identity(modules)
    begin = time.process_time()

    identity(modules)

    assert time.process_time() - begin < 0.05


def _of(module: str, site: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(site))
        return identity([module])
