"""One run of a step, as far as tables are concerned: inputs read as the frames it wants, the function called, its result written.

Runs in the process of the steps; whoever called it judges and publishes what was written.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Mapping
from typing import Any

import polars as pl

from assayline.errors import MissingExtra, MisuseError
from assayline.lineage.columns import columns_of_frames, columns_of_sql, declared

from .definition import Line, StepDefinition, load_line
from .typed_text import TIME, as_type

RESULT = "result.parquet"
CASTS: Mapping[str, Any] = {"Int64": pl.Int64, "Float64": pl.Float64, "Datetime": TIME, "String": pl.String}
Tell = Callable[[dict[str, Any]], None]


def work(request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Run one step.

    Args:
        request: `file` of the line; `step`; `inputs`: {"rides": {"parts": [{"path", "renames"}], "casts": {column: "Int64"|…}, "uses": [columns] | None}}; `parameters`; `folder`
            to write to.
        tell: receives {"done", "total", "phase"}.

    Returns:
        `path` of the result, `rows_in`, `rows_out`.
    """
    return run(_line(request["file"], os.stat(request["file"]).st_mtime_ns).steps[request["step"]], request, tell)


def run(step: StepDefinition, request: Mapping[str, Any], tell: Tell) -> dict[str, Any]:
    """Run a step that is there already; the rest as of `work`."""
    lazy = {name: read(request["inputs"][name]) for name in step.inputs}
    tables = {name: frame if step.frames[name] == "lazy" else frame.collect() for name, frame in lazy.items()}
    heights = {name: _height(one) for name, one in tables.items()}
    tell({"done": 0, "total": sum(heights.values()), "phase": step.name})
    made = as_polars(step.name, _called(step, tables, request["parameters"]))
    path = os.path.join(request["folder"], RESULT)
    try:
        made.write_parquet(path, compression="zstd", compression_level=1, statistics=True)
    except pl.exceptions.PolarsError as error:
        raise MisuseError(f"step {step.name!r}: its result cannot be kept: {error}; give columns of numbers, texts, times, or lists of them") from error
    return {"path": path, "rows_in": sum(heights.values()), "rows_out": made.height, "columns": _columns(step, tables, made)}


def _columns(step: StepDefinition, tables: Mapping[str, pl.DataFrame | pl.LazyFrame], made: pl.DataFrame) -> dict[str, Any]:
    """Where the columns of the result come from, as far as it can be known; {} where it cannot."""
    if step.sql:
        try:
            return columns_of_sql(step.sql, {name: table.collect_schema().names() for name, table in tables.items()})
        except MissingExtra:
            return {}
    whole = {name: table for name, table in tables.items() if isinstance(table, pl.DataFrame)}
    if len(whole) < len(tables):
        return declared(step.uses, step.inputs) if step.uses else {}
    return columns_of_frames(whole, made, step.uses or None)


def read(given: Mapping[str, Any]) -> pl.LazyFrame:
    """The lots of one input as one table; a column that a lot lacks is null there."""
    parts = []
    for part in given["parts"]:
        frame = pl.scan_parquet(part["path"])
        schema = frame.collect_schema()
        names = {new: old for new, old in part["renames"].items() if new in schema}
        if names:
            frame = frame.rename(names)
        parts.append(frame.with_columns(as_type(pl.col(name), CASTS[kind]).alias(name) for name, kind in given["casts"].items() if frame.collect_schema().get(name) == pl.String))
    whole = pl.concat(parts, how="diagonal_relaxed") if len(parts) > 1 else parts[0]
    if given["uses"] is not None:
        known = whole.collect_schema().names()
        missing = [name for name in given["uses"] if name not in known]
        if missing:
            raise MisuseError(f"the step uses the column {missing[0]!r}, which its input does not have; it has {', '.join(known)}")
        whole = whole.select(given["uses"])
    return whole


def _height(frame: pl.DataFrame | pl.LazyFrame) -> int:
    return frame.height if isinstance(frame, pl.DataFrame) else int(frame.select(pl.len()).collect().item())


def _called(step: StepDefinition, tables: Mapping[str, pl.DataFrame | pl.LazyFrame], parameters: Mapping[str, Any]) -> Any:
    frames = {name: as_wanted(table, step.frames[name]) for name, table in tables.items()}
    if step.function is not None:
        return step.function(**frames, **parameters)
    import duckdb

    with duckdb.connect(":memory:", config={"enable_external_access": "false"}) as connection:
        for name, frame in frames.items():
            connection.register(name, frame)
        try:
            return connection.sql(step.sql).pl()
        except duckdb.Error as error:
            raise MisuseError(f"step {step.name!r}: {error}") from error


def as_wanted(frame: pl.DataFrame | pl.LazyFrame, kind: str) -> Any:
    """A table as the kind of frame a function is written for: polars | lazy | pandas | arrow."""
    if isinstance(frame, pl.LazyFrame):
        return frame
    if kind == "pandas":
        return frame.to_pandas()
    return frame.to_arrow() if kind == "arrow" else frame


def as_polars(step: str, made: Any) -> pl.DataFrame:
    """What a step returned, as a Polars frame.

    Raises:
        MisuseError: it is no table, or has no column.
    """
    package = type(made).__module__.partition(".")[0]
    if isinstance(made, pl.LazyFrame):
        made = made.collect()
    elif package == "pandas" and hasattr(made, "columns"):
        named = any(name is not None for name in made.index.names)
        made = pl.from_pandas(made.reset_index() if named else made)  # an index with a name holds values, one without counts rows
    elif package == "pyarrow" and hasattr(made, "column_names"):
        made = pl.DataFrame(made)
    elif package in ("duckdb", "_duckdb") and hasattr(made, "pl"):
        made = made.pl()
    if not isinstance(made, pl.DataFrame) or not made.width:
        what = "nothing" if made is None else "a table without columns" if isinstance(made, pl.DataFrame) else type(made).__name__
        raise MisuseError(f"step {step!r} returned {what}; return a Polars, pandas or Arrow table, or a DuckDB relation")
    return made


@functools.lru_cache(maxsize=4)
def _line(file: str, changed: int) -> Line:
    return load_line(file)
