"""A few rows with what the model said of them on the day it was made: wherever it is loaded, it has to say the same."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from assayline.errors import MisuseError, Unreadable

from .encoder import Encoder
from .predictor import Predictor
from .stored import AGAIN, Array, Stored, frozen, parsed, plain, written

if TYPE_CHECKING:
    from .bundle import Bundle

ROWS, OUTPUTS = "golden/rows.parquet", "golden/outputs.json"
SIZES = ("1", "7", "64", "all")  # one row, a few, a block, and the table: the paths on which servers and batch jobs differ
MOST_ROWS = 1000
TOLERANCE = 1e-9  # relative to the largest output: another processor's exp() differs in the 16th digit, and a wrong column in the first


@dataclass(frozen=True, eq=False)
class Golden:
    """Rows and outputs.

    Args:
        rows: a table as the bytes of a Parquet file.
        outputs: for each of SIZES what the predictor said when that many rows came at a time: (rows,) or (rows, classes).
    """

    rows: bytes
    outputs: Mapping[str, Array]

    @classmethod
    def of(cls, plan: Encoder, predictor: Predictor, table: pl.DataFrame) -> Golden:
        """From a table of at most 1,000 rows, raw as they come.

        Raises:
            MisuseError: it has none, too many, or columns of Python objects.
        """
        if not 0 < table.height <= MOST_ROWS:
            raise MisuseError(f"golden rows are 1 to {MOST_ROWS:,}, not {table.height:,}: give a sample")
        stream = io.BytesIO()
        try:
            table.write_parquet(stream)
        except (pl.exceptions.PolarsError, NotImplementedError) as error:
            raise MisuseError(f"the golden rows cannot be written as Parquet: {error}; leave out columns of Python objects") from error
        content = stream.getvalue()
        again = _table(content, "the golden rows")
        return cls(content, {size: frozen(_said(plan, predictor, again, size)) for size in SIZES})

    def table(self) -> pl.DataFrame:
        """The rows as a table."""
        return _table(self.rows, "the golden rows")

    def members(self) -> dict[str, bytes]:
        kept: list[Array] = []
        numbers = {}
        for size, output in self.outputs.items():
            number = next((one for one, other in enumerate(kept) if np.array_equal(other, output)), len(kept))
            kept += [output] if number == len(kept) else []
            numbers[size] = number
        return {ROWS: self.rows, OUTPUTS: written({"sizes": numbers, "outputs": [plain(one) for one in kept]})}


@dataclass(frozen=True)
class Difference:
    """A golden row of which the model now says something else.

    Args:
        size: how many rows came at a time.
        row: its 0-based number.
        expected: what it said when it was made.
        found: what it says now.
        sentence: both in one sentence.
    """

    size: str
    row: int
    expected: tuple[float, ...]
    found: tuple[float, ...]
    sentence: str


def read_golden(members: Mapping[str, bytes], where: str, classes: int) -> Golden:
    """Golden rows from the members of a bundle."""
    document, stored = parsed(members[OUTPUTS], where, OUTPUTS), Stored({}, where)
    sizes, outputs = document.get("sizes"), document.get("outputs")
    if not isinstance(sizes, dict) or set(sizes) != set(SIZES) or not isinstance(outputs, list):
        raise stored.wrong(f"it does not hold outputs for the sizes {', '.join(SIZES)}", OUTPUTS)
    kept = [stored.array({"outputs": one}, "outputs", *((-1, classes) if classes else (-1,))) for one in outputs]
    return Golden(members[ROWS], {size: kept[stored.integer(sizes, size, 0, len(kept) - 1)] for size in SIZES})


def check_golden(bundle: Bundle, *, tolerance: float = TOLERANCE) -> tuple[Difference, ...]:
    """What a bundle says differently of its golden rows than on the day it was made; nothing is good.

    Args:
        bundle: with golden rows.
        tolerance: how far an output may be off, relative to the largest of all outputs.

    Raises:
        MisuseError: it has no golden rows.
    """
    if bundle.golden is None:
        raise MisuseError(f"{bundle.name}:{bundle.version} has no golden rows: make it with golden=Golden.of(plan, predictor, sample)")
    table = _table(bundle.golden.rows, f"{bundle.name}:{bundle.version}")
    found = []
    for size in SIZES:
        expected, said = bundle.golden.outputs[size], _said(bundle.plan, bundle.predictor, table, size)
        if expected.shape != said.shape:
            sentence = f"With {size} row(s) at a time it gives outputs of the shape {said.shape} and gave {expected.shape}."
            found.append(Difference(size, 0, (), (), sentence))
            continue
        off = np.abs(expected - said).reshape(len(said), -1).max(axis=1)
        limit = tolerance * max(1e-300, float(np.abs(expected).max(initial=0.0)))
        for row in np.flatnonzero(~(off <= limit)).tolist():
            before, now = (tuple(np.atleast_1d(one[row]).tolist()) for one in (expected, said))
            sentence = f"With {size} row(s) at a time it says {_shown(now)} of golden row {row}, and said {_shown(before)}."
            found.append(Difference(size, row, before, now, sentence))
    return tuple(found)


def _said(plan: Encoder, predictor: Predictor, table: pl.DataFrame, size: str) -> Array:
    step = table.height if size == "all" else int(size)
    return np.concatenate([predictor.predict(plan.encode(table.slice(start, step))) for start in range(0, table.height, step)])


def _table(content: bytes, where: str) -> pl.DataFrame:
    try:
        return pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError, ValueError, BaseException) as error:  # an engine's panic is no Exception
        if isinstance(error, KeyboardInterrupt | SystemExit):
            raise
        raise Unreadable(where, f"it is no Parquet file: {str(error)[:200]}", place=ROWS, next_step=AGAIN) from None


def _shown(values: tuple[float, ...]) -> str:
    return ", ".join(f"{one:.9g}" for one in values[:5]) + (" …" if len(values) > 5 else "")
