"""Reports to look at: one as a customer would get it, and one made of texts that try to get out."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from assayline.core import CATALOGUE, Cell, ColumnFacts, Finding, InputFacts, Report, Verdict

HOSTILE = (
    "<script>alert(1)</script>",
    "</style><script>document.title='owned'</script>",
    "\"><img src=x onerror=document.title='owned'>",
    "' onmouseover='document.title=1",
    "</title></svg><svg onload=document.title='owned'>",
    "<!-- --><iframe src=https://example.org/></iframe>",
    "javascript:document.title='owned'",
    "https://example.org/beacon.png",
    "&lt;b&gt;&#x3c;i&#x3e;",
    "]]><![CDATA[<b>",
    "\x1b[2J\x1b]0;owned\x07red\x1b[31m",
    "\x9b31mC1",
    "a\u202eb\u2066c\u2069",
    "ad\u200bmin\ufeff",
    "line one\nline two\r\n\ttab",
    "nul\0nul",
    "lone \ud800 and \udcff",
    "\u2028\u2029",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)",
    "+1+1",
    "-2+3",
    "\t=1",
    "'=1",
    "[bold red]markup[/bold red] :boom: [link=https://example.org]x[/link]",
    "e" + "\u0301" * 60,
    "\U000e0041\U000e0042tags",
    "x" * 50_000,
    "{{7*7}} ${7*7} {% raw %}",
    "",
    " ",
)


def _calendar() -> dict[str, int]:
    days = {(date(2026, 1, 1) + timedelta(days=place)).isoformat(): 380 + 13 * (place % 7) for place in range(87)}
    for gone in ("2026-02-11", "2026-02-12"):
        del days[gone]
    return days


@pytest.fixture
def sample() -> Report:
    """What a scan of a delivery of a bike-sharing company with five faults might say."""
    return sample_report()


def sample_report() -> Report:
    findings = (
        Finding(
            "unit_change",
            ("temperature",),
            severity=0.92,
            layer="history",
            where="station = Hafen",
            rows=312,
            exact_rows=True,
            sentence="312 of 1,480 values of temperature at station Hafen lie between 46.2 and 87.8, where the rest of the column "
            "and the past 12 lots lie between -8.1 and 31.0; turned from °F into °C they fit.",
            evidence={"median": 68.4, "usual_median": 14.2, "touched_share": 0.0253, "usual_touched_share": 0.0, "conversion": "°F to °C"},
            suggestion="Convert these rows from °F to °C, and ask the operator of station Hafen which sensor was replaced.",
            examples=(
                Cell(8120, "temperature", 0.99, "68.4", "20.2"),
                Cell(8121, "temperature", 0.99, "68.7", "20.4"),
                Cell(8125, "temperature", 0.98, "71.1", "21.7"),
                Cell(8131, "temperature", 0.97, "46.2", "7.9"),
            ),
            picture={
                "kind": "histogram",
                "edges": [-10 + 4 * i for i in range(26)],
                "counts": [12, 60, 210, 520, 900, 1480, 2210, 2350, 1900, 1200, 420, 30, 0, 0, 6, 28, 60, 88, 70, 41, 15, 4, 0, 0, 0],
                "marked": [[46, 90]],
            },
        ),
        Finding(
            "category_spelling",
            ("city",),
            severity=0.71,
            rows=41,
            sentence="41 values of city are written in 6 other ways than the 2,214 values they mean: "
            "' berlin', 'Berlln', 'BERLIN' stand for 'Berlin'.",
            evidence={"variant_rows": 41, "main_rows": 2214},
            suggestion="Write 'Berlin' in these rows; --cells lists each with its correction.",
            examples=(
                Cell(17, "city", 0.98, " berlin", "Berlin"),
                Cell(204, "city", 0.97, "Berlln", "Berlin"),
                Cell(990, "city", 0.96, "BERLIN ", "Berlin"),
                Cell(1204, "city", 0.93, "Müchen", "München"),
                Cell(3377, "city", 0.99, "KÃ¶ln", "Köln"),
            ),
            picture={
                "kind": "bars",
                "labels": ["Berlin", "Hamburg", "München", "Köln", "BERLIN ", " berlin", "Berlln", "Müchen"],
                "values": [2214, 1873, 1702, 1544, 18, 12, 7, 4],
                "marked": [4, 5, 6, 7],
                "unit": "rows",
            },
        ),
        Finding(
            "missing_spike",
            ("user_email",),
            severity=0.66,
            layer="history",
            rows=1482,
            sentence="12% of user_email is empty; in the last 12 lots it was between 0.6% and 1.4%.",
            evidence={"null_share": 0.12, "usual_null_share": 0.01},
            suggestion="Ask the source; the rows cannot be repaired from the table itself.",
            picture={
                "kind": "series",
                "values": [0.009, 0.011, 0.008, 0.012, 0.010, 0.014, 0.009, None, 0.011, 0.010, 0.006, 0.012, 0.12],
                "labels": [f"2026-{w:02d}" for w in range(1, 14)],
                "band": [[0.005, 0.016]],
                "marked": [12],
            },
        ),
        Finding(
            "missing_day",
            ("started_at",),
            severity=0.55,
            rows=0,
            sentence="2026-02-11 and 2026-02-12 have no rows; every other day of the quarter has between 380 and 458.",
            evidence={"missing_days": 2, "usual_day_rows": 412},
            suggestion="Ask for the two days again.",
            picture={"kind": "calendar", "days": _calendar(), "marked": ["2026-02-11", "2026-02-12"]},
        ),
        Finding(
            "global_shift",
            ("duration_minutes",),
            severity=0.42,
            layer="history",
            sentence="The median of duration_minutes is 19.5; in the last 12 lots it lay between 13.8 and 14.9.",
            evidence={"median": 19.5, "usual_median": 14.3, "moved_share": 0.31},
            suggestion="Look whether trips below 5 minutes are filtered now.",
            picture={
                "kind": "compare",
                "before": {"edges": list(range(0, 62, 2)), "counts": [round(900 * math.exp(-((x - 7) ** 2) / 18)) for x in range(30)]},
                "after": {
                    "edges": list(range(0, 62, 2)),
                    "counts": [0, 0, 0] + [round(800 * math.exp(-((x - 10) ** 2) / 22)) for x in range(27)],
                },
            },
        ),
        Finding(
            "disguised_missing",
            ("age",),
            severity=0.35,
            rows=96,
            sentence="96 values of age are -999; no other value is below 14.",
            evidence={"share": 0.0078, "usual_share": 0.0003},
            suggestion="Read -999 as an empty cell.",
            examples=(Cell(55, "age", 0.99, "-999", ""), Cell(61, "age", 0.99, "-999", "")),
            picture={"kind": "share", "value": 0.0078, "usual": 0.0003},
        ),
        Finding("id_column", ("trip_id",), "Every one of the 12,345 values of trip_id is different.", severity=0.1),
        Finding("personal_data", ("user_email",), "10,863 values of user_email are e-mail addresses.", severity=0.15),
        Finding(
            "highly_correlated",
            ("duration_minutes", "price_cents"),
            "price_cents is 25 times duration_minutes in 98.1% of the rows.",
            severity=0.1,
        ),
        Finding(
            "leading_zeros", ("postcode",), "1,021 of 12,345 postcodes start with 0; read as numbers they would lose it.", severity=0.2
        ),
    )
    hist = {"kind": "histogram", "edges": list(range(21)), "counts": [round(100 * math.exp(-((x - 8) ** 2) / 20)) for x in range(20)]}
    columns = (
        ColumnFacts("trip_id", "identifier", None, 0.0, 12345, {"shape": "A-999999"}),
        ColumnFacts(
            "started_at",
            "time",
            None,
            0.0,
            12011,
            {"first": "2026-01-01 00:03", "last": "2026-03-28 23:58"},
            {"kind": "calendar", "days": _calendar()},
        ),
        ColumnFacts("duration_minutes", "number", None, 0.0, 214, {"min": "1", "median": "19.5", "max": "1,440"}, hist),
        ColumnFacts(
            "temperature",
            "number",
            None,
            0.004,
            611,
            {"min": "-8.1", "median": "14.3", "max": "87.8"},
            {
                "kind": "histogram",
                "edges": [-10 + 4 * i for i in range(26)],
                "counts": [12, 60, 210, 520, 900, 1480, 2210, 2350, 1900, 1200, 420, 30, 0, 0, 6, 28, 60, 88, 70, 41, 15, 4, 0, 0, 0],
                "marked": [[46, 90]],
            },
        ),
        ColumnFacts(
            "city",
            "category",
            "city",
            0.0,
            10,
            {"top": "Berlin"},
            {
                "kind": "bars",
                "labels": ["Berlin", "Hamburg", "München", "Köln", "other"],
                "values": [2214, 1873, 1702, 1544, 41],
                "marked": [4],
            },
        ),
        ColumnFacts(
            "user_email",
            "text",
            "email",
            0.12,
            10122,
            {"shape": "aaaa@aaaa.aa", "length": "9 to 41"},
            {"kind": "bars", "labels": ["aaaa@aaaa.aa", "aaaa.aaaa@aaaa.aa", "aaaa99@aaaa.aa"], "values": [0.71, 0.22, 0.07]},
        ),
        ColumnFacts("age", "number", None, 0.031, 71, {"min": "-999", "median": "34", "max": "88"}, hist),
        ColumnFacts("price_cents", "number", None, 0.0, 214, {"min": "25", "median": "488", "max": "36,000"}, hist),
        ColumnFacts("postcode", "category", "postcode", 0.0, 812, {"shape": "99999"}),
        ColumnFacts(
            "member", "boolean", None, 0.0, 2, {"true": "61%"}, {"kind": "bars", "labels": ["true", "false"], "values": [7530, 4815]}
        ),
        ColumnFacts("remarks", "empty", None, 1.0, 0),
    )
    return Report(
        Verdict.SPLIT,
        findings,
        InputFacts(
            "deliveries/2026-03-28/trips.csv",
            "sha256:" + "7d9f2c41" * 8,
            12345,
            len(columns),
            1_408_221,
            "csv",
            {"encoding": "UTF-8", "delimiter": ",", "line ends": "LF"},
        ),
        columns,
        {"read": 0.11, "profile": 0.22, "detect": 0.09},
        past_lots=12,
    )


@pytest.fixture
def hostile_texts() -> tuple[str, ...]:
    """Texts that try to get out of where they stand."""
    return HOSTILE


@pytest.fixture
def hostile() -> Report:
    """Every place where foreign text can stand holds each hostile text once."""
    return hostile_report()


def hostile_report() -> Report:
    kinds = ("bars", "series", "histogram")
    codes = tuple(CATALOGUE)
    findings = tuple(
        Finding(
            codes[place % len(codes)] if place % 2 else evil or "empty",
            (evil, evil + "2"),
            evil,
            severity=round(1 - place / 40, 3),
            where=evil,
            rows=3,
            evidence={evil: evil, "share": 0.5, "median": 3.0},
            suggestion=evil,
            examples=(Cell(place, evil, 0.9, evil, evil), Cell(place + 1, "*", 0.5, None, None)),
            picture={
                "kind": kinds[place % 3],
                "labels": [evil, "b"],
                "values": [1, 2],
                "edges": [0, 1],
                "counts": [2],
                "unit": evil,
                "marked": [],
            },
        )
        for place, evil in enumerate(HOSTILE)
    )
    columns = tuple(
        ColumnFacts(evil, evil, evil, 0.5, 3, {evil: evil}, {"kind": "bars", "labels": [evil], "values": [1], "marked": [0], "unit": evil})
        for evil in HOSTILE
    )
    evil = "".join(HOSTILE[:-3])
    return Report(
        Verdict.HOLD, findings, InputFacts(evil, evil, 10, len(columns), 100, evil, {evil: evil, "delimiter": "\t"}), columns, {evil: 0.5}
    )


def report_of(text: str) -> Report:
    """A report in which every foreign text is this one."""
    finding = Finding(
        "typo",
        (text, text),
        text,
        severity=0.7,
        where=text,
        rows=2,
        evidence={text: text},
        suggestion=text,
        examples=(Cell(0, text, 0.9, text, None), Cell(1, "*", 0.9, None, text)),
        picture={"kind": "bars", "labels": [text], "values": [1], "unit": text},
    )
    column = ColumnFacts(text, text, text, 0.5, 3, {text: text}, {"kind": "series", "values": [1, 2], "labels": [text, text]})
    return Report(
        Verdict.WARN, (finding, finding.but(severity=0.1)), InputFacts(text, text, 2, 1, 5, text, {text: text}), (column,), {text: 1.0}
    )


@pytest.fixture(name="report_of", scope="session")
def _report_of() -> Callable[[str], Report]:
    return report_of

# Documents of flows and lots, as the command line gives them with --json.

Document = dict[str, Any]


def _figures(place: int, *, grams: float | None = None, gone: bool = False) -> dict[str, Any]:
    """A lot of three columns in numbers; `gone` leaves out the column of times."""
    middle = 40.0 + place % 5 if grams is None else grams
    columns: dict[str, Any] = {
        "grams": {"kind": "number", "null_share": 0.02 * (place % 3), "distinct": 40, "mean": middle, "min": middle - 9, "max": middle + 9, "p05": middle - 5,
                  "median": middle, "p95": middle + 5},
        "city": {"kind": "category", "null_share": 0.0, "distinct": 3, "top": [["Bonn", 0.5], ["Lyon", 0.3], ["Gent", 0.2]]},
    }  # fmt: skip
    if not gone:
        columns["day"] = {"kind": "time", "null_share": 0.0, "distinct": 1, "earliest": f"2026-01-{1 + place % 28:02d}T00:00:00", "latest": f"2026-01-{1 + place % 28:02d}T23:00:00"}
    return {"rows": 100, "columns": columns, "columns_now": list(columns), "columns_left_out": 0, "renames": {}}


def _finding(code: str = "unit_change", columns: tuple[str, ...] = ("grams",), sentence: str = "grams looks converted.", severity: float = 0.7) -> dict[str, Any]:
    return {"code": code, "columns": list(columns), "severity": severity, "sentence": sentence, "layer": "history", "rows": 7, "where": None}


def _a_lot(place: int, verdict: str = "release", **changed: Any) -> dict[str, Any]:
    """One lot of a flow's document."""
    aside = {"split": {"released": 88, "quarantined": 12}, "hold": {"released": 0, "held": 100}, "reject": {"released": 0, "held": 100}}.get(verdict, {})
    return {
        "lot": place, "place": place, "at": f"2026-02-{1 + place % 28:02d}T08:30:00+00:00", "input": f"in/{place:05d}.csv", "verdict": verdict,
        "state": {"hold": "held", "reject": "rejected"}.get(verdict, "released"),
        "rows": {"taken": 100, "released": 100, "quarantined": 0, "held": 0, "unparseable": 0, **aside}, "teaches": verdict == "release", "parents": [],
        "findings": [] if verdict == "release" else [_finding()], "figures": _figures(place), **changed,
    }  # fmt: skip


def _a_flow(lots: list[dict[str, Any]], **changed: Any) -> dict[str, Any]:
    """The document of a flow."""
    return {
        "flow": "parcels", "since": "2026-02-01T08:00:00+00:00", "settings": {}, "taken_lots": len(lots), "learned_from": 1, "lots": lots, "incidents": [],
        "proposals": [], "rules": [], "open_cases": 0, **changed,
    }  # fmt: skip


def _an_incident(first: int, last: int, *, state: str = "open", **changed: Any) -> dict[str, Any]:
    return {
        "incident": first, "code": "unit_change", "columns": ["grams"], "first": first, "last": last, "lots": last - first + 1, "sentence": "grams looks converted.",
        "state": state, **changed,
    }  # fmt: skip


def _busy(count: int = 40) -> dict[str, Any]:
    """A flow in which everything happens that can: each verdict, incidents, a change to accept, a rule."""
    lots = [_a_lot(place) for place in range(1, count + 1)]
    for place, verdict in ((9, "warn"), (12, "split"), (15, "hold"), (18, "reject")):
        if place <= count:
            lots[place - 1] = _a_lot(place, verdict)
    if count >= 21:
        lots[20] = _a_lot(21, "hold", state="unreadable", rows=dict.fromkeys(("taken", "released", "quarantined", "held", "unparseable"), 0), figures={},
                         findings=[_finding("unreadable", (), "in/00021.csv: the zip is damaged", 0.95)])  # fmt: skip
    for place in range(count - 4, count + 1):
        if place > 21:
            lots[place - 1] = _a_lot(place, "warn", figures=_figures(place, grams=4000.0))
    return _a_flow(
        lots,
        incidents=[_an_incident(count - 4, count), _an_incident(9, 12, state="closed")],
        proposals=[{"code": "unit_change", "columns": ["grams"], "sentence": "grams looks converted.", "lots": 5, "from_lot": count - 4}],
        rules=[{"rule": "light", "version": 1, "text": "grams < 500", "action": "split", "owner": "ana", "reason": "scales end there", "since": "2026-02-01", "until": None, "state": "active"}],
        open_cases=1,
    )  # fmt: skip


def _hostile_flow(count: int = 40) -> dict[str, Any]:
    """A flow whose every text tries to get out."""
    lots = []
    for place in range(1, count + 1):
        text, name = HOSTILE[place % len(HOSTILE)], HOSTILE[(place * 7) % len(HOSTILE)]
        column = {"kind": text[:30], "null_share": 0.5, "distinct": 2, "top": [[text[:60], 0.6], [name[:60], 0.4]]}
        told = {"rows": 1, "columns": {name[:200]: column, "n": {"kind": "number", "null_share": 0.0, "mean": 1e308 if place % 2 else -1e308}}, "columns_now": [name[:200]]}
        lots.append(
            _a_lot(place, ("warn", "split", "hold")[place % 3], input=text, state=text[:20] if place % 5 == 0 else "held", at=text[:40], figures=told,
                  findings=[_finding(text[:40] or "x", (name, text), text)])
        )  # fmt: skip
    incidents = [_an_incident(1 + place, count, code=text[:40] or "x", columns=[text], sentence=text) for place, text in enumerate(HOSTILE)]
    rules = [dict.fromkeys(("rule", "text", "action", "owner", "reason", "since", "state"), text) for text in HOSTILE]
    proposals = [{"code": one["code"], "columns": one["columns"], "sentence": one["sentence"], "lots": 3, "from_lot": 1} for one in incidents]
    return _a_flow(lots, flow="<script>alert(1)</script>\x1b[31m\u202e", incidents=incidents, proposals=proposals, rules=rules, since="\x1b]0;x\x07")


def _a_lot_page(verdict: str = "hold", **changed: Any) -> dict[str, Any]:
    """The document of `assay lot N`."""
    lot = _a_lot(7, verdict)
    del lot["figures"]
    return {
        **lot, "flow": "parcels", "digest": "sha256:" + "0" * 64, "deliveries": 1, "findings": [_finding()], "report": {},
        "objects": {"held": "/shop/store/objects/ab/abcd.parquet"}, "cases": [], "decisions": [], **changed,
    }  # fmt: skip


@pytest.fixture
def figures() -> Callable[..., Document]:
    return _figures


@pytest.fixture
def finding() -> Callable[..., Document]:
    return _finding


@pytest.fixture
def a_lot() -> Callable[..., Document]:
    return _a_lot


@pytest.fixture
def a_flow() -> Callable[..., Document]:
    return _a_flow


@pytest.fixture
def an_incident() -> Callable[..., Document]:
    return _an_incident


@pytest.fixture
def busy() -> Callable[..., Document]:
    return _busy


@pytest.fixture
def hostile_flow() -> Callable[..., Document]:
    return _hostile_flow


@pytest.fixture
def a_lot_page() -> Callable[..., Document]:
    return _a_lot_page


# Documents of models, as the command line gives them with --json.


def _churn() -> dict[str, Any]:
    """The document of `assay model show churn:v8`: everything a version can have."""
    told: dict[str, Any] = json.loads((Path(__file__).parent / "churn_v8.json").read_text(encoding="utf-8"))
    return told


def _compared(outcome: str, *, metric: str = "rmse", unit: str = "", estimate: float = 1.2, low: float | None = 0.4, high: float | None = 2.1, **changed: Any) -> dict[str, Any]:
    """A comparison of a version with another one."""
    return {
        "with": "demand:v2", "as": "champion", "outcome": outcome, "metric": metric, "unit": unit, "candidate_value": 38.1, "champion_value": 39.3, "estimate": estimate, "low": low,
        "high": high, "margin": 0.2, "rows": 900, "rows_needed": 0, "more_rows": 0, "test": "bootstrap", "sentence": f"demand:v3 on spring: {outcome}.", **changed,
    }  # fmt: skip


def _a_model(*comparisons: dict[str, Any], **changed: Any) -> dict[str, Any]:
    """A regression on one test set, without anything that is not always there."""
    scores = [{"metric": "rmse", "value": 38.1, "unit": "", "higher_is_better": False}]
    return {
        "model": "demand", "version": "demand:v3", "verdict": "release", "state": "released", "champion": "demand:v2", "about": {"name": "demand", "task": "regression", "target": "rides"},
        "trial": {"label": "demand:v3", "sets": [{"set": "spring", "rows": 900, "scores": scores, "comparisons": list(comparisons)}]}, **changed,
    }  # fmt: skip


def _hostile_model(*, everything: bool) -> dict[str, Any]:
    """The document of churn with hostile texts: in place of every text, or of those that are no words of ours."""
    kept = frozenset() if everything else frozenset({"verdict", "state", "as", "outcome", "metric", "by", "task", "unit"})
    places = itertools.count()

    def turned(value: Any, name: str = "") -> Any:
        if isinstance(value, dict):
            return {key: turned(one, str(key)) for key, one in value.items()} | ({HOSTILE[next(places) % 21]: HOSTILE[next(places) % 21]} if name in ("environment", "evidence", "privacy") else {})
        if isinstance(value, list):
            return [turned(one, name) for one in value]
        return HOSTILE[next(places) % len(HOSTILE)] if isinstance(value, str) and name not in kept else value

    told: dict[str, Any] = turned(_churn())
    return told


@pytest.fixture
def churn() -> Document:
    return _churn()


@pytest.fixture(scope="session")
def churn_once() -> Document:
    """The same, for tests of many examples; they copy what they change."""
    return _churn()


@pytest.fixture
def compared() -> Callable[..., Document]:
    return _compared


@pytest.fixture
def a_model() -> Callable[..., Document]:
    return _a_model


@pytest.fixture
def hostile_model() -> Callable[..., Document]:
    return _hostile_model
