"""The folder of replays: content under its digest, bounded, whole or not there, and safe for several at once."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

from assayline.errors import MisuseError
from assayline.ledger import FolderStore, Staged
from assayline.line.project import Project, create_project
from assayline.line.why.apart import apart
from assayline.line.why.area import Area


def table(folder: Path, number: int, rows: int = 1_000) -> str:
    path = folder / f"table-{number}.parquet"
    pl.DataFrame({"a": [number * rows + one for one in range(rows)]}).write_parquet(path, compression="uncompressed")
    return str(path)


def test_a_table_is_found_by_its_digest_until_a_bit_of_it_is_another(tmp_path: Path) -> None:
    area = Area(str(tmp_path / "replays"))
    digest = area.keep(table(tmp_path, 1))
    path = area.path(digest)
    assert path is not None
    assert pl.read_parquet(path).height == 1_000

    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.write(b"x")

    assert area.path(digest) is None
    assert area.path("sha256:" + "0" * 64 + ".parquet") is None


def test_what_was_noted_is_known_and_a_note_that_was_cut_off_is_not(tmp_path: Path) -> None:
    area = Area(str(tmp_path / "replays"))
    area.note("a step", {"digest": "sha256:1"})
    assert area.known("a step") == {"digest": "sha256:1"}
    assert area.known("another") is None

    [file] = (tmp_path / "replays/known").rglob("*.json")
    file.write_text('{"digest": "sha')

    assert area.known("a step") is None


def test_what_was_asked_for_longest_ago_goes_first(tmp_path: Path) -> None:
    area = Area(str(tmp_path / "replays"), most_bytes=20_000)
    digests = [area.keep(table(tmp_path, number)) for number in range(4)]  # of about 8,600 bytes each
    for age, digest in enumerate(reversed(digests)):
        os.utime(area.store.path(digest), (time.time() - 100 * age,) * 2)
    assert area.path(digests[0]) is not None  # asked for just now

    taken = area.bound()

    assert taken > 0
    assert [area.path(digest) is not None for digest in digests] == [True, False, False, True]


def test_what_another_replay_may_still_need_is_spared(tmp_path: Path) -> None:
    area = Area(str(tmp_path / "replays"), most_bytes=1)
    with area.work():
        digest = area.keep(table(tmp_path, 1))
        with Area(str(tmp_path / "replays"), most_bytes=1).work():
            pass

        assert area.path(digest) is not None
    assert area.path(digest) is None


def test_a_folder_of_work_is_swept_when_its_process_is_gone_and_not_before(tmp_path: Path) -> None:
    root = str(tmp_path / "replays")
    code = f"import os\nfrom assayline.line.why.area import Area\nwith Area({root!r}).work() as folder:\n    open(os.path.join(folder, 'half.parquet'), 'w').close()\n    os.kill(os.getpid(), 9)"
    subprocess.run([sys.executable, "-c", code], check=False)
    assert len(os.listdir(tmp_path / "replays/staging")) == 1

    with Area(root).work() as mine, Area(root).work() as other:
        assert sorted(os.listdir(tmp_path / "replays/staging")) == sorted(map(os.path.basename, (mine, other)))

    assert os.listdir(tmp_path / "replays/staging") == []


def test_a_folder_of_packages_is_made_once_and_whole(tmp_path: Path) -> None:
    area = Area(str(tmp_path / "replays"))
    made: list[str] = []

    def make(folder: str) -> None:
        made.append(folder)
        Path(folder, "module.py").write_text("VERSION = 1")

    assert area.folder("abc", make) == area.folder("abc", make)
    assert len(made) == 1
    with pytest.raises(FileNotFoundError):
        area.folder("broken", lambda folder: os.rename(folder + "/nothing", folder + "/something"))
    assert os.listdir(tmp_path / "replays/packages") == ["abc"]


def test_the_store_of_a_project_that_is_set_apart_is_only_read(tmp_path: Path) -> None:
    with create_project(str(tmp_path / "shop")) as project:
        [mine] = project.store.put([Staged(table(tmp_path, 1), ".parquet")])
        area = Area(str(tmp_path / "shop/replays"))
        theirs = area.keep(table(tmp_path, 2))

        other = apart(project, area)

        assert other.store.path(mine) == project.store.path(mine)
        assert other.store.has(theirs)
        assert not project.store.has(theirs)
        assert (other.store.check(mine), other.store.check(theirs), list(other.store.objects())) == ("", "", [mine])
        for refused in (lambda: other.store.put([]), lambda: other.store.delete(mine)):
            with pytest.raises(MisuseError, match="a replay writes nothing"):
                refused()
        with other.store.staging() as folder:
            assert folder.startswith(area.root)


def test_of_a_remote_store_objects_are_fetched_into_the_area(tmp_path: Path) -> None:
    pytest.importorskip("fsspec")
    with create_project(str(tmp_path / "shop"), store=f"file://{tmp_path}/remote") as project:
        [digest] = project.store.put([Staged(table(tmp_path, 1), ".parquet")])
        assert isinstance(project, Project)
        for path in (tmp_path / "shop/cache/objects").rglob("*.parquet"):
            path.unlink()
        area = Area(str(tmp_path / "shop/replays"))

        assert apart(project, area).store.path(digest).startswith(area.root)

        assert list((tmp_path / "shop/cache/objects").rglob("*.parquet")) == []
        assert FolderStore(area.root).has(digest)
