"""Answers of `assay why --json` to look at: a line for bike demand in which something went wrong, in every way it can.

>>> forecasts()["verdict"], healthy()["causes"]
('proved', [])
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

Document = dict[str, Any]

VALUES = (40.1, 41.6, 39.2, 42.3, 40.8, 38.9, 41.9, 43.1, 40.4, 41.0)

DIFF = """--- line.py
+++ line.py
@@ -18,9 +18,10 @@
 @step
 def hourly(rides, weather, *, window=3):
     \"\"\"Rides per station and hour, with the weather of that hour.\"\"\"
-    counted = rides.group_by("station", pl.col("started").dt.truncate("1h")).len()
-    joined = counted.join(weather, on=["station", "hour"], how="inner")
+    counted = rides.group_by("station", pl.col("started").dt.offset_by("1h").dt.truncate("1h")).len()
+    # one row per station
+    joined = counted.unique(subset=["station", "hour"]).join(weather, on=["station", "hour"], how="left")
     return joined.with_columns(smoothed=pl.col("rides").rolling_mean(window))
 
 
"""

NODES = (
    ("rides", "source", "release"), ("weather", "source", "warn"), ("stations", "source", "release"), ("hourly", "step", "warn"), ("features", "step", "release"),
    ("demand", "model", "release"), ("forecasts", "step", "hold"), ("rebalancing", "step", "release"),
)  # fmt: skip
EDGES = (
    ("rides", "hourly"), ("weather", "hourly"), ("stations", "hourly"), ("hourly", "features"), ("features", "demand"), ("features", "forecasts"), ("demand", "forecasts"),
    ("forecasts", "rebalancing"), ("stations", "rebalancing"),
)  # fmt: skip


def line(*way: str, cleared: tuple[str, ...] = (), touched: tuple[str, ...] = (), symptom: str = "forecasts") -> Document:
    """The line of the bikes; the first flow of the way is the culprit."""
    marks = {**dict.fromkeys(cleared, "cleared"), **dict.fromkeys((*way[1:], *touched), "touched"), **({way[0]: "culprit"} if way else {})}
    marks |= {symptom: "symptom"} if symptom != (way[0] if way else "") else {}
    steps = set(pairwise(way))
    return {
        "nodes": [{"flow": flow, "kind": kind, "verdict": verdict, "mark": marks.get(flow, "")} for flow, kind, verdict in NODES],
        "edges": [{"from": start, "to": end, "mark": "way" if (start, end) in steps else ""} for start, end in EDGES],
    }  # fmt: skip


def history(*values: float | None, first: int = 27) -> list[Document]:
    """The measure over lots, one a day from 5 March 2026."""
    return [{"lot": first + place, "at": f"2026-03-{5 + place:02d}T06:00:00+00:00", "value": value} for place, value in enumerate(values)]


def symptom(now: float = 63.2, **changed: Any) -> Document:
    """The error of the forecasts, as far as it rose."""
    return {
        "kind": "metric", "flow": "forecasts", "name": "mae(prediction, rentals)", "sentence": f"The error of `forecasts` rose from 41 to {now:.0f} bikes.", "before": 41.0, "now": now,
        "low": 36.4, "high": 46.1, "where": "", "since": "2026-03-15T06:00:00+00:00", "unit": "bikes", "columns": ["prediction"], **changed,
    }  # fmt: skip


def candidate(kind: str, name: str, said: str, value: float | None, sentence: str, **more: Any) -> Document:
    """One thing that differs."""
    return {
        "key": f"{kind} {name}", "kind": kind, "name": name, "before": "lot 31", "now": "lot 35", "owner": "", "evidence": 0.1, "said": said, "value": value,
        "gone": said == "responsible", "why_not": "", "share": None, "sentence": sentence, "findings": [], "diff": "", **more,
    }  # fmt: skip


def answer(verdict: str, sentence: str, **parts: Any) -> Document:
    """A document with everything that is always there."""
    return {
        "schema": 1, "asked": "forecasts", "verdict": verdict, "sentence": sentence, "symptom": symptom(),
        "good": {"lot": 36, "flow": "forecasts", "at": "2026-03-14T06:10:00+00:00", "input": "hourly 61"},
        "bad": {"lot": 37, "flow": "forecasts", "at": "2026-03-15T06:10:00+00:00", "input": "hourly 62"}, "history": history(*VALUES, 63.2, 62.1), "causes": [], "candidates": [], "sets": [],
        "mix": None, "replays": {"made": 5, "cached": 0, "most": 24, "seconds": 7.4, "notes": []}, "line": line(), **parts,
    }  # fmt: skip


def forecasts() -> Document:
    """A source delivered one station in another unit, proved by replay."""
    finding = {"code": "unit_change", "sentence": "`temperature` of station 3 rose from 11 to 52: °C became °F.", "lot": 35}
    cause = {
        "components": ["source weather"], "said": "proved by replay", "sentence": "source `weather`, lot 35: column `temperature` of station 3 is in °F (unit_change).", "kind": "source",
        "share": 1.0, "owner": "met-office feed, weather@example.com", "touches": ["hourly", "features", "demand:v8", "forecasts", "rebalancing"], "diff": "",
        "narrowed": {
            "columns": ["temperature"], "where": "station = 3", "rows": 24, "of": 168, "findings": [finding], "provenance": "file weather-2026-03-15.csv, loader 2.4", "risk_ratio": 30.2,
            "p": 1e-9, "steps": ["with `temperature` of before alone: 42.3, so this column carries it", "with `wind` and `rain` of before: 63.1", "rows of station 3 are 30 times as often wrong"],
        },
        "do": [
            {"what": "hold", "sentence": "Take the lot out of what others read; the one before goes on being used.", "command": "assay lot 35 reject"},
            {"what": "rerun", "sentence": "Make everything that read it again.", "command": "assay run --from weather"},
            {"what": "ask", "sentence": "Ask weather@example.com for the day in °C.", "command": ""},
        ],
    }  # fmt: skip
    return answer(
        "proved", "Cause, proved by replay: source `weather`, lot 35: column `temperature` of station 3 is in °F (unit_change).", causes=[cause], line=line(
            "weather", "hourly", "features", "forecasts", cleared=("rides", "demand"), touched=("rebalancing",)),
        candidates=[
            candidate("source", "weather", "responsible", 42.1, "with the weather lot of before: 42", owner="weather@example.com", evidence=0.9, findings=[finding], share=1.0),
            candidate("code", "line.py: hourly", "cleared", 63.4, "with the code of before: 63", before="2026-03-12", now="2026-03-15", evidence=0.4, diff=DIFF),
            candidate("model", "demand", "cleared", 62.7, "with the model of before: 63", before="v7", now="v8", owner="forecasting team", evidence=0.35),
            candidate("source", "rides", "cleared", 64.0, "with the rides lot of before: 64", before="lot 33", now="lot 36", evidence=0.2),
            candidate("package", "polars", "not replayed", None, "with polars 1.9.0", before="1.9.0", now="1.10.0", evidence=0.1, why_not="polars 1.9.0 is in none of the folders with packages."),
        ],
        sets=[{"put_back": [], "value": 63.2, "gone": False}],
    )  # fmt: skip


def code() -> Document:
    """A bug in one function, with its change."""
    cause = {
        "components": ["code line.py: hourly"], "said": "proved by replay", "kind": "code", "share": 1.0, "owner": "ana@example.com",
        "sentence": "`hourly` in line.py counts rides one hour late and keeps hours without weather.", "touches": ["hourly", "features", "demand:v8", "forecasts"], "diff": DIFF,
        "narrowed": {"columns": [], "where": "", "rows": 0, "of": 0, "findings": [], "steps": []},
        "do": [{"what": "put back", "sentence": "Put `hourly` back to what it was on 2026-03-14.", "command": "git checkout 4f1c2aa -- line.py"},
               {"what": "rerun", "sentence": "Make everything from there again.", "command": "assay run --from hourly"}],
    }  # fmt: skip
    return answer(
        "proved", "Cause, proved by replay: the function `hourly` in line.py, changed 2026-03-15.", causes=[cause],
        line=line("hourly", "features", "forecasts", cleared=("weather", "rides"), touched=("rebalancing",)),
        candidates=[
            candidate("code", "line.py: hourly", "responsible", 41.2, "with the code of before: 41", before="2026-03-12", now="2026-03-15", owner="ana@example.com", evidence=0.6, diff=DIFF),
            candidate("source", "weather", "cleared", 62.8, "with the weather lot of before: 63", evidence=0.3),
            candidate("parameter", "hourly.window", "cleared", 63.2, "with hourly.window = 3: 63", before="3", now="4", evidence=0.3),
        ],
    )  # fmt: skip


def shares() -> Document:
    """Two causes that are responsible together, with their shares."""
    cause = {
        "components": ["source weather", "parameter hourly.window"], "said": "proved by replay", "kind": "source",
        "sentence": "Source `weather` (unit_change) and `hourly.window`, 3 → 24, together.", "share": 0.97,
        "owner": "weather@example.com; ana@example.com", "touches": ["hourly", "features", "forecasts"], "diff": "",
        "narrowed": {"columns": ["temperature"], "where": "station in (3, 7)", "rows": 48, "of": 168, "findings": [], "steps": []},
        "do": [{"what": "hold", "sentence": "Reject the lot.", "command": "assay lot 35 reject"}, {"what": "put back", "sentence": "Set `window` back to 3 in line.py.", "command": ""}],
    }  # fmt: skip
    return answer(
        "proved", "Two causes, proved by replay: source `weather` (61%) and parameter `hourly.window` (36%).", symptom=symptom(78.4), causes=[cause], history=history(*VALUES, 60.3, 78.4),
        line=line("weather", "hourly", "features", "forecasts", cleared=("rides",)),
        candidates=[
            candidate("source", "weather", "shares", 55.4, "with the weather lot of before: 55", share=0.61, evidence=0.9),
            candidate("parameter", "hourly.window", "shares", 65.0, "with hourly.window = 3: 65", before="3", now="24", share=0.36, evidence=0.5),
            candidate("code", "line.py: features", "cleared", 77.2, "with the code of before: 77", before="2026-03-12", now="2026-03-15", share=0.03, evidence=0.4),
            candidate("source", "rides", "cleared", 78.5, "with the rides lot of before: 79", share=0.0, evidence=0.2),
        ],
        sets=[{"put_back": [], "value": 78.4, "gone": False}, {"put_back": ["source weather", "parameter hourly.window"], "value": 42.6, "gone": True},
              {"put_back": ["source weather", "code line.py: features"], "value": 54.9, "gone": False}],
        replays={"made": 11, "cached": 3, "most": 24, "seconds": 21.8, "notes": ["Rows of `rides` are bounded to 200,000 of 1,204,118."]},
    )  # fmt: skip


def world() -> Document:
    """Nobody did anything wrong: there are simply other days."""
    cause = {
        "components": ["source rides"], "said": "proved by replay", "sentence": "Rides of casual customers doubled with the holidays; the gate finds no fault in the lot.", "kind": "world",
        "share": 1.0, "owner": "", "touches": ["hourly", "forecasts"], "diff": "",
        "narrowed": {"columns": ["member_type"], "where": "member_type = casual", "rows": 4120, "of": 9100, "findings": [], "steps": []},
        "do": [{"what": "retrain", "sentence": "Train `demand` on days that have this.", "command": "assay train demand --since 2026-03-15"}],
    }  # fmt: skip
    return answer(
        "mix changed", "The mix changed: with the share of casual rides of before, the error is 44 bikes.", causes=[cause],
        mix={"reweighted": 43.8, "columns": ["member_type", "station"], "explains": 0.88},
        line=line("rides", "hourly", "features", "forecasts", cleared=("weather",)),
        candidates=[
            candidate("source", "rides", "responsible", 41.9, "with the rides lot of before: 42", evidence=0.5),
            candidate("source", "weather", "cleared", 63.0, "with the weather lot of before: 63"),
        ],
    )  # fmt: skip


def not_found() -> Document:
    """Everything that could be put back was, and nothing helped."""
    return answer(
        "not found", "No cause was found among 4 things that differ; 2 of them could not be put back.",
        candidates=[
            candidate("source", "weather", "cleared", 62.0, "with the weather lot of before: 62", evidence=0.3),
            candidate("model", "demand", "cleared", 63.3, "with the model of before: 63", before="v7", now="v8"),
            candidate("package", "numpy", "not replayed", None, "with numpy 1.26.4", before="1.26.4", now="2.0.1", why_not="numpy 1.26.4 is in none of the folders with packages."),
            candidate("source", "events", "not replayed", None, "with the events of before", before="", now="lot 12", why_not="The lot of before is gone: it was thinned out on 2026-02-28."),
        ],
        line=line(cleared=("weather", "demand")), sets=[{"put_back": ["source weather", "model demand"], "value": 62.4, "gone": False}],
    )  # fmt: skip


def correlational() -> Document:
    """A step that fails since a package is another; nothing could be replayed."""
    cause: Document = {
        "components": ["package polars"], "said": "correlational", "kind": "package", "share": None,
        "sentence": "`features` fails since polars 1.10.0, which came the same hour; nothing else changed there.",
        "owner": "platform team", "touches": ["features", "forecasts"], "diff": "", "narrowed": {},
        "do": [{"what": "packages", "sentence": "Give the wheel of before and ask again.", "command": "assay why features --packages wheels"}],
    }  # fmt: skip
    return answer(
        "correlational", "Likely cause, not proved: package polars, 1.9.0 → 1.10.0.", asked="features",
        symptom=symptom(1.0, kind="failure", flow="features", name="", sentence="`features` cannot be run since 06:00.", before=0.0, low=0.0, high=0.0, unit=""),
        causes=[cause], history=[], line=line("features", "forecasts", symptom="features"),
        candidates=[
            candidate("package", "polars", "correlational", None, "with polars 1.9.0", before="1.9.0", now="1.10.0", evidence=0.8,
                      why_not="polars 1.9.0 is in none of the folders with packages."),
            candidate("source", "weather", "cleared", 1.0, "with the weather lot of before: fails"),
        ],
        replays={"made": 1, "cached": 0, "most": 24, "seconds": 0.8, "notes": []},
    )  # fmt: skip


def healthy() -> Document:
    """All is well."""
    return answer(
        "healthy", "`forecasts` is healthy: mae(prediction, rentals) is 41 bikes, within 36 to 46.", symptom=symptom(41.2, sentence=""), history=history(*VALUES, 41.2), line=line(symptom=""),
        replays={"made": 0, "cached": 0, "most": 24, "seconds": 0.0, "notes": []},
    )  # fmt: skip


EVERY = {"forecasts": forecasts, "code": code, "shares": shares, "world": world, "not_found": not_found, "correlational": correlational, "healthy": healthy}
