"""The quarantine: rows that were put aside, what people decide about them, and what becomes of a row."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy.engine import Row

from assayline.errors import Damaged, MisuseError
from assayline.ledger import held, intact, records
from assayline.ledger.records import LotRecord

from .added import ADDED, added_names
from .adjudicating import author_of
from .project import Project

SHOWN_ROWS = 20
NAMED_ROWS = 10_000  # rows a decision lists one by one; above it says "open": all that were open then


@dataclass(frozen=True)
class Quarantined:
    """The rows of one case, with what was decided about each.

    Args:
        case: as the ledger has it.
        lot: the lot they came in.
        frame: the rows: source columns as they came, and `assay_row`, `assay_why`, `assay_columns`, `assay_suggestions`.
        columns: the source columns.
        state: for each row "open", "fix", "waive" or "reject".
        decision: for each row the number of the decision, or None.
    """

    case: Row[Any]
    lot: LotRecord
    frame: pl.DataFrame
    columns: tuple[str, ...]
    state: list[str]
    decision: list[int | None]

    @property
    def rows(self) -> list[int]:
        """Where the rows stood in their lot."""
        return self.frame["assay_row"].to_list()


def cases_document(project: Project, *, flow: str | None = None, only_open: bool = True, most: int = 0) -> list[dict[str, Any]]:
    """Cases of quarantined rows, by number."""
    from .health import case_document

    with project.ledger.read() as connection:
        return [case_document(row._asdict()) for row in records.cases(connection, flow=flow, only_open=only_open, most=most)]


def case_rows(project: Project, number: int) -> Quarantined:
    """The rows of a case.

    Raises:
        MisuseError: there is no such case.
        Damaged: its rows cannot be read any more.
    """
    with project.ledger.read() as connection:
        case = records.case_of(connection, number)
        lot = records.lot_of(connection, int(case.lot))
        first = min(int(row.number) for row in records.cases(connection, lot=lot.lot, only_open=False))
        decided = records.decisions(connection, case=number)
    frame = _rows_of(project, lot, number - first)
    columns = tuple(name for name in frame.columns if name not in ADDED)
    rows = frame["assay_row"].to_list()
    place = {row: at for at, row in enumerate(rows)}
    state: list[str] = ["open"] * len(rows)
    decision: list[int | None] = [None] * len(rows)
    for one in decided:
        body = json.loads(one.body)
        if one.action not in ("fix", "waive", "reject"):
            continue
        named = [place[row] for row in body["rows"]] if body["rows"] != "open" else [at for at, was in enumerate(state) if was == "open"]
        for at in named:
            state[at], decision[at] = one.action, int(one.decision)
    return Quarantined(case, lot, frame, columns, state, decision)


def case_page(project: Project, number: int, *, most: int = SHOWN_ROWS) -> dict[str, Any]:
    """One case with its first rows, as JSON values."""
    from .health import case_document

    found = case_rows(project, number)
    shown = found.frame.head(most) if most else found.frame
    with project.ledger.read() as connection:
        decided = records.decisions(connection, case=number)
    return {
        **case_document(found.case._asdict()),
        "input": found.lot.input,
        "source_columns": list(found.columns),
        "quarantined": [
            {
                "row": row["assay_row"], "state": found.state[at], "why": row["assay_why"], "columns": row["assay_columns"], "suggestions": row["assay_suggestions"],
                "values": {name: None if row[name] is None else str(row[name]) for name in found.columns},
            }
            for at, row in enumerate(shown.to_dicts())
        ],
        "decisions": [{"decision": int(one.decision), "action": one.action, "author": one.author, "at": one.at, "settled": one.settled, **json.loads(one.body)} for one in decided],
    }  # fmt: skip


def decide(
    project: Project,
    number: int,
    action: str,
    *,
    rows: Sequence[int] | None = None,
    values: Mapping[str, str | None] | None = None,
    cells: Mapping[int, Mapping[str, str | None]] | None = None,
    suggested: bool = False,
    author: str | None = None,
    reason: str = "",
) -> dict[str, Any]:
    """Decide about rows of a case that are still open; one answer serves all of them.

    Args:
        project: where.
        number: of the case.
        action: "fix" (they are changed and put back), "waive" (they are right as they are, and put back), "reject" (they stay out for good).
        rows: their places in the lot; every open row when None.
        values: with fix: by column what shall stand there in each of the rows; None for an empty cell.
        cells: with fix: the same row by row.
        suggested: with fix: each accused cell gets what was suggested for it.
        author: who decides.
        reason: why.

    Returns:
        The decision: `decision`, `case`, `action`, `rows` (how many), `open` (how many are left).

    Raises:
        MisuseError: a row is not open, a column does not exist, a value does not fit its column, or nothing was suggested.
    """
    found = case_rows(project, number)
    with held(project.ledger, found.lot.flow) as lease, project.ledger.write() as writing:
        lease.check(writing.connection)
        found = case_rows(project, number)  # as it is now that nobody else decides
        chosen = _chosen(found, rows)
        edits: dict[str, Any] = {}
        if action == "fix":
            edits = _edits(found, chosen, values or {}, cells or {}, suggested)
        open_rows = [row for row, state in zip(found.rows, found.state, strict=True) if state == "open"]
        named: list[int] | str = chosen if len(chosen) <= NAMED_ROWS or len(chosen) != len(open_rows) else "open"
        entry = writing.append(
            "decision",
            {
                "flow": found.lot.flow, "lot": found.lot.lot, "case": number, "action": action, "author": author_of(author), "reason": reason, "rows": named,
                "closes": len(chosen), **edits,
            },
        )  # fmt: skip
        return {"decision": entry.number, "case": number, "action": action, "rows": len(chosen), "open": len(open_rows) - len(chosen)}


def mended(found: Quarantined, decisions: Iterable[Row[Any]]) -> tuple[pl.DataFrame, list[list[str]]]:
    """The rows that some decisions put back, changed as they say.

    Args:
        found: the rows of a case.
        decisions: to fix or to waive.

    Returns:
        The rows with their source columns and `assay_row`; and for each the codes that were waived.
    """
    wanted = {int(one.decision): one for one in decisions}
    at = [place for place, number in enumerate(found.decision) if number in wanted]
    frame = found.frame[at]
    rows = frame["assay_row"].to_list()
    waived: list[list[str]] = []
    changes: dict[str, dict[int, str | None]] = {}
    for place, row in zip(at, rows, strict=True):
        number = found.decision[place]
        assert number is not None
        one = wanted[number]
        body = json.loads(one.body)
        why = found.frame["assay_why"][place].to_list()
        waived.append(why if one.action == "waive" else [])
        if one.action == "fix":
            if body.get("suggested"):
                for column, value in zip(found.frame["assay_columns"][place].to_list(), found.frame["assay_suggestions"][place].to_list(), strict=True):
                    if value is not None and column != "*":
                        changes.setdefault(column, {})[row] = value or None
            for column, value in {**body.get("values", {}), **body.get("cells", {}).get(str(row), {})}.items():
                changes.setdefault(column, {})[row] = value
    result = frame.select("assay_row", *found.columns)
    for column, by_row in changes.items():
        result = result.with_columns(_changed(result[column], rows, by_row))
    return result, waived


def _changed(series: pl.Series, rows: list[int], by_row: Mapping[int, str | None]) -> pl.Series:
    kept = series.to_list()
    new = [by_row.get(row) for row in rows]
    try:
        parsed = cast_text(pl.Series(series.name, new, dtype=pl.String), series.dtype)
    except pl.exceptions.PolarsError as error:
        raise MisuseError(f"{series.name}: {error}") from error
    touched = [row in by_row for row in rows]
    mask = pl.Series(touched)
    return parsed.zip_with(mask, pl.Series(series.name, kept, dtype=series.dtype))


def cast_text(texts: pl.Series, dtype: Any) -> pl.Series:
    """Texts as values of a type; raises what Polars raises where one does not fit."""
    if dtype == pl.Boolean:
        return texts.str.to_lowercase().replace_strict({"true": True, "false": False}, return_dtype=pl.Boolean)
    if isinstance(dtype, pl.Datetime):
        return texts.str.to_datetime(time_unit=dtype.time_unit, time_zone=dtype.time_zone)
    if dtype == pl.Date:
        return texts.str.to_date()
    return texts.cast(dtype)


def _edits(
    found: Quarantined, chosen: Sequence[int], values: Mapping[str, str | None], cells: Mapping[int, Mapping[str, str | None]], suggested: bool
) -> dict[str, Any]:
    for column in {*values, *(name for one in cells.values() for name in one)}:
        if column not in found.columns:
            raise MisuseError(f"lot {found.lot.lot} has no column {column!r}; its columns: {', '.join(found.columns)}")
    for column, texts in _texts_by_column(values, cells).items():
        try:
            cast_text(pl.Series(column, texts, dtype=pl.String), found.frame.schema[column])
        except pl.exceptions.PolarsError as error:
            raise MisuseError(f"{texts[0]!r} cannot stand in {column} ({found.frame.schema[column]}); give a value that fits") from error
    if suggested:
        hints = found.frame.filter(pl.col("assay_row").is_in(list(chosen)))["assay_suggestions"].to_list()
        without = sum(all(one is None for one in row) for row in hints)
        if without:
            raise MisuseError(f"nothing was suggested for {without:,} of these rows; set values, waive or reject them")
    elif not values and not cells:
        raise MisuseError("a fix says what shall stand there: --set COLUMN=VALUE, or --suggested")
    edits: dict[str, Any] = {}
    if suggested:
        edits["suggested"] = True
    if values:
        edits["values"] = dict(values)
    if cells:
        edits["cells"] = {str(row): dict(one) for row, one in cells.items()}
    return edits


def _texts_by_column(values: Mapping[str, str | None], cells: Mapping[int, Mapping[str, str | None]]) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for one in (values, *cells.values()):
        for column, value in one.items():
            if value is not None:
                texts.setdefault(column, []).append(value)
    return texts


def _chosen(found: Quarantined, rows: Sequence[int] | None) -> list[int]:
    states = dict(zip(found.rows, found.state, strict=True))
    if rows is None:
        chosen = [row for row, state in states.items() if state == "open"]
        if not chosen:
            raise MisuseError(f"no row of case {found.case.number} is open any more; see: assay quarantine show {found.case.number}")
        return chosen
    for row in rows:
        if row not in states:
            raise MisuseError(f"row {row} is not in case {found.case.number}; see: assay quarantine show {found.case.number}")
        if states[row] != "open":
            raise MisuseError(f"row {row} of case {found.case.number} was decided before ({states[row]}); see: assay quarantine show {found.case.number}")
    return sorted(set(rows))


def _rows_of(project: Project, lot: LotRecord, case: int) -> pl.DataFrame:
    path = intact(project.store, lot.objects["quarantined"])
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            frame = pl.from_arrow(file.read())
    except (pa.ArrowException, OSError) as error:
        raise Damaged(f"{path}: the quarantined rows of lot {lot.lot} cannot be read: {error}; run: assay verify") from error
    assert isinstance(frame, pl.DataFrame)
    source = frame.columns[: -len(ADDED)]
    names = added_names(source)
    frame = frame.filter(pl.col(names["assay_case"]) == case)
    if any(name in source for name in ADDED):
        raise MisuseError(f"lot {lot.lot} has columns of its own that begin with assay_; rename them before they are reviewed")
    return frame.rename({names[name]: name for name in ADDED})
