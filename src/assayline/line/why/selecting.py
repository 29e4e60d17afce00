"""Rows by what people say of them: "station = 3 and day = 2026-03-10". The language is that of rules; days and words need no quotes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta

import polars as pl

from assayline.errors import MisuseError, RuleError
from assayline.rules import compile_rule
from assayline.rules.lexer import Word, words
from assayline.rules.polars_form import DTYPES

from ..typed_text import TIME, times

DAY = re.compile(r"(?<![\w'.-])(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2})?))?(?![\w'-])")
WORDS = frozenset({"and", "or", "not", "in", "between", "like", "is", "null", "matches", "exists", "true", "false", "date", "timestamp"})
FEW_VALUES = 64


def as_read(frame: pl.DataFrame, columns: Iterator[str] | list[str] | None = None) -> pl.DataFrame:
    """A frame in which text columns that say numbers or times in every filled cell are such; a number that begins with 0 is a code, and stays text.

    Args:
        frame: rows of a lot; of a text format as text.
        columns: only these; all when None.

    >>> as_read(pl.DataFrame({"a": ["1.5", None], "zip": ["00501", "1"]})).dtypes
    [Float64, String]
    """
    wanted = frame.columns if columns is None else [name for name in columns if name in frame.columns]
    return frame.with_columns(_as_read(frame[name]) for name in wanted if frame.schema[name] == pl.String)


def rows_where(frame: pl.DataFrame, condition: str) -> pl.DataFrame:
    """The rows of a frame that meet a condition; all of them where it is "".

    Args:
        frame: typed (`as_read`).
        condition: of `docs/rules.md`; a bare day or moment stands for itself, `day = 2026-03-10` is true on that whole day, and a bare word is text.

    Raises:
        MisuseError: the condition cannot be read, or names a column that is not there.

    >>> frame = pl.DataFrame({"town": ["Lyon", "Bonn"], "day": [date(2026, 3, 10), date(2026, 3, 11)]})
    >>> rows_where(frame, "town = Lyon and day = 2026-03-10").height
    1
    """
    if not condition.strip():
        return frame
    kinds = {name: kind_of(dtype) for name, dtype in frame.schema.items()}
    try:
        compiled = compile_rule(spelled(condition, kinds), kinds)
    except RuleError as error:
        raise MisuseError(f"the rows {condition!r} cannot be told: {error.cause}" + (f"; {error.next_step}" if error.next_step else "")) from error
    if compiled.about_lot or compiled.references:
        raise MisuseError(f"{condition!r} says nothing of single rows; name values of columns, such as station = 3")
    plain = frame.select(_plain(frame[name], compiled.kinds[name]) for name in sorted(compiled.columns))
    return frame.filter(plain.with_columns(compiled.expression().alias("\0"))["\0"].fill_null(value=False))


def columns_in(condition: str, kinds: Mapping[str, str]) -> list[str]:
    """The columns that a condition names."""
    return [word.text for word in words(_with_days(condition)) if word.sort in ("name", "quoted") and word.text in kinds] if condition.strip() else []


def parts_of(condition: str) -> list[str]:
    """What a condition joins by "and", one by one; the whole where it says "or" or "between".

    >>> parts_of("station = 3 and day = 2026-03-10")
    ['station = 3', 'day = 2026-03-10']
    """
    marked = _with_days(condition)
    found = words(marked)
    if any((word.sort == "name" and word.text.lower() in ("or", "between")) or word.text == "(" for word in found):
        return [condition]
    cuts = [word.at for word in found if word.sort == "name" and word.text.lower() == "and"]
    starts, ends = [0, *(at + 3 for at in cuts)], [*cuts, len(marked)]
    return [_without_marks(marked[start:end].strip()) for start, end in zip(starts, ends, strict=True)]


def kind_of(dtype: pl.DataType) -> str:
    """What rules call a type."""
    if dtype == pl.Boolean:
        return "boolean"
    if dtype.is_temporal() and dtype not in (pl.Duration, pl.Time):
        return "time"
    return "number" if dtype.is_numeric() else "nested" if dtype.is_nested() else "empty" if dtype == pl.Null else "text"


def spelled(condition: str, kinds: Mapping[str, str]) -> str:
    """A condition as the language of rules spells it.

    >>> spelled("town = Lyon and at = 2026-03-10", {"town": "text", "at": "time"})
    "town = 'Lyon' and (at >= date '2026-03-10' and at < date '2026-03-11')"
    """
    marked = _with_days(condition)
    found, out, last = words(marked), [], 0
    for number, word in enumerate(found[:-1]):
        name, sign = (found[number - 2], found[number - 1]) if number > 1 else (None, None)
        text = None
        if name is not None and sign is not None and sign.text in ("=", "<>", "!=") and name.sort in ("name", "quoted") and name.text in kinds:
            text = _value(marked, name, sign, word, found[number + 1], kinds)
        if text is not None:
            start = name.at if text.startswith("(") and name is not None else word.at
            out.append(marked[last:start] + text)
            last = _end(marked, found[number + 1] if _is_day(word) else word)
    return "".join([*out, marked[last:]])


def _value(text: str, name: Word, sign: Word, word: Word, following: Word, kinds: Mapping[str, str]) -> str | None:
    """What stands for a value after = where it has to be written otherwise; in round brackets where it stands for the whole comparison."""
    kind = kinds[name.text]
    if _is_day(word) and following.sort == "text":
        if kind == "text":
            return _quoted(following.text)
        if word.text == "date" and kind == "time" and sign.text == "=":
            following_day = (date.fromisoformat(following.text) + timedelta(days=1)).isoformat()
            column = text[name.at : sign.at].strip()
            return f"({column} >= date '{following.text}' and {column} < date '{following_day}')"
        return None
    if kind == "text" and word.sort == "number":
        return _quoted(word.text)
    if kind == "text" and word.sort == "name" and word.text not in kinds and word.text.lower() not in WORDS:
        return _quoted(word.text)
    return None


def _is_day(word: Word) -> bool:
    return word.sort == "name" and word.text in ("date", "timestamp")


def _end(text: str, word: Word) -> int:
    """Where a word ends."""
    if word.sort in ("text", "quoted"):
        quote, at = text[word.at], word.at + 1
        while text[at] != quote or text[at + 1 : at + 2] == quote:
            at += 2 if text[at] == quote else 1
        return at + 1
    return word.at + len(word.text)


def _with_days(condition: str) -> str:
    """Bare days and moments as the language of rules spells them; what stands in quotes is left alone."""
    parts = re.split(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\")", condition)
    return "".join(part if number % 2 else DAY.sub(_day, part) for number, part in enumerate(parts))


def _day(found: re.Match[str]) -> str:
    day, moment = found.groups()
    try:
        date.fromisoformat(day)
    except ValueError:
        raise MisuseError(f"{found.group()!r} is no day; write it as 2026-03-10") from None
    return f"date '{day}'" if moment is None else f"timestamp '{day} {moment if moment.count(':') == 2 else moment + ':00'}'"


def _without_marks(part: str) -> str:
    return re.sub(r"(?:date|timestamp) '(\d{4}-\d{2}-\d{2}(?: [\d:]+)?)'", r"\1", part)


def _quoted(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _plain(series: pl.Series, kind: str) -> pl.Series:
    if kind == "time" and getattr(series.dtype, "time_zone", None) is not None:
        series = series.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    return series.cast(DTYPES[kind], strict=False) if kind in DTYPES else series


def _as_read(series: pl.Series) -> pl.Series:
    filled = series.drop_nulls()
    if not filled.len():
        return series
    few = filled.head(FEW_VALUES)
    if few.cast(pl.Float64, strict=False).null_count() == 0:
        numbers = series.cast(pl.Float64, strict=False)
        if numbers.null_count() == series.null_count() and not filled.str.contains(r"^[+-]?0\d").any():
            return numbers
    elif times(few).null_count() == 0:
        moments = times(series)
        if moments.null_count() == series.null_count():
            return moments.cast(TIME)
    return series
