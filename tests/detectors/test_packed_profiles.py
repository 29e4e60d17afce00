"""What detectors find in profiles that were packed is what they find in those that were measured."""

from __future__ import annotations

import datetime
import random
from typing import Any

import polars as pl
import pytest

from assayline.core import Past, Profile, finding_as_json
from assayline.detectors import Detector, detectors
from assayline.measures import packed, profile, unpacked

CITIES = ("Lyon", "Bonn", "Gent", "Oslo", "Kiel")


def lot(day: int, rows: int = 300) -> dict[str, list[Any]]:
    pick = random.Random(day)
    at = datetime.datetime(2026, 1, 1) + datetime.timedelta(days=day)
    places = [pick.choice(CITIES) for _ in range(rows)]
    return {
        "at": [at + datetime.timedelta(minutes=4 * i) for i in range(rows)], "id": [f"{day:03d}-{i:05d}" for i in range(rows)],
        "city": list(places), "code": [place[:2].upper() for place in places], "temp": [round(pick.gauss(20, 3), 1) for _ in range(rows)],
        "paid": [pick.random() < 0.3 for _ in range(rows)], "mail": [f"user{pick.randrange(900)}@example.org" for _ in range(rows)],
    }  # fmt: skip


def spoiled(day: int, fault: str) -> pl.DataFrame:
    cells = lot(day)
    if fault == "unit":
        cells["temp"] = [round(32 + 1.8 * one, 1) for one in cells["temp"]]
    elif fault == "stuck":
        cells["temp"][100:250] = [21.5] * 150
    elif fault == "missing":
        cells["city"][::3] = [None] * 100
        cells["mail"][5:40] = ["N/A"] * 35
    elif fault == "text":
        cells["city"] = [one.replace("o", "Ã¶") if i % 9 == 0 else one for i, one in enumerate(cells["city"])]
        cells["mail"][3:9] = ["test@test", " ", "x", "-", "user1@example.org ", "USER1@EXAMPLE.ORG"]
    elif fault == "copies":
        for column in cells.values():
            column.extend(column[:80])
    elif fault == "dropped":
        del cells["code"]
    return pl.DataFrame(cells)


def said(detector: Detector, today: Profile, past: Past) -> list[dict[str, Any]]:
    return [finding_as_json(finding) for finding in detector(today, past)]


@pytest.mark.parametrize("fault", ["none", "unit", "stuck", "missing", "text", "copies", "dropped"])
def test_every_detector_says_the_same_of_packed_profiles(fault: str) -> None:
    lots = [profile(pl.DataFrame(lot(day))) for day in range(8)]
    today = profile(spoiled(9, fault))
    names = tuple(map(str, range(8)))
    stored = Past(tuple(unpacked(packed(one)) for one in lots), names)
    again = unpacked(packed(today))

    found = 0
    for detector in detectors():
        for measured, kept in ((Past(), Past()), (Past(tuple(lots), names), stored)):
            expected = said(detector, today, measured)
            found += len(expected)
            assert said(detector, again, kept) == expected, type(detector).__name__
    assert found or fault == "none"
