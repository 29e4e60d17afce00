"""What is read of a past lot is kept with its profile; it must not show in what is said."""

from __future__ import annotations

import numpy as np
import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.core import Past, Profile
from assayline.detectors.coding import Coding, Part
from assayline.detectors.comparison import Comparison, different, nulls, quantiles
from assayline.detectors.history import History
from assayline.measures import profile

NUMBERS = st.lists(st.floats(-1e6, 1e6, allow_nan=False), min_size=1, max_size=40)


def lot(number: int, *, empty: str = "", shift: float = 0.0) -> pl.DataFrame:
    chance = np.random.default_rng(number)
    temp = [f"{value:.1f}" if i % 9 else empty for i, value in enumerate(chance.normal(20 + shift, 2, 60))]
    return pl.DataFrame({"day": [f"2026-01-{1 + number:02d}"] * 60, "site": chance.choice(["Lyon", "Bonn", "Gent"], 60), "temp": temp})


def profiles(lots: int, empty: str = "n/a") -> list[Profile]:
    return [profile(lot(number, empty=empty)) for number in range(lots)]


def past(lots: list[Profile]) -> Past:
    return Past(tuple(lots), tuple(f"lot {number}" for number in range(len(lots))))


def part(texts: list[str | None]) -> Part:
    series = pl.Series(texts, dtype=pl.String)
    return Part(series, nulls(series))


@given(st.lists(st.one_of(st.none(), st.text(max_size=3)), max_size=30))
@settings(max_examples=200, deadline=None)
def test_codes_are_the_places_of_the_values_in_order(texts: list[str | None]) -> None:
    coding = Coding.of([part(texts)])

    numbers, values = coding.numbers, coding.values
    assert values.to_list() == sorted({text for text in texts if text is not None}, key=lambda text: text.encode())
    assert [None if number < 0 else values[number] for number in numbers.tolist()] == texts


@given(st.lists(st.lists(st.one_of(st.none(), st.text(max_size=2)), max_size=8), min_size=1, max_size=8), st.integers(1, 4))
@settings(max_examples=200, deadline=None)
def test_codes_that_move_on_with_the_window_are_those_of_the_window(lots: list[list[str | None]], width: int) -> None:
    parts = [part(texts) for texts in lots]

    moved = Coding.of(parts[:width])
    for end in range(width + 1, len(parts) + 1):
        moved = moved.moved(parts[end - width : end]) or Coding.of(parts[end - width : end])

    fresh = Coding.of(parts[-width:])
    assert moved.parts == fresh.parts
    assert moved.numbers.tolist() == fresh.numbers.tolist()
    assert moved.values.to_list() == fresh.values.to_list()
    assert moved.hashes.tolist() == fresh.hashes.tolist()
    assert moved.places.tolist() == fresh.places.tolist()


@given(NUMBERS, st.lists(st.floats(0, 1), min_size=1, max_size=5))
@settings(max_examples=200, deadline=None)
def test_quantiles_of_sorted_numbers_are_those_of_numpy_to_the_last_bit(numbers: list[float], shares: list[float]) -> None:
    assert quantiles(np.sort(numbers), shares).tolist() == np.quantile(numbers, shares).tolist()
    assert different(np.array(numbers)).tolist() == np.unique(numbers).tolist()


def test_the_codes_of_any_texts_are_found_again() -> None:
    earlier = profiles(4)
    view = Comparison(profile(lot(9)), past(earlier)).view("site")
    assert view is not None

    found = view.code_of(part(["Gent", None, "Oslo", "Bonn"]))

    assert [view.codes[2][code] if code >= 0 else None for code in found.tolist()] == ["Gent", None, None, "Bonn"]


def test_profiles_that_were_compared_before_lead_to_the_same_findings() -> None:
    used, fresh = profiles(20), profiles(20)
    for number in range(8, 20):
        History()(used[number], past(used[:number]))
    today = profile(lot(20, empty="n/a", shift=4))

    assert list(History()(today, past(used[3:]))) == list(History()(today, past(fresh[3:])))


def test_a_column_that_arrives_in_another_type_is_read_again() -> None:
    def numbers() -> list[Profile]:
        return [profile(lot(number, empty="20.0").with_columns(pl.col("temp").cast(pl.Float64))) for number in range(6)]

    earlier = numbers()
    typed = Comparison(profile(lot(7, empty="20.0").with_columns(pl.col("temp").cast(pl.Float64))), past(earlier)).view("temp")
    assert typed is not None
    assert np.isfinite(typed.past).all()

    again = Comparison(profile(lot(8)), past([*earlier, profile(lot(7))])).view("temp")
    fresh = Comparison(profile(lot(8)), past([*numbers(), profile(lot(7))])).view("temp")

    assert again is not None
    assert fresh is not None
    assert again.kind == fresh.kind == "text"
    assert again.past_text.to_list() == fresh.past_text.to_list()
    assert np.isnan(again.past).all()
