"""What the gate writes is what it measures: one pass writes the rows, puts some aside, and profiles the rest."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from assayline.core import Profile, Verdict
from assayline.line.lot_work import Written
from assayline.measures import packed
from assayline.scanning.passes import first_look
from assayline.scanning.table_scan import profile_of
from assayline.tables import Table, open_frame, open_table
from assayline.tables.reshaped import Without
from assayline.tables.retyped import Retyped

ROWS, PIECE = 1_000, 97


def readings(rows: int = ROWS) -> pl.DataFrame:
    """Every kind of column, devices among them that report in turn."""
    noise = pl.Series(range(rows)).hash(3).to_list()
    return pl.DataFrame(
        {
            "device": [f"D{number % 4}" for number in range(rows)],
            "at": [datetime.datetime(2026, 1, 1) + datetime.timedelta(minutes=number // 4) for number in range(rows)],
            "level": [None if value % 50 == 0 else round(value % 9_973 / 7, 3) for value in noise],
            "note": [("ok", "Ab 1", "é  x", " ", None)[value % 5] for value in noise],
            "on": [value % 3 == 0 for value in noise],
        }
    )


def text_of(frame: pl.DataFrame, path: Path) -> Table:
    frame.write_csv(path)
    return open_table(str(path))


def cut(table: Table, aside: list[int], folder: Path, seen_as: Callable[[Table], Table] | None = None) -> tuple[Written, Profile]:
    """The table written without some of its rows, and the profile of the others."""
    rows = np.array(aside, dtype=np.int64)
    why = pl.DataFrame({"assay_row": aside}).with_columns(
        assay_case=pl.lit(0, pl.Int32), assay_why=pl.lit("why"), assay_columns=pl.lit("note"), assay_suggestions=pl.lit(None, pl.String)
    )
    written = Written(str(folder), table, Verdict.SPLIT, rows, why)
    return written, written.write_and_measure(lambda done, total, phase: None, seen_as)


def states(profile: Profile) -> dict[str, Any]:
    """Everything in a profile but the last bits of its moments, which depend on where a table is cut."""
    found = {f"{place} {name}": state.as_json() for (place, name), state in profile.states.items()}
    for name, state in found.items():
        if name.endswith("moments"):
            scale = max(map(abs, state.values()))
            found[name] = {key: pytest.approx(value, rel=1e-7, abs=1e-7 * scale) for key, value in state.items()}
    return found


ASIDE = pytest.mark.parametrize(
    "aside",
    [[0], [5, 6, 500, ROWS - 1], list(range(PIECE)), list(range(PIECE - 3, 3 * PIECE + 1)), [number for number in range(ROWS) if number % 7]],
    ids=["the first", "few", "a whole piece", "several pieces", "most"],
)


@ASIDE
def test_the_profile_of_what_is_released_is_that_of_the_released_file(aside: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("assayline.tables.frames.PIECE_ROWS", PIECE)

    written, profile = cut(open_frame(readings()), aside, tmp_path)

    released = open_table(str(tmp_path / written.files["released"]))
    assert (written.taken, written.released, written.quarantined) == (ROWS, ROWS - len(aside), len(aside))
    assert states(profile) == states(profile_of(released))
    released.close()


@ASIDE
@pytest.mark.parametrize("source", ["typed", "text"])
def test_measuring_while_writing_gives_the_files_and_the_profile_that_two_passes_give(
    source: str, aside: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("assayline.tables.frames.PIECE_ROWS", PIECE)
    monkeypatch.setattr("assayline.tables.delimited.PIECE_BYTES", 4_096)
    table = open_frame(readings()) if source == "typed" else text_of(readings(), tmp_path / "readings.csv")
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first_look(table)

    one, profile = cut(table, aside, tmp_path / "one")
    two = Written(str(tmp_path / "two"), table, Verdict.SPLIT, one.rows, one.aside)
    two.write(lambda done, total, phase: None)

    assert packed(profile) == packed(profile_of(Without(table, one.rows)))
    assert (one.multiset, one.digest, one.released, one.quarantined) == (two.multiset, two.digest, two.released, two.quarantined)
    for name in two.files.values():
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    table.close()


def test_a_column_that_came_as_text_is_measured_as_what_it_was_and_written_as_it_came(tmp_path: Path) -> None:
    table = open_frame(readings().with_columns(pl.col("level").cast(pl.String)))
    before: dict[str, pl.DataType] = {"level": pl.Float64()}

    written, profile = cut(table, [3, 7], tmp_path, lambda rest: Retyped(rest, before))

    assert pl.read_parquet(tmp_path / written.files["released"])["level"].dtype == pl.String
    assert packed(profile) == packed(profile_of(open_frame(readings().with_row_index().filter(~pl.col("index").is_in([3, 7])).drop("index"))))
