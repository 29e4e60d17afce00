"""Which columns a result comes from: SQL by parsing it, Python by comparing contents, or as a step declares.

Whatever is not certain is unknown, and what is unknown counts as used: a warning may be shown too often, never too seldom.

>>> inferred({"rides": {"a": Digest("1", "9"), "b": Digest("2", "8")}}, {"renamed": Digest("3", "9"), "new": Digest("4", "4")})
{'renamed': [('rides', 'a')]}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import polars as pl

if TYPE_CHECKING:
    import numpy.typing as npt

    from .sql_columns import Found

KINDS = ("parsed", "inferred", "declared")


class Digest(NamedTuple):
    """The content of a column: `ordered` changes with the order of the rows, `content` does not."""

    ordered: str
    content: str


@dataclass(frozen=True)
class Use:
    """What a run made of its inputs, as `RunRecord.columns` keeps it.

    Args:
        kind: "parsed" (from SQL), "inferred" (equal contents: no proof) or "declared" (the step is given no other columns).
        sources: for each column of the result the columns it is computed from, as (flow, column).
        uses: for each input the columns that are read anywhere; None where that is not known.
        rows: for each input the columns that decide which rows or groups there are; None where that is not known.
    """

    kind: str
    sources: Mapping[str, Sequence[tuple[str, str]]]
    uses: Mapping[str, Sequence[str] | None]
    rows: Mapping[str, Sequence[str] | None]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, in a stable order."""
        return {
            "kind": self.kind,
            "from": {name: [list(one) for one in sorted(set(sources))] for name, sources in sorted(self.sources.items())},
            "uses": {name: None if columns is None else sorted(columns) for name, columns in sorted(self.uses.items())},
            "rows": {name: None if columns is None else sorted(columns) for name, columns in sorted(self.rows.items())},
        }

    @classmethod
    def from_json(cls, document: Mapping[str, Any]) -> Use:
        """What `as_json` wrote; {} says that nothing is known."""
        sources = {name: [(one[0], one[1]) for one in pairs] for name, pairs in document.get("from", {}).items()}
        return cls(document.get("kind", "inferred"), sources, document.get("uses", {}), document.get("rows", {}))

    def reached(self, flow: str) -> dict[str, tuple[str, ...]] | None:
        """For each column of an input the columns of the result that are computed from it; None where that is not known."""
        if self.kind != "parsed" or self.uses.get(flow) is None:
            return None  # equal contents say where a column comes from, and nothing of the others
        found: dict[str, list[str]] = {}
        for name, sources in self.sources.items():
            for source, column in sources:
                if source == flow:
                    found.setdefault(column, []).append(name)
        return {column: tuple(sorted(names)) for column, names in found.items()}


def columns_of_sql(text: str, schemas: Mapping[str, Iterable[str]]) -> dict[str, Any]:
    """What a query in DuckDB's dialect makes of its tables.

    Args:
        text: one query; nothing of it is executed.
        schemas: for each flow it may read its columns.

    Returns:
        As `Use.as_json`; where something in the query is not understood, everything counts as used.

    Raises:
        MissingExtra: the parser is not installed.

    >>> columns_of_sql("select station, count(*) as n from rides where speed > 3 group by station", {"rides": ["station", "speed", "note"]})["uses"]
    {'rides': ['speed', 'station']}
    """
    from .sql_columns import columns_of

    known = {flow: tuple(columns) for flow, columns in schemas.items()}
    found: Found | None = columns_of(text, known)
    if found is None:
        unknown: dict[str, None] = dict.fromkeys(known)
        return Use("parsed", {}, unknown, unknown).as_json()
    return Use("parsed", found.sources, found.uses, found.rows).as_json()


def declared(uses: Mapping[str, Iterable[str]], inputs: Iterable[str]) -> dict[str, Any]:
    """What a step that is given only these columns makes of its inputs; an input it does not name is read whole.

    >>> declared({"rides": ["station"]}, ["rides", "weather"])["uses"]
    {'rides': ['station'], 'weather': None}
    """
    names = tuple(inputs)
    return Use("declared", {}, {name: tuple(uses[name]) if name in uses else None for name in names}, dict.fromkeys(names)).as_json()


def columns_of_frames(inputs: Mapping[str, pl.DataFrame], output: pl.DataFrame, uses: Mapping[str, Iterable[str]] | None = None) -> dict[str, Any]:
    """What a Python step made of its inputs, as far as equal contents show it.

    Args:
        inputs: by flow.
        output: the result.
        uses: the columns it was given, where it declares them.

    >>> rides = pl.DataFrame({"a": [1, 2, 3], "b": [4, 5, 6]})
    >>> columns_of_frames({"rides": rides}, pl.DataFrame({"c": [3, 1, 2]}))["from"]
    {'c': [['rides', 'a']]}
    """
    candidates = {name: frame for name, frame in inputs.items() if frame.height == output.height}  # else no column can be equal
    found = unmoved(candidates, output)
    left = [column.name for column in output if column.name not in found and any(_alike(column, one) for frame in candidates.values() for one in frame)]
    if left:
        kinds = {(output.schema[name], output[name].null_count()) for name in left}
        digests = {name: column_digests(frame.select(one.name for one in frame if (one.dtype, one.null_count()) in kinds)) for name, frame in candidates.items()}
        found |= inferred(digests, column_digests(output.select(left)))
    given = declared(uses or {}, inputs)
    return {**Use("declared" if uses else "inferred", found, {}, {}).as_json(), "uses": given["uses"], "rows": given["rows"]}


def unmoved(inputs: Mapping[str, pl.DataFrame], output: pl.DataFrame) -> dict[str, list[tuple[str, str]]]:
    """For each column of the output the columns of the inputs that are equal to it, row by row; cheaper than digests, and what most steps do with most columns."""
    found: dict[str, list[tuple[str, str]]] = {}
    for column in output:
        if column.dtype == pl.Object or _is_constant(column):
            continue
        same = [(flow, one.name) for flow, frame in inputs.items() for one in frame if _alike(column, one) and column.head(64).equals(one.head(64)) and column.equals(one)]
        if same:
            found[column.name] = sorted(same)
    return found


def _alike(one: pl.Series, other: pl.Series) -> bool:
    """Whether two columns of one length could hold the same values: what can be told without looking at them all, or nearly."""
    if one.dtype != other.dtype or one.null_count() != other.null_count():
        return False
    return not one.dtype.is_numeric() or (one.min() == other.min() and one.max() == other.max())


def _is_constant(column: pl.Series) -> bool:
    if column.dtype.is_nested():
        return False
    return column.len() == 0 or (column.head(64).n_unique() == 1 and column.n_unique() == 1)


def inferred(inputs: Mapping[str, Mapping[str, Digest]], output: Mapping[str, Digest]) -> dict[str, list[tuple[str, str]]]:
    """For each column of the output the columns of the inputs with the very same values, in whatever order of rows.

    A column in the same order goes before one in another: where there is one, only such are named.
    """
    ordered: dict[str, list[tuple[str, str]]] = {}
    content: dict[str, list[tuple[str, str]]] = {}
    for flow, columns in inputs.items():
        for name, digest in columns.items():
            ordered.setdefault(digest.ordered, []).append((flow, name))
            content.setdefault(digest.content, []).append((flow, name))
    found = {name: ordered.get(digest.ordered) or content.get(digest.content, []) for name, digest in output.items()}
    return {name: sorted(sources) for name, sources in found.items() if sources}


def column_digests(frame: pl.DataFrame) -> dict[str, Digest]:
    """The digests of the columns of a frame.

    Columns with a single value are left out, for they resemble each other without coming from each other; so are kinds that Polars cannot hash.
    Comparable within one process only.
    """
    if frame.height == 0:
        return {}
    places = np.arange(1, 2 * frame.height, 2, dtype=np.uint64)  # odd, so that no weight loses bits
    found: dict[str, Digest] = {}
    for column in frame:
        try:
            hashes: npt.NDArray[np.uint64] = column.hash().to_numpy()
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
            continue
        if (hashes[:64] == hashes[0]).all() and (hashes == hashes[0]).all():
            continue
        # Two sums that no order changes, of the hashes and of their squares; and one in which each place has a weight. All modulo 2**64.
        content = f"{column.dtype}:{frame.height}:{int(hashes.sum()):016x}{int(np.dot(hashes, hashes)):016x}"
        found[column.name] = Digest(f"{content}:{int(np.dot(hashes, places)):016x}", content)
    return found
