"""What was learned of one column, and what one of its cells becomes; the whole table and the single row both follow it."""

from __future__ import annotations

import datetime as dt
import math
import re
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from .labels import TRUTH, label
from .numbertext import NAN, PLAIN_NUMBERS, NumberStyle, number
from .timetext import DAY, FIRST, LAST, PLAIN_TIMES, TimeStyle, micros
from .typos import spellings

HASHES = 8  # min-hash features of a dirty category; Cerda and Varoquaux 2020 find most of the gain of 30 in the first ten
BUCKETS = 16  # hashed features of a free text, beside its best words
LONGEST = 2_000  # characters of a text that are read: the rest of a page does not name a category, and a row must not cost seconds
REMEMBERED = 1_024  # texts whose features a reader of categories remembers
WORDS = 200  # words of a text that are read
PARTS = ("elapsed_days", "year", "month", "day", "weekday", "hour")
LIST_PARTS = ("length", "mean", "least", "greatest")

Cell = Callable[[object], Sequence[float]]


@dataclass(frozen=True)
class Feature:
    """One column of the model's input.

    Args:
        name: its name.
        sources: the columns of the table it is made from.
        kind: "number", "code" (a small non-negative integer per category), "hash", "time" or "lag".
        categories: for "code", how many codes there are; 0 otherwise.
    """

    name: str
    sources: tuple[str, ...]
    kind: str
    categories: int = 0


@dataclass(frozen=True)
class Column:
    """How the cells of one column, or of one field inside it, are read.

    Args:
        name: the column.
        reading: "number", "truth", "time", "code", "word" (what stands in a column of numbers and is none), "hash", "text" or "list".
        path: the fields to follow inside a nested column.
        number: how numbers are written.
        time: how moments are written.
        reference: the moment that elapsed time is counted from, in microseconds since 1970.
        parts: which features of a moment, a text or a list are kept.
        labels: the categories with a code of their own, most frequent first.
        rare: categories that were seen, and share the code after the last.
        merged: spellings taken for another category: (variant, category).
        words: the words of a free text with a feature of their own.
    """

    name: str
    reading: str
    path: tuple[str, ...] = ()
    number: NumberStyle = PLAIN_NUMBERS
    time: TimeStyle = PLAIN_TIMES
    reference: int = 0
    parts: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    rare: tuple[str, ...] = ()
    merged: tuple[tuple[str, str], ...] = field(default=())
    words: tuple[str, ...] = ()

    @property
    def shown(self) -> str:
        """The name with the fields that are followed: `order.price`."""
        return ".".join((self.name, *self.path))

    @property
    def features(self) -> tuple[Feature, ...]:
        """What the column becomes."""
        name, sources = self.shown, (self.name,)
        if self.reading in ("number", "truth"):
            return (Feature(name, sources, "number"),)
        if self.reading in ("code", "word"):
            return (Feature(name if self.reading == "code" else f"{name}:word", sources, "code", len(self.labels) + 2),)
        if self.reading == "time":
            return tuple(Feature(f"{name}:{part}", sources, "time") for part in self.parts)
        if self.reading == "hash":
            return tuple(Feature(f"{name}:hash{index}", sources, "hash") for index in range(HASHES))
        if self.reading == "list":
            return tuple(Feature(f"{name}:{part}", sources, "number") for part in self.parts)
        flags = [Feature(f"{name}:has {word}", sources, "number") for word in self.words]
        return (
            Feature(f"{name}:characters", sources, "number"), Feature(f"{name}:words", sources, "number"), *flags,
            *(Feature(f"{name}:bucket{index}", sources, "hash") for index in range(BUCKETS)),
        )  # fmt: skip


def cell_reader(column: Column) -> Cell:
    """The function from one value of a column to its features; it never raises.

    >>> cell_reader(Column("colour", "code", labels=("red", "blue")))(" Blue ")
    (1.0,)
    """
    if column.reading == "number":
        style = column.number
        return lambda value: (number(value, style),)
    return {
        "truth": _truth_reader, "time": _time_reader, "code": _code_reader, "word": _word_reader, "hash": _hash_reader, "text": _text_reader, "list": _list_reader,
    }[column.reading](column)  # fmt: skip


def followed(value: object, path: tuple[str, ...]) -> object:
    """What stands at the end of the fields of a nested value, or None."""
    for name in path:
        if not isinstance(value, Mapping):
            return None
        value = value.get(name)
    return value


def truth(value: object) -> float:
    """A word, number or boolean as 1.0 or 0.0; NaN when it is neither.

    >>> truth(" Yes"), truth(0), truth("maybe")
    (1.0, 0.0, nan)
    """
    found = label(value)
    return NAN if found is None else TRUTH.get(found, NAN)


def _truth_reader(column: Column) -> Cell:
    return lambda value: (truth(value),)


def codes_of(column: Column) -> tuple[dict[str, float], float]:
    """The code of every label that was seen, and the code of all others."""
    codes = {one: float(code) for code, one in enumerate(column.labels)}
    other = float(len(column.labels))
    codes.update(dict.fromkeys(column.rare, other))
    codes.update({variant: codes[one] for variant, one in column.merged if one in codes})
    return codes, other + 1.0


def _code_reader(column: Column) -> Cell:
    find = code_finder(column)

    def read(value: object) -> tuple[float]:
        found = label(value)
        return (NAN,) if found is None else (find(found),)

    return _remembering(read)


def _remembering(read: Cell) -> Cell:
    """The same function, which knows the texts it met last: categories come again."""
    met: dict[str, Sequence[float]] = {}

    def recall(value: object) -> Sequence[float]:
        if type(value) is not str:
            return read(value)
        found = met.get(value)
        if found is None:
            if len(met) >= REMEMBERED:
                met.clear()
            found = met[value] = read(value)
        return found

    return recall


def code_finder(column: Column) -> Callable[[str], float]:
    """The function from a label to its code: its own, that of the category it is a slip of, the code of rare ones, or the code of unseen ones."""
    codes, unseen = codes_of(column)
    near = spellings(column.labels)

    def find(found: str) -> float:
        code = codes.get(found)
        if code is None:
            meant = near.meant(found)
            code = unseen if meant is None else codes[meant]
        return code

    return find


def _word_reader(column: Column) -> Cell:
    find = code_finder(column)
    style = column.number

    def read(value: object) -> tuple[float]:
        if not isinstance(value, str) or not math.isnan(number(value, style)):
            return (NAN,)
        found = label(value)
        return (NAN,) if found is None else (find(found),)

    return read


def time_features(moment: int | None, column: Column) -> tuple[float, ...]:
    """The parts of a moment that the column keeps; NaN where there is none."""
    if moment is None or not FIRST <= moment <= LAST:
        return (NAN,) * len(column.parts)
    days, rest = divmod(moment, DAY)
    day = dt.date.fromordinal(days + 719_163)
    every = {
        "elapsed_days": float(moment - column.reference) / DAY, "year": float(day.year), "month": float(day.month), "day": float(day.day),
        "weekday": float((days + 3) % 7), "hour": rest / 3_600_000_000,
    }  # fmt: skip
    return tuple(every[part] for part in column.parts)


def _time_reader(column: Column) -> Cell:
    style = column.time
    return lambda value: time_features(micros(value, style), column)


# Multipliers of the hashes: odd 64-bit numbers, from the golden ratio by the step of SplitMix64 (Steele, Lea, Flood 2014), so that they are nobody's choice.
def _multipliers(count: int) -> tuple[int, ...]:
    made, state = [], 0
    for _ in range(count):
        state = (state + 0x9E3779B97F4A7C15) & MASK
        mixed = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        mixed = ((mixed ^ (mixed >> 27)) * 0x94D049BB133111EB) & MASK
        made.append((mixed ^ (mixed >> 31)) | 1)
    return tuple(made)


MASK = (1 << 64) - 1
MULTIPLIERS = _multipliers(HASHES)
ADDENDS = _multipliers(2 * HASHES)[HASHES:]


def padded(found: str) -> bytes:
    """A label as the bytes whose runs of three are hashed: never fewer than three."""
    return b" " + found[:LONGEST].encode("utf-8", "surrogatepass") + b" "


def _hash_reader(column: Column) -> Cell:
    def read(value: object) -> tuple[float, ...]:
        found = label(value)
        if found is None:
            return (NAN,) * HASHES
        raw = padded(found)
        grams = {raw[at] | raw[at + 1] << 8 | raw[at + 2] << 16 for at in range(len(raw) - 2)}
        return tuple(
            (min([(gram * factor + addend) & MASK for gram in grams]) >> 32) / 4_294_967_296.0 for factor, addend in zip(MULTIPLIERS, ADDENDS, strict=True)
        )

    return _remembering(read)


_APART = re.compile(r"[^\w]+")


def words_of(value: object) -> tuple[str, list[str]] | None:
    """The text of a value and its words in small letters; None when there is no text.

    >>> words_of("Not  bad, at ALL")
    ('Not  bad, at ALL', ['not', 'bad', 'at', 'all'])
    """
    if isinstance(value, (list, tuple)):
        value = " ".join("" if one is None else str(one).replace(" ", "_") for one in value)
    elif value is not None and not isinstance(value, str):
        value = label(value)
    if value is None or not isinstance(value, str):
        return None
    short = value.strip()[:LONGEST]
    return (short, [word for word in _APART.split(short.casefold()) if word][:WORDS]) if short else None


def _text_reader(column: Column) -> Cell:
    place = {word: 2 + index for index, word in enumerate(column.words)}
    begin = 2 + len(place)
    width = begin + BUCKETS

    def read(value: object) -> list[float]:
        found = words_of(value)
        if found is None:
            return [NAN] * width
        made = [0.0] * width
        made[0], made[1] = float(len(found[0])), float(len(found[1]))
        for word in found[1]:
            at = place.get(word)
            if at is None:
                made[begin + zlib.crc32(word.encode("utf-8", "surrogatepass")) % BUCKETS] += 1.0
            else:
                made[at] = 1.0
        return made

    return read


def _list_reader(column: Column) -> Cell:
    style = column.number

    def read(value: object) -> tuple[float, ...]:
        if value is None or isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
            return (NAN,) * len(column.parts)
        items = list(value)
        numbers = [one for one in (number(item, style) for item in items) if not math.isnan(one)]
        every = {"length": float(len(items)), "mean": NAN, "least": NAN, "greatest": NAN}
        if numbers:
            total = math.fsum(numbers) / len(numbers)
            every.update(mean=total if math.isfinite(total) else NAN, least=min(numbers), greatest=max(numbers))
        return tuple(every[part] for part in column.parts)

    return read
