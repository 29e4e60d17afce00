"""Ordinary clean tables are met with silence."""

from __future__ import annotations

import datetime
import random
from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from assayline.core import Past
from assayline.detectors import detectors
from assayline.detectors.recognising.keystrokes import mistyped_words
from assayline.measures import Block, Plan, Tally, profile_block

FIRST = ["Anna", "Ben", "Clara", "David", "Eva", "Felix", "Greta", "Hugo", "Ida", "Jonas", "Karla", "Leo", "Mia", "Noah", "Olga", "Paul", "Rosa", "Sam"]
LAST = ["Smith", "Schmidt", "Miller", "Müller", "Garcia", "Rossi", "Novak", "Kim", "Nguyen", "O'Neil", "van Dyk", "Fischer", "Weber", "Brown", "Green"]
CITIES = ["Berlin", "Hamburg", "Munich", "Cologne", "Leipzig", "Dresden", "Bremen", "Essen", "Dortmund", "Stuttgart"]
WORDS = ["the", "of", "and", "to", "in", "is", "was", "for", "that", "with", "data", "table", "customer", "order", "was", "late", "early", "again", "never",
         "house", "horse", "place", "plane", "plant", "plain"]  # fmt: skip


def orders(r: random.Random, n: int = 800) -> dict[str, list[str | None]]:
    prices = {f"SKU-{k:04}": f"{r.uniform(2, 90):.2f}" for k in range(60)}
    skus = [r.choice(list(prices)) for _ in range(n)]
    return {
        "order_id": [str(100_000 + i) for i in range(n)],
        "sku": list(skus),
        "price": [prices[sku] for sku in skus],
        "quantity": [str(r.choice([1, 1, 1, 2, 2, 3, 5, 10])) for _ in range(n)],
        "discount": [r.choice(["0.00", "0.00", "0.00", f"{r.uniform(1, 9):.2f}"]) for _ in range(n)],
        "ordered_at": [str(datetime.datetime(2024, 3, 1) + datetime.timedelta(minutes=37 * i + r.randrange(30))) for i in range(n)],
        "country": [r.choice(["DE", "DE", "DE", "AT", "CH", "NL", "NO"]) for _ in range(n)],
        "comment": [r.choice([None, None, None, "call before delivery", "gift", "leave at door"]) for _ in range(n)],
    }


def sensors(r: random.Random, n: int = 1_200) -> dict[str, list[str | None]]:
    level = 20.0
    temperature, rain = [], []
    for _ in range(n):
        level += r.gauss(0, 0.3)
        temperature.append(f"{level:.2f}")
        rain.append(f"{max(0.0, r.gauss(-2, 2)):.1f}")
    return {
        "at": [str(datetime.datetime(2024, 1, 1) + datetime.timedelta(minutes=10 * (i // 6))) for i in range(n)],
        "station": [f"S{i % 6}" for i in range(n)],
        "temperature": list(temperature),
        "rain_mm": list(rain),
        "humidity": [f"{min(100, max(20, r.gauss(65, 15))):.0f}" for _ in range(n)],
        "ok": [r.choice(["true"] * 50 + ["false"]) for _ in range(n)],
    }


def people(r: random.Random, n: int = 600) -> dict[str, list[str | None]]:
    first = [r.choice(FIRST) for _ in range(n)]
    last = [r.choice(LAST) for _ in range(n)]
    return {
        "name": [f"{a} {b}" for a, b in zip(first, last, strict=True)],
        "email": [f"{a.lower()}.{i}@mail{r.randrange(9)}.de" for i, a in enumerate(first)],
        "phone": [f"+49 30 {r.randrange(10**6, 10**7)}" for _ in range(n)],
        "born": [str(datetime.date(1940, 1, 1) + datetime.timedelta(days=r.randrange(25_000))) for _ in range(n)],
        "city": [r.choice(CITIES) for _ in range(n)],
        "zip": [f"{r.randrange(1_000, 99_999):05}" for _ in range(n)],
        "middle": [r.choice([None, None, None, "J.", "K.", "Maria"]) for _ in range(n)],
        "children": [str(r.choice([0, 0, 0, 1, 1, 2, 3])) for _ in range(n)],
    }


def free_text(r: random.Random, n: int = 400) -> dict[str, list[str | None]]:
    return {
        "id": [str(i) for i in range(n)],
        "review": [" ".join(r.choice(WORDS) for _ in range(r.randrange(8, 40))).capitalize() + "." for _ in range(n)],
        "stars": [str(r.choice([1, 2, 3, 4, 5, 5, 5])) for _ in range(n)],
        "split": [r.choice(["train", "train", "train", "test", "validation"]) for _ in range(n)],
    }


def codes(r: random.Random, n: int = 500) -> dict[str, list[str | None]]:
    return {
        "uuid": [f"{r.getrandbits(32):08x}-{r.getrandbits(16):04x}-4{r.getrandbits(12):03x}-8{r.getrandbits(12):03x}-{r.getrandbits(48):012x}" for _ in range(n)],
        "part": [f"{r.choice('ABC')}{r.randrange(10, 99)}-{r.randrange(1_000, 9_999)}" for _ in range(n)],
        "version": [f"{r.randrange(1, 4)}.{r.randrange(0, 12)}.{r.randrange(0, 30)}" for _ in range(n)],
        "shelf": [f"{r.choice('ABCDEFGH')}{r.randrange(1, 20)}" for _ in range(n)],
        "unit": [f"Unit {r.choice('ABCDEF')}" for _ in range(n)],
        "phase": [f"Phase {r.choice(['I', 'II', 'III', 'IV'])}" for _ in range(n)],
        "http": [r.choice(["200"] * 60 + ["201", "204", "304", "404", "404", "500"]) for _ in range(n)],
    }


def money(r: random.Random, n: int = 900) -> dict[str, list[str | None]]:
    return {
        "account": [str(r.randrange(10**9, 10**10)) for _ in range(n)],
        "income": [f"{r.lognormvariate(10, 1.1):.2f}" for _ in range(n)],
        "wealth": [f"{1_000 * r.paretovariate(1.1):.2f}" for _ in range(n)],
        "balance": [f"{r.gauss(500, 900):.2f}" for _ in range(n)],
        "fee": [r.choice(["0", "0", "0", "2.5", "2.5", "5", "7.5", "10", "12.5", "15", "20", "25", "30"]) for _ in range(n)],
        "currency": [r.choice(["EUR"] * 30 + ["USD", "CHF"]) for _ in range(n)],
        "share": [f"{r.uniform(0, 100):.1f}%" for _ in range(n)],
    }


def dates(r: random.Random, n: int = 500) -> dict[str, list[str | None]]:
    day = datetime.date(2019, 1, 1)
    return {
        "us": [(day + datetime.timedelta(days=r.randrange(1_500))).strftime("%m/%d/%Y") for _ in range(n)],
        "eu": [(day + datetime.timedelta(days=r.randrange(1_500))).strftime("%d.%m.%Y") for _ in range(n)],
        "iso": [(datetime.datetime(2019, 1, 1) + datetime.timedelta(seconds=r.randrange(10**8))).isoformat() + "Z" for _ in range(n)],
        "closed": [None if r.random() < 0.6 else str(day + datetime.timedelta(days=r.randrange(1_500))) for _ in range(n)],
        "year": [str(r.randrange(1995, 2024)) for _ in range(n)],
        "time": [f"{r.randrange(24):02}:{r.randrange(60):02}" for _ in range(n)],
    }


def flags(r: random.Random, n: int = 1_000) -> dict[str, list[str | None]]:
    return {f"is_{k}": [str(int(r.random() < 0.5 / (k + 1))) for _ in range(n)] for k in range(12)}


def survey(r: random.Random, n: int = 400) -> dict[str, list[str | None]]:
    answers = ["strongly agree", "agree", "neutral", "disagree", "strongly disagree"]
    found: dict[str, list[str | None]] = {f"q{k}": [r.choice(answers) if r.random() > 0.1 * k else None for _ in range(n)] for k in range(8)}
    found["status"] = [r.choice(["employed", "retired", "student", "none", "unknown"]) for _ in range(n)]
    return found


def places(r: random.Random, n: int = 500) -> dict[str, list[str | None]]:
    town = {f"{10_000 + 37 * k}": f"{c}{'berg' if k % 2 else 'stadt'}" for k, c in enumerate(CITIES)}
    zips = [r.choice(list(town)) for _ in range(n)]
    return {
        "street": [f"{r.choice(['Main', 'Oak', 'Mill', 'Park', 'Hill', 'Lake'])} {r.choice(['Street', 'Avenue', 'Road'])} {r.randrange(1, 200)}" for _ in range(n)],
        "zip": list(zips),
        "town": [town[one] for one in zips],
        "lat": [f"{52 + r.uniform(-1, 1):.6f}" for _ in range(n)],
        "lon": [f"{13 + r.uniform(-1, 1):.6f}" for _ in range(n)],
        "floor": [r.choice(["-1", "0", "0", "1", "1", "2", "3"]) for _ in range(n)],
    }


def counts(r: random.Random, n: int = 700) -> dict[str, list[str | None]]:
    return {
        "clicks": [str(int(r.expovariate(0.2))) for _ in range(n)],
        "views": [str(int(r.expovariate(0.002))) for _ in range(n)],
        "errors": [str(int(r.expovariate(3))) for _ in range(n)],
        "score": [f"{r.betavariate(2, 5):.4f}" for _ in range(n)],
        "delta": [f"{r.gauss(0, 3):.3f}" for _ in range(n)],
        "rank": [str(i + 1) for i in range(n)],
    }


def tiny(r: random.Random, n: int = 5) -> dict[str, list[str | None]]:
    return {name: values[:n] for name, values in {**orders(r, 20), "note": ["a", "b", None, "d", "e"]}.items()}


TABLES: list[Callable[[random.Random], dict[str, list[str | None]]]] = [
    orders, sensors, people, free_text, codes, money, dates, flags, survey, places, counts, tiny,
    lambda r: tiny(r, 3), lambda r: {k: v[:12] for k, v in people(r, 12).items()}, lambda r: {k: v[:20] for k, v in places(r, 20).items()},
    lambda r: {k: v[:40] for k, v in sensors(r, 40).items()},
]  # fmt: skip


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("make", TABLES, ids=lambda make: getattr(make, "__name__", "table"))
def test_a_plausible_clean_table_gives_no_warning(make: Callable[[random.Random], dict[str, list[str | None]]], seed: int) -> None:
    columns = make(random.Random(seed))
    height = min(map(len, columns.values()))
    frame = pl.DataFrame({name: pl.Series(values[:height], dtype=pl.String) for name, values in columns.items()})
    plan = Plan.of(frame, text=True)
    block = Block(frame, plan)
    measured = profile_block(block)

    raised = [finding for detector in detectors() for finding in detector(measured, Past()) if finding.severity >= 0.3]
    loud = [
        (finding.code, finding.sentence) for finding in raised
        if finding.locate is None or list(finding.locate.fresh()(block))
    ]  # fmt: skip

    assert loud == []


@pytest.mark.parametrize("typed", [False, True])
def test_a_typed_table_gives_no_warning(typed: bool) -> None:
    r = random.Random(4)
    frame = pl.DataFrame({
        "id": list(range(300)), "amount": [r.lognormvariate(3, 1) for _ in range(300)], "on": [r.random() < 0.1 for _ in range(300)],
        "day": [datetime.date(2024, 1, 1) + datetime.timedelta(days=r.randrange(90)) for _ in range(300)], "city": [r.choice(CITIES) for _ in range(300)],
        "tags": [["a", "b"]] * 300,
    })  # fmt: skip
    block = Block(frame, Plan.of(frame, text=typed))
    measured = profile_block(block)

    loud = [finding.sentence for detector in detectors() for finding in detector(measured, Past()) if finding.severity >= 0.3]

    assert loud == []


def test_prose_is_not_searched_for_typing_errors() -> None:
    numbers = np.random.default_rng(0)
    letters = np.array(list("abcdefghijklmnopqrstuvwxyz"))
    words = ["".join(numbers.choice(letters, 7)) for _ in range(4_000)]
    prose = [" ".join(numbers.choice(words, 12)) for _ in range(600)] + ["the chikken came"] + [f"the chicken {word}" for word in words[:40]]
    tally = Tally(pl.Series(prose), np.ones(len(prose), dtype=np.int64), True)

    assert [odd.beside for odd in mistyped_words(tally, {}) if "chikken" in odd.value] == ["chicken"]
    assert mistyped_words(tally, {}, sentences=True) == []
