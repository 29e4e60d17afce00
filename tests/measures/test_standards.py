"""Columns follow a standard when chance cannot explain it, and what they mean is read off their values."""

from __future__ import annotations

import datetime

import numpy as np
import polars as pl
import pytest

from assayline.measures import Plan, profile
from assayline.measures.codes import COUNTRIES_2, COUNTRIES_3, CURRENCIES, LANGUAGES, US_STATES
from assayline.measures.meaning import meanings
from assayline.measures.standards import accident, followed, gs1, iban, isbn, isin, issn, luhn, mod97, orcid

CHECKS = [(luhn, "4111111111111111"), (gs1, "4006381333931"), (iban, "GB82WEST12345698765432"), (isbn, "9780306406157"), (issn, "03785955"),
          (isin, "DE0007164600"), (mod97, "5493001KJTIIGC8Y1R12"), (orcid, "0000-0002-1694-233X")]  # fmt: skip


@pytest.mark.parametrize(("check", "number"), CHECKS, ids=[check.__name__ for check, _ in CHECKS])
def test_a_check_digit_finds_every_single_wrong_digit(check: object, number: str) -> None:
    assert callable(check)
    assert check(number)
    wrong = [number[:i] + digit + number[i + 1 :] for i, sign in enumerate(number) if sign.isdigit() for digit in "0123456789" if digit != sign]
    assert [one for one in wrong if check(one)] == []


def test_the_lists_have_the_size_the_standards_say() -> None:
    assert (len(COUNTRIES_2), len(COUNTRIES_3), len(LANGUAGES), len(US_STATES)) == (249, 249, 184, 62)
    assert {"EUR", "USD", "XAU"} <= CURRENCIES


def closed(stems: list[str], check: object) -> list[str]:
    assert callable(check)
    return [next(stem + str(digit) for digit in range(10) if check(stem + str(digit))) for stem in stems]


def numbers(low: int, high: int, rows: int, seed: int = 0) -> list[str]:
    return [str(one) for one in np.random.default_rng(seed).choice(high - low, rows, replace=False) + low]


COLUMNS: list[tuple[str, list[str]]] = [
    ("card number", closed(numbers(10**14 * 4, 10**14 * 6, 60), luhn)),
    ("imei", closed(numbers(35 * 10**12, 36 * 10**12, 60), luhn)),
    ("ean", closed(numbers(10**11 * 4, 10**11 * 5, 60), gs1)),
    ("isbn", closed(numbers(97800 * 10**7, 97900 * 10**7, 60), isbn)),
    ("currency", sorted(CURRENCIES)[:40]),
    ("country", sorted(COUNTRIES_2)[::5]),
    ("country", sorted(COUNTRIES_3)[::5]),
    ("language", sorted(LANGUAGES)[::5]),
    ("state", sorted(US_STATES)[:40]),
    ("mac address", [f"00:1a:2b:3c:4d:{n:02x}" for n in range(40)]),
    ("doi", [f"10.1000/journal.{n}" for n in range(40)]),
    ("ip address", [f"2001:db8::{n:x}" for n in range(40)]),
    ("unit", ["kg", "lb", "m/s"]),
    ("country", ["Germany", "france", "United-States", "Peru", "South Korea", "Mexico"]),
    ("email", [f"me{n}@x{n}.org" for n in range(9)]),
    ("uuid", [f"00000000-0000-4000-8000-{n:012}" for n in range(9)]),
]  # fmt: skip


@pytest.mark.parametrize(("meaning", "values"), COLUMNS, ids=[f"{meaning}-{i}" for i, (meaning, _) in enumerate(COLUMNS)])
@pytest.mark.parametrize("text", [True, False])
def test_what_a_column_means_is_read_off_its_values(meaning: str, values: list[str], text: bool) -> None:
    frame = pl.DataFrame({"a": values * 3})

    assert meanings(profile(frame, text=text), Plan.of(frame, text))["a"] == meaning


def test_numbers_that_only_look_like_it_follow_no_standard() -> None:
    """H0: digits without a check. One in ten is right by chance; a promise of one in a million columns: none of 200."""
    lengths = (8, 12, 13, 14, 15, 16)
    columns = {f"c{i}": numbers(10 ** (lengths[i % 6] - 1), 10 ** lengths[i % 6], 5 + i % 60, seed=i) for i in range(200)}
    found = {name for name, values in columns.items() if followed(profile(pl.DataFrame({name: values}), text=True))}

    assert found == set()


def test_codes_of_two_and_three_letters_that_are_no_countries_follow_no_standard() -> None:
    rng = np.random.default_rng(8)
    letters = np.array([chr(65 + i) for i in range(26)])
    found = []
    for i in range(200):
        values = ["".join(rng.choice(letters, 2 + i % 2)) for _ in range(5 + i % 40)]
        found += list(followed(profile(pl.DataFrame({"a": values}), text=True)))

    assert found == []


def test_the_chance_of_an_accident_is_bounded_from_above() -> None:
    rng = np.random.default_rng(1)
    right = rng.binomial(12, 0.37, 200_000)

    for k in range(5, 13):
        assert (right >= k).mean() <= accident(k, 12, 0.37) + 1e-4


def test_moments_are_told_by_name_only_where_their_values_allow_it() -> None:
    start = datetime.datetime(2026, 1, 1)
    events = [start + datetime.timedelta(minutes=7 * n) for n in range(50)]
    later = [one + datetime.timedelta(seconds=40) for one in events]
    frame = pl.DataFrame({"at": events, "ingested_at": later, "created": [one - datetime.timedelta(days=1) for one in events]})

    assert meanings(profile(frame), Plan.of(frame)) == {"at": "event time", "ingested_at": "arrival time", "created": None}


def test_latitudes_need_their_longitudes() -> None:
    lat, lon = [48 + n / 97 for n in range(60)], [11 + n / 89 for n in range(60)]

    both = pl.DataFrame({"pickup_lat": [*lat, 148.0], "pickup_lon": [*lon, 11.0]})
    alone = pl.DataFrame({"long": [*lon, 11.0]})
    assert meanings(profile(both), Plan.of(both)) == {"pickup_lat": "latitude", "pickup_lon": "longitude"}
    assert globe(alone) == {}


def globe(frame: pl.DataFrame) -> dict[str, tuple[str, float]]:
    from assayline.measures.meaning import globe_columns

    return globe_columns(profile(frame))
