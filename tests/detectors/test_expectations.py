"""What belongs into a wrong cell: from the columns that determine it, from its own look, or from both."""

from __future__ import annotations

import polars as pl
import pytest

from assayline.core import Cell, Past
from assayline.detectors import detectors
from assayline.detectors.dependency_violation import DependencyViolation
from assayline.detectors.expectations import Said, mended
from assayline.measures import Block, Plan, profile_block

CITIES = {"89073": "Ulm", "53111": "Bonn", "24103": "Kiel", "07743": "Jena", "20095": "Hamburg", "81667": "Birmingham"}


def towns(copies: int = 40) -> dict[str, list[str | None]]:
    zips: list[str | None] = [*CITIES]
    names: list[str | None] = [*CITIES.values()]
    return {"zip": zips * copies, "city": names * copies}


def accused(data: dict[str, list[str | None]], code: str) -> list[Cell]:
    frame = pl.DataFrame(data)
    plan = Plan.of(frame, text=True)
    measured = profile_block(Block(frame, plan))
    found = [one for detector in detectors() if code in detector.codes for one in detector(measured, Past())]
    return [cell for one in found if one.code == code and one.locate is not None for cell in one.locate.fresh()(Block(frame, plan))]


def test_a_value_no_nearer_to_one_than_to_another_is_put_right_by_another_column() -> None:
    data = towns()
    data["city"][35] = "Bxxxxxgham"

    (cell,) = accused(data, "dependency_violation")

    assert (cell.row, cell.suggestion) == (35, "Birmingham")


def test_two_signs_of_one_fault_make_it_surer_than_one() -> None:
    alone, both = towns(), towns()
    alone["zip"] = [None] * len(alone["city"])
    for data in (alone, both):
        data["city"][35] = "Birminghm"

    (sure,), (surer,) = accused(alone, "typo"), accused(both, "typo")

    assert sure.suggestion == surer.suggestion == "Birmingham"
    assert surer.confidence > sure.confidence


def test_a_broken_number_is_put_right_by_another_column() -> None:
    numbers: list[str | None] = [str(10_000 + 37 * n) for n in range(30)]
    stations: list[str | None] = [f"S{n}" for n in range(30)]
    data = {"station": stations * 8, "phone": numbers * 8}
    data["phone"][77] = "1x6x9"

    (cell,) = accused(data, "type_to_string")

    assert (cell.row, cell.suggestion) == (77, numbers[17])


def test_a_word_for_missing_is_filled_where_the_table_says_with_what() -> None:
    data = towns()
    data["city"][34] = "N/A"

    (cell,) = accused(data, "disguised_missing")

    assert cell.suggestion == "Hamburg"


@pytest.mark.parametrize(("value", "own", "said", "kept"), [
    ("Brelin", "Berlin", "Berlin", "Berlin"), ("Brelin", None, "Bonn", "Bonn"), ("Brelin", "Berlin", "Bonn", "Berlin"), ("?", "", "Bonn", "Bonn"),
    ("acutx cxre hospitxl", "acute cxre hospitxl", "acute care hospital", "acute care hospital"),
])  # fmt: skip
def test_other_columns_are_believed_unless_they_say_another_word_altogether(value: str, own: str | None, said: str, kept: str) -> None:
    cell = mended(Cell(0, "city", 0.8, value, own), Said(said, 0.9))

    assert cell.suggestion == kept
    assert cell.confidence == pytest.approx(0.98)


def test_what_other_columns_say_is_asked_of_every_block_of_a_table_larger_than_its_sample() -> None:
    frame = pl.DataFrame(towns(copies=4_000))
    wrong = list(range(0, frame.height, 97))
    meant = frame["city"].gather(wrong).to_list()
    frame = frame.with_columns(pl.when(pl.int_range(pl.len()).is_in(wrong)).then(pl.format("T{}", pl.int_range(pl.len()))).otherwise("city").alias("city"))
    plan = Plan(Plan.of(frame, text=True).columns, text=True, sample_rows=6_000)
    measured = profile_block(Block(frame, plan))

    found = [one for one in DependencyViolation()(measured, Past()) if one.columns[0] == "city"]
    cells = [
        cell for one in found if one.locate is not None for start in range(0, frame.height, 5_000)
        for cell in one.locate.fresh()(Block(frame[start : start + 5_000], plan, start))
    ]  # fmt: skip

    assert [(cell.row, cell.suggestion) for cell in cells] == list(zip(wrong, meant, strict=True))


def test_the_part_of_a_value_that_is_written_like_the_others_is_what_belongs_there() -> None:
    data: dict[str, list[str | None]] = {"at": [f"{1 + n % 12}:{n % 60:02} a.m." for n in range(300)]}
    data["at"][100] = "12/02/2011 6:55 a.m."

    (cell,) = accused(data, "pattern_break")

    assert (cell.row, cell.suggestion) == (100, "6:55 a.m.")


def test_digits_that_only_binary_arithmetic_put_there_are_not_suggested() -> None:
    data: dict[str, list[str | None]] = {"share": [f"0.{n:03}" for n in range(100, 300)]}
    data["share"][7] = "0.052000000000000005%"

    (cell,) = accused(data, "type_to_string")

    assert cell.suggestion == "0.052"
