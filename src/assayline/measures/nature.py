"""What a column is: a number, a category, a name for the row, free text; read off a profile."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Profile

from .clock import Clock
from .counts import Counts
from .distinct import Distinct
from .moments import Moments
from .order import Steps
from .plan import MISSING_WORDS
from .rows import Sample
from .texts import Characters, Lengths
from .values import Values, shown

T = TypeVar("T")

LOOKED_AT = 512  # values a meaning is read from: a share of 0.9 is then sure to ±0.03 in 99 of 100 columns
MOSTLY = 0.9  # share of the values that must fit a meaning; the rest may be the very errors one looks for
HALF = 0.5  # … where nothing else has such a form, so that a majority is proof enough
UNMISTAKABLE = frozenset({"email", "url", "uuid", "ip address", "iban", "coordinates", "time of day", "date"})
REPEATING = 0.5  # a column is a set of categories when at least half of its rows repeat a value already seen
UNIQUE = 0.99  # share of different values of an identifier; a few repeated keys must not hide that it is one
FREE_TEXT_BYTES = 40  # a mean length above it is a sentence: names, streets and titles are shorter
FEWEST = 8  # values below which "all different" says nothing

YEAR_1000 = -30_610_224_000_000_000  # microseconds: no table holds only times before it

FEW_TEXTS = 256
GLANCED_AT = 16  # values a meaning is first tried on
GLANCE = 0.4  # of the share needed; a meaning that holds passes all but once in many thousand columns

TRUE_FALSE = (
    {"yes", "no"}, {"y", "n"}, {"true", "false"}, {"t", "f"}, {"0", "1"}, {"on", "off"}, {"ja", "nein"}, {"oui", "non"}, {"si", "no"},
    {"sí", "no"}, {"sim", "não"}, {"j", "n"}, {"0.0", "1.0"},
)  # fmt: skip

MEANINGS = (
    ("email", r"^[^@\s]+@[^@\s]+\.[A-Za-z]{2,}$"),
    ("url", r"^(?i)(https?|ftp)://\S+$"),
    ("uuid", r"^\{?(?i)[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\}?$"),
    ("ip address", r"^((25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(25[0-5]|2[0-4]\d|1?\d?\d)$"),
    ("iban", r"^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$"),
    ("coordinates", r"^\(?-?\d{1,3}\.\d{3,},\s*-?\d{1,3}\.\d{3,}\)?$"),
    ("time of day", r"^(?i)([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?( ?[ap]\.?m\.?)?$"),
    ("file path", r"^(?i)([a-z]:\\|/|\.{0,2}/)[^\s]+$"),
    ("date", r"^(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})([T ]\S.*)?$"),
    ("phone", r"^(\+\d{1,3}[ .-]?)?(\(\d{2,5}\)[ .-]?)?\d{2,4}([ .-]\d{2,4}){1,4}$"),
    ("percentage", r"^[+-]?\d+([.,]\d+)?\s?%$"),
    ("code", r"^(?i)([a-z0-9]+[-_./:])*[a-z]*\d[a-z0-9]*([-_./:][a-z0-9]+)*$"),
)

_SPAN_OR_DATE = re.compile(r"^(19|20)\d{2}\D|\D(19|20)\d{2}$|^\d{1,6}-\d{1,6}$")  # 2014-2016, 01-02-2020, 12345-6789
_PHONE_NAME = re.compile(r"(?i)(^|[_\W])(tele?)?(phone|fax|mobile|cell)(no|num|number)?([_\W]|$)|telefon|phone")
_POST_NAME = re.compile(r"(?i)(^|[_\W])(zip|postal|post)[_ ]?(code)?([_\W]|$)|^plz$")
_POSTCODE = re.compile(r"^(?i:\d{4,6}(-\d{3,4})?|[a-z]{1,2}\d[a-z\d]?\s?\d[a-z]{2}|[a-z]\d[a-z]\s?\d[a-z]\d)$")
_PHONE_SIGNS = re.compile(r"^[\d x.()+-]{7,}$")
_ID_NAME = re.compile(
    r"(^|[_\W])(?i:id|ids|key|uuid|guid|no|nr|num|number|index|idx|row|pk|oid|fid|objectid|instant|code)$|[a-z](Id|ID)$|^(?i:id)[_\W]"
)
_LATITUDE_NAME = re.compile(r"(?i)(^|[_\W])(lat|latitude)([_\W]|$)")
_LONGITUDE_NAME = re.compile(r"(?i)(^|[_\W])(lon|lng|long|longitude)([_\W]|$)")


_GLANCES = {name: re.compile(pattern.replace("(?i)", ""), re.IGNORECASE) for name, pattern in MEANINGS}


@dataclass(frozen=True)
class Nature:
    """What one column is.

    Args:
        kind: "number", "category", "text", "time", "boolean", "identifier", "nested" or "empty".
        meaning: "email", "url", "uuid", "phone", "postcode", "coordinates", "latitude", "code", "free text", … or None.
        filled: rows with a value.
        distinct: different values (an estimate above a few thousand).
        arrives_as_text: the cells are text, whatever they are taken for.
    """

    kind: str
    meaning: str | None = None
    filled: int = 0
    distinct: int = 0
    arrives_as_text: bool = False

    @property
    def repeating(self) -> bool:
        """Whether values stand in several rows, so that a rare one beside a frequent one means something."""
        return self.filled > 0 and self.distinct <= (1 - REPEATING) * self.filled


@dataclass(frozen=True, eq=False)
class Tally:
    """The different values of a column as text, with their rows; most frequent first, ties by the alphabet.

    Args:
        values: texts, without nulls.
        counts: rows of each.
        exact: whether the counts are those of the whole table; otherwise those of the row sample.
    """

    values: pl.Series
    counts: npt.NDArray[np.int64]
    exact: bool

    @property
    def total(self) -> int:
        return int(self.counts.sum())

    def matching(self, pattern: re.Pattern[str]) -> npt.NDArray[np.bool_]:
        """Which values a pattern (of the syntax that Python and Rust share) is found in."""
        if self.values.len() <= FEW_TEXTS:  # a loop over few texts costs less than the way to another engine
            return np.fromiter((pattern.search(value) is not None for value in self.values.to_list()), dtype=np.bool_, count=self.values.len())
        return self.values.str.contains(pattern.pattern).to_numpy()

    def only(self, mask: npt.NDArray[np.bool_]) -> Tally:
        """The values a mask takes."""
        return Tally(self.values.filter(pl.Series(mask)), self.counts[mask], self.exact)


def kept(profile: Profile, name: str, make: Callable[[], T]) -> T:
    """What `make` gives, computed once for a profile: several detectors look at the same reading of it."""
    store: dict[str, Any] = profile.__dict__.setdefault("_kept", {})
    if name not in store:
        store[name] = make()
    return store[name]  # type: ignore[no-any-return]  # a dict of many things has no better type


def kept_for(profile: Profile, name: str, asked: Hashable, make: Callable[[], T]) -> T:
    """The same for what depends on something else too: only the answer to the last question is kept.

    Args:
        profile: what it belongs to.
        name: what it is.
        asked: everything else it depends on.
        make: gives it.
    """
    store: dict[str, Any] = profile.__dict__.setdefault("_kept", {})
    found = store.get(name)
    if found is None or found[0] != asked:
        found = store[name] = (asked, make())
    answer: T = found[1]
    return answer


def handed_on(profiles: Iterable[Profile], name: str) -> Any:
    """What was kept of several profiles with one of them; it is kept there no more, so that there is one of it only. None where there is none.

    Args:
        profiles: where it may be.
        name: what it is.
    """
    found = None
    for profile in profiles:
        found = profile.__dict__.get("_kept", {}).pop(name, None) or found
    return found


def natures(profile: Profile) -> dict[str, Nature]:
    """What each column is, in column order.

    >>> from assayline.measures import profile
    >>> natures(profile(pl.DataFrame({"mail": ["a@x.org", "b@y.org"], "n": [1.5, 2.0]})))["mail"].meaning
    'email'
    """
    return kept(profile, "natures", lambda: {column: _nature(profile, column) for column in profile.columns})


def named_as_key(column: str) -> bool:
    """Whether the name of a column says that it names a thing.

    >>> named_as_key("customer_id"), named_as_key("paid")
    (True, False)
    """
    return bool(_ID_NAME.search(column) or _POST_NAME.search(column) or _PHONE_NAME.search(column))


def tally(profile: Profile, column: str) -> Tally:
    """The values of a column and how often each stands there: exact while they are few, else from the sample.

    >>> from assayline.measures import profile
    >>> found = tally(profile(pl.DataFrame({"a": ["x", "y", "x", None]})), "a")
    >>> found.values.to_list(), found.counts.tolist(), found.exact
    (['x', 'y'], [2, 1], True)
    """
    return kept(profile, f"tally {column}", lambda: _tally(profile, column))


def _tally(profile: Profile, column: str) -> Tally:
    state = profile.of(column, Values)
    if state is not None and state.complete:
        pairs = pl.DataFrame({"v": pl.Series(list(state.counts), dtype=pl.String), "n": pl.Series(list(state.counts.values()), dtype=pl.Int64)})
        pairs = pairs.sort(["n", "v"], descending=[True, False])
        return Tally(pairs.get_column("v"), pairs.get_column("n").to_numpy(), True)
    sample = profile.of(None, Sample)
    if sample is None or column not in sample.frame.columns:
        return Tally(pl.Series("v", [], dtype=pl.String), np.zeros(0, dtype=np.int64), False)
    series = sample.frame.get_column(column).drop_nulls().alias("v")
    if series.dtype.is_nested() or series.dtype == pl.Object:
        return Tally(pl.Series("v", [], dtype=pl.String), np.zeros(0, dtype=np.int64), False)
    # In order of first appearance among equals: the rows of a sample have one order, and sorting texts costs more than counting them.
    table = series.to_frame().group_by("v", maintain_order=True).agg(pl.len().cast(pl.Int64).alias("n"))
    table = table.sort("n", descending=True, maintain_order=True)
    values = table.get_column("v")
    text = values if values.dtype == pl.String else pl.Series("v", shown(values), dtype=pl.String)
    return Tally(text, table.get_column("n").to_numpy(), sample.exact)


def _nature(profile: Profile, column: str) -> Nature:
    counts, distinct_state = profile.of(column, Counts), profile.of(column, Distinct)
    filled = counts.filled if counts else 0
    distinct = distinct_state.distinct if distinct_state else 0
    characters = profile.of(column, Characters)
    as_text = characters is not None
    if filled == 0:
        return Nature("empty", None, 0, 0, as_text)

    def is_a(kind: str, meaning: str | None = None) -> Nature:
        return Nature(kind, meaning, filled, distinct, as_text)

    clock = profile.of(column, Clock)
    if clock is not None:
        if as_text and clock.n and clock.high < YEAR_1000:
            return is_a("category" if distinct <= (1 - REPEATING) * filled else "text", "code")  # 1.12.3 is a version
        return is_a("time")
    moments = profile.of(column, Moments)
    if moments is not None:
        return is_a(*_number(profile, column, moments, filled, distinct))
    if characters is None:
        return is_a("boolean") if profile.of(column, Values) is not None else is_a("nested")
    return is_a(*_text(profile, column, filled, distinct))


def _share(pattern: re.Pattern[str], values: list[str]) -> float:
    return sum(1 for value in values if pattern.search(value)) / len(values)


def _number(profile: Profile, column: str, moments: Moments, filled: int, distinct: int) -> tuple[str, str | None]:
    if distinct <= 2 and moments.n and moments.whole == moments.n and moments.low >= 0 and moments.high <= 1:
        return "boolean", None
    whole = moments.n > 0 and moments.whole == moments.n
    if whole and filled >= FEWEST and distinct >= UNIQUE * filled:
        steps = profile.of(column, Steps)
        climbs = steps is not None and steps.n > 1 and steps.ups >= UNIQUE * (steps.n - 1)
        counted = climbs and moments.high - moments.low <= 2 * moments.n  # 1, 2, 3, … with some rows taken out
        if counted or _ID_NAME.search(column):
            return "identifier", None
    if moments.n and not whole:
        if _LATITUDE_NAME.search(column) and moments.low >= -90 and moments.high <= 90:
            return "number", "latitude"
        if _LONGITUDE_NAME.search(column) and moments.low >= -180 and moments.high <= 180:
            return "number", "longitude"
    if whole and distinct <= 300 and moments.low >= 1800 and moments.high <= 2200:
        return "number", "year"
    if whole and _POST_NAME.search(column) and moments.low >= 100 and moments.high < 100_000:
        return "number", "postcode"
    if whole and _PHONE_NAME.search(column) and moments.mean >= 1e6:
        return "number", "phone"
    return "number", None


def _text(profile: Profile, column: str, filled: int, distinct: int) -> tuple[str, str | None]:
    found = tally(profile, column)
    values, weights = [], []
    for value, rows in zip(found.values.head(LOOKED_AT).to_list(), found.counts.tolist(), strict=False):
        text = value.strip()
        if text and text.lower() not in MISSING_WORDS:
            values.append(text)
            weights.append(rows)
    if not values:
        return "empty", None
    if len(values) <= 4 and any({value.lower() for value in values} <= pair for pair in TRUE_FALSE):
        return "boolean", None

    meaning = None
    total = sum(weights)
    first = values[:: max(1, len(values) // GLANCED_AT)][:GLANCED_AT]
    for name, _ in MEANINGS:
        fits = _GLANCES[name].search
        least = HALF if name in UNMISTAKABLE else MOSTLY
        if sum(1 for value in first if fits(value)) < GLANCE * least * len(first):
            continue  # not worth a closer look
        if sum(rows for value, rows in zip(values, weights, strict=True) if fits(value)) > least * total:
            meaning = name
            break
    if meaning == "phone" and _share(_SPAN_OR_DATE, values) > 0.2:
        meaning = "code"
    if meaning in ("code", "phone") and _POST_NAME.search(column) and _share(_POSTCODE, values) >= MOSTLY:
        meaning = "postcode"
    elif meaning == "code" and _PHONE_NAME.search(column) and _share(_PHONE_SIGNS, values) >= MOSTLY:
        meaning = "phone"
    lengths = profile.of(column, Lengths)
    unique = filled >= FEWEST and distinct >= UNIQUE * filled
    repeating = distinct <= (1 - REPEATING) * filled
    if unique and meaning in ("uuid", "code"):
        return "identifier", meaning
    if meaning is None and not repeating and lengths is not None and lengths.mean > FREE_TEXT_BYTES:
        return "text", "free text"
    if repeating and meaning not in ("email", "url"):
        return "category", meaning
    return "text", meaning
