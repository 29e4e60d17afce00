"""Lines: what changed is made again and nothing else, and every result passes the gate."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import polars as pl
import pytest
import sqlalchemy as sa

from assayline.errors import MisuseError
from assayline.ledger import records, run_records, verify
from assayline.ledger.schema import NOTICES
from assayline.line.adjudicating import release_lot
from assayline.line.definition import Line, load_line
from assayline.line.gating import gate_paths
from assayline.line.project import Project
from assayline.line.reading import read_frame
from assayline.line.rule_book import add_rule
from assayline.line.running import Ran, run_line
from assayline.line.telling import channels_document, remove_channel

HEAD = "import polars as pl\nimport assayline\nfrom assayline import Table\nline = assayline.Line('shop')\n"


def day(number: int, rows: int = 40) -> pl.DataFrame:
    return pl.DataFrame({"day": [number] * rows, "order": range(number * 1000, number * 1000 + rows), "amount": [20.0 + (one * 7 + number) % 13 for one in range(rows)]})


def deliver(project: Project, folder: Path, flow: str, name: str, frame: pl.DataFrame) -> None:
    frame.write_parquet(folder / name)
    assert next(iter(gate_paths(project, flow, [str(folder / name)]))).error is None


def run(project: Project, text: str, *, head: str = HEAD) -> Ran:
    file = Path(project.folder) / "line.py"
    file.write_text(head + text)
    line = load_line(str(file))
    sys.path.remove(str(file.parent))
    return run_line(project, line, str(file))


SALES = """
orders = line.source("orders", "orders-*.parquet")
stores = line.source("stores", "stores.parquet")

@line.step
def sales(orders: Table, stores: Table) -> Table:
    return orders.with_columns(gross=pl.col("amount") * {factor}, stores=pl.lit(stores.height))

line.sql("daily", "select day, sum(gross) as gross from sales group by day")

@line.step(takes={{"daily": "all"}})
def history(daily: Table) -> Table:
    return daily.sort("day")
"""


def test_each_lot_goes_through_the_line_once_and_nothing_is_done_twice(project: Project, tmp_path: Path) -> None:
    deliver(project, tmp_path, "stores", "stores.parquet", pl.DataFrame({"store": ["a", "b"]}))
    for number in (1, 2):
        deliver(project, tmp_path, "orders", f"{number}.parquet", day(number))

    first, second = run(project, SALES.format(factor=2)), run(project, SALES.format(factor=2))
    deliver(project, tmp_path, "orders", "3.parquet", day(3))
    third = run(project, SALES.format(factor=2))

    assert first.runs == {"sales": 2, "daily": 2, "history": 1}
    assert second.runs == {}
    assert third.runs == {"sales": 1, "daily": 1, "history": 1}
    assert read_frame(project, "history")["day"].to_list() == [1, 2, 3]
    assert read_frame(project, "sales").height == 120
    assert [*first.problems, *second.problems, *third.problems] == []
    with project.ledger.read() as connection:  # what it takes to repeat a run is kept
        last = run_records.runs(connection, step="sales")[-1]
        code, environment = run_records.described(connection, last.code), run_records.described(connection, last.environment)
    assert code is not None
    assert "def sales(" in code["files"]["line.py"]
    assert environment is not None
    assert environment["lines"][0].startswith("python cpython 3.")
    assert list(verify(project.ledger, project.store)) == []


def test_a_step_with_other_code_replaces_its_results_and_those_made_from_them(project: Project, tmp_path: Path) -> None:
    deliver(project, tmp_path, "stores", "stores.parquet", pl.DataFrame({"store": ["a", "b"]}))
    for number in (1, 2):
        deliver(project, tmp_path, "orders", f"{number}.parquet", day(number))
    run(project, SALES.format(factor=2))
    before = read_frame(project, "history")["gross"].to_list()

    changed = run(project, SALES.format(factor=4))
    doubled = read_frame(project, "history")["gross"].to_list()
    reverted = run(project, SALES.format(factor=2))

    assert changed.runs == reverted.runs == {"sales": 2, "daily": 2, "history": 1}
    assert doubled == [2 * one for one in before]
    assert read_frame(project, "history")["gross"].to_list() == before
    assert read_frame(project, "sales").height == 80
    assert run(project, SALES.format(factor=2)).runs == {}
    assert list(verify(project.ledger, project.store)) == []


def test_a_state_that_is_made_anew_is_no_old_data_again(project: Project, tmp_path: Path) -> None:
    text = "\n@line.step(takes={'orders': 'all'})\ndef history(orders: Table) -> Table:\n    return orders.sort('order')\n"
    for number in (1, 2):
        deliver(project, tmp_path, "orders", f"{number}.parquet", day(number))
    run(project, text)
    deliver(project, tmp_path, "orders", "3.parquet", day(3))

    grown = run(project, text)

    serious = [one["code"] for one in grown.lots[0].document["findings"] if one["severity"] >= 0.3]
    assert grown.runs == {"history": 1}
    assert "stale_copy" not in serious


def test_a_change_that_changes_no_result_stops_there(project: Project, tmp_path: Path) -> None:
    deliver(project, tmp_path, "stores", "stores.parquet", pl.DataFrame({"store": ["a", "b"]}))
    deliver(project, tmp_path, "orders", "1.parquet", day(1))
    run(project, SALES.format(factor="(1 + 1)"))

    changed = run(project, SALES.format(factor="(3 - 1)"))

    assert changed.runs == {"sales": 1}


def test_a_new_version_of_a_side_input_makes_the_newest_result_again(project: Project, tmp_path: Path) -> None:
    deliver(project, tmp_path, "stores", "stores.parquet", pl.DataFrame({"store": ["a", "b"]}))
    for number in (1, 2):
        deliver(project, tmp_path, "orders", f"{number}.parquet", day(number))
    text = SALES.format(factor=2)
    run(project, text)
    with project.ledger.write() as writing:  # as a snapshot that came anew: the lot before no longer stands
        writing.append("decision", {"flow": "stores", "lot": 1, "action": "release", "author": "x", "reason": "", "lots": [{"lot": 1, "state": "superseded"}]})
    deliver(project, tmp_path, "stores", "stores.parquet", pl.DataFrame({"store": ["a", "b", "c"]}))

    again = run(project, text)

    assert again.runs == {"sales": 1, "daily": 1}  # the sum of the day is what it was: there it stops
    assert read_frame(project, "sales").group_by("day").agg(pl.col("stores").max()).sort("day")["stores"].to_list() == [2, 3]


TWELVE = {
    1: ["orders"], 2: ["s1"], 3: ["s1"], 4: ["s2", "s3"], 5: ["s4"], 6: ["orders"], 7: ["s6"], 8: ["s5", "s7"], 9: ["s8"], 10: ["s6"], 11: ["s10"], 12: ["s9", "s11"],
}  # fmt: skip


def twelve(changed: int) -> str:
    """A line of twelve steps, each of which adds up its inputs; one of them adds something."""
    steps = [
        f"@line.step\ndef s{number}({', '.join(inputs)}):\n    return {inputs[0]}.select(v={' + '.join(f'{one}[{chr(34)}v{chr(34)}]' for one in inputs)} + {number if number == changed else 0})\n"
        for number, inputs in TWELVE.items()
    ]
    return "orders = line.source('orders', 'orders-*.parquet')\n" + "".join(steps)


def test_of_twelve_steps_exactly_the_changed_one_and_its_descendants_run_again(project: Project, tmp_path: Path) -> None:
    deliver(project, tmp_path, "orders", "1.parquet", pl.DataFrame({"v": [3, 5, 9]}))
    run(project, twelve(0))

    runs = {changed: run(project, twelve(changed)).runs for changed in (5, 6)}

    assert runs[5] == {f"s{number}": 1 for number in (5, 8, 9, 12)}
    assert runs[6] == {f"s{number}": 1 for number in (5, 6, 7, 8, 9, 10, 11, 12)}  # the fifth is as it was before
    assert run(project, twelve(6)).runs == {}


def test_a_held_result_waits_and_readers_keep_the_earlier_one(project: Project, tmp_path: Path) -> None:
    deliver(project, tmp_path, "orders", "1.parquet", day(1))
    text = "orders = line.source('orders', 'orders-*.parquet')\n@line.step\ndef sales(orders):\n    return orders{change}\n@line.step\ndef last(sales):\n    return sales\n"
    run(project, text.format(change=""))
    add_rule(project, "sales", "amount < 100", action="hold", owner="test")

    held = run(project, text.format(change=".with_columns(amount=pl.col('amount') * 100)"))

    assert [outcome.document["verdict"] for outcome in held.lots] == ["hold"]
    assert read_frame(project, "sales").equals(day(1))
    assert held.runs == {"sales": 1}
    release_lot(project, held.lots[0].lot.lot if held.lots[0].lot else 0, author="test")
    assert read_frame(project, "sales")["amount"].min() == 2000.0
    assert run(project, text.format(change=".with_columns(amount=pl.col('amount') * 100)")).runs == {"last": 1}


def test_a_step_that_fails_is_written_down_tried_again_and_holds_up_only_what_reads_it(project: Project, tmp_path: Path) -> None:
    deliver(project, tmp_path, "orders", "1.parquet", day(1))
    text = (
        "orders = line.source('orders', 'orders-*.parquet')\n@line.step\ndef sales(orders):\n    {body}\n"
        "@line.step\ndef last(sales):\n    return sales\n@line.step\ndef aside(orders):\n    return orders\n"
    )

    failed, _ = run(project, text.format(body="raise ValueError('no such store')")), run(project, text.format(body="raise ValueError('no such store')"))
    mended = run(project, text.format(body="return orders"))

    assert failed.runs == {"sales": 1, "aside": 1}
    assert failed.waiting == {"last": "sales"}
    assert "no such store" in failed.problems[0]
    assert mended.runs == {"sales": 1, "last": 1}
    with project.ledger.read() as connection:
        assert [one.state for one in run_records.runs(connection, step="sales")] == ["failed", "failed", "done"]
        notices = [json.loads(row.body) for row in connection.execute(sa.select(NOTICES))]
    assert [notice["subject"] for notice in notices] == ["Step 'sales' failed: ValueError: no such store"]
    with project.ledger.read() as connection:
        assert records.last_lot(connection) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("@line.step\ndef a(b): return b\n@line.step\ndef b(a): return a\n", "wait for each other"),
        ("@line.step\ndef a(a): return a\n", "reads its own result"),
        ("@line.step\nasync def a(b): return b\n", "plain function"),
        ("@line.step\ndef a(*b): return b\n", "names no input"),
        ("@line.step\ndef a(b: int): return b\n", "Polars, pandas or Arrow"),
        ("line.source('x', 'y')\nline.source('x', 'z')\n", "two parts named 'x'"),
        ("line.source('x')\n", "neither an address nor a command"),
        ("line.sql('a', 'selec 1')\n", "cannot be read"),
        ("line.sql('a', 'select 1')\n", "reads no flow"),
        ("@line.step(takes={'c': 'all'})\ndef a(b): return b\n", "has no input 'c'"),
        ("1 / 0\n", "line.py:5: ZeroDivisionError"),
        ("def a(:\n", "line.py:5"),
        ("other = assayline.Line('b')\n", "defines 2 lines"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused_with_its_place(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "line.py").write_text(HEAD + text)

    with pytest.raises(MisuseError, match=said) as error:
        load_line(str(tmp_path))

    sys.path.remove(str(tmp_path))
    assert "\n" not in str(error.value) or "Catalog" in str(error.value) or "^" in str(error.value)


def test_pieces_drive_a_step_and_states_stand_beside() -> None:
    line = Line("shop")
    line.source("orders", "orders-*.csv")
    line.source("stores", "stores.csv")
    line.source("prices", "prices-*.csv")

    @line.step
    def clean(orders: object) -> object:
        return orders

    @line.step
    def joined(stores: object, clean: object, orders: object, prices: object) -> object:
        return stores

    assert line.takes("joined") == {"stores": "latest", "clean": "each", "orders": "each", "prices": "all"}
    assert line.root("joined") == "orders"
    assert line.root("stores") is None


def test_sources_are_asked_and_texts_reach_a_step_as_what_they_say(project: Project) -> None:
    folder = Path(project.folder)
    (folder / "rides-1.csv").write_text("id,at,minutes\n007,2026-05-01T03:00:00+02:00,3.5\n008,2026-05-01T04:00:00+02:00,4\n")
    text = "rides = line.source('rides', 'rides-*.csv', settle_seconds=0)\n@line.step\ndef whole(rides):\n    return rides\n"

    first, second = run(project, text), run(project, text)
    (folder / "rides-2.csv").write_text("id,at,minutes\n009,2026-05-01T05:00:00+02:00,5\n")
    third = run(project, text)

    assert [first.runs, second.runs, third.runs] == [{"whole": 1}, {}, {"whole": 1}]
    made = read_frame(project, "whole").sort("id")
    assert made["id"].to_list() == ["007", "008", "009"]
    assert made["at"].dt.hour().to_list() == [1, 2, 3]
    assert made["minutes"].to_list() == [3.5, 4.0, 5.0]


def test_a_snapshot_replaces_the_lot_before(project: Project) -> None:
    file = Path(project.folder) / "stores.csv"
    text = "stores = line.source('stores', 'stores.csv', settle_seconds=0)\n@line.step\ndef counted(stores):\n    return stores.select(n=pl.len())\n"
    file.write_text("store,city\n1,Lyon\n2,Malmö\n")
    run(project, text)
    file.write_text("store,city\n1,Lyon\n2,Malmö\n3,Köln\n")

    run(project, text)

    assert read_frame(project, "stores").height == 3
    assert read_frame(project, "counted")["n"].to_list() == [3]
    assert list(verify(project.ledger, project.store)) == []


def test_a_command_is_a_source(project: Project) -> None:
    text = "dump = line.source('dump', command=['sh', '-c', {body!r}])\n@line.step\ndef seen(dump):\n    return dump\n"

    made = run(project, text.format(body="printf 'a,b\\n1,2\\n' > $ASSAY_OUT/dump.csv"))
    failed = run(project, text.format(body="echo no disk >&2; exit 3"))

    assert made.runs == {"seen": 1}
    assert failed.problems == ["dump: its command ended with exit code 3: no disk; mend the command; nothing of it was taken"]
    assert read_frame(project, "dump").rows() == [("1", "2")]


def test_the_owner_of_a_source_is_told_by_mail_unless_somebody_takes_the_channel_away(project: Project) -> None:
    mailing = dataclasses.replace(project, settings={"mail": {"server": "smtp://localhost:9"}})
    text = "orders = line.source('orders', 'orders-*.csv', owner='{owner}')\n"

    run(mailing, text.format(owner="ops@example.com"))
    run(mailing, text.format(owner="ops@example.com"))
    first = [(one["flow"], one["channel"]) for one in channels_document(mailing)]
    remove_channel(mailing, "orders", "mailto:ops@example.com", author="test")
    run(mailing, text.format(owner="ops@example.com"))

    assert len(first) == 1
    assert "ops@example.com" in str(first)
    assert channels_document(mailing) == []


def test_a_result_that_goes_to_one_place_is_kept_as_the_step_wrote_it_and_one_that_splits_is_not(project: Project, tmp_path: Path) -> None:
    text = "orders = line.source('orders', 'orders-*.parquet')\n@line.step\ndef sales(orders: Table) -> Table:\n    return orders.with_columns(city=pl.lit('Köln'))\n"
    deliver(project, tmp_path, "orders", "1.parquet", day(1))
    run(project, text)
    add_rule(project, "sales", "order != 2007", action="split", owner="test")
    deliver(project, tmp_path, "orders", "2.parquet", day(2, 400))
    run(project, text)

    with project.ledger.read() as connection:
        whole, cut = records.lots(connection, "sales")
    multisets = [json.loads(Path(project.store.path(lot.objects["report"])).read_text(encoding="utf-8"))["multiset"] for lot in (whole, cut)]

    assert multisets[0] == {}  # no row was handled, so there are no rows to add up
    assert (cut.verdict, sorted(multisets[1])) == ("split", ["quarantined", "released", "taken"])
    assert [(lot.rows["taken"], lot.rows["released"], lot.rows["quarantined"]) for lot in (whole, cut)] == [(40, 40, 0), (400, 399, 1)]
    assert read_frame(project, "sales").height == 439
    assert list(verify(project.ledger, project.store)) == []
