"""A store behind an address: the same promises, with a cache on this machine."""

from __future__ import annotations

import uuid
from pathlib import Path

import pytest

from assayline.errors import Damaged, MissingExtra
from assayline.ledger import Staged, verify
from assayline.ledger.store import RemoteStore, open_store
from assayline.line.api import gate
from assayline.line.project import create_project
from assayline.line.reading import read_frame

fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed: pip install 'assayline[objects]'")


@pytest.fixture
def address() -> str:
    return f"memory://store-{uuid.uuid4().hex}"


def put(store: RemoteStore, content: bytes) -> str:
    with store.staging() as folder:
        Path(folder, "rows").write_bytes(content)
        return store.put([Staged(f"{folder}/rows", ".parquet")])[0]


def test_an_object_is_fetched_again_when_the_cache_is_gone(address: str, tmp_path: Path) -> None:
    store = RemoteStore(address, str(tmp_path / "cache"))
    digest = put(store, b"rows")
    elsewhere = RemoteStore(address, str(tmp_path / "other"))

    assert Path(elsewhere.path(digest)).read_bytes() == b"rows"
    assert list(elsewhere.objects()) == [digest]
    assert elsewhere.check(digest) == ""


def test_an_object_that_was_changed_where_it_is_kept_is_never_given_away(address: str, tmp_path: Path) -> None:
    store = RemoteStore(address, str(tmp_path / "cache"))
    digest = put(store, b"rows")
    with store.system.open(next(iter(store.system.find(f"{store.root}/objects"))), "wb") as file:
        file.write(b"rowz")

    with pytest.raises(Damaged, match="not those that were put"):
        RemoteStore(address, str(tmp_path / "other")).path(digest)
    assert "not those that were put" in store.check(digest)


def test_a_missing_object_is_named(address: str, tmp_path: Path) -> None:
    store = RemoteStore(address, str(tmp_path / "cache"))
    digest = put(store, b"rows")
    store.delete(digest)

    assert not store.has(digest)
    with pytest.raises(Damaged, match="missing"):
        store.path(digest)


def test_a_project_works_on_such_a_store(address: str, tmp_path: Path) -> None:
    rows = {"id": list(range(200)), "town": ["KÃ¶ln" if row < 4 else ("Köln", "Lund")[row % 2] for row in range(200)]}
    with create_project(str(tmp_path / "shop"), store=address) as project:
        gate("towns", rows, project=project)

        assert read_frame(project, "towns").height == 196
        assert list(verify(project.ledger, project.store)) == []


def test_a_driver_that_is_not_installed_is_named(tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"oci|driver") as caught:
        open_store("oci://bucket/folder", str(tmp_path / "cache"))

    assert isinstance(caught.value, MissingExtra) or "install" in str(caught.value)
