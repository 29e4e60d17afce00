"""Packages in an earlier version: found in folders, installed without a network, and imported before what is installed."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import polars as pl
import pytest
from small_line import loaded, mean_value, newest, ran

from assayline.diagnosis import Component, Symptom
from assayline.errors import MisuseError
from assayline.line.project import create_project
from assayline.line.why.area import Area
from assayline.line.why.overlay import kept, overlay
from assayline.line.why.replaying import Replays

LINE = """\
import polars as pl

import assayline
from assayline import Table

line = assayline.Line("bikes")
rides = line.source("rides", "rides.csv")


@line.step
def daily(rides: Table) -> Table:
    import tool_box

    return rides.select(value=pl.col("rentals") * tool_box.TIMES)
"""


def wheel(folder: Path, version: str, times: float) -> Path:
    """A wheel as small as one can be."""
    folder.mkdir(exist_ok=True)
    path = folder / f"tool_box-{version}-py3-none-any.whl"
    about = f"tool_box-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("tool_box/__init__.py", f"TIMES = {times}\n")
        archive.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: tool-box\nVersion: {version}\n")
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", f"tool_box/__init__.py,,\n{about}/METADATA,,\n{about}/WHEEL,,\n{about}/RECORD,,\n")
    return path


def unpacked(folder: Path, version: str, times: float) -> Path:
    """A site folder, as `pip install --target` leaves it."""
    place = folder / f"tool_box-{version}"
    place.mkdir(parents=True)
    with zipfile.ZipFile(wheel(folder, version, times)) as archive:
        archive.extractall(place)
    (folder / f"tool_box-{version}-py3-none-any.whl").unlink()
    return place


def test_a_version_is_found_under_any_spelling_of_its_name(tmp_path: Path) -> None:
    wheel(tmp_path, "1.0", 2.0)
    (tmp_path / "tool-box-0.9.tar.gz").write_bytes(b"")
    (tmp_path / "tool_box_extra-1.1.zip").write_bytes(b"")
    folders = ["/nowhere", str(tmp_path)]

    found = [kept(name, version, folders) for name, version in (("Tool.Box", "1.0"), ("tool-box", "0.9"), ("tool-box", "1.1"), ("tool-box", "1"))]

    assert [None if one is None else os.path.basename(one.path) for one in found] == ["tool_box-1.0-py3-none-any.whl", "tool-box-0.9.tar.gz", None, None]


def test_an_unpacked_folder_is_copied_so_that_nothing_is_written_to_it(tmp_path: Path) -> None:
    place = unpacked(tmp_path / "packages", "1.0", 2.0)
    area = Area(str(tmp_path / "replays"))

    found = overlay(area, "tool-box", "1.0", [str(tmp_path / "packages")])

    assert found.startswith(area.root)
    assert (Path(found) / "tool_box/__init__.py").read_text() == (place / "tool_box/__init__.py").read_text()
    assert overlay(area, "tool_box", "1.0", [str(tmp_path / "packages")]) == found


def test_a_package_that_is_nowhere_or_broken_says_what_to_do(tmp_path: Path) -> None:
    area = Area(str(tmp_path / "replays"))
    (tmp_path / "tool_box-1.0-py3-none-any.whl").write_bytes(b"no zip")

    with pytest.raises(MisuseError, match=r"tool-box 2\.0 is not kept anywhere .* --packages"):
        overlay(area, "tool-box", "2.0", [str(tmp_path)])
    with pytest.raises(MisuseError, match=r"no folder was named"):
        overlay(area, "tool-box", "2.0", [])
    pytest.importorskip("pip")
    with pytest.raises(MisuseError, match=r"tool-box 1\.0 cannot be installed: .*unpack it yourself"):
        overlay(area, "tool-box", "1.0", [str(tmp_path)])
    assert os.listdir(tmp_path / "replays/packages") == []


@pytest.mark.parametrize("form", [pytest.param("wheel", marks=pytest.mark.slow), "unpacked"])
def test_a_step_is_replayed_with_the_version_of_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> None:
    if form == "wheel":
        pytest.importorskip("pip")
        wheel(tmp_path / "packages", "1.0", 2.0)
    else:
        unpacked(tmp_path / "packages", "1.0", 2.0)
    monkeypatch.setenv("PYTHONPATH", str(unpacked(tmp_path / "site", "2.0", 7.0)) + os.pathsep + os.environ.get("PYTHONPATH", ""))
    folder = tmp_path / "bikes"
    with create_project(str(folder)) as project:
        (folder / "line.py").write_text(LINE)
        pl.DataFrame({"rentals": [10, 20, 30]}).write_csv(folder / "rides.csv")
        assert ran(project).problems == []
        bad, (line, file) = newest(project, "daily"), loaded(project)
        package = Component("package", "tool-box", "1.0", "2.0", detail={"steps": ["daily"]})
        good = bad.__class__("daily", None, None, {}, {})
        symptom = Symptom("metric", "daily", "mean(value)", "…", 40.0, 140.0, 30.0, 50.0)

        with Replays(project, line, file, bad, good, [package], symptom, mean_value, packages=[str(tmp_path / "packages")]) as again:
            readings = [again([]), again([package.key]), again([])]

    assert [one.value for one in readings] == [140.0, 40.0, 140.0]
    assert [one.gone for one in readings] == [False, True, False]
    assert again.notes == []
