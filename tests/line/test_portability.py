"""One line file runs on a folder with SQLite and on an object store with PostgreSQL, by settings alone.

The object store is moto's: a server in this process that speaks S3 over HTTP, with its listings, ETags and lack of folders.
"""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assayline.errors import Damaged
from assayline.ledger import Staged, verify
from assayline.ledger.store import RemoteStore, digest_of
from assayline.line.definition import load_line
from assayline.line.project import create_project, open_project
from assayline.line.reading import read_frame
from assayline.line.running import Ran, run_line

s3fs = pytest.importorskip("s3fs", reason="S3 IS NOT TESTED: s3fs is not installed (pip install -r requirements/dev.txt)")
moto = pytest.importorskip("moto.server", reason="S3 IS NOT TESTED: moto is not installed (pip install -r requirements/dev.txt)")

EXAMPLES = Path(__file__).parents[2] / "examples"
WEEKS = ("2012-06-25", "2012-07-02")
FLOWS = ("rides", "weather", "hourly", "daily", "demand")
LINE = EXAMPLES / "bikes" / "line.py"


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A bucket of a server in this process; who uses it finds address and credentials in the environment, and nowhere else."""
    server = moto.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    name = f"line-{uuid.uuid4().hex}"  # what one server holds, the next of this process holds too
    s3fs.S3FileSystem().mkdir(name)
    try:
        yield f"s3://{name}"
    finally:
        s3fs.S3FileSystem.clear_instance_cache()
        server.stop()


def deliver(incoming: Path | str) -> None:
    """The bike data in a folder or in a bucket."""
    for week in WEEKS:
        for name in ("rides", "weather"):
            file = EXAMPLES / "data" / "bikes" / "line" / f"{name}-{week}.csv"
            if isinstance(incoming, Path):
                incoming.mkdir(exist_ok=True)
                shutil.copy(file, incoming)
            else:
                s3fs.S3FileSystem().put_file(str(file), f"{incoming}/{file.name}")


def ran(folder: Path) -> tuple[Ran, dict[str, pl.DataFrame], list[Any]]:
    """A run of the project in a folder, as its settings say; what stands afterwards, and what `verify` says."""
    with open_project(str(folder)) as project:
        file = str(folder / "line.py")
        done = run_line(project, load_line(file), file)
        return done, {flow: read_frame(project, flow) for flow in FLOWS}, list(verify(project.ledger, project.store))


def test_the_same_line_gives_the_same_rows_on_a_laptop_and_on_a_store_with_a_server(bucket: str, new_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_project(str(tmp_path / "laptop")).ledger.close()
    create_project(str(tmp_path / "cloud"), ledger=new_database, store=f"{bucket}/assay").ledger.close()
    for name in ("laptop", "cloud"):
        shutil.copy(LINE, tmp_path / name)
    deliver(tmp_path / "laptop" / "incoming")
    deliver(f"{bucket}/incoming")

    here, rows_here, wrong_here = ran(tmp_path / "laptop")
    monkeypatch.setenv("INCOMING", f"{bucket}/incoming")
    there, rows_there, wrong_there = ran(tmp_path / "cloud")

    assert [*here.problems, *there.problems, *wrong_here, *wrong_there] == []
    assert here.runs == there.runs == {"hourly": 2, "daily": 2, "demand": 1}
    assert {flow: rows_there[flow].equals(rows_here[flow]) for flow in FLOWS} == dict.fromkeys(FLOWS, True)
    assert [one.document["verdict"] for one in there.lots] == [one.document["verdict"] for one in here.lots]


def test_another_machine_with_an_empty_cache_goes_on_where_the_first_stopped(bucket: str, new_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    create_project(str(tmp_path / "one"), ledger=new_database, store=f"{bucket}/assay").ledger.close()
    shutil.copy(LINE, tmp_path / "one")
    deliver(f"{bucket}/incoming")
    monkeypatch.setenv("INCOMING", f"{bucket}/incoming")
    _, rows, _ = ran(tmp_path / "one")
    (tmp_path / "two").mkdir()
    for name in ("assay.toml", "line.py"):
        shutil.copy(tmp_path / "one" / name, tmp_path / "two" / name)

    again, found, wrong = ran(tmp_path / "two")

    assert (again.runs, again.lots, again.problems, wrong) == ({}, [], [], [])
    assert all(found[flow].equals(rows[flow]) for flow in FLOWS)


def put(store: RemoteStore, content: bytes) -> str:
    with store.staging() as folder:
        Path(folder, "rows").write_bytes(content)
        return store.put([Staged(f"{folder}/rows")])[0]


def test_an_object_is_checked_on_its_way_and_one_that_is_gone_is_named(bucket: str, tmp_path: Path) -> None:
    store = RemoteStore(f"{bucket}/assay", str(tmp_path / "cache"))
    digest = put(store, os.urandom(60 << 20))  # sent in parts: more than the 50 MB that s3fs sends at once
    elsewhere = RemoteStore(f"{bucket}/assay", str(tmp_path / "other"))

    assert store.check(digest) == ""
    assert digest_of(elsewhere.path(digest)) == digest
    assert list(elsewhere.objects()) == [digest]
    s3fs.S3FileSystem().rm_file(f"{bucket}/assay/objects/{digest[7:9]}/{digest[7:]}")  # somebody else's doing: nobody here is told
    assert not elsewhere.has(digest)
    assert not store.has(digest)
    with pytest.raises(Damaged, match="missing"):
        RemoteStore(f"{bucket}/assay", str(tmp_path / "third")).path(digest)


def test_what_another_machine_put_or_took_away_is_seen_by_one_that_listed_before(bucket: str, tmp_path: Path) -> None:
    ours = RemoteStore(f"{bucket}/assay", str(tmp_path / "ours"))
    first = put(ours, b"first")
    assert list(ours.objects()) == [first]
    s3fs.S3FileSystem.clear_instance_cache()  # the other machine: a connection of its own, and no listing in common
    theirs = RemoteStore(f"{bucket}/assay", str(tmp_path / "theirs"))

    second = put(theirs, b"second")
    theirs.delete(first)

    assert theirs.system is not ours.system
    assert list(ours.objects()) == [second]
    assert (ours.has(first), ours.has(second)) == (False, True)
