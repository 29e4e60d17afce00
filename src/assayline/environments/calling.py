"""Calls a function on golden rows in batches and gives back what it said: the standard library alone, so that any interpreter can run this file."""

from __future__ import annotations

import datetime
import importlib
import math
import sys
from typing import Any

FRAMES = ("pandas", "polars", "numpy", "dict")


def answer(request: dict[str, Any], modules: dict[str, Any]) -> dict[str, Any]:
    """Outputs by batch size. Nothing is unpickled: the function is imported by its name, the rows come as plain values."""
    sys.path.insert(0, request["code"])
    module, _, name = request["call"].partition(":")
    function = importlib.import_module(module)
    for piece in name.split("."):
        function = getattr(function, piece)
    frame = frame_of(request["columns"], request["kinds"], request["frame"])
    rows = len(next(iter(request["columns"].values())))
    runs = {str(batch): _run(function, frame, rows, batch) for batch in request["batches"]}
    again = _run(function, frame, rows, request["batches"][-1])
    return {"runs": runs, "repeatable": _same(again, runs[str(request["batches"][-1])]), "rows": rows}


def frame_of(columns: dict[str, list[Any]], kinds: dict[str, str], kind: str) -> Any:
    """The rows as the function takes them."""
    values = {name: [_moment(value) if kinds[name] == "moment" else value for value in column] for name, column in columns.items()}
    if kind == "dict":
        return values
    library: Any = importlib.import_module(kind)
    if kind == "numpy":
        return library.array([[math.nan if value is None else float(value) for value in column] for column in values.values()], dtype=float).T
    if kind == "pandas":
        return library.DataFrame(values)
    types = {"number": library.Float64, "integer": library.Int64, "boolean": library.Boolean, "text": library.String, "moment": library.Datetime}
    return library.DataFrame(values, schema={name: types[one] for name, one in kinds.items()})


def _moment(value: Any) -> Any:
    return None if value is None else datetime.datetime.fromisoformat(value)


def _run(function: Any, frame: Any, rows: int, batch: int) -> dict[str, Any]:
    whole: dict[str, list[Any]] = {}
    kinds: dict[str, str] = {}
    for start in range(0, rows, batch):
        end = min(start + batch, rows)
        columns, types = outputs(function(_cut(frame, start, end)))
        lengths = {len(column) for column in columns.values()}
        if lengths != {end - start}:
            raise SystemExit(f"the function gave {sorted(lengths)} rows for {end - start}: a probe needs one row of output for each of input")
        if start and set(columns) != set(whole):
            raise SystemExit(f"the function gave the columns {sorted(columns)} for some rows and {sorted(whole)} for others")
        for name, column in columns.items():
            whole.setdefault(name, []).extend(column)
        kinds.update(types)
    return {"columns": whole, "kinds": kinds}


def _cut(frame: Any, start: int, end: int) -> Any:
    if isinstance(frame, dict):
        return {name: column[start:end] for name, column in frame.items()}
    if hasattr(frame, "iloc"):
        return frame.iloc[start:end].reset_index(drop=True)
    return frame[start:end]


def outputs(said: Any) -> tuple[dict[str, list[Any]], dict[str, str]]:
    """Whatever came back, as columns of plain values, and for each the kind of number it held ("float32", "float64", "other")."""
    if hasattr(said, "to_pydict"):  # Arrow
        columns, types = said.to_pydict(), {str(field.name): str(field.type) for field in said.schema}
    elif hasattr(said, "columns") and hasattr(said, "dtypes"):  # pandas, Polars
        columns = {str(name): said[name].to_list() for name in said.columns}
        types = {name: str(said[key].dtype) for name, key in zip(columns, said.columns)}  # noqa: B905 - `strict` is not known to every Python this runs on
    elif isinstance(said, dict):
        columns = {str(name): column.tolist() if hasattr(column, "tolist") else list(column) for name, column in said.items()}
        types = {str(name): str(getattr(column, "dtype", "")) for name, column in said.items()}
    else:
        listed = said.to_list() if hasattr(said, "to_list") else said.tolist() if hasattr(said, "tolist") else list(said)
        wide = bool(listed) and isinstance(listed[0], (list, tuple))
        columns = {str(place): [row[place] for row in listed] for place in range(len(listed[0]))} if wide else {"0": listed}
        types = dict.fromkeys(columns, str(getattr(said, "dtype", "")))
    plain = {name: [_plain(value) for value in column] for name, column in columns.items()}
    return plain, {name: _kind(types.get(name, ""), column) for name, column in plain.items()}


def _plain(value: Any) -> Any:
    if hasattr(value, "item"):
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else {"float": repr(value)}  # JSON has no such numbers
    return str(value)


def _kind(dtype: str, column: list[Any]) -> str:
    lowered = dtype.lower()
    for name, spellings in (("float16", ("float16", "halffloat")), ("float32", ("float32", "float"))):
        if lowered in spellings:
            return name
    return "float64" if any(isinstance(value, (float, dict)) for value in column) else "other"


def _same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    return bool(one["columns"] == two["columns"])
