"""What the process of a window of requests does: the requests become a table, compared rows are answered by both models, and a sample of what was served is asked again as batches are."""

from __future__ import annotations

import hashlib
import json
import math
import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Rollout
from assayline.core.rollout import CHALLENGER, CHAMPION, bucket
from assayline.rollout import RateTest
from assayline.serving.recording import rows_of
from assayline.serving.row_reading import RowReader
from assayline.serving.slots import rollout_from

from .answering import REASONS, Answering, Guard, answering

REQUESTS, BOTH, TOLD = "requests.parquet", "both.parquet", "window.json"
AT = "assay_at"
MOST_OTHER_COLUMNS = 50  # beside those that the models read: whoever sends other names with each request must not make a table of a million columns
SKEW_ROWS = 200  # of a window: one row in two hundred that is answered otherwise is found with 63 %, and the next windows are looked at too
SAME = 1e-5  # of the largest answer: what the ONNX form of a model may differ by
SAME_FEATURE = 1e-9
BOUNDS = (50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000, 1_000_000)  # microseconds
SEGMENTS = 20  # values of a column that are looked at by themselves, the most frequent
FLIPS, NOTHING, OUTSIDE, FALLBACKS = "flip_rate", "nan_rate", "out_of_range", "fallback_rate"

Record = Mapping[str, Any]


def work(request: Mapping[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Make a window.

    Args:
        request: `segments`: paths; `versions`: {label: path of the artefact}, of all that may have answered; `champion`, `challenger`: labels ("" for none); `rollout`: as
            `slots.rollout_document`, or None; `unit`; `rates`: {guard: limit}; `alphas`: {guard: chance}; `hard`: multiple of a limit; `by`: columns whose values are looked at one
            by one; `allowed`; `folder`.
        tell: not used.

    Returns:
        `path` of the table of requests, `rows_in`, `rows_out`; what was counted is in `window.json` beside it.
    """
    records = sorted(rows_of(list(request["segments"])), key=lambda one: (float(one["at"]), str(one["request"])))
    asked = {name: answering(path, name, allowed=request["allowed"], guard=Guard(REASONS[1:4])) for name, path in request["versions"].items()}
    reads = list(dict.fromkeys(name for one in asked.values() for name, _ in RowReader(one.bundle.plan).columns))
    table, left_out = table_of(records, [*reads, *([request["unit"]] if request["unit"] else [])])
    path = os.path.join(request["folder"], REQUESTS)
    table.write_parquet(path, compression="zstd", compression_level=1, statistics=True)
    rows = table.drop(AT)
    both = _both(request, records, rows, asked)
    if both is not None:
        both.write_parquet(os.path.join(request["folder"], BOTH), compression="zstd", compression_level=1)
    skew = skewed(records, rows, asked)
    accounting = _accounting(request, records)
    told = {
        "accounting": accounting, "behaviours": [] if both is None else _behaviours(request, records, both, rows), "latencies": latencies(records), "skew": skew,
        "mechanical": [one["sentence"] for one in skew if one["version"] == request["challenger"]], "both": both is not None, "left_out": left_out,
        "counts": {
            "rows": table.height, "arms": accounting["arms"], "fallbacks": accounting["fallbacks"], "versions": dict(Counter(str(one["by"]) for one in records)),
            "compared": 0 if both is None else both.height, "skew": skew,
        },
        "first": float(records[0]["at"]) if records else 0.0, "last": float(records[-1]["at"]) if records else 0.0,
    }  # fmt: skip
    with open(os.path.join(request["folder"], TOLD), "w", encoding="utf-8") as out:
        json.dump(told, out, ensure_ascii=True)
    return {"path": path, "rows_in": table.height, "rows_out": table.height}


def table_of(records: Sequence[Record], reads: Sequence[str]) -> tuple[pl.DataFrame, int]:
    """Requests as a table: one row each, in the order they came, with the time; and how many names of other columns were left out.

    A column that came as numbers and as text is text; what is nested is text as JSON.

    >>> table_of([{"at": 0.0, "row": {"a": 1, "b": "x"}}, {"at": 1.0, "row": {"a": 2.5}}], ["a"])[0].drop("assay_at").to_dict(as_series=False)
    {'a': [1.0, 2.5], 'b': ['x', None]}
    """
    names = list(reads)
    others = dict.fromkeys(name for one in records for name in one["row"] if name not in set(reads) and name != AT)
    names += list(others)[:MOST_OTHER_COLUMNS]
    columns = {name: _column(name, [one["row"].get(name) for one in records]) for name in names}
    at = pl.Series(AT, [round(float(one["at"]) * 1_000_000) for one in records], dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))
    return pl.DataFrame([*columns.values(), at]), max(0, len(others) - MOST_OTHER_COLUMNS)


def _column(name: str, values: list[Any]) -> pl.Series:
    kinds = {type(one) for one in values if one is not None}
    if kinds == {bool}:
        return pl.Series(name, values, dtype=pl.Boolean)
    if kinds == {int} and all(one is None or -(1 << 63) <= one < 1 << 63 for one in values):
        return pl.Series(name, values, dtype=pl.Int64)
    if kinds and kinds <= {int, float}:
        return pl.Series(name, [None if one is None else float(one) for one in values], dtype=pl.Float64)
    texts = [one if one is None or isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in values]
    return pl.Series(name, texts, dtype=pl.String)


def _accounting(request: Mapping[str, Any], records: Sequence[Record]) -> dict[str, Any]:
    """Who answered what; and how many rows another arm answered than the hash of their key says."""
    rollout = rollout_from(request["rollout"])
    misplaced = 0 if rollout is None else sum(not _is_placed(one, rollout) for one in records if one["arm"] != "asked")
    failed = sum(1 for one in records if one["prediction"] is None)
    arms = Counter(str(one["arm"]) for one in records if one["arm"] != "asked")
    fallbacks = Counter(str(one["fallback"]) for one in records if one["fallback"])
    return {
        "taken": len(records), "published": len(records) - failed, "quarantined": 0, "failed": failed, "arms": dict(arms), "misplaced": misplaced, "fallbacks": dict(fallbacks),
    }  # fmt: skip


def _is_placed(record: Record, rollout: Rollout) -> bool:
    """Whether the arm of a row is that of its key; of a request that began before the last change, under the state of then."""
    if rollout.arm_of(bucket(rollout.salt, str(record["key"]))) == record["arm"]:
        return True
    if "before" not in record:
        return False
    earlier = rollout_from(record["before"].get("value"))
    return str(record["arm"]) == (CHAMPION if earlier is None else earlier.arm_of(bucket(earlier.salt, str(record["key"]))))


def _both(request: Mapping[str, Any], records: Sequence[Record], rows: pl.DataFrame, asked: Mapping[str, Answering]) -> pl.DataFrame | None:
    """What both models say of the compared rows; asked in the same way, whoever of them served the row."""
    champion, challenger = asked.get(request["champion"]), asked.get(request["challenger"])
    places = [at for at, one in enumerate(records) if one["compared"]]
    if champion is None or challenger is None or not places:
        return None
    some = np.array(places, dtype=np.int64)
    said = {name: one.about(rows).answers(some) for name, one in ((CHAMPION, champion), (CHALLENGER, challenger))}
    frame: dict[str, Any] = {
        "assay_row": some, "unit": [str(records[at]["key"]) for at in places], "arm": [str(records[at]["arm"]) for at in places],
        AT: rows_at([float(records[at]["at"]) for at in places]), "assay_fallback": [str(records[at]["fallback"]) for at in places],
    }  # fmt: skip
    for name, one in ((CHAMPION, champion), (CHALLENGER, challenger)):
        frame[name] = said[name]["score"]
        frame[f"{name}_prediction"] = _predictions(one, said[name])
        frame[f"{name}_reason"] = [REASONS[number] for number in said[name]["reason"]]
    return pl.DataFrame(frame)


def rows_at(seconds: Sequence[float]) -> pl.Series:
    """Times as a column."""
    return pl.Series(AT, [round(one * 1_000_000) for one in seconds], dtype=pl.Int64).cast(pl.Datetime("us", "UTC"))


def _predictions(version: Answering, said: npt.NDArray[np.void]) -> pl.Series:
    if not version.classes:
        return pl.Series(said["score"].astype(np.float64))
    return pl.Series([version.classes[at] if at >= 0 else None for at in said["decided"].tolist()], dtype=pl.String)


def _behaviours(request: Mapping[str, Any], records: Sequence[Record], both: pl.DataFrame, rows: pl.DataFrame) -> list[dict[str, Any]]:
    """How often each guard's event happened among the compared rows, in the order they came."""
    decided = not both.schema["champion_prediction"].is_numeric()
    events = {
        NOTHING: both["challenger"].is_nan().fill_null(True).to_numpy(), OUTSIDE: (both["challenger_reason"] == "out_of_range").to_numpy(),
        **({FLIPS: (both["champion_prediction"].ne_missing(both["challenger_prediction"])).to_numpy()} if decided else {}),
    }  # fmt: skip
    found = [_behaviour(request, guard, "", bad) for guard, bad in events.items() if guard in request["rates"]]
    served = np.array([bool(one["fallback"]) for one in records if one["arm"] == CHALLENGER], dtype=np.bool_)
    if FALLBACKS in request["rates"] and len(served):
        found.append(_behaviour(request, FALLBACKS, "", served))
    for name in request["by"]:
        if name not in rows.columns:
            continue
        values = rows[name].cast(pl.String)[both["assay_row"].to_numpy()]
        for value in values.drop_nulls().value_counts(sort=True)[name].to_list()[:SEGMENTS]:
            mine = (values == value).fill_null(False).to_numpy()
            found += [_behaviour(request, guard, f"{name}={value}", bad[mine]) for guard, bad in events.items() if guard in request["rates"]]
    return found


def _behaviour(request: Mapping[str, Any], guard: str, segment: str, bad: npt.NDArray[np.bool_]) -> dict[str, Any]:
    limit = float(request["rates"][guard])
    test = RateTest(limit, float(request["alphas"].get(guard, 1e-9)))
    test.feed(bad)
    # Rows after the one at which it crossed were answered all the same: they are counted, and the e-value is that of the crossing.
    return {
        "guard": guard, "segment": segment, "rows": len(bad), "bad": int(bad.sum()), "limit": limit, "log_e": float(test.log_e), "stopped_at": None,
        "hard": min(1.0, float(request["hard"]) * limit),
    }  # fmt: skip


def latencies(records: Sequence[Record]) -> list[dict[str, Any]]:
    """How fast each arm answered: counts by upper bound in microseconds.

    >>> latencies([{"arm": "champion", "seconds": 0.00015, "prediction": 1, "fallback": ""}])[0]["histogram"]
    {'200': 1}
    """
    found = []
    for arm in dict.fromkeys(str(one["arm"]) for one in records if one["arm"] != "asked"):
        mine = [one for one in records if one["arm"] == arm]
        counts = Counter(next((str(bound) for bound in BOUNDS if float(one["seconds"]) * 1e6 <= bound), "inf") for one in mine)
        failures = sum(1 for one in mine if one["prediction"] is None or one["fallback"] in ("exception", "deadline", "nan"))
        found.append({"arm": arm, "calls": len(mine), "failures": failures, "histogram": dict(counts)})
    return found


def skewed(records: Sequence[Record], rows: pl.DataFrame, asked: Mapping[str, Answering]) -> list[dict[str, Any]]:
    """Where a batch would have answered otherwise than was served: by version, how many rows of a sample, and the first feature in which the two ways differ.

    The sample is by the hash of the request: the same rows whoever looks. Only rows that their own model answered.
    """
    found = []
    for name, version in asked.items():
        mine = [at for at, one in enumerate(records) if one["by"] == name and not one["fallback"] and one["score"] is not None]
        mine = sorted(mine, key=lambda at: hashlib.md5(f"{records[at]['request']} {at}".encode(), usedforsecurity=False).digest())[:SKEW_ROWS]
        if not mine:
            continue
        places = np.array(sorted(mine), dtype=np.int64)
        said = version.about(rows).answers(places)["score"]
        served = np.array([_number(records[at]["score"]) for at in places])
        limit = SAME * max(1e-300, float(np.nanmax(np.abs(said), initial=0.0)))
        other = np.flatnonzero(~(np.abs(served - said) <= limit))
        if len(other):
            at = int(other[0])
            feature, values = _first_difference(version, records[places[at]]["row"], rows, int(places[at]))
            cause = f"the first feature that differs is {feature!r}: {values[0]} as a request, {values[1]} in a batch" if feature else "though all features are the same"
            sentence = f"{name} answered {served[at]:.6g} to a request that it would answer with {said[at]:.6g} in a batch ({len(other):,} of {len(places):,} that were asked again); {cause}."
            found.append({"version": name, "rows": len(places), "differ": len(other), "feature": feature, "sentence": sentence})
    return found


def _first_difference(version: Answering, row: Mapping[str, Any], rows: pl.DataFrame, at: int) -> tuple[str, tuple[str, str]]:
    plan = version.bundle.plan
    request = np.asarray(RowReader(plan).read(row), dtype=np.float64).reshape(-1)
    batch = plan.encode(version.about(rows).table)[at]
    for feature, left, right in zip(plan.features, request.tolist(), batch.tolist(), strict=True):
        same = (math.isnan(left) and math.isnan(right)) or abs(left - right) <= SAME_FEATURE * max(1.0, abs(right))
        if not same:
            return feature.name, (f"{left:.9g}", f"{right:.9g}")
    return "", ("", "")


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else float("nan")
