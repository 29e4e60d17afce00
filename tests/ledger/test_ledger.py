"""The record: what is appended stays, and whatever is changed is found."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from assayline.errors import Damaged, Fenced, LedgerError, LedgerTooNew
from assayline.ledger import FolderStore, SqlLedger, Staged, back_up, create_ledger, held, open_ledger, restore, sql_ledger, verify
from assayline.ledger.schema import ABOUT, LEASES


def add_flow(ledger: SqlLedger, name: str) -> None:
    with ledger.write() as writing:
        writing.append("flow", {"flow": name, "settings": {}})


def test_a_new_ledger_is_intact_and_opens_again(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    create_ledger(url).close()

    with open_ledger(url) as ledger:
        assert list(verify(ledger)) == []
        assert [entry.event for entry in ledger.entries()] == ["created"]


def test_an_error_in_a_transaction_leaves_nothing_behind(ledger: SqlLedger) -> None:
    def half() -> None:
        with ledger.write() as writing:
            writing.append("flow", {"flow": "sales", "settings": {}})
            raise RuntimeError("the power went")

    with pytest.raises(RuntimeError):
        half()

    assert [entry.event for entry in ledger.entries()] == ["created"]
    assert list(verify(ledger)) == []


def test_entries_of_many_writers_stand_in_one_chain(ledger: SqlLedger) -> None:
    threads = [threading.Thread(target=add_flow, args=(ledger, f"flow-{number}")) for number in range(20)]

    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [entry.number for entry in ledger.entries()] == list(range(21))
    assert list(verify(ledger)) == []


def test_a_writer_that_sleeps_in_its_transaction_does_not_stop_the_others_for_ever(new_database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql_ledger, "IDLE_SECONDS", 0.5)

    def asleep(ledger: SqlLedger) -> None:
        with ledger.write() as writing:
            writing.append("flow", {"flow": "slow", "settings": {}})
            time.sleep(1.5)
            add_flow(ledger, "quick")

    with create_ledger(new_database) as ledger:
        with pytest.raises(LedgerError, match="idle-in-transaction"):
            asleep(ledger)

        assert [entry.body.get("flow") for entry in ledger.entries()] == [None, "quick"]
        assert list(verify(ledger)) == []


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE assay_entries SET body = replace(body, 'sales', 'salts') WHERE number = 1",
        "UPDATE assay_entries SET event = 'settings' WHERE number = 1",
        "DELETE FROM assay_entries WHERE number = 1",
        "DELETE FROM assay_entries WHERE number = 2",
        "UPDATE assay_entries SET number = 7 WHERE number = 2",
        "UPDATE assay_flows SET lots = 3",
        "DELETE FROM assay_flows WHERE name = 'sales'",
        "UPDATE assay_about SET value = '0' WHERE name = 'version'",
        "UPDATE assay_leases SET token = token + 1",
    ],
)
def test_an_entry_or_a_row_that_was_changed_by_hand_is_found(tmp_path: Path, change: str) -> None:
    with create_ledger(f"sqlite:///{tmp_path}/ledger.db") as ledger:
        for name in ("sales", "returns", "stores"):
            add_flow(ledger, name)
        with held(ledger, "sales"):
            pass
        with sqlite3.connect(tmp_path / "ledger.db") as other:
            other.execute(change)

        assert list(verify(ledger)) != []


def test_a_ledger_from_the_future_is_refused_untouched(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    with create_ledger(url) as ledger, ledger.write() as writing:
        writing.connection.execute(ABOUT.update().where(ABOUT.c.name == "version").values(value="2"))
    before = (tmp_path / "ledger.db").read_bytes()

    with pytest.raises(LedgerTooNew, match="update assayline"):
        open_ledger(url)

    assert (tmp_path / "ledger.db").read_bytes() == before


def test_somebody_elses_database_is_refused_untouched(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "mine.db") as other:
        other.execute("CREATE TABLE music (title TEXT)")
    before = (tmp_path / "mine.db").read_bytes()

    for way in (open_ledger, create_ledger):
        with pytest.raises(LedgerError, match=r"another program|no ledger"):
            way(f"sqlite:///{tmp_path}/mine.db")

    assert (tmp_path / "mine.db").read_bytes() == before


def test_a_migration_backs_up_first_and_happens_once(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    create_ledger(url).close()

    def widen(connection: sa.Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE assay_more (name TEXT)")

    with open_ledger(url, migrations={1: widen}, version=2) as ledger:
        events = [entry.event for entry in ledger.entries()]

    assert events == ["created", "migrated"]
    assert (tmp_path / "ledger-layout-1.jsonl.zst").stat().st_size > 0
    with pytest.raises(LedgerTooNew):
        open_ledger(url)


def test_a_migration_that_fails_changes_nothing(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/ledger.db"
    create_ledger(url).close()

    def broken(connection: sa.Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE assay_more (name TEXT)")
        raise RuntimeError("half-way")

    with pytest.raises(RuntimeError):
        open_ledger(url, migrations={1: broken}, version=2)

    with open_ledger(url) as ledger:
        assert list(verify(ledger)) == []
        assert "assay_more" not in sa.inspect(ledger.engine).get_table_names()


def test_a_second_holder_waits_for_the_first(ledger: SqlLedger) -> None:
    order: list[str] = []

    def second() -> None:
        with held(ledger, "sales"):
            order.append("second")

    with held(ledger, "sales"):
        thread = threading.Thread(target=second)
        thread.start()
        time.sleep(0.3)
        order.append("first")
    thread.join()

    assert order == ["first", "second"]


def test_a_holder_that_was_away_too_long_cannot_publish(ledger: SqlLedger) -> None:
    with held(ledger, "sales") as first:
        with ledger.write() as writing:  # as if its machine had stopped: nobody raises the counter
            writing.connection.execute(LEASES.update().values(holder="elsewhere boot 1 1"))
        first_again = first
        with held(ledger, "sales", stale_seconds=0.3) as second:
            assert second.token > first.token
            with pytest.raises(Fenced, match="took over"), ledger.write() as writing:
                first_again.check(writing.connection)


def test_an_object_is_found_by_its_digest_and_a_flipped_bit_in_it_is_noticed(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path / "store"))
    with store.staging() as folder:
        Path(folder, "rows").write_bytes(b"a,b\n1,2\n")
        digest = store.put([Staged(f"{folder}/rows", ".csv")])[0]
    assert store.check(digest) == ""
    path = Path(store.path(digest))
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[3] ^= 1
    path.write_bytes(content)

    assert "not those that were put" in store.check(digest)


def test_what_a_dead_process_left_while_staging_is_swept_away(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path / "store"))
    with store.staging() as folder:
        node, boot, number, started, chance = Path(folder).name.split("-")
        left = [f"{node}-{boot}-999999999-1-x", f"{node}-{boot}-{number}-1-x", f"{node}-beforeit-{number}-{started}-x", "elsewhere-other-1-1-old"]
        kept = ["elsewhere-other-1-1-x", f"elsewhere-other-{number}-{started}-x"]
        for name in left + kept:
            (tmp_path / "store" / "staging" / name).mkdir()
        os.utime(tmp_path / "store" / "staging" / "elsewhere-other-1-1-old", (0, 0))

        assert store.sweep() == len(left)

        assert sorted(path.name for path in (tmp_path / "store" / "staging").iterdir()) == sorted([*kept, f"{node}-{boot}-{number}-{started}-{chance}"])


def test_a_backup_comes_back_whole(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path / "store"))
    with create_ledger(f"sqlite:///{tmp_path}/a.db") as ledger:
        add_flow(ledger, "sales")
        back_up(ledger, store, str(tmp_path / "b.tar"))

    with create_ledger(f"sqlite:///{tmp_path}/c.db") as again:
        restore(str(tmp_path / "b.tar"), again, FolderStore(str(tmp_path / "other")))
        with open_ledger(f"sqlite:///{tmp_path}/a.db") as ledger:
            assert list(again.entries()) == list(ledger.entries())
        assert list(verify(again)) == []


def test_a_damaged_backup_is_refused(tmp_path: Path) -> None:
    store = FolderStore(str(tmp_path / "store"))
    with create_ledger(f"sqlite:///{tmp_path}/a.db") as ledger:
        add_flow(ledger, "sales")
        back_up(ledger, store, str(tmp_path / "b.tar"))
    content = bytearray((tmp_path / "b.tar").read_bytes())
    place = content.index(b"sales")
    content[place] ^= 1
    (tmp_path / "b.tar").write_bytes(content)

    with create_ledger(f"sqlite:///{tmp_path}/c.db") as again, pytest.raises(Damaged, match="not what was written"):
        restore(str(tmp_path / "b.tar"), again, store)
