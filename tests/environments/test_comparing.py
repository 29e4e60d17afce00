"""The severity of differences, as the table on the page of parity says; and silence where nothing differs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from assayline.environments import Environment, Lock, Package, Severity, capture, compare, environment_from_json
from assayline.environments.fingerprint import LAYERS

NUMPY = Package("2.3.5", "cp311-cp311-manylinux_2_28_x86_64", record="sha256:aa11", code="sha256:aa", installer="pip")
FACTS = {
    "interpreter": {"implementation": "cpython", "version": "3.11.7", "abi": "cpython-311-x86_64-linux-gnu", "libc": "glibc 2.36", "build": "main", "compiler": "GCC 12.2.0",
                    "byte order": "little", "word": "64 bits"},
    "machine": {"system": "Linux", "architecture": "x86_64", "kernel": "6.1", "distribution": "debian 12", "cpu": "A processor", "image": ""},
    "place": {"LC_CTYPE": "C.UTF-8", "LC_NUMERIC": "C", "encoding": "utf-8", "variable LANG": "C.UTF-8"},
    "clock": {"zone": "Etc/UTC", "offset in January": "0", "offset in July": "0", "zone tables": "2025b"},
    "math": {"library openblas of numpy": "0.3.30 Haswell pthreads", "cpu features": "avx avx2", "numpy was built with": "scipy-openblas 0.3.30", "graphics": ""},
    "threads": {"library openblas of numpy": "2"},
    "switches": {"flush to zero": "False", "random hashes": "True"},
}  # fmt: skip
BASE = Environment({"numpy": NUMPY, "joblib": Package("1.5.0"), "tidy": Package("1.2.3")}, FACTS, {"uv.lock": Lock("sha256:0123456789abcdef")})


def with_fact(layer: str, name: str, value: str, base: Environment = BASE) -> Environment:
    return Environment(base.packages, {**base.facts, layer: {**base.facts[layer], name: value}}, base.locks)


def with_package(name: str, package: Package | None, base: Environment = BASE) -> Environment:
    packages = {other: one for other, one in base.packages.items() if other != name} | ({name: package} if package is not None else {})
    return Environment(packages, base.facts, base.locks)


@pytest.mark.parametrize(
    ("name", "version", "relevant", "severity"),
    [
        ("numpy", "3.0.0", None, "block"), ("numpy", "2.4.0", None, "warn"), ("numpy", "2.3.6", None, "warn"), ("joblib", "2.0.0", None, "block"),
        ("tidy", "2.0.0", None, "warn"), ("tidy", "1.3.0", None, "note"), ("tidy", "1.2.4", None, "note"),
        ("tidy", "2.0.0", ["tidy"], "block"), ("tidy", "1.3.0", ["Tidy"], "warn"), ("numpy", "3.0.0", ["tidy"], "note"), ("tidy", "1.2.3+local", None, "warn"),
    ],
)  # fmt: skip
def test_a_version_weighs_by_how_much_it_changed_and_whose_it_is(name: str, version: str, relevant: list[str] | None, severity: str) -> None:
    other = with_package(name, replace(BASE.packages[name], version=version))

    found = compare(BASE, other, relevant)

    assert [(str(one.severity), one.name, one.before, one.now) for one in found] == [(severity, name, BASE.packages[name].version, version)]
    assert BASE.packages[name].version in found[0].sentence
    assert version in found[0].sentence


@pytest.mark.parametrize(("name", "relevant", "severity"), [("numpy", None, "block"), ("tidy", None, "warn"), ("tidy", ["tidy"], "block"), ("tidy", ["numpy"], "note")])
def test_a_missing_package_blocks_where_it_is_used(name: str, relevant: list[str] | None, severity: str) -> None:
    assert [str(one.severity) for one in compare(BASE, with_package(name, None), relevant)] == [severity]
    assert [str(one.severity) for one in compare(with_package(name, None), BASE, relevant)] == ["note"]


def test_a_package_that_production_never_needs_may_be_missing() -> None:
    assert [str(one.severity) for one in compare(with_package("pytest", Package("9.0")), BASE)] == ["note"]


def test_what_a_used_package_requires_is_used_too() -> None:
    base = with_package("tidy", Package("1.2.3", requires=("deep",)), with_package("deep", Package("1.0")))

    assert [str(one.severity) for one in compare(base, with_package("deep", Package("2.0"), base), ["tidy"])] == ["block"]


def test_another_build_of_the_same_version_is_named_as_that() -> None:
    other = with_package("numpy", replace(NUMPY, build="1", record="sha256:bb22", code="sha256:bb"))

    found = compare(BASE, other)

    assert [(str(one.severity), one.name) for one in found] == [("warn", "numpy")]
    assert "another build of the same version" in found[0].sentence
    assert "build 1" in found[0].sentence


def test_the_same_code_packed_differently_is_a_note() -> None:
    other = with_package("numpy", replace(NUMPY, record="sha256:bb22"))

    assert [str(one.severity) for one in compare(BASE, other)] == ["note"]


def test_a_file_changed_by_hand_is_named() -> None:
    other = with_package("numpy", replace(NUMPY, altered=("numpy/core.py",)))

    found = compare(BASE, other)

    assert [(str(one.severity), one.name) for one in found] == [("warn", "numpy")]
    assert "numpy/core.py" in found[0].sentence


def test_another_python_is_said_once_and_not_of_every_compiled_wheel() -> None:
    other = with_package("numpy", replace(NUMPY, tag="cp312-cp312-manylinux_2_28_x86_64", record="sha256:cc", code="sha256:cc"))
    other = with_fact("interpreter", "abi", "cpython-312-x86_64-linux-gnu", with_fact("interpreter", "version", "3.12.1", other))

    found = compare(BASE, other)

    assert [(str(one.severity), one.layer, one.name) for one in found] == [("warn", "interpreter", "version")]
    assert [str(one.severity) for one in compare(BASE, other, pickles=True)] == ["block"]


@pytest.mark.parametrize(
    ("layer", "name", "value", "severity"),
    [
        ("interpreter", "version", "3.11.9", "note"), ("interpreter", "implementation", "pypy", "block"), ("interpreter", "libc", "glibc 2.39", "note"),
        ("interpreter", "libc", "musl 1.2", "warn"), ("interpreter", "abi", "cpython-311d", "warn"), ("interpreter", "compiler", "Clang", "note"),
        ("machine", "kernel", "6.2", "note"), ("machine", "architecture", "aarch64", "warn"), ("machine", "cpu", "B processor", "note"),
        ("machine", "system", "Darwin", "warn"), ("machine", "image", "sha256:11", "note"),
        ("math", "library openblas of numpy", "0.3.30 SkylakeX pthreads", "warn"), ("math", "cpu features", "avx", "warn"), ("math", "graphics", "560.35, A100", "warn"),
        ("math", "numpy was built with", "mkl 2025", "warn"), ("math", "variable OPENBLAS_CORETYPE", "Haswell", "warn"),
        ("threads", "library openblas of numpy", "1", "note"), ("threads", "variable OMP_NUM_THREADS", "4", "note"),
        ("switches", "flush to zero", "True", "warn"), ("switches", "pandas mode.copy_on_write", "False", "warn"), ("switches", "variable PYTHONHASHSEED", "0", "note"),
        ("clock", "zone", "UTC", "note"), ("clock", "zone tables", "2026a", "note"),
    ],
)  # fmt: skip
def test_each_fact_has_its_severity(layer: str, name: str, value: str, severity: str) -> None:
    found = compare(BASE, with_fact(layer, name, value))

    assert [(str(one.severity), one.layer) for one in found] == [(severity, layer)]
    assert (found[0].next_step != "") is (severity != "note")


@pytest.mark.parametrize(("parses", "severity"), [(None, "warn"), (True, "block"), (False, "note")])
def test_zone_and_region_weigh_by_whether_dates_and_texts_are_parsed(parses: bool | None, severity: str) -> None:
    stockholm = with_fact("clock", "offset in July", "7200", with_fact("clock", "offset in January", "3600", with_fact("clock", "zone", "Europe/Stockholm")))

    zones, places = compare(BASE, stockholm, parses=parses), compare(BASE, with_fact("place", "LC_NUMERIC", "de_DE"), parses=parses)

    assert [str(one.severity) for one in (*zones, *places)] == [severity, severity]
    assert "Europe/Stockholm (+01:00, in July +02:00)" in zones[0].sentence


def test_threads_and_the_variable_that_sets_them_are_one_difference() -> None:
    other = with_fact("threads", "variable OPENBLAS_NUM_THREADS", "1", with_fact("threads", "library openblas of numpy", "1"))

    (found,) = compare(BASE, other, names=("in dev", "in prod"))

    assert found.sentence == "openblas of numpy computes with 1 thread in prod and 2 in dev (OPENBLAS_NUM_THREADS is 1 in prod, not set in dev)."


def test_drift_is_named_once_and_a_lock_that_only_changed_is_a_note() -> None:
    drifting = Environment(BASE.packages, FACTS, {"uv.lock": Lock("sha256:fedcba9876543210", {"tidy": ("1.2.2", "1.2.3")})})

    assert [(str(one.severity), one.name) for one in compare(BASE, drifting)] == [("warn", "uv.lock: tidy"), ("note", "uv.lock")]
    assert [str(one.severity) for one in compare(drifting, Environment(BASE.packages, FACTS, {"uv.lock": drifting.locks["uv.lock"]}))] == []


def test_an_environment_does_not_differ_from_itself_nor_from_its_copy() -> None:
    copy = environment_from_json(BASE.as_json())

    assert copy == BASE
    assert copy.digest == BASE.digest
    assert compare(BASE, copy) == ()


def test_no_fact_of_a_real_capture_can_change_without_being_named() -> None:
    real = capture(check_files=False)

    for layer in LAYERS:
        for name in real.facts[layer]:
            value = "86399" if name.startswith("offset") else "2 and more" if layer == "threads" else "another"
            assert compare(real, with_fact(layer, name, value, real)), (layer, name)


def test_the_worst_comes_first() -> None:
    other = with_fact("machine", "kernel", "7", with_package("numpy", None, with_fact("clock", "offset in July", "3600")))

    assert [one.severity for one in compare(BASE, other)] == [Severity.BLOCK, Severity.WARN, Severity.NOTE]
