"""Golden rows and what a function said of them: the judge of whether two environments give the same results.

Bitwise equality is no measure: the same function on the same machine differs in the last bits by how many rows it gets at once and by how many threads add up.
So that spread is measured where the probe is recorded, as on another processor too, and what differs elsewhere by more than ten times of it differs.
"""

from __future__ import annotations

import json
import math
import os
import platform
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.errors import MisuseError, Unreadable

from . import calling
from .asking import asked
from .capturing import capture
from .comparing import Difference, Severity, compare, worst_first
from .fingerprint import Environment, environment_from_json
from .surroundings import THREAD_VARIABLES

SCHEMA = 1
MOST_ROWS = 1_000
BATCHES = (1, 7, MOST_ROWS)
THREADS = (1, 2)
MARGIN = 10.0  # times the spread that was seen; from our own runs, docs/parity.md
FLOOR_ULPS = 16.0  # least tolerance, in units of the last place: a sum of a few hundred terms in another order
MOST_SPREAD = 0.001  # of the range of a column: rounding in 32 bits stays below a hundredth of it
DIGITS = {"float16": 2.0**-10, "float32": 2.0**-23, "float64": 2.0**-52}
# What OpenBLAS knows of the oldest processor of each kind: every newer one can compute as that did. Between two processors the same network in 32 bits lay
# 26 times as far apart as between batches on one of them, so that without this another machine would differ for no reason.
OLDEST = {"x86_64": "Prescott", "amd64": "Prescott", "aarch64": "ARMV8", "arm64": "ARMV8"}
MOST_CAUSES = 3
SECONDS = 600.0

Values = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Probe:
    """Golden rows, a function, and what it said where it is known to work.

    Args:
        call: "module:function"; it takes a table and gives a table, an array or a list with a row for each row.
        frame: what the function takes: "pandas", "polars", "numpy" (numbers only) or "dict" (lists by column).
        columns: the golden rows.
        kinds: of each column: "number", "integer", "boolean", "text" or "moment".
        runs: by "batch/threads", the output columns.
        precision: of each output column: "float16", "float32", "float64", or "other" for labels.
        spread: of each column of numbers, the largest difference between the runs.
        repeatable: whether the same call gave the same bits twice.
        environment: where it was recorded.
    """

    call: str
    frame: str
    columns: Values
    kinds: Mapping[str, str]
    runs: Mapping[str, Values]
    precision: Mapping[str, str]
    spread: Mapping[str, float]
    repeatable: bool
    environment: Environment = field(compare=False)

    def __post_init__(self) -> None:
        for name in ("columns", "kinds", "runs", "precision", "spread"):
            object.__setattr__(self, name, MappingProxyType(dict(getattr(self, name))))

    def __hash__(self) -> int:
        return hash((self.call, self.frame, tuple(self.columns), tuple(self.runs)))

    @property
    def rows(self) -> int:
        """How many golden rows there are."""
        return len(next(iter(self.columns.values())))

    def doubts(self) -> tuple[str, ...]:
        """Why this probe is no good judge, if it is none: what differs anyway hides what differs elsewhere."""
        found = [] if self.repeatable else [f"{self.call} does not give the same twice: set its seeds."]
        for name, spread in self.spread.items():
            values = _numbers(next(iter(self.runs.values()))[name])
            values = values[np.isfinite(values)]
            if spread > MOST_SPREAD * float(np.ptp(values) if values.size else 0.0):
                found.append(f"{name!r} of {self.call} depends on how many rows it gets at once, or on the threads: it differs by {spread:.2g} here already.")
        return tuple(found)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "schema": SCHEMA, "call": self.call, "frame": self.frame, "columns": _told(self.columns), "kinds": dict(self.kinds),
            "runs": {run: _told(columns) for run, columns in self.runs.items()}, "precision": dict(self.precision),
            "spread": dict(self.spread), "repeatable": self.repeatable, "environment": self.environment.as_json(),
        }  # fmt: skip


@dataclass(frozen=True)
class Deviation:
    """One output column that is not what it was.

    Args:
        column: its name.
        rows: golden rows in which it differs.
        row: the one that differs most.
        before: what was recorded there.
        now: what came now.
        tolerance: how much it may differ there; 0 for labels.
    """

    column: str
    rows: int
    row: int
    before: str
    now: str
    tolerance: float


@dataclass(frozen=True)
class ProbeVerdict:
    """Whether a function still says the same.

    Args:
        same: every number within its tolerance, every label equal.
        sentence: the verdict with its cause.
        deviations: the columns that differ, the one with most rows first.
        decided_otherwise: golden rows whose decision (largest column, sign, or side of one half) is another one.
        rows: golden rows.
        causes: what differs between the two environments, worst first.
    """

    same: bool
    sentence: str
    deviations: tuple[Deviation, ...]
    decided_otherwise: int
    rows: int
    causes: tuple[Difference, ...]


def record(call: str, rows: pl.DataFrame, *, frame: str = "pandas", python: str | None = None, code: str = ".", seconds: float = SECONDS) -> Probe:
    """Calls a function on golden rows in batches of 1, 7 and all, with 1 and 2 threads, each number of threads in a process of its own,
    and once more as on an old processor, for the tolerance.

    Args:
        call: "module:function".
        rows: at most 1,000 golden rows: numbers, texts, booleans, moments.
        frame: what the function takes.
        python: interpreter, or folder of a virtual environment, where it is known to work; the one that runs this when None.
        code: folder that the module is imported from.
        seconds: how long each process may take.

    Raises:
        MisuseError: no rows, too many, or values that no probe can keep.
        Unreadable: the function failed there.
    """
    _check(call, rows, frame)
    columns, kinds = _plain_rows(rows)
    told = _runs(call, frame, columns, kinds, python, code, seconds)
    runs = {f"{batch}/{threads}": one["runs"][batch]["columns"] for threads, one in told.items() for batch in one["runs"]}
    precision = {name: kind for one in told.values() for run in one["runs"].values() for name, kind in run["kinds"].items()}
    repeatable = all(bool(one["repeatable"]) for one in told.values())
    environment = capture(python, check_files=False)
    alike = [*runs.values(), *_elsewhere(call, frame, columns, kinds, python, code, seconds)]
    spread = {name: _spread([run[name] for run in alike]) for name, kind in precision.items() if kind != "other"}
    return Probe(call, frame, columns, kinds, runs, precision, spread, repeatable, environment)


def check(probe: Probe, *, python: str | None = None, code: str = ".", seconds: float = SECONDS) -> ProbeVerdict:
    """Calls the function of a probe again, elsewhere or later, and judges what it says now.

    Args:
        probe: what was recorded.
        python: where to call it; the interpreter that runs this when None.
        code: folder that the module is imported from.
        seconds: how long each process may take.

    Raises:
        Unreadable: the function failed there.
    """
    told = _runs(probe.call, probe.frame, probe.columns, probe.kinds, python, code, seconds)
    runs = {f"{batch}/{threads}": one["runs"][batch]["columns"] for threads, one in told.items() for batch in one["runs"]}
    return judged(probe, runs, capture(python, check_files=False))


def judged(probe: Probe, runs: Mapping[str, Values], environment: Environment) -> ProbeVerdict:
    """The verdict on outputs of the same runs in another environment."""
    deviations: dict[str, Deviation] = {}
    flipped: set[int] = set()
    for run, before in probe.runs.items():
        now = runs.get(run, {})
        for name in sorted({*before, *now}):
            found = _deviation(probe, name, before.get(name), now.get(name))
            if found is not None and (name not in deviations or found.rows > deviations[name].rows):
                deviations[name] = found
        if set(before) == set(now):
            flipped |= _flips(probe, before, now)
    causes = compare(probe.environment, environment, names=("at recording", "now"))
    ordered = tuple(sorted(deviations.values(), key=lambda one: (-one.rows, one.column)))
    return ProbeVerdict(not ordered, _sentence(probe, ordered, len(flipped), causes), ordered, len(flipped), probe.rows, causes)


def settled(differences: Iterable[Difference], verdict: ProbeVerdict) -> tuple[Difference, ...]:
    """What a probe leaves of differences: where results are the same, what could have changed them is a note; where not, that blocks."""
    found = [_settled(one) if verdict.same else one for one in differences]
    if not verdict.same:
        found.append(Difference(Severity.BLOCK, "probe", "probe", "as recorded", "differs", verdict.sentence, "use the environment the probe was recorded in, or train and test again"))
    return worst_first(found)


def _settled(one: Difference) -> Difference:
    if one.severity != Severity.WARN or one.layer not in ("packages", "math", "interpreter", "machine", "switches") or not one.now:
        return one  # a package that is missing, a lock that drifted, a clock: the golden rows say nothing of these
    return replace(one, severity=Severity.NOTE, sentence=f"{one.sentence} The probe says the same.", next_step="")


def _elsewhere(call: str, frame: str, columns: Values, kinds: Mapping[str, str], python: str | None, code: str, seconds: float) -> list[Values]:
    """What the function says where linear algebra computes as it does on an old processor: nothing of it is kept but how far apart that is."""
    core = OLDEST.get(platform.machine().lower())
    variables = {"MKL_CBWR": "COMPATIBLE", "OMP_NUM_THREADS": "1", **({"OPENBLAS_CORETYPE": core} if core is not None else {})}
    told = _called(call, frame, columns, kinds, python, code, seconds, variables)
    return [run["columns"] for run in told["runs"].values()]


def _runs(call: str, frame: str, columns: Values, kinds: Mapping[str, str], python: str | None, code: str, seconds: float) -> dict[int, dict[str, Any]]:
    told = {}
    for threads in THREADS:
        variables = {name: str(threads) for name in THREAD_VARIABLES if name.endswith("_THREADS")}
        told[threads] = _called(call, frame, columns, kinds, python, code, seconds, variables)
    return told


def _called(
    call: str, frame: str, columns: Values, kinds: Mapping[str, str], python: str | None, code: str, seconds: float, variables: Mapping[str, str]
) -> dict[str, Any]:  # fmt: skip
    request = {"call": call, "frame": frame, "columns": dict(columns), "kinds": dict(kinds), "code": os.path.abspath(code), "batches": list(BATCHES)}
    return asked(
        python or sys.executable, {"calling": str(calling.__file__)}, "calling", request, variables=variables, seconds=seconds,
        advice=f"call {call} on the golden rows by hand there",
    )  # fmt: skip


def _check(call: str, rows: pl.DataFrame, frame: str) -> None:
    module, _, name = call.partition(":")
    if not module or not name or not all(piece.isidentifier() for piece in (*module.split("."), *name.split("."))):
        raise MisuseError(f"{call!r} names no function; write module:function, as in scoring:predict")
    if frame not in calling.FRAMES:
        raise MisuseError(f"{frame!r} is no kind of table a function can take here; use {', '.join(calling.FRAMES)}")
    if not 1 <= rows.height <= MOST_ROWS or not rows.width:
        raise MisuseError(f"a probe takes 1 to {MOST_ROWS:,} golden rows, not {rows.height:,}; choose rows that a model finds hard")


def _plain_rows(rows: pl.DataFrame) -> tuple[dict[str, list[Any]], dict[str, str]]:
    columns, kinds = {}, {}
    for series in rows.get_columns():
        kind = _kind_of(series.dtype)
        if kind is None:
            raise MisuseError(f"the column {series.name!r} holds {series.dtype}, which no probe can keep; use numbers, texts, booleans, dates or times")
        if kind == "number":
            values: list[Any] = [None if value is None or not math.isfinite(value) else value for value in series.cast(pl.Float64).to_list()]
        elif kind == "moment":
            values = [None if value is None else value.isoformat() for value in series.cast(pl.Datetime("us")).to_list()]
        else:
            values = series.cast(pl.String).to_list() if kind == "text" else series.to_list()
        columns[series.name], kinds[series.name] = values, kind
    return columns, kinds


def _kind_of(dtype: pl.DataType) -> str | None:
    if dtype.is_integer():
        return "integer"
    if dtype.is_float() or dtype.is_decimal():
        return "number"
    if dtype == pl.Boolean:
        return "boolean"
    if dtype in (pl.Date, pl.Datetime):
        return "moment"
    return "text" if dtype in (pl.String, pl.Categorical, pl.Enum) else None


def _numbers(values: Sequence[Any]) -> npt.NDArray[np.float64]:
    def number(value: Any) -> float:
        if value is None:
            return math.nan
        return float(value["float"]) if isinstance(value, Mapping) else float(value)

    return np.array([number(value) for value in values], dtype=np.float64)


def _spread(runs: Sequence[Sequence[Any]]) -> float:
    """The largest difference between runs; rows without a finite number in every run say nothing."""
    stacked = np.vstack([_numbers(run) for run in runs])
    stacked = stacked[:, np.isfinite(stacked).all(axis=0)]
    return float((stacked.max(axis=0) - stacked.min(axis=0)).max(initial=0.0))


def tolerances(probe: Probe, column: str, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How much each value of a column may differ: ten times the spread that was seen, and at least a few last places.

    The spread is absolute, of the whole column: read as relative to each value, it was too sharp for small values on another processor (docs/parity.md).
    """
    size = np.where(np.isfinite(values), np.abs(values), 0.0)
    result: npt.NDArray[np.float64] = np.maximum(MARGIN * probe.spread[column], FLOOR_ULPS * DIGITS[probe.precision[column]] * size)
    return result


def _deviation(probe: Probe, name: str, before: Sequence[Any] | None, now: Sequence[Any] | None) -> Deviation | None:
    if before is None or now is None or len(before) != len(now):
        return Deviation(name, probe.rows, 0, "a column" if before is not None else "no such column", "a column" if now is not None else "no such column", 0.0)
    if probe.precision[name] == "other" or not all(value is None or isinstance(value, (int, float, Mapping)) for value in now):
        other = [row for row, (one, two) in enumerate(zip(before, now, strict=True)) if one != two]
        return Deviation(name, len(other), other[0], str(before[other[0]]), str(now[other[0]]), 0.0) if other else None
    one, two = _numbers(before), _numbers(now)
    allowed = tolerances(probe, name, one)
    with np.errstate(invalid="ignore"):
        apart = np.abs(two - one)
    same = (one == two) | (np.isnan(one) & np.isnan(two)) | (apart <= allowed)
    if same.all():
        return None
    excess = np.where(same, -1.0, np.where(np.isfinite(apart), apart / np.maximum(allowed, np.finfo(float).tiny), np.inf))
    row = int(excess.argmax())
    return Deviation(name, int((~same).sum()), row, repr(float(one[row])), repr(float(two[row])), float(allowed[row]))


def _flips(probe: Probe, before: Values, now: Values) -> set[int]:
    """Rows that are decided otherwise; those that were so close to their limit that the tolerance covers both sides are not counted."""
    names = [name for name, kind in probe.precision.items() if kind != "other"]
    flipped = {row for name, kind in probe.precision.items() if kind == "other" for row, (one, two) in enumerate(zip(before[name], now[name], strict=True)) if one != two}
    if not names or any(isinstance(value, str) for name in names for value in now[name]):
        return flipped
    one, two = (np.column_stack([_numbers(run[name]) for name in names]) for run in (before, now))
    allowed = np.column_stack([tolerances(probe, name, one[:, place]) for place, name in enumerate(names)]).max(axis=1)
    if len(names) > 1:
        ranked = np.sort(np.nan_to_num(one, nan=-np.inf), axis=1)
        decided = [np.nan_to_num(each, nan=-np.inf).argmax(axis=1) for each in (one, two)]
        clear = ranked[:, -1] - ranked[:, -2] > allowed
    else:
        limit = 0.5 if ((one >= 0) & (one <= 1) | np.isnan(one)).all() else 0.0
        decided = [(each[:, 0] > limit).astype(np.int64) for each in (one, two)]
        clear = np.abs(one[:, 0] - limit) > allowed
    return flipped | {int(row) for row in np.flatnonzero((decided[0] != decided[1]) & clear)}


def _sentence(probe: Probe, deviations: Sequence[Deviation], flipped: int, causes: Sequence[Difference]) -> str:
    weighty = [one for one in causes if one.severity > Severity.NOTE] or list(causes)
    named = [f"{re.sub('^(library|variable) ', '', one.name)} {one.before or 'none'} → {one.now or 'none'}" for one in weighty]
    shown = ", ".join(named[:MOST_CAUSES]) + (f" and {len(named) - MOST_CAUSES} more" if len(named) > MOST_CAUSES else "")
    cause = shown or "nothing differs in the environment"
    if not deviations:
        return f"{cause}: {probe.call} says the same of {probe.rows:,} golden rows."
    worst = deviations[0]
    numbers = f"row {worst.row} has {worst.now} where {worst.before} was recorded" + (f", tolerance {worst.tolerance:.2g}" if worst.tolerance else "")
    return f"{cause}: {probe.call} differs in {worst.column!r} of {worst.rows:,} of {probe.rows:,} golden rows ({numbers}); {flipped:,} are decided otherwise."


def _told(columns: Values) -> dict[str, list[Any]]:
    return {name: [dict(value) if isinstance(value, Mapping) else value for value in values] for name, values in columns.items()}


def probe_from_json(document: object, name: str = "the probe") -> Probe:
    """The probe that `as_json` wrote.

    Raises:
        Unreadable: it is no probe, or a damaged one.
    """
    if not isinstance(document, dict) or document.get("schema") != SCHEMA or "call" not in document:
        raise Unreadable(name, "this is no probe", next_step="record one with: assay env probe FILE --call module:function --rows FILE")
    try:
        spread = {str(key): float(value) for key, value in document["spread"].items()}
        found = Probe(
            str(document["call"]), str(document["frame"]), document["columns"], document["kinds"], document["runs"], document["precision"], spread,
            bool(document["repeatable"]), environment_from_json(document["environment"], name),
        )  # fmt: skip
        _check(found.call, pl.DataFrame({"rows": range(found.rows)}), found.frame)
    except (AttributeError, KeyError, TypeError, IndexError, ValueError, StopIteration, MisuseError) as error:
        raise Unreadable(name, f"this probe is damaged ({type(error).__name__}: {error})", next_step="record it again") from error
    return found


def probe_in(path: str) -> Probe:
    """The probe in a file.

    Raises:
        Unreadable: it is none.
    """
    try:
        with open(path, encoding="utf-8") as file:
            return probe_from_json(json.load(file), path)
    except (OSError, ValueError, RecursionError) as error:
        raise Unreadable(path, f"this is no probe ({error})", next_step="record one with: assay env probe FILE --call module:function --rows FILE") from error
