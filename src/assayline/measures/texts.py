"""What text looks like: lengths, shapes, and characters that should make one look twice."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import polars as pl

from .block import Block, Column

LONGEST = 256  # lengths from here on share a bin
THIN_SHAPES = 64  # of a thinned column
SHAPES = 512  # different shapes kept; a column of more is free text, whose shapes say nothing

# One character class per byte: A upper, a lower, 9 digit, u any byte of a non-ASCII character, c control, others stand for themselves.
_CLASS = np.arange(256, dtype=np.uint8)
_CLASS[ord("A") : ord("Z") + 1] = ord("A")
_CLASS[ord("a") : ord("z") + 1] = ord("a")
_CLASS[ord("0") : ord("9") + 1] = ord("9")
_CLASS[0:32] = ord("c")
_CLASS[127] = ord("c")
_CLASS[128:] = ord("u")
CLASSES = _CLASS.tobytes()

# Pairs that appear when UTF-8 is read as Latin-1 or Windows-1252 (the second byte of a two- or three-byte sequence
# becomes a character that never follows these letters in any language), and the mark of an earlier loss.
MOJIBAKE = "[ÃÂÅÄÐÑ][\u0080-\u00bf€‚ƒ„…†‡ˆ‰Š‹Œ‘’“”•–—˜™š›œ¡-¿]|â€|ï»¿|\ufffd"
INVISIBLE = "[\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u2069\ufeff\u00ad]"


@dataclass(frozen=True)
class Shapes:
    """How many values have which shape; exact until there are more than 512 shapes.

    Args:
        counts: shape with runs collapsed -> values ("a9" for "abc123"); the most frequent 512.
        full: shape character by character -> values ("aaa999"); empty when there are more than 512.
        others: values whose shape was not kept.
        full_complete: False once `full` was given up.
    """

    name: ClassVar[str] = "shapes"
    counts: Mapping[str, int] = field(default_factory=dict)
    full: Mapping[str, int] = field(default_factory=dict)
    others: int = 0
    full_complete: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "counts", MappingProxyType(dict(self.counts)))
        object.__setattr__(self, "full", MappingProxyType(dict(self.full)))

    @property
    def complete(self) -> bool:
        """Whether every shape was kept."""
        return self.others == 0

    def merge(self, other: Shapes) -> Shapes:
        total = sum(self.counts.values()) + sum(other.counts.values()) + self.others + other.others
        counts = dict(self.counts)
        for shape, count in other.counts.items():
            counts[shape] = counts.get(shape, 0) + count
        if len(counts) > SHAPES:
            counts = {}  # free text: which shapes are kept would depend on the order of merging, so none is
        if self.others or other.others:
            counts = {}
        full = {}
        complete = self.full_complete and other.full_complete
        if complete:
            full = dict(self.full)
            for shape, count in other.full.items():
                full[shape] = full.get(shape, 0) + count
            if len(full) > SHAPES:
                full, complete = {}, False
        return Shapes(counts, full, total - sum(counts.values()), complete)

    def thinned(self) -> Shapes:
        """Given up when they are more than 64."""
        few = len(self.counts) <= THIN_SHAPES
        full = len(self.full) <= THIN_SHAPES
        return Shapes(
            self.counts if few else {}, self.full if full else {}, self.others + (0 if few else sum(self.counts.values())), self.full_complete and full
        )  # fmt: skip

    def as_json(self) -> dict[str, Any]:
        return {
            "counts": dict(sorted(self.counts.items())), "full": dict(sorted(self.full.items())),
            "others": self.others, "full_complete": self.full_complete,
        }  # fmt: skip


@dataclass(frozen=True)
class Characters:
    """How many values have which kind of characters; all exact.

    Args:
        n: values.
        leading_blank, trailing_blank, double_blank: values with blanks (also no-break spaces) there.
        non_ascii, control, mojibake, invisible: values with such a character.
        upper, lower, mixed: values whose letters are all upper case, all lower case, or both.
        digits: values of digits only.
        letters: values with at least one ASCII letter.
    """

    name: ClassVar[str] = "characters"
    n: int = 0
    leading_blank: int = 0
    trailing_blank: int = 0
    double_blank: int = 0
    non_ascii: int = 0
    control: int = 0
    mojibake: int = 0
    invisible: int = 0
    upper: int = 0
    lower: int = 0
    mixed: int = 0
    digits: int = 0
    letters: int = 0

    def merge(self, other: Characters) -> Characters:
        return Characters(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def as_json(self) -> dict[str, Any]:
        return {f.name: getattr(self, f.name) for f in fields(self)}


@dataclass(frozen=True)
class Lengths:
    """Lengths of the texts in bytes; exact.

    Args:
        n: texts.
        total: sum of their lengths.
        low, high: shortest and longest.
        histogram: texts by length 0..255; the last bin holds all longer ones.
    """

    name: ClassVar[str] = "lengths"
    n: int = 0
    total: int = 0
    low: int = 2**62
    high: int = -1
    histogram: tuple[int, ...] = ()

    def merge(self, other: Lengths) -> Lengths:
        longer, shorter = sorted((self.histogram, other.histogram), key=len, reverse=True)
        bins = list(longer)
        for length, count in enumerate(shorter):
            bins[length] += count
        return Lengths(self.n + other.n, self.total + other.total, min(self.low, other.low), max(self.high, other.high), tuple(bins))

    @property
    def mean(self) -> float:
        return self.total / self.n if self.n else 0.0

    def as_json(self) -> dict[str, Any]:
        return {"n": self.n, "total": self.total, "low": self.low, "high": self.high, "histogram": list(self.histogram)}


def shape_of(values: pl.Series) -> pl.Series:
    """The shape of each text, character class by character class (bytes of non-ASCII characters each count).

    >>> shape_of(pl.Series(["AB-12", "é x"])).to_list()
    ['AA-99', 'uu a']
    """
    if values.len() <= FEW:
        return pl.Series(values.name, [None if value is None else _shape(value) for value in values.to_list()], dtype=pl.String)
    import pyarrow as pa

    array = values.to_arrow(compat_level=pl.CompatLevel.oldest())
    validity, offsets, data = array.buffers()
    if data is None:
        return values
    translated = pa.py_buffer(data.to_pybytes().translate(CLASSES))
    shaped = pa.Array.from_buffers(array.type, len(array), [validity, offsets, translated], offset=array.offset)
    return pl.Series(values.name, shaped)


FEW = 512  # values that Python handles faster than an engine is called (0.2 ms a call, measured with Polars 2.1)
_RUNS = re.compile(r"([Aa9u ])\1+")


def _shape(value: str) -> str:
    return value.encode("utf-8", "surrogatepass").translate(CLASSES).decode("ascii")


def collapsed(shapes: pl.Series) -> pl.Series:
    """Shapes with each run of letters, digits, blanks or non-ASCII bytes as one character.

    >>> collapsed(pl.Series(["AA-999", "uu a"])).to_list()
    ['A-9', 'u a']
    """
    if shapes.len() <= FEW:
        return pl.Series(shapes.name, [_RUNS.sub(r"\1", shape) for shape in shapes.to_list()], dtype=pl.String)
    whole = pl.col("x").str.replace_all("A+", "A").str.replace_all("a+", "a").str.replace_all("9+", "9")
    return shapes.alias("x").to_frame().select(whole.str.replace_all("u+", "u").str.replace_all(" +", " ")).to_series().alias(shapes.name)


def _tally(shapes: pl.Series, weights: npt.NDArray[np.int64] | None) -> tuple[pl.Series, npt.NDArray[np.int64]]:
    if shapes.len() <= FEW:
        totals: dict[str, int] = {}
        for shape, weight in zip(shapes.to_list(), [1] * shapes.len() if weights is None else weights.tolist(), strict=True):
            totals[shape] = totals.get(shape, 0) + weight
        return pl.Series("v", list(totals), dtype=pl.String), np.fromiter(totals.values(), dtype=np.int64, count=len(totals))
    if weights is None:
        table = shapes.alias("v").value_counts(name="n")
        return table.get_column("v"), table.get_column("n").to_numpy().astype(np.int64)
    table = pl.DataFrame({"v": shapes, "n": weights}).group_by("v").agg(pl.col("n").sum())
    return table.get_column("v"), table.get_column("n").to_numpy()


class TextMeasure:
    """What the three text measures share: one translation of the column's bytes into shapes."""

    ordered = False
    whole = False

    def applies(self, column: Column) -> bool:
        return column.is_text


def shape_table(column: Column) -> tuple[pl.Series, npt.NDArray[np.int64]]:
    """The different full shapes of a column and how many values have each; kept with the column."""
    kept = column.__dict__.get("_shape_table")
    if kept is None:
        values, weights = column.texts
        kept = _tally(shape_of(values), weights) if values.len() else (pl.Series("v", [], dtype=pl.String), np.zeros(0, dtype=np.int64))
        column.__dict__["_shape_table"] = kept
    return kept


class ShapesMeasure(TextMeasure):
    """Counts the shapes of texts."""

    name = "shapes"
    state = Shapes

    def of(self, part: Column | Block) -> Shapes:
        assert isinstance(part, Column)
        shapes, counts = shape_table(part)
        total = int(counts.sum())
        full = dict(zip(shapes.to_list(), counts.tolist(), strict=True)) if shapes.len() <= SHAPES else None
        short, totals = _tally(collapsed(shapes), counts)
        kept = dict(zip(short.to_list(), totals.tolist(), strict=True)) if short.len() <= SHAPES else {}
        return Shapes(kept, full or {}, total - sum(kept.values()), full is not None)


class CharactersMeasure(TextMeasure):
    """Counts the values with blanks, non-ASCII, control or damaged characters."""

    name = "characters"
    state = Characters

    def of(self, part: Column | Block) -> Characters:
        assert isinstance(part, Column)
        shapes, counts = shape_table(part)
        if not shapes.len():
            return Characters()

        non_ascii = total(shapes, counts, lambda shape: "u" in shape, lambda s: s.str.contains("u", literal=True))
        leading = total(shapes, counts, lambda shape: shape[:1] == " ", lambda s: s.str.starts_with(" "))
        trailing = total(shapes, counts, lambda shape: shape[-1:] == " ", lambda s: s.str.ends_with(" "))
        upper = total(shapes, counts, lambda shape: "A" in shape, lambda s: s.str.contains("A", literal=True))
        lower = total(shapes, counts, lambda shape: "a" in shape, lambda s: s.str.contains("a", literal=True))
        mixed = 0
        if upper and lower:
            mixed = total(
                shapes, counts, lambda shape: "A" in shape and "a" in shape,
                lambda s: s.str.contains("A", literal=True) & s.str.contains("a", literal=True),
            )  # fmt: skip
        mojibake = invisible = 0
        if non_ascii:
            values, weights = part.texts
            wide = values.str.len_bytes() != values.str.len_chars()  # ASCII has one byte a character
            values = values.filter(wide)
            weights = weights[wide.to_numpy()] if weights is not None else None
            mojibake = _weighed(values.str.contains(MOJIBAKE), weights)
            invisible = _weighed(values.str.contains(INVISIBLE), weights)
            leading += _weighed(values.str.starts_with("\u00a0"), weights)
            trailing += _weighed(values.str.ends_with("\u00a0"), weights)
        return Characters(
            n=int(counts.sum()), leading_blank=leading, trailing_blank=trailing,
            double_blank=total(shapes, counts, lambda shape: "  " in shape, lambda s: s.str.contains("  ", literal=True)),
            non_ascii=non_ascii, control=total(shapes, counts, lambda shape: "c" in shape, lambda s: s.str.contains("c", literal=True)),
            mojibake=mojibake, invisible=invisible, upper=upper - mixed, lower=lower - mixed, mixed=mixed,
            digits=total(shapes, counts, lambda shape: not shape.strip("9") and bool(shape), lambda s: s.str.contains("^9+$")),
            letters=upper + lower - mixed,
        )  # fmt: skip


def total(
    shapes: pl.Series, counts: npt.NDArray[np.int64], one: Callable[[str], bool], all_of: Callable[[pl.Series], pl.Series]
) -> int:
    """How many values have a shape of some kind; the same test for few shapes (in Python) and for many (in the engine)."""
    if shapes.len() <= FEW:
        return sum(count for shape, count in zip(shapes.to_list(), counts.tolist(), strict=True) if one(shape))
    return int(counts[all_of(shapes).to_numpy()].sum())


def _weighed(mask: pl.Series, weights: npt.NDArray[np.int64] | None) -> int:
    if weights is None:
        return int(mask.sum() or 0)
    return int(weights[mask.to_numpy()].sum())


class LengthsMeasure(TextMeasure):
    """Measures the lengths of texts."""

    name = "lengths"
    state = Lengths

    def of(self, part: Column | Block) -> Lengths:
        assert isinstance(part, Column)
        values, weights = part.texts
        if not values.len():
            return Lengths()
        if values.len() <= FEW:
            lengths = np.array([len(value.encode("utf-8", "surrogatepass")) for value in values.to_list()], dtype=np.int64)
        else:
            lengths = values.str.len_bytes().to_numpy()
        clipped = np.minimum(lengths, LONGEST - 1)
        if weights is None:
            bins, n, total = np.bincount(clipped), len(lengths), int(lengths.sum())
        else:
            bins, n, total = np.bincount(clipped, weights=weights).astype(np.int64), int(weights.sum()), int((lengths.astype(np.int64) * weights).sum())
        return Lengths(n, total, int(lengths.min()), int(lengths.max()), tuple(bins.tolist()))
