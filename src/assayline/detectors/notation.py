"""How the values of a column are written, so that a suggestion looks like its neighbours."""

from __future__ import annotations

import datetime
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from assayline.measures import Column, shown

_PLAIN = re.compile(r"^[+-]?\d+(?:\.(\d*))?$")
_EPOCH = datetime.datetime(1970, 1, 1)
LOOKED_AT = 512
DIGITS = 15  # what a 64-bit float holds for certain


@dataclass(frozen=True)
class Notation:
    """How numbers or times are written.

    Args:
        decimals: digits behind the point of whole numbers, and of all numbers when `fixed`.
        fixed: every number has so many.
        pattern: strptime format of times, "" for numbers.
        typed: the values do not arrive as text.
    """

    decimals: int = 0
    fixed: bool = False
    pattern: str = ""
    typed: bool = False

    def write(self, value: float) -> str | None:
        """The text of a number, or of a time in microseconds since 1970; None where there is no such time.

        >>> Notation(decimals=1).write(7.0), Notation(2, fixed=True).write(7.5), Notation().write(0.1 + 0.2)
        ('7.0', '7.50', '0.3')
        """
        if self.pattern:
            try:
                moment = _EPOCH + datetime.timedelta(microseconds=round(value))
            except OverflowError:
                return None
            return shown_time(moment) if self.typed else moment.strftime(self.pattern.replace("%.f", ""))
        if self.fixed or value == round(value):
            return f"{value:.{self.decimals}f}"
        return repr(float(f"{value:.{DIGITS - 1}g}"))


def shown_time(moment: datetime.datetime) -> str:
    """A time as it stands in a report of a typed table."""
    import polars as pl

    return shown(pl.Series([moment], dtype=pl.Datetime("us")))[0]


def notation_of(column: Column) -> Notation | None:
    """How a numeric or time column is written; None where a number alone cannot be written like its neighbours.

    >>> import polars as pl
    >>> from assayline.measures import Block, Plan
    >>> frame = pl.DataFrame({"at": ["2024-01-02", "2024-01-03"], "n": ["1.0", "2.5"]})
    >>> block = Block(frame, Plan.of(frame, text=True))
    >>> [notation_of(block.column(name)).write(0.0) for name in ("at", "n")]
    ['1970-01-01', '0.0']
    """
    typed = not column.is_text
    if column.kind == "time":
        if typed:
            return Notation(pattern="typed", typed=True) if str(column.series.dtype).startswith("Datetime") else None
        pattern = column.plan.parse
        wanted = Notation(pattern=pattern)
        texts = column.series.head(LOOKED_AT).to_list()
        moments = column.typed.head(LOOKED_AT).to_physical().to_list()
        pairs = [(text, moment) for text, moment in zip(texts, moments, strict=True) if text is not None and moment is not None]
        return wanted if all(wanted.write(moment) == text.strip() for text, moment in pairs) else None
    if column.kind != "number" or column.plan.parse not in ("", "number"):
        return None
    if typed:
        return Notation(1 if column.series.dtype.is_float() else 0)
    return _of_texts(column.series.drop_nulls().head(LOOKED_AT).to_list())


def _of_texts(texts: Sequence[str]) -> Notation | None:
    matches = [match for match in (_PLAIN.match(text.strip()) for text in texts) if match]
    if 2 * len(matches) <= len(texts) or not matches:
        return None
    lengths = Counter(len(match.group(1) or "") for match in matches)
    if len(lengths) == 1:
        only = next(iter(lengths))
        return Notation(only, fixed=only > 1)
    whole = Counter(len(match.group(1) or "") for match in matches if not (match.group(1) or "").strip("0"))
    return Notation(whole.most_common(1)[0][0] if whole else 0)
