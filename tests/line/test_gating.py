"""Lots through the gate: judged, split, published; nothing lost, nothing twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assayline.errors import LotHeld, MisuseError
from assayline.ledger import records, verify
from assayline.line.adjudicating import accept, answer, reject_lot, release_lot
from assayline.line.api import gate
from assayline.line.gating import Outcome, gate_paths
from assayline.line.health import flow_document
from assayline.line.project import Project
from assayline.line.reading import read_frame


def day(seed: int, rows: int = 300, **more: pl.Series) -> pl.DataFrame:
    """A clean lot of orders."""
    noise = pl.Series(range(rows)).hash(seed).to_list()
    return pl.DataFrame(
        {
            "order": [seed * 10_000 + number for number in range(rows)],
            "city": [("Malmö", "Århus", "Lyon", "Köln")[value % 4] for value in noise],
            "amount": [round(20 + (value % 9_973) / 100, 2) for value in noise],
            **more,
        }
    )


def bad_rows(frame: pl.DataFrame, count: int) -> pl.DataFrame:
    """The same with broken letters in the first rows."""
    city = frame["city"].to_list()
    return frame.with_columns(city=pl.Series(["KÃ¶ln"] * count + city[count:]))


def deliver(project: Project, folder: Path, name: str, frame: pl.DataFrame, flow: str = "sales") -> Outcome:
    path = folder / name
    frame.write_csv(path) if name.endswith(".csv") else frame.write_parquet(path)
    return next(iter(gate_paths(project, flow, [str(path)])))


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_bad_rows_are_put_aside_and_the_rest_flows_on(project: Project, tmp_path: Path, name: str) -> None:
    frame = bad_rows(day(1), 5)

    outcome = deliver(project, tmp_path, name, frame)

    document = outcome.document
    assert document["verdict"] == "split"
    assert document["rows"] == {"taken": 300, "released": 295, "quarantined": 5, "held": 0, "unparseable": 0}
    released, quarantined = pl.read_parquet(document["released"]), pl.read_parquet(document["quarantined"])
    assert released["city"].to_list() == frame["city"].to_list()[5:]
    assert quarantined["assay_row"].to_list() == [0, 1, 2, 3, 4]
    assert quarantined["assay_why"].to_list() == [["mojibake"]] * 5
    assert quarantined["assay_suggestions"].to_list() == [["Köln"]] * 5
    assert quarantined["order"].cast(pl.Int64).to_list() == frame["order"].to_list()[:5]
    assert list(verify(project.ledger, project.store)) == []


def test_the_same_lot_delivered_twice_is_taken_once(project: Project, tmp_path: Path) -> None:
    first = deliver(project, tmp_path, "a.csv", day(1))
    second = deliver(project, tmp_path, "b.csv", day(1))

    assert second.document["duplicate_of"] == first.document["lot"]
    assert second.document["rows"]["taken"] == 0
    assert read_frame(project, "sales").height == 300


def test_what_cannot_be_read_is_kept_as_it_came_and_the_next_lot_goes_on(project: Project, tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1" + b"\x00" * 100)
    day(1).write_csv(tmp_path / "good.csv")

    outcomes = list(gate_paths(project, "sales", [str(tmp_path / "broken.parquet"), str(tmp_path / "good.csv")]))

    assert [one.document["verdict"] for one in outcomes] == ["hold", "release"]
    assert outcomes[0].lot is not None
    assert outcomes[0].lot.state == "unreadable"
    assert Path(project.store.path(outcomes[0].lot.objects["original"])).read_bytes() == (tmp_path / "broken.parquet").read_bytes()


def test_too_many_bad_rows_hold_the_lot_and_a_held_lot_never_teaches(project: Project, tmp_path: Path) -> None:
    outcome = deliver(project, tmp_path, "a.csv", bad_rows(day(1), 150))

    assert outcome.document["verdict"] == "hold"
    assert outcome.document["rows"]["held"] == 300
    assert read_frame(project, "sales").height == 0
    with project.ledger.read() as connection:
        assert not records.lot_of(connection, 1).teaches


def test_a_held_lot_is_released_or_rejected_by_a_person_once(project: Project, tmp_path: Path) -> None:
    deliver(project, tmp_path, "a.csv", bad_rows(day(1), 150))
    deliver(project, tmp_path, "b.csv", bad_rows(day(2), 150))

    released = release_lot(project, 1, author="ann", reason="the names are right")
    rejected = reject_lot(project, 2, author="ann")

    assert (released.state, released.rows["released"], released.teaches) == ("released", 300, True)
    assert (rejected.state, rejected.verdict) == ("rejected", "reject")
    assert read_frame(project, "sales").height == 300
    for number in (1, 2):
        with pytest.raises(MisuseError, match=r"not held|only held"):
            release_lot(project, number)
    assert list(verify(project.ledger, project.store)) == []


def test_the_same_fault_is_put_aside_in_every_lot_and_is_one_incident(project: Project, tmp_path: Path) -> None:
    verdicts = [deliver(project, tmp_path, f"{number}.csv", bad_rows(day(number), 5)).document["verdict"] for number in range(1, 7)]

    document = flow_document(project, "sales")
    assert verdicts == ["split"] * 6
    assert [(one["code"], one["lots"], one["state"]) for one in document["incidents"]] == [("mojibake", 6, "open")]


def test_an_answer_changes_what_the_same_finding_does_next_time(project: Project, tmp_path: Path) -> None:
    deliver(project, tmp_path, "1.csv", bad_rows(day(1), 5))

    answer(project, 1, "expected", author="ann", reason="that is how they write it")

    assert deliver(project, tmp_path, "2.csv", bad_rows(day(2), 5)).document["verdict"] == "release"


@pytest.mark.parametrize(("said", "teaches"), [("expected", True), ("noise", True), ("bad", False)])
def test_a_lot_that_waited_teaches_once_somebody_says_it_is_fine(project: Project, tmp_path: Path, said: str, teaches: bool) -> None:
    for number in range(1, 10):
        deliver(project, tmp_path, f"{number}.csv", day(number))
    deliver(project, tmp_path, "dearer.csv", day(10).with_columns(amount=pl.col("amount") * 3 + 100))

    answer(project, 10, said, author="ann")

    with project.ledger.read() as connection:
        assert records.lot_of(connection, 10).teaches is teaches
    assert list(verify(project.ledger, project.store)) == []


def test_a_change_that_lasts_is_proposed_and_accepted_as_the_new_normal(project: Project, tmp_path: Path) -> None:
    for number in range(1, 12):
        deliver(project, tmp_path, f"{number}.csv", day(number))
    dearer = [day(number).with_columns(amount=pl.col("amount") * 3 + 100) for number in range(12, 16)]
    held = [deliver(project, tmp_path, f"d{number}.csv", frame) for number, frame in enumerate(dearer)]
    proposals = flow_document(project, "sales")["proposals"]

    accept(project, "sales", proposals[0]["from_lot"], author="ann")

    assert all(one.document["verdict"] != "release" for one in held[:2])
    assert proposals[0]["columns"] == ["amount"]
    assert proposals[0]["from_lot"] == 12
    assert read_frame(project, "sales").height == 15 * 300
    assert deliver(project, tmp_path, "after.csv", day(30).with_columns(amount=pl.col("amount") * 3 + 100)).document["verdict"] == "release"


def test_an_added_column_is_passed_on_and_a_renamed_one_keeps_its_old_name_for_readers(project: Project, tmp_path: Path) -> None:
    for number in range(1, 9):
        deliver(project, tmp_path, f"{number}.csv", day(number))
    added = deliver(project, tmp_path, "more.csv", day(9, note=pl.Series(["x"] * 300)))
    renamed = deliver(project, tmp_path, "other.csv", day(10).rename({"amount": "amount_eur"}))
    again = deliver(project, tmp_path, "again.csv", day(11).rename({"amount": "amount_eur"}))

    assert added.document["rows"]["released"] == 300
    assert renamed.document["rows"]["released"] == 300
    assert "renamed_column" in {one["code"] for one in renamed.document["findings"]}
    assert "renamed_column" not in {one["code"] for one in again.document["findings"]}
    frame = read_frame(project, "sales", typed=True)
    assert frame["amount"].null_count() == 0
    assert "amount_eur" not in frame.columns


def test_a_column_that_changes_its_type_is_parsed_and_what_does_not_read_is_put_aside(project: Project) -> None:
    for number in range(1, 9):
        gate("sales", day(number), project=project)
    texts: list[str | None] = day(9)["amount"].cast(pl.String).to_list()
    texts[3], texts[7] = "12 EUR", "abc"

    good = gate("sales", day(9).with_columns(amount=pl.Series(texts)), project=project)
    again = gate("sales", day(10).with_columns(amount=pl.col("amount").cast(pl.String)), project=project)

    assert good.height == 298
    assert again.height == 300
    assert read_frame(project, "sales")["amount"].dtype == pl.Float64
    assert list(verify(project.ledger, project.store)) == []


def test_a_lost_column_holds_the_lot_only_if_somebody_needs_it(project: Project, tmp_path: Path) -> None:
    from assayline.line.settings import change

    for number in range(1, 9):
        deliver(project, tmp_path, f"{number}.csv", day(number))
    without = deliver(project, tmp_path, "a.csv", day(9).drop("city"))

    change(project, "sales", {"needs": ["city"]})

    assert without.document["verdict"] == "warn"
    assert deliver(project, tmp_path, "b.csv", day(10).drop("city")).document["verdict"] == "hold"


@pytest.mark.parametrize("kind", ["pandas", "polars", "arrow", "columns", "rows"])
def test_a_frame_comes_back_as_the_same_kind_without_its_bad_rows(project: Project, kind: str) -> None:
    frame = bad_rows(day(1), 5)
    data: Any = {"pandas": frame.to_pandas(), "polars": frame, "arrow": frame.to_arrow(), "columns": frame.to_dict(as_series=False), "rows": frame.to_dicts()}[kind]

    good = gate("sales", data, project=project)
    again = gate("sales", data, project=project)

    assert type(good) is type(data)
    assert pl.DataFrame(good if kind != "pandas" else pl.from_pandas(good)).height == 295
    assert len(again) == len(good)


def test_a_held_frame_raises_unless_it_is_told_otherwise(project: Project) -> None:
    frame = bad_rows(day(1), 150)

    with pytest.raises(LotHeld, match="assay lot 1"):
        gate("sales", frame, project=project)

    assert gate("sales", frame, project=project, on_hold="empty").height == 0
    assert gate("sales", frame, project=project, on_hold="pass").height == 300


def test_a_flow_needs_a_name_that_survives_a_file_name(project: Project) -> None:
    for name in ("", "../x", "a b", "-x", "x" * 101):
        with pytest.raises(MisuseError, match="name of a flow"):
            gate(name, day(1), project=project)
