"""What each column is taken for while it is measured; decided once, on the head of the table.

Text formats arrive as text. A column is a number or a time when most of its filled cells read as one, so
that the cells which do not are a finding with their place, and not a crash or a column of text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
import polars as pl

HEAD_ROWS = 65_536  # rows looked at: one piece of most files; enough for a share of 0.5 to be sure to ±0.4 %

# Words people write for "nothing here". Compared after trimming and lower-casing.
MISSING_WORDS = frozenset(
    [
        "n/a", "na", "n.a.", "n.a", "nan", "null", "none", "nil", "missing", "unknown", "undefined", "not available", "not applicable",
        "#n/a", "#null!", "#na", "#value!", "#ref!", "#div/0!", "(null)", "(none)", "(blank)", "<na>", "<null>", "\\n", "-", "--", "---",
        "?", "??", "???", ".", "..", "...", "n/d", "nd", "tbd", "tba", "k.a.", "s/o", "void", "nat",
    ]
)  # fmt: skip

# Tried in this order; the first with the largest share wins. `%.f` reads an optional fraction.
TIME_FORMATS = (
    "%Y-%m-%d", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S%.fZ",
    "%Y-%m-%d %H:%M:%S%.f%#z", "%Y-%m-%dT%H:%M:%S%.f%#z", "%m/%d/%Y", "%d/%m/%Y", "%m/%d/%Y %H:%M:%S", "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %I:%M %p", "%d.%m.%Y", "%d.%m.%Y %H:%M", "%d.%m.%Y %H:%M:%S",
    "%Y/%m/%d", "%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%d-%m-%Y", "%m-%d-%Y", "%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%B %d, %Y", "%m/%d/%y",
    "%d/%m/%y", "%d-%b-%y", "%Y%m%d",
)  # fmt: skip

_LIKE_TIME = r"^\s*(\d{1,4}[-/.]\d{1,2}[-/.]\d{2,4}|(19|20)\d{6}$|\d{1,2}[- ][A-Za-z]{3}[- ]\d{2,4}|[A-Za-z]{3,9} \d{1,2}, \d{4})"
_NUMBER = r"^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$"
_DECIMAL_COMMA = r"^[+-]?\d{1,3}(\.\d{3})*,\d+$|^[+-]?\d+,\d+$"
_THOUSANDS = r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$"
_LEADING_ZERO = r"^0\d"

LONGEST = 64  # characters of a value looked at; no number or time is longer
PLAUSIBLE_YEARS = (1000, 9999)  # four digits
MAJORITY = 0.5  # the definition of a majority
FEW_LEADING_ZEROS = 0.005  # a share above it makes a column of digits a code; below it, a slip


@dataclass(frozen=True)
class ColumnPlan:
    """How one column is read.

    Args:
        name: its name.
        kind: "number", "time", "boolean", "text", "nested" or "empty".
        parse: "" when the values arrive typed; "number", "decimal_comma", "thousands", or a strptime format.
    """

    name: str
    kind: str
    parse: str = ""


@dataclass(frozen=True)
class Plan:
    """How every column of a table is read, and what the sketches may cost.

    Args:
        columns: by name, in order.
        text: the table arrives as text.
        sketch: size of the distinct sketches, in hashes per column.
        sample_rows: size of the row sample.
        row_sketch: size of the sketches of whole rows.
        key: the column that names the devices which report at regular intervals, or None (see `_key`).
    """

    columns: Mapping[str, ColumnPlan] = field(default_factory=dict)
    text: bool = False
    sketch: int = 4_096
    sample_rows: int = 65_536
    row_sketch: int = 65_536
    key: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", MappingProxyType(dict(self.columns)))

    @property
    def times(self) -> tuple[str, ...]:
        """The columns that hold times."""
        return tuple(name for name, column in self.columns.items() if column.kind == "time")

    @classmethod
    def of(cls, head: pl.DataFrame, text: bool = False, rows: int = 0, *, keyed: bool = True) -> Plan:
        """Decide by majority on the first rows of a table.

        Args:
            head: the first rows.
            text: they are text as it stands in a file.
            rows: how many rows to expect, if known; above a million the row sketch is a quarter of its size.
            keyed: whether to look for the column of devices, which costs as much as all the rest.

        >>> Plan.of(pl.DataFrame({"a": ["1", "2", "x"], "zip": ["01234", "00501", "10001"]}), text=True).columns["a"].kind
        'number'
        """
        columns = {series.name: _planned(series, text) for series in head.get_columns()}
        width = max(1, len(columns))
        # A few MB of hashes and about 1.3 million sampled cells, whatever the width: memory is a constant.
        return cls(
            columns, text, sketch=4_096 if width <= 256 else 1_024, sample_rows=min(65_536, max(2_048, 4_000_000 // width)),
            row_sketch=65_536 if rows <= 1_000_000 else 16_384, key=_key(head, columns) if keyed else None,
        )  # fmt: skip


def _planned(series: pl.Series, text: bool) -> ColumnPlan:
    name, dtype = series.name, series.dtype
    if dtype == pl.Null:
        return ColumnPlan(name, "empty")
    if dtype == pl.Boolean:
        return ColumnPlan(name, "boolean")
    if dtype.is_numeric():
        return ColumnPlan(name, "number")
    if isinstance(dtype, (pl.Datetime, pl.Date)):
        return ColumnPlan(name, "time")
    if isinstance(dtype, (pl.Duration, pl.Time)):
        return ColumnPlan(name, "number")
    if isinstance(dtype, (pl.Categorical, pl.Enum)):
        return ColumnPlan(name, "text")
    if dtype != pl.String:
        return ColumnPlan(name, "nested")
    return _planned_text(series, text)


def _planned_text(series: pl.Series, text: bool) -> ColumnPlan:
    name = series.name
    if series.len() <= FEW_ROWS:
        filled = [value for value in series.to_list() if value is not None]
    else:
        values = series.drop_nulls() if series.null_count() else series
        filled = (values[np.arange(0, values.len(), values.len() // 2_048)] if values.len() > FEW_ROWS else values).to_list()
    if not filled:
        return ColumnPlan(name, "text")
    counts: Counter[str] = Counter()
    for value, times in Counter(filled).items():  # at most a few thousand: Python is as fast as calling an engine, and faster on wide tables
        short = value[:LONGEST].strip()
        if short and short.lower() not in MISSING_WORDS:
            counts[short] += times
    if not counts:
        return ColumnPlan(name, "text")

    if _share(_LIKE_TIME, counts) > MAJORITY:
        candidates = pl.Series(name, list(counts.elements()), dtype=pl.String)
        best, share = "", MAJORITY
        for pattern in TIME_FORMATS:
            years = parse_time(candidates, pattern).dt.year()
            parsed = years.is_between(*PLAUSIBLE_YEARS).fill_null(False).mean()  # 1.10.29 is a version, not a day of the year 29
            if isinstance(parsed, float) and parsed > share:
                best, share = pattern, parsed
                if share == 1.0:
                    break  # no later format can do better
        if best:
            return ColumnPlan(name, "time", best)

    if not text:  # a typed source that says "text" means it, except for times, which many systems hold as text
        return ColumnPlan(name, "text")
    for parse, pattern in (("number", _NUMBER), ("thousands", _THOUSANDS), ("decimal_comma", _DECIMAL_COMMA)):
        if _share(pattern, counts) > MAJORITY:
            if parse == "number" and _share(_LEADING_ZERO, counts) > FEW_LEADING_ZEROS:
                return ColumnPlan(name, "text")  # 00501 is a code
            return ColumnPlan(name, "number", parse)
    return ColumnPlan(name, "text")


def _share(pattern: str, values: Counter[str]) -> float:
    found = re.compile(pattern).search
    return sum(map(values.__getitem__, filter(found, values))) / values.total()


_ONLY_DIGITS = re.compile(r"%Y%m%d$")


def parse_time(values: pl.Series, pattern: str) -> pl.Series:
    """Text to microseconds since 1970 (UTC) by a strptime format; null where it does not fit."""
    if pattern in _FRACTIONS:
        return _parse_seconds(values, pattern)
    if "%#z" in pattern or pattern.endswith("Z"):
        parsed = values.str.to_datetime(pattern, strict=False, time_unit="us", time_zone="UTC")
        return parsed.dt.replace_time_zone(None)
    if _ONLY_DIGITS.match(pattern):
        values = values.to_frame("x").select(pl.when(pl.col("x").str.contains(r"^(19|20)\d{6}$")).then(pl.col("x"))).to_series()
    if "%H" in pattern or "%I" in pattern:
        return values.str.to_datetime(pattern, strict=False, time_unit="us")
    return values.str.to_date(pattern, strict=False).cast(pl.Datetime("us"))


_FRACTIONS = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%dT%H:%M:%S%.f")
_SECONDS = 19  # characters of 2026-01-31 12:34:56


def _parse_seconds(values: pl.Series, pattern: str) -> pl.Series:
    """Whole seconds and their fraction apart: five times as fast as the general parser, which is left the odd ones."""
    name = values.name
    table = values.alias("v").to_frame().select(
        "v",
        t=pl.col("v").str.slice(0, _SECONDS).str.to_datetime(pattern.removesuffix("%.f"), strict=False, time_unit="us"),
        rest=pl.col("v").str.slice(_SECONDS), fractions=(pl.col("v").str.slice(_SECONDS) != "").any(),
    )  # fmt: skip
    if table.height and table["fractions"][0]:
        micros = pl.when(pl.col("rest") == "").then(0).when(pl.col("rest").str.contains(r"^\.\d{1,9}$")).then(
            ("0" + pl.col("rest")).cast(pl.Float64, strict=False).mul(1e6).floor().cast(pl.Int64, strict=False)
        )  # fmt: skip
        table = table.with_columns(t=pl.col("t") + pl.duration(microseconds=micros))
    parsed = table["t"]
    if parsed.null_count() > values.null_count():
        odd = parsed.is_null() & values.is_not_null()
        slowly = values.filter(odd).str.to_datetime(pattern, strict=False, time_unit="us")
        parsed = parsed.scatter(odd.arg_true(), slowly)
    return parsed.alias(name)


def parse_number(values: pl.Series, parse: str) -> pl.Series:
    """Text to Float64; null where it does not read as a number of that style."""
    if parse == "thousands":
        values = values.str.replace_all(",", "", literal=True)
    elif parse == "decimal_comma":
        values = values.str.replace_all(".", "", literal=True).str.replace(",", ".", literal=True)
    return values.cast(pl.Float64, strict=False)


MOST_KEYS = 16_384  # devices followed one by one; states of a column stay below a megabyte
FEW_ROWS = 4_096  # rows that Python looks at sooner than an engine is called
LEAST_REPORTS = 8  # per device, to tell a regular interval from chance
REGULAR = 0.25  # coefficient of variation of a device's intervals; random arrivals have 1
MOST_KEY_CANDIDATES = 16  # columns tried


def _key(head: pl.DataFrame, columns: Mapping[str, ColumnPlan]) -> str | None:
    """The column whose values each report at regular intervals, as devices do and customers do not.

    For each candidate (text or whole numbers, at least eight rows a value) the intervals between consecutive rows of one value
    are compared; the median coefficient of variation over values has to stay below 0.25. The candidate with most values wins.
    """
    time = next((name for name, plan in columns.items() if plan.kind == "time"), None)
    if time is None or head.height < 2 * LEAST_REPORTS:
        return None
    clock = head.get_column(time)
    parsed = parse_time(clock, columns[time].parse) if clock.dtype == pl.String else clock.cast(pl.Datetime("us"), strict=False)
    micros = parsed.to_physical()
    best: tuple[int, str] | None = None
    tried = 0
    for name, plan in columns.items():
        series = head.get_column(name)
        whole = plan.kind == "number" and (series.dtype.is_integer() or (plan.parse == "number" and _is_whole(series)))
        if plan.kind not in ("text", "boolean") and not whole:
            continue
        tried += 1
        if tried > MOST_KEY_CANDIDATES:
            break
        distinct = series.n_unique()
        if not 2 <= distinct <= min(MOST_KEYS, head.height // LEAST_REPORTS) or (best is not None and distinct <= best[0]):
            continue
        if _is_regular(series, micros, distinct):
            best = (distinct, name)
    return best[1] if best else None


def _is_whole(series: pl.Series) -> bool:
    """Whether no number of a text column has a fraction or an exponent."""
    if series.len() > FEW_ROWS:
        return not series.str.contains(r"[.eE]").any()
    written = "".join((series.drop_nulls() if series.null_count() else series).to_list())  # an engine costs more to call than this takes
    return not any(mark in written for mark in ".eE")


def _is_regular(series: pl.Series, micros: pl.Series, distinct: int) -> bool:
    """Whether most values of a column come again after intervals of nearly the same length."""
    both = (series.is_not_null() & micros.is_not_null()).to_numpy()
    if series.len() <= FEW_ROWS:
        numbers: dict[object, int] = {}
        codes = np.array([numbers.setdefault(value, len(numbers)) for value in series.to_list()], dtype=np.int64)[both]
    else:
        codes = series.rank("dense").fill_null(0).to_numpy()[both].astype(np.int64)
    times = micros.fill_null(0).to_numpy()[both].astype(np.float64)
    order = np.argsort(codes, kind="stable")
    codes, times = codes[order], times[order]
    within = codes[1:] == codes[:-1]
    steps, keys = np.diff(times)[within], codes[1:][within]
    if not len(steps):
        return False
    order = np.lexsort((steps, keys))
    steps, keys = steps[order], keys[order]
    begins = np.flatnonzero(np.append(True, keys[1:] != keys[:-1]))
    n = np.diff(np.append(begins, len(steps)))
    enough = n >= LEAST_REPORTS - 1
    if enough.sum() < max(2, distinct // 2):
        return False
    mean = np.add.reduceat(steps, begins) / n
    spread = np.sqrt(np.add.reduceat(np.square(steps - np.repeat(mean, n)), begins) / (n - 1).clip(1))
    middle = (steps[begins + (n - 1) // 2] + steps[begins + n // 2]) / 2
    with np.errstate(invalid="ignore", divide="ignore"):
        variation = float(np.median(np.nan_to_num(spread / mean, nan=np.inf, posinf=np.inf)[enough]))
    return 0 <= variation < REGULAR and float(np.median(middle[enough])) > 0
