"""A table split by rules alone."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from assayline.errors import RuleError
from assayline.line.splitting import split_by_rules
from assayline.tables import open_frame, open_table


def rides(rows: int = 1_000) -> pl.DataFrame:
    """Bikes at stations; every hundredth row has a negative count, every 250th no station."""
    return pl.DataFrame(
        {
            "at": list(range(rows)),
            "bikes": [-1 if number % 100 == 0 else number % 50 for number in range(rows)],
            "station": [None if number % 250 == 0 else f"S{number % 7}" for number in range(rows)],
        }
    )


@pytest.mark.parametrize("name", ["rides.csv", "rides.parquet"])
def test_rows_that_fail_a_rule_are_put_aside_with_all_their_reasons(tmp_path: Path, name: str) -> None:
    frame = rides()
    path = tmp_path / name
    frame.write_csv(path) if name.endswith("csv") else frame.write_parquet(path, row_group_size=300)

    table = open_table(str(path))
    done = split_by_rules(table, ["bikes >= 0", "station is not null", "count(*) > 5"], str(tmp_path))
    table.close()

    assert done["rows"] == {"taken": 1_000, "released": 988, "quarantined": 12}
    assert [(one["failing"], one["holds"]) for one in done["rules"]] == [(10, False), (4, False), (0, True)]
    released, aside = (pl.read_parquet(tmp_path / done["files"][part]) for part in ("released", "quarantined"))
    assert released["at"].cast(pl.Int64).to_list() == [number for number in range(1_000) if number % 100 and number % 250]
    assert aside["assay_row"].to_list() == sorted({*range(0, 1_000, 100), *range(0, 1_000, 250)})
    assert aside["assay_why"].to_list()[0] == ["rule 1", "rule 2"]
    assert aside["assay_columns"].to_list()[0] == ["bikes", "station"]
    assert aside["assay_suggestions"].to_list()[0] == [None, None]


def test_a_rule_that_looks_back_sees_the_rows_of_the_piece_before(tmp_path: Path) -> None:
    rides().with_columns(at=pl.when(pl.col("at") == 600).then(5).otherwise("at")).write_parquet(tmp_path / "a.parquet", row_group_size=300)

    table = open_table(str(tmp_path / "a.parquet"))
    done = split_by_rules(table, ["at > previous(at)", "share(bikes >= 0) > 0.995"], str(tmp_path))
    table.close()

    assert done["rows"]["quarantined"] == 1
    assert done["rules"][1] == {"rule": "share(bikes >= 0) > 0.995", "failing": 0, "holds": False}
    assert pl.read_parquet(tmp_path / "quarantined.parquet")["assay_row"].to_list() == [600]


def test_a_table_without_a_bad_row_has_no_quarantine(tmp_path: Path) -> None:
    done = split_by_rules(open_frame(rides()), ["at >= 0"], str(tmp_path))

    assert done["files"] == {"released": "released.parquet"}


def test_a_rule_about_a_column_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuleError, match="wheels"):
        split_by_rules(open_frame(rides()), ["wheels > 0"], str(tmp_path))
