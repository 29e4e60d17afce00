"""Rows of a database that came after the last look, told by a column that only grows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

from ..core import Source
from ..errors import MisuseError, Unreadable
from ..tables.addresses import Address, parse
from ..tables.databases import quoted
from ..tables.opening import open_table
from .delivery import Delivery, Json
from .settings import address_of, duration, shown, text

SCHEMES = ("sqlite:", "duckdb:", "postgresql:", "postgres:")


def poll_query(source: Source, position: Mapping[str, Json], moment: datetime) -> Iterator[Delivery]:
    """The rows above the last watermark, up to the highest there is now; both ends are fixed, so that reading again gives the same rows.

    Without the option `watermark` each look delivers the whole table or query.
    """
    address = address_of(source)
    column = text(source, "watermark")
    facts = {"address": shown(source), "settled_at": moment.astimezone(UTC).isoformat()}
    if not column:
        yield Delivery(address, facts, {"read_at": facts["settled_at"]})
        return
    last = position.get("watermark")
    if last is not None and not isinstance(last, str):
        raise MisuseError(f"the position of {source.name} is not one of a watermark: {last!r}")
    parsed = parse(address)
    rows = _rows_of(parsed, shown(source))
    mark = quoted(column)
    above = f"{mark} > {last}" if last is not None else f"{mark} IS NOT NULL"
    lag = duration(source, "lag", 0.0)
    if lag:
        above += f" AND {mark} <= {_literal(datetime.fromtimestamp(moment.timestamp() - lag, UTC), parsed.scheme)}"
    high, kind, count, without = _asked(address, parsed, _summary(rows, mark, above, parsed.scheme), shown(source))
    if high is None:
        return
    upper = _literal(high, kind if parsed.scheme == "sqlite" else parsed.scheme)
    query = f"SELECT * FROM {rows} AS source WHERE {above} AND {mark} <= {upper} ORDER BY {mark}"
    facts |= {"watermark": column, "above": last or "", "up_to": upper, "rows": str(count)}
    if without:
        facts["without_watermark"] = str(without)  # these rows are never above anything; somebody has to know
    yield Delivery(_with_query(address, query), facts, {"watermark": upper})


def _rows_of(parsed: Address, name: str) -> str:
    if parsed.query:
        return f"({parsed.query.strip().rstrip(';')}\n)"
    if not parsed.table:
        raise MisuseError(f"{name}: a watermark needs ?table=NAME or ?query=SELECT …")
    pieces = parsed.table.split(".", 1) if parsed.scheme != "sqlite" else [parsed.table]
    return ".".join(quoted(piece) for piece in pieces)


def _summary(rows: str, mark: str, above: str, scheme: str) -> str:
    """One row: the highest value as text, its kind, how many rows there are, and how many have no watermark at all."""
    exact = f"CASE typeof(max({mark})) WHEN 'real' THEN printf('%!.17g', max({mark})) ELSE CAST(max({mark}) AS TEXT) END"  # a cast rounds to 15 digits
    highest = {"sqlite": exact, "duckdb": f"CAST(max({mark}) AS VARCHAR)", "postgresql": f"max({mark})::text"}[scheme]
    kind = f"typeof(max({mark}))" if scheme == "sqlite" else "'text'"
    return (
        f"SELECT {highest} AS high, {kind} AS kind, count(*) AS found, (SELECT count(*) FROM {rows} AS source WHERE {mark} IS NULL) AS without"
        f" FROM {rows} AS source WHERE {above}"
    )


def _asked(address: str, parsed: Address, query: str, name: str) -> tuple[str | None, str, int, int]:
    table = open_table(_with_query(address, query))
    try:
        rows: list[tuple[Any, ...]] = [row for piece in table.pieces() for row in piece.load().rows()]
    finally:
        table.close()
    if len(rows) != 1:
        raise Unreadable(name, f"a question for the highest watermark was answered with {len(rows)} rows", next_step="check the query")
    high, kind, count, without = rows[0]
    if high is not None and not isinstance(high, str):
        high = high.isoformat(sep=" ") if isinstance(high, datetime) else str(high)
    return high, str(kind), int(count), int(without)


def _literal(value: str | date, kind: str) -> str:
    """A value as SQL writes it. PostgreSQL and DuckDB give a quoted text the type of the column beside it; SQLite compares as it is written.

    >>> _literal("12", "integer"), _literal("2024-05-01", "text"), _literal("O'Hara", "postgresql")
    ('12', "'2024-05-01'", "'O''Hara'")
    """
    if kind in ("integer", "real") and isinstance(value, str):
        return value
    # As SQLite's own functions write times, and as the other two read them: without a zone, in UTC.
    written = value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, date) else value
    return "'" + written.replace("'", "''") + "'"


def _with_query(address: str, query: str) -> str:
    """The address with this query instead of its choice.

    >>> _with_query("postgresql://host/db?sslmode=require&table=orders", "SELECT 1 AS x")
    'postgresql://host/db?sslmode=require&query=SELECT 1 AS x'
    """
    from ..tables.addresses import CHOICE

    scheme, _, rest = address.partition(":")
    found = CHOICE.search(rest)
    base = rest[: found.start()] if found else rest
    return f"{scheme}:{base}{'&' if '?' in base else '?'}query={query}"
