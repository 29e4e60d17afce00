"""Targets: every released lot is there once, whole, whatever stops on the way."""

from __future__ import annotations

import contextlib
import datetime
import os
import sqlite3
import threading
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assayline.errors import MisuseError, TargetError
from assayline.ledger import Writing, records, verify
from assayline.ledger.records import LotRecord
from assayline.line.adjudicating import release_lot
from assayline.line.api import gate
from assayline.line.gating import gate_paths
from assayline.line.project import Project, create_project, open_project
from assayline.line.put_back import put_back
from assayline.line.quarantine import decide
from assayline.line.reading import batches, released_lots
from assayline.line.targets import add_target, opened, push, push_all, remove_target, shipment_of, targets_document


def rows(seed: int, count: int = 40, **more: Any) -> pl.DataFrame:
    """Orders that nobody finds fault with."""
    noise = pl.Series(range(count)).hash(seed).to_list()
    return pl.DataFrame({"order": range(seed * 1_000, seed * 1_000 + count), "amount": [round(20 + value % 997 / 10, 1) for value in noise], **more})


def taken(project: Project, *frames: pl.DataFrame, flow: str = "sales") -> None:
    for frame in frames:
        gate(flow, frame, project=project, on_hold="empty")


def content(place: str, order: str = "order") -> pl.DataFrame:
    """What somebody finds there."""
    if place.startswith("delta:"):
        from deltalake import DeltaTable

        frame = pl.from_arrow(DeltaTable(place.removeprefix("delta:")).to_pyarrow_table())
    elif place.startswith("sqlite:"):
        with sqlite3.connect(place.removeprefix("sqlite:").partition("?")[0]) as connection:
            frame = pl.read_database("SELECT * FROM sales", connection, infer_schema_length=None)
    elif place.startswith("postgresql:"):
        import psycopg

        with psycopg.connect(place.partition("?")[0]) as connection:
            frame = pl.read_database("SELECT * FROM sales", connection, infer_schema_length=None)
    else:
        frame = pl.read_parquet(f"{place}/*.parquet")
    assert isinstance(frame, pl.DataFrame)
    return frame.sort(order, maintain_order=True)


def test_every_released_lot_is_there_once_and_a_push_without_news_does_nothing(project: Project, place: str) -> None:
    add_target(project, "sales", place)
    taken(project, rows(1), rows(2))
    first = push(project, "sales")
    taken(project, rows(3))

    second, third = push(project, "sales"), push(project, "sales")

    assert [(one.lots, one.rows, one.problem) for one in (*first, *second, *third)] == [((1, 2), 80, ""), ((3,), 40, ""), ((), 0, "")]
    assert content(place).select("order", "amount").equals(pl.concat([rows(1), rows(2), rows(3)]))
    assert list(verify(project.ledger, project.store)) == []


class Killed(BaseException):
    """The process ends here."""


def _dying_before_the_record(writing: Any, event: str, body: Any) -> Any:
    if event == "pushed" and body["lot"] == 2:
        raise Killed
    return APPEND(writing, event, body)


def _dying_while_it_writes(project: Project, lots: Any, **more: Any) -> Iterator[pl.DataFrame]:
    for frame in batches(project, lots, **more):
        yield frame.head(10)
        if lots[0].lot == 2:
            raise Killed


APPEND = Writing.append


@pytest.mark.parametrize("where", ["while it writes", "before its record"])
def test_a_push_that_ends_anywhere_is_done_again_and_every_row_is_there_once(project: Project, place: str, where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    add_target(project, "sales", place)
    taken(project, rows(1, 10), rows(2), rows(3))
    with monkeypatch.context() as patch:
        if where == "before its record":
            patch.setattr(Writing, "append", _dying_before_the_record)
        else:
            patch.setattr("assayline.line.targets.batches", _dying_while_it_writes)
        with contextlib.suppress(Killed):  # Delta's writer, which is not Python, makes an error of it
            assert push(project, "sales")[0].problem
    there = content(place).height

    again = push(project, "sales")

    assert there == (10 if where == "while it writes" else 50)
    assert [one.problem for one in again] == [""]
    assert targets_document(project, "sales")["targets"][0]["waiting"] == 0
    assert content(place).select("order", "amount").equals(pl.concat([rows(1, 10), rows(2), rows(3)]))
    assert list(verify(project.ledger, project.store)) == []


def test_two_that_write_the_same_lot_at_the_same_moment_write_it_once(project: Project, place: str) -> None:
    """Two holders at once are what a lease ends in when one of them stood still for too long."""
    add_target(project, "sales", place)
    taken(project, rows(1, 900), rows(2, 900), rows(3, 900))
    both = threading.Barrier(2)

    def work(lot: LotRecord) -> None:
        shipment = shipment_of(project, lot, "source", typed=False)
        target = opened(place, {})
        both.wait()
        with contextlib.suppress(TargetError):  # one of the two may be told that the other was faster
            target.take(shipment)

    for lot in released_lots(project, "sales"):
        threads = [threading.Thread(target=work, args=(lot,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert content(place)["order"].to_list() == [number for seed in (1, 2, 3) for number in rows(seed, 900)["order"]]


def test_pushes_at_the_same_time_bring_every_lot_once(project: Project, place: str) -> None:
    add_target(project, "sales", place)
    taken(project, *(rows(number) for number in range(1, 7)))
    found: list[Any] = []

    def work() -> None:
        with open_project(project.folder) as own:
            found.extend(push(own, "sales"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [one.problem for one in found] == [""] * 4
    assert sorted(lot for one in found for lot in one.lots) == [1, 2, 3, 4, 5, 6]
    assert content(place)["order"].to_list() == [number for seed in range(1, 7) for number in rows(seed)["order"]]


def test_what_a_target_lost_comes_back_when_it_is_asked_again(project: Project, tmp_path: Path) -> None:
    add_target(project, "sales", str(tmp_path / "out"))
    taken(project, rows(1), rows(2))
    push(project, "sales")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    (tmp_path / "out" / "sales-000001.parquet").unlink()

    assert [one.lots for one in push(project, "sales")] == [()]
    push(project, "sales", again=True)

    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert sorted(before) == ["sales-000001.parquet", "sales-000002.parquet"]


def test_an_added_column_is_added_and_a_missing_one_is_null(project: Project, place: str) -> None:
    if "?table" not in place and not place.startswith("delta:"):
        pytest.skip("each file of a folder has columns of its own")
    add_target(project, "sales", place)
    taken(project, rows(1, note=["a"] * 40), rows(2, city=["Lyon", "Bonn"] * 20))

    assert [one.problem for one in push(project, "sales")] == [""]

    frame = content(place)
    assert frame["note"].to_list() == ["a"] * 40 + [None] * 40
    assert frame["city"].to_list() == [None] * 40 + ["Lyon", "Bonn"] * 20
    assert frame["assay_lot"].to_list() == [1] * 40 + [2] * 40


def test_a_changed_type_is_a_clear_error_and_later_lots_wait_behind_it(project: Project, place: str) -> None:
    if "?table" not in place and not place.startswith("delta:"):
        pytest.skip("each file of a folder has types of its own")
    add_target(project, "sales", place)
    taken(project, rows(1), rows(2).with_columns(pl.col("amount").cast(pl.String) + " €"), rows(3))
    for held in [lot for lot in (2, 3) if _state(project, lot) == "held"]:
        release_lot(project, held, author="ann")

    pushed = push(project, "sales")

    assert "lot 2 of sales has 'amount' as text, the table has it as number" in pushed[0].problem
    assert (pushed[0].lots, pushed[0].waiting) == ((1,), 2)
    assert content(place).height == 40


def _state(project: Project, number: int) -> str:
    with project.ledger.read() as connection:
        return records.lot_of(connection, number).state


def test_values_of_every_type_arrive_as_they_are(project: Project, place: str) -> None:
    moment = datetime.datetime(2024, 2, 29, 12, 30, 15, 250_000)
    odd = pl.DataFrame(
        {
            'a "b" %s (c)': ["x'; DROP TABLE sales; --", "", None], "a_b": [1, 2, None], "a b": [True, None, False], "when": [moment, None, moment],
            "zoned": pl.Series([moment, None, moment]).dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Stockholm"),
            "day": [moment.date(), None, None], "price": pl.Series([Decimal("1.50"), None, Decimal("-7.25")], dtype=pl.Decimal(10, 2)),
            "raw": [b"\x00\xff", None, b""], "tags": [["a", "é"], [], None], "huge": pl.Series([2**64 - 1, None, 0], dtype=pl.UInt64), "none": [None, None, None],
            "order": [1, 2, 3],
        }
    )  # fmt: skip
    add_target(project, "sales", place)
    taken(project, odd)
    if _state(project, 1) == "held":
        release_lot(project, 1, author="ann")

    assert [one.problem for one in push(project, "sales")] == [""]

    found = content(place)
    assert found['a "b" %s (c)'].to_list() == ["x'; DROP TABLE sales; --", "", None]
    assert found["a_b"].to_list() == [1, 2, None]
    assert [None if one is None else bool(one) for one in found["a b"].to_list()] == [True, None, False]
    assert found["raw"].to_list() == [b"\x00\xff", None, b""]
    assert str(found["when"][0]).startswith("2024-02-29 12:30:15.25")
    assert [None if one is None else Decimal(str(one)) for one in found["price"].to_list()] == [Decimal("1.50"), None, Decimal("-7.25")]
    assert [None if one is None else int(one) for one in found["huge"].to_list()] == [2**64 - 1, None, 0]
    assert str(found["zoned"][0])[:16] in ("2024-02-29 12:30", "2024-02-29 13:30")


def towns(orders: range, town: str, bad: int = 0) -> pl.DataFrame:
    return pl.DataFrame({"order": list(orders), "town": ["KÃ¶ln" if number < bad else town for number, _ in enumerate(orders)]})


def test_with_a_key_the_row_of_the_highest_lot_stays_whatever_the_order_of_arrival(project: Project, table: str) -> None:
    add_target(project, "sales", table, key=["order"])
    taken(project, towns(range(60), "Lund", bad=40), towns(range(20, 80), "Bonn"))
    push(project, "sales")
    assert content(table)["order"].to_list() == list(range(20, 80))
    release_lot(project, 1, author="ann")

    late = push(project, "sales")

    assert (late[0].lots, late[0].problem) == ((1,), "")
    found = content(table)
    assert found["order"].to_list() == list(range(80))
    assert found["town"].to_list() == ["KÃ¶ln"] * 20 + ["Bonn"] * 60
    assert found["assay_lot"].to_list() == [1] * 20 + [2] * 60


def test_rows_that_are_put_back_do_not_replace_what_came_after_their_lot(project: Project, table: str) -> None:
    add_target(project, "sales", table, key=["order"])
    taken(project, towns(range(60), "Lund", bad=4), towns(range(2, 62), "Bonn"))
    decide(project, 1, "fix", suggested=True, author="ann")
    put_back(project, "sales")

    pushed = push(project, "sales")

    assert (pushed[0].lots, pushed[0].problem) == ((1, 2, 3), "")
    assert content(table)["town"].to_list() == ["Köln"] * 2 + ["Bonn"] * 60


def test_rows_that_are_put_back_are_a_file_of_their_own(project: Project, tmp_path: Path) -> None:
    add_target(project, "sales", str(tmp_path / "out"), format="csv")
    taken(project, towns(range(60), "Lund", bad=4))
    decide(project, 1, "fix", suggested=True, author="ann")
    put_back(project, "sales")

    push(project, "sales")

    files = {path.name: pl.read_csv(path) for path in (tmp_path / "out").iterdir()}
    assert sorted((name, frame.height) for name, frame in files.items()) == [("sales-000001.csv", 56), ("sales-000002.csv", 4)]
    assert files["sales-000002.csv"]["town"].to_list() == ["Köln"] * 4


def test_without_a_key_a_lot_that_a_database_has_is_not_written_again_even_if_the_ledger_forgot_it(project: Project, table: str) -> None:
    add_target(project, "sales", table)
    taken(project, rows(1))
    push(project, "sales")

    again = push(project, "sales", again=True)

    assert (again[0].lots, again[0].problem) == ((), "")
    assert content(table).height == 40


def test_another_lot_of_the_same_number_is_refused(project: Project, tmp_path: Path) -> None:
    address = f"sqlite:{tmp_path}/out.db?table=sales"
    add_target(project, "sales", address)
    taken(project, rows(1))
    with sqlite3.connect(tmp_path / "out.db") as other:
        push(project, "sales")
        other.execute("UPDATE assay_pushed SET digest = 'sha256:0'")

    pushed = push(project, "sales", again=True)

    assert "another lot 1" in pushed[0].problem


def test_text_becomes_numbers_and_times_where_every_cell_reads_so(project: Project, place: str, tmp_path: Path) -> None:
    if "?table" not in place and not place.startswith("delta:"):
        with pytest.raises(MisuseError, match="takes no --typed; it takes --final, --format"):
            add_target(project, "sales", place, typed=True)
        return
    add_target(project, "sales", place, typed=True)
    for number in (1, 2):
        rows(number, code=["007"] * 40, at=["2024-03-01 12:00:00"] * 40).write_csv(tmp_path / "in.csv")
        list(gate_paths(project, "sales", [str(tmp_path / "in.csv")]))

    assert [one.problem for one in push(project, "sales")] == [""]

    found = content(place)
    assert found["amount"].to_list() == [*rows(1)["amount"], *rows(2)["amount"]]
    assert found["code"].to_list() == ["007"] * 80
    assert str(found["at"][0]).startswith("2024-03-01 12:00:00")


def test_text_that_is_no_number_is_a_clear_error_and_nothing_of_its_lot_is_there(project: Project, place: str, tmp_path: Path) -> None:
    if "?table" not in place and not place.startswith("delta:"):
        pytest.skip("each file of a folder has types of its own")
    add_target(project, "sales", place, typed=True)
    rows(1).write_csv(tmp_path / "in.csv")
    list(gate_paths(project, "sales", [str(tmp_path / "in.csv")]))
    push(project, "sales")
    rows(2).with_columns(order="A" + pl.col("order").cast(pl.String)).write_csv(tmp_path / "in.csv")
    list(gate_paths(project, "sales", [str(tmp_path / "in.csv")]))
    if _state(project, 2) == "held":
        release_lot(project, 2, author="ann")

    pushed = push(project, "sales")

    assert "'order' that is no whole number" in pushed[0].problem
    assert content(place)["order"].to_list() == rows(1)["order"].to_list()


def test_a_target_that_is_down_is_a_problem_and_the_next_push_catches_up(project: Project, tmp_path: Path) -> None:
    add_target(project, "sales", str(tmp_path / "out"))
    add_target(project, "sales", f"sqlite:{tmp_path}/there/out.db?table=sales")
    add_target(project, "sales", "postgresql://nobody@127.0.0.1:9/none?table=sales")
    taken(project, rows(1))

    problems = push_all(project, "sales")
    (tmp_path / "there").mkdir()
    later = push_all(project, "sales")

    assert [one.partition(" of ")[0] for one in problems] == ["target 2", "target 3"]
    assert "there is no such folder; make it, or mount what it is on" in problems[0]
    assert [one.partition(" of ")[0] for one in later] == ["target 3"]
    assert [one["lots"] for one in targets_document(project, "sales")["targets"]] == [1, 1, 0]


def test_a_folder_that_is_missing_is_not_made_again_since_it_may_be_a_disk_that_is_not_mounted(project: Project, tmp_path: Path) -> None:
    add_target(project, "sales", str(tmp_path / "out"))
    (tmp_path / "out").rmdir()
    taken(project, rows(1))

    problems = push_all(project, "sales")

    assert "no such folder" in problems[0]
    assert not (tmp_path / "out").exists()


def test_a_reader_with_a_pattern_never_meets_a_part_of_a_file(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_target(project, "sales", str(tmp_path / "out"))
    taken(project, rows(1))
    seen: list[list[str]] = []
    replace = os.replace

    def watched(source: Any, target: Any) -> None:
        seen.append([path.name for path in (tmp_path / "out").glob("*")] if str(target).startswith(str(tmp_path / "out")) else [])
        replace(source, target)

    monkeypatch.setattr(os, "replace", watched)
    push(project, "sales")

    names = [name for some in seen for name in some]
    assert names
    assert all(name.startswith(".") and not name.endswith(".parquet") for name in names)


def test_a_write_that_fails_leaves_no_file_behind(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_target(project, "sales", str(tmp_path / "out"))
    taken(project, rows(1))

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        patch.setattr("assayline.line.targets.held", _unheld)
        problem = push(project, "sales")[0].problem

    assert "No space left on device" in problem
    assert list((tmp_path / "out").iterdir()) == []
    assert [one.lots for one in push(project, "sales")] == [(1,)]


@contextlib.contextmanager
def _unheld(ledger: Any, name: str, **_: Any) -> Iterator[None]:
    yield None


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("postgresql://ann:secret@db/shop?table=sales", "for ever"),
        ("postgresql://ann@db/shop?password=secret&table=sales", "for ever"),
        ("postgresql://ann@db/shop", "name the table"),
        ("sqlite:shop.db", "name the table"),
        ("sqlite:shop.db?table=assay_lots", "are ours"),
        ("sqlite:shop.db?query=SELECT 1", "name the table"),
        ("s3://bucket/x", "no place that takes rows"),
        ("delta:", "name the folder"),
    ],
)
def test_a_place_that_cannot_be_is_refused_at_once_and_no_password_is_shown(project: Project, place: str, said: str) -> None:
    with pytest.raises(MisuseError, match=said) as caught:
        add_target(project, "sales", place)

    assert "secret" not in str(caught.value)
    assert [entry.event for entry in project.ledger.entries()] == ["created"]


def test_what_is_somebody_elses_is_left_alone(project: Project, table: str) -> None:
    if table.startswith("sqlite"):
        with sqlite3.connect(table.removeprefix("sqlite:").partition("?")[0]) as other:
            other.execute("CREATE TABLE sales (name TEXT)")
    else:
        import psycopg

        with psycopg.connect(table.partition("?")[0]) as server:
            server.execute("CREATE TABLE sales (name TEXT)")
    add_target(project, "sales", table)
    taken(project, rows(1))

    assert "somebody else's" in push(project, "sales")[0].problem
    assert content(table, "name").columns == ["name"]


def test_the_ledger_itself_is_no_target(tmp_path: Path) -> None:
    with create_project(str(tmp_path / "mine")) as project:
        add_target(project, "sales", f"sqlite:{project.folder}/ledger.db?table=sales")
        taken(project, rows(1))

        assert "this file is a ledger" in push(project, "sales")[0].problem
        assert list(verify(project.ledger, project.store)) == []


def test_two_projects_never_share_a_delta_table(project: Project, tmp_path: Path) -> None:
    pytest.importorskip("deltalake", reason="deltalake is not installed: pip install 'assayline[delta]'")
    address = f"delta:{tmp_path}/table"
    with create_project(str(tmp_path / "other")) as other:
        for one in (project, other):
            add_target(one, "sales", address)
            taken(one, rows(1))

        assert push(project, "sales")[0].problem == ""
        assert "not begun by this project" in push(other, "sales")[0].problem
    assert content(address).height == 40


def test_a_lot_that_was_held_reaches_a_delta_table_after_later_ones(project: Project, tmp_path: Path) -> None:
    pytest.importorskip("deltalake", reason="deltalake is not installed: pip install 'assayline[delta]'")
    address = f"delta:{tmp_path}/table"
    add_target(project, "sales", address)
    taken(project, towns(range(60), "Lund", bad=40), towns(range(60, 120), "Bonn"))
    push(project, "sales")
    release_lot(project, 1, author="ann")

    push(project, "sales")

    assert content(address)["order"].to_list() == list(range(120))


def test_a_removed_target_gets_nothing_more_and_a_new_one_gets_everything(project: Project, tmp_path: Path) -> None:
    add_target(project, "sales", str(tmp_path / "a"))
    taken(project, rows(1))
    push(project, "sales")
    remove_target(project, "sales", 1)
    made = add_target(project, "sales", str(tmp_path / "b"))
    taken(project, rows(2))

    push(project, "sales")

    assert made["number"] == 2
    assert len(list((tmp_path / "a").iterdir())) == 1
    assert len(list((tmp_path / "b").iterdir())) == 2
    with pytest.raises(MisuseError, match="no target 1"):
        remove_target(project, "sales", 1)


def test_a_column_under_a_new_name_is_found_under_the_one_readers_know(project: Project, tmp_path: Path) -> None:
    add_target(project, "sales", f"sqlite:{tmp_path}/out.db?table=sales")
    taken(project, *(rows(number) for number in range(1, 9)), rows(9).rename({"amount": "amount_eur"}))

    assert push(project, "sales")[0].problem == ""

    found = content(f"sqlite:{tmp_path}/out.db?table=sales")
    assert found.columns == ["assay_lot", "order", "amount"]
    assert found["amount"].to_list()[-40:] == rows(9)["amount"].to_list()
