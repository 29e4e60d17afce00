"""Targets after lots were superseded: whoever reads there finds what stands now, and what stood before until that very moment."""

from __future__ import annotations

import itertools
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assayline.errors import TargetError
from assayline.ledger import Writing, records, verify
from assayline.ledger.store import Staged
from assayline.line.gating import Arrival, ensure_flow, gate_paths
from assayline.line.project import Project, create_project, open_project
from assayline.line.targets import add_target, opened, push, shipment_of, targets_document

Enter = Callable[..., int]


@pytest.fixture
def shop(tmp_path: Path) -> Any:
    """A project with its ledger in SQLite."""
    with create_project(str(tmp_path / "shop")) as made:
        yield made


def entered(project: Project, frame: pl.DataFrame, *, replaces: Sequence[int] = (), parents: Sequence[int] = (), state: str = "released") -> int:
    """Enters a lot as the gate does, without judging it; its number."""
    count = itertools.count()
    with project.store.staging() as folder:
        path = os.path.join(folder, f"rows{next(count)}")
        frame.write_parquet(path)
        digest = project.store.put([Staged(path, ".parquet")])[0]
    kind = "released" if state == "released" else "held"
    with project.ledger.write() as writing:
        known = ensure_flow(writing, "sales")
        lot = records.last_lot(writing.connection) + 1
        rows = {"taken": frame.height, "released": 0, "quarantined": 0, "held": 0, "unparseable": 0, kind: frame.height}
        writing.append(
            "lot",
            {
                "lot": lot, "flow": "sales", "place": known.lots + 1, "digest": f"sha256:{lot}", "input": f"{lot}.parquet", "verdict": "release", "state": state, "teaches": True,
                "rows": rows, "objects": {kind: digest}, "parents": list(parents), "findings": [], "codes": [], "figures": {}, "cases": [], "incidents": [], "notices": [],
                "facts": {"replaces": " ".join(map(str, replaces))} if replaces else {}, "replaces": list(replaces) if state == "released" else [],
            },
        )  # fmt: skip
    return lot


def rows(orders: Sequence[int], town: str, **more: Any) -> pl.DataFrame:
    return pl.DataFrame({"order": list(orders), "town": [town] * len(orders), **more})


def content(place: str) -> list[tuple[int, str]]:
    """Order and town of every row that somebody finds there."""
    if place.startswith("delta:"):
        from deltalake import DeltaTable

        frame = pl.DataFrame(pl.from_arrow(DeltaTable(place.removeprefix("delta:")).to_pyarrow_table()))
    elif place.startswith("sqlite:"):
        with sqlite3.connect(place.removeprefix("sqlite:").partition("?")[0]) as connection:
            frame = pl.read_database("SELECT * FROM sales", connection, infer_schema_length=None)
    elif place.startswith("postgresql:"):
        import psycopg

        with psycopg.connect(place.partition("?")[0]) as server:
            frame = pl.read_database("SELECT * FROM sales", server, infer_schema_length=None)
    else:
        files = sorted(Path(place).glob("*.parquet"))
        frame = pl.concat([pl.read_parquet(file) for file in files]) if files else rows([], "")
    return sorted(frame.select("order", "town").rows())


def problems(project: Project) -> list[str]:
    return [one.problem for one in push(project, "sales")]


def test_a_lot_that_stands_for_another_takes_its_place_and_the_others_stay(shop: Project, place: str) -> None:
    add_target(shop, "sales", place)
    for frame in (rows([1, 2], "Lund"), rows([3], "Bonn")):
        entered(shop, frame)
    push(shop, "sales")
    entered(shop, rows([1, 2], "Lyon"), replaces=[1])

    pushed = push(shop, "sales")

    assert [(one.lots, one.withdrawn, one.problem) for one in pushed] == [((3,), (1,), "")]
    assert content(place) == [(1, "Lyon"), (2, "Lyon"), (3, "Bonn")]
    assert [(one["lots"], one["waiting"], one["outdated"]) for one in targets_document(shop, "sales")["targets"]] == [(2, 0, 0)]
    assert [(one.lots, one.withdrawn) for one in push(shop, "sales")] == [((), ())]
    assert list(verify(shop.ledger, shop.store)) == []


def test_what_was_superseded_before_it_was_pushed_or_without_a_successor_is_not_there(shop: Project, place: str) -> None:
    add_target(shop, "sales", place)
    entered(shop, rows([1], "Lund"))
    push(shop, "sales")
    entered(shop, rows([1], "Bonn"), replaces=[1])
    entered(shop, rows([1], "Lyon"), replaces=[2])
    entered(shop, rows([4], "Lund"))

    assert problems(shop) == [""]
    assert content(place) == [(1, "Lyon"), (4, "Lund")]

    with shop.ledger.write() as writing:  # the same bytes as lot 4 once more, which a person held meanwhile: it stands for 3 and is itself not to be read
        writing.append("again", {"flow": "sales", "lot": 4, "input": "4.parquet", "replaces": [3], "revives": "held"})
    assert push(shop, "sales")[0].withdrawn == (3, 4)
    assert content(place) == []


def test_a_lot_that_comes_back_into_force_takes_the_place_of_those_that_stood_for_it(shop: Project, place: str) -> None:
    add_target(shop, "sales", place)
    entered(shop, rows([1], "Lund"))
    push(shop, "sales")
    for lot, (back, gone) in enumerate(((0, 0), (1, 2), (2, 1), (1, 2))):
        if back == 0:
            entered(shop, rows([1], "Lyon"), replaces=[1])
        else:
            with shop.ledger.write() as writing:
                writing.append("again", {"flow": "sales", "lot": back, "input": "x", "replaces": [gone], "revives": "released"})

        assert problems(shop) == [""]
        assert content(place) == [(1, "Lyon" if lot % 2 == 0 else "Lund")]


def test_rows_that_an_earlier_version_left_behind_are_taken_back(shop: Project, place: str) -> None:
    """Before targets took anything back, a lot was written beside the one that it stands for."""
    add_target(shop, "sales", place)
    entered(shop, rows([1], "Lund"))
    push(shop, "sales")
    entered(shop, rows([1], "Lyon"), replaces=[1])
    source = next(shop.ledger.entries(most=1)).chain
    with shop.ledger.write() as writing:
        opened(place, {}).take(shipment_of(shop, records.lot_of(writing.connection, 2), source, typed=False))
        writing.append("pushed", {"flow": "sales", "target": 1, "lot": 2})
    assert len(content(place)) == 2

    push(shop, "sales")

    assert content(place) == [(1, "Lyon")]


class Killed(BaseException):
    """The process ends here."""


def test_a_push_that_ends_before_its_record_is_done_again_whatever_was_superseded_meanwhile(shop: Project, place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    add_target(shop, "sales", place)
    for replaces in ([], [1], [2], [3]):
        entered(shop, rows([1], f"town {len(replaces and [replaces])}{replaces}"), replaces=replaces)
        with monkeypatch.context() as patch:
            patch.setattr(Writing, "append", _dying)
            with pytest.raises(Killed):
                push(shop, "sales")
        assert len(content(place)) == 1

    assert problems(shop) == [""]
    assert content(place) == [(1, "town 1[3]")]


def _dying(writing: Any, event: str, body: Any) -> Any:
    if event == "pushed":
        raise Killed
    return APPEND(writing, event, body)


APPEND = Writing.append


@pytest.mark.parametrize("key", [["order"], []])
def test_after_any_history_a_table_holds_what_a_new_one_would_get(shop: Project, table: str, key: list[str], tmp_path: Path) -> None:
    """Lots, results made again, snapshots, held ones, lots that come back into force, pushed now and then."""
    chance = random.Random(7)
    add_target(shop, "sales", table, key=key)
    for step in range(25):
        standing = [lot for lot in _lots(shop) if lot[1] == "released"]
        what = chance.random()
        frame = rows(chance.sample(range(12), 4), f"town {step}")
        if what < 0.5 or not standing:
            entered(shop, frame)
        elif what < 0.8:
            entered(shop, frame, replaces=[chance.choice(standing)[0]], state="held" if what < 0.55 else "released")
        elif what < 0.85:
            entered(shop, frame, replaces=[lot for lot, _ in standing])
        else:
            old = chance.choice([lot for lot in _lots(shop) if lot[1] != "held"])[0]
            with shop.ledger.write() as writing:
                writing.append("again", {"flow": "sales", "lot": old, "input": "x", "replaces": [chance.choice(standing)[0]] if old not in dict(standing) else [], "revives": "released"})
        if chance.random() < 0.6:
            assert problems(shop) == [""]
    fresh = f"sqlite:{tmp_path}/fresh.db?table=sales"
    add_target(shop, "sales", fresh, key=key)

    assert problems(shop) == ["", ""]
    assert content(table) == content(fresh)
    assert len(content(table)) > 4


def _lots(project: Project) -> list[tuple[int, str]]:
    with project.ledger.read() as connection:
        return [(lot.lot, lot.state) for lot in records.lots(connection, "sales")]


def test_with_a_key_a_repaired_batch_changes_only_rows_that_are_still_its_own(shop: Project, table: str) -> None:
    add_target(shop, "sales", table, key=["order"])
    entered(shop, rows([1, 2, 3], "first"))
    entered(shop, rows([3, 4], "second"))
    push(shop, "sales")
    entered(shop, rows([1, 3, 5], "repaired"), replaces=[1])

    assert problems(shop) == [""]

    assert content(table) == [(1, "repaired"), (3, "second"), (4, "second"), (5, "repaired")]


def test_with_a_key_the_row_of_the_earlier_lot_is_back_when_no_later_one_has_its_key_any_more(shop: Project, table: str) -> None:
    add_target(shop, "sales", table, key=["order"])
    for town, orders in (("first", [1, 2]), ("second", [1, 2, 3]), ("third", [2])):
        entered(shop, rows(orders, town))
    push(shop, "sales")
    entered(shop, rows([3], "second again"), replaces=[2])

    assert problems(shop) == [""]

    assert content(table) == [(1, "first"), (2, "third"), (3, "second again")]


def test_the_sequence_of_a_prediction_says_which_is_newer_whatever_the_lot(shop: Project, table: str) -> None:
    add_target(shop, "sales", table, key=["order"])
    entered(shop, rows([1, 2], "batch 1", assay_sequence=[1_000, 1_000]))
    entered(shop, rows([2, 3], "batch 2", assay_sequence=[2_000, 2_000]))
    entered(shop, rows([1, 2], "late news of batch 1", assay_sequence=[1_001, 1_001]))
    entered(shop, rows([3, 3], "twice", assay_sequence=[2_001, 2_001]).with_columns(town=pl.Series(["once", "twice"])))

    assert problems(shop) == [""]

    assert content(table) == [(1, "late news of batch 1"), (2, "batch 2"), (3, "twice")]


def test_a_reader_of_a_folder_never_finds_both_lots_nor_none(shop: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_target(shop, "sales", str(tmp_path / "out"))
    entered(shop, rows([1], "Lund"))
    push(shop, "sales")
    entered(shop, rows([1], "Lyon"), replaces=[1])
    seen = []
    for name in ("replace", "unlink", "fsync"):
        monkeypatch.setattr(os, name, _watching(getattr(os, name), lambda: seen.append(content(str(tmp_path / "out")))))

    assert problems(shop) == [""]

    assert {tuple(one) for one in seen} == {((1, "Lund"),), ((1, "Lyon"),)}
    assert [path.name for path in (tmp_path / "out").glob("*.parquet")] == ["sales-000001.parquet"]


def _watching(function: Any, look: Callable[[], None]) -> Any:
    def watched(*given: Any, **more: Any) -> Any:
        look()
        done = function(*given, **more)
        look()
        return done

    return watched


def test_a_file_that_holds_the_lot_of_another_name_is_not_written_over_by_the_lot_of_that_name(shop: Project, tmp_path: Path) -> None:
    """Somebody hands in an old snapshot by hand: it is in force again, beside the newest one, whose rows are in the file of that name."""
    add_target(shop, "sales", str(tmp_path / "out"))
    entered(shop, rows([1], "Lund"))
    push(shop, "sales")
    entered(shop, rows([1], "Lyon"), replaces=[1])
    push(shop, "sales")
    with shop.ledger.write() as writing:
        writing.append("again", {"flow": "sales", "lot": 1, "input": "x", "replaces": [], "revives": "released"})

    assert problems(shop) == [""]
    assert content(str(tmp_path / "out")) == [(1, "Lund"), (1, "Lyon")]
    entered(shop, rows([1], "Bonn"), replaces=[1, 2])
    assert problems(shop) == [""]
    assert content(str(tmp_path / "out")) == [(1, "Bonn")]
    assert len(push(shop, "sales", again=True)[0].problem) == 0
    assert content(str(tmp_path / "out")) == [(1, "Bonn")]


def test_rows_of_another_project_are_never_deleted(shop: Project, table: str, tmp_path: Path) -> None:
    with create_project(str(tmp_path / "other")) as other:
        for project in (shop, other):
            add_target(project, "sales", table)
            entered(project, rows([1], "Lund"))
            push(project, "sales")
        entered(shop, rows([1], "Lyon"), replaces=[1])

        assert "another project has written a lot 1 into this table too" in problems(shop)[0]
    assert content(table) == [(1, "Lund"), (1, "Lund")]
    assert targets_document(shop, "sales")["targets"][0]["outdated"] == 1


def test_a_table_of_an_earlier_version_is_taken_over(shop: Project, tmp_path: Path) -> None:
    table = f"sqlite:{tmp_path}/out.db?table=sales"
    add_target(shop, "sales", table, key=["order"])
    entered(shop, rows([1], "Lund"))
    push(shop, "sales")
    with sqlite3.connect(tmp_path / "out.db") as other:
        other.execute("ALTER TABLE assay_pushed DROP COLUMN turn")
    entered(shop, rows([1], "Lyon"), replaces=[1])

    assert problems(shop) == [""]
    assert content(table) == [(1, "Lyon")]


def test_a_target_that_cannot_take_back_keeps_everything_and_says_so(shop: Project, tmp_path: Path) -> None:
    table = f"sqlite:{tmp_path}/out.db?table=sales"
    add_target(shop, "sales", table)
    entered(shop, rows([1], "Lund"))
    push(shop, "sales")
    entered(shop, pl.DataFrame({"order": ["one"], "town": ["Lyon"]}), replaces=[1])

    pushed = push(shop, "sales")

    assert "lot 2 of sales has 'order' as text, the table has it as whole number" in pushed[0].problem
    assert (pushed[0].withdrawn, pushed[0].waiting) == ((), 1)
    assert content(table) == [(1, "Lund")]
    with pytest.raises(TargetError, match="no such folder"):
        opened(str(tmp_path / "none"), {}).take(shipment_of(shop, _record(shop, 1), "x", typed=False))


def _record(project: Project, lot: int) -> Any:
    with project.ledger.read() as connection:
        return records.lot_of(connection, lot)


def test_a_result_that_the_gate_takes_in_the_place_of_another_replaces_it_at_the_target(project: Project, tmp_path: Path) -> None:
    add_target(project, "sales", f"sqlite:{tmp_path}/out.db?table=sales")
    for replaces, town in (([], "Lund"), ([1], "Lyon")):
        rows(range(40), town).write_parquet(tmp_path / f"{town}.parquet")
        path = str(tmp_path / f"{town}.parquet")
        for outcome in gate_paths(project, "sales", [path], arrivals={path: Arrival(own=True, salt="day 1", replaces=replaces)}):
            assert outcome.lot is not None
            assert outcome.lot.state == "released"
        push(project, "sales")

    assert content(f"sqlite:{tmp_path}/out.db?table=sales") == [(number, "Lyon") for number in range(40)]
    assert list(verify(project.ledger, project.store)) == []


SWEPT = """
import os, signal, sys
import sqlalchemy as sa
from assayline.line.project import open_project
from assayline.line.targets import push

left = int(sys.argv[2])

def step(*_):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

with open_project(sys.argv[1]) as project:
    sa.event.listen(sa.engine.Engine, "before_cursor_execute", step)
    sys.addaudithook(lambda event, given: step() if event in ("os.rename", "os.remove", "tempfile.mkstemp") else None)
    problems = [one.problem for one in push(project, "sales")]
    print(int(sys.argv[2]) - left, *problems)
"""
THINNED = 2  # points per kind of target unless slow tests are asked for: each takes a second


def _pushing(project: Project, point: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", SWEPT, project.folder, str(point)], capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.parametrize("share", [pytest.param(THINNED, id="thinned"), pytest.param(0, id="all", marks=pytest.mark.slow)])
@pytest.mark.parametrize("kind", ["folder", "database", "delta"])
def test_wherever_a_push_is_killed_readers_find_one_of_the_two_lots_whole_and_the_next_push_ends_it(tmp_path: Path, kind: str, share: int) -> None:
    if kind == "delta":
        pytest.importorskip("deltalake", reason="deltalake is not installed: pip install 'assayline[delta]'")
    place = {"folder": f"{tmp_path}/out", "database": f"sqlite:{tmp_path}/out/out.db?table=sales", "delta": f"delta:{tmp_path}/out"}[kind]
    (tmp_path / "out").mkdir()
    with create_project(str(tmp_path / "shop")) as shop:
        add_target(shop, "sales", place, key=["order"] if kind == "database" else [])
        entered(shop, rows([1, 2], "Lund"))
        push(shop, "sales")
        entered(shop, rows([1, 3], "Lyon"), replaces=[1])
    for folder in ("shop", "out"):
        shutil.copytree(tmp_path / folder, tmp_path / "before" / folder)
    points = int(_pushing(shop, 10**9).stdout.split()[0])
    assert points > 10
    new = [(1, "Lyon"), (3, "Lyon")]
    assert content(place) == new
    chosen = range(1, points + 1) if not share else random.Random(kind).sample(range(points // 3, points + 1), share)

    for point in chosen:
        for folder in ("shop", "out"):
            shutil.rmtree(tmp_path / folder)
            shutil.copytree(tmp_path / "before" / folder, tmp_path / folder)
        assert _pushing(shop, point).returncode == -signal.SIGKILL

        assert content(place) in ([(1, "Lund"), (2, "Lund")], new)

        with open_project(shop.folder) as again:
            assert problems(again) == [""]
            assert content(place) == new
            assert [(one["lots"], one["waiting"], one["outdated"]) for one in targets_document(again, "sales")["targets"]] == [(1, 0, 0)]
            assert list(verify(again.ledger, again.store)) == []
