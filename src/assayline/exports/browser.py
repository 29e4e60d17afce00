"""A page that predicts where it is opened: the model and its plan as JSON, and the script that reads them, in one file without any network."""

from __future__ import annotations

import html
import io
import json
import math
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any

import polars as pl

from assayline.artefacts import AsIs, Blend, Boosted, Bundle, Calibrated, Expanded, Interval, Predictor, Rescaled, Selected
from assayline.artefacts.encoder import Encoder
from assayline.artefacts.stored import DOCUMENT, plain
from assayline.errors import MisuseError
from assayline.framing import Plan
from assayline.framing.column import ADDENDS, BUCKETS, LONGEST, MULTIPLIERS, WORDS, Column, codes_of
from assayline.framing.labels import TRUTH
from assayline.framing.numbertext import UNITS, NumberStyle

from .refusing import refuse_foreign

MOST_ROWS = 50  # known rows that a page checks itself with
MOST_CHOICES = 200  # labels offered for a column of codes
# Readings that a form has no field for: lists have no one text, and what stands in a column of moments or numbers is read as they are.
WITHOUT_FIELD = ("list",)


def web_page(bundle: Bundle, *, coverage: float = 0.9) -> str:
    """One HTML file in which a person fills in a row and sees the prediction; it loads nothing and sends nothing.

    The row is encoded as the plan encodes it and predicted as the model predicts it, in double precision. On opening, the page tries up to 50 golden rows of the bundle and says how
    many agree. What a page cannot know counts as missing and is said on it: features from earlier rows, columns of lists, dates with the names of months.

    Args:
        bundle: of a model that was trained here.
        coverage: of the intervals, if the model has them.

    Raises:
        MisuseError: the model is another library's.
    """
    refuse_foreign(bundle.predictor, "JavaScript")
    columns, notes = columns_of(bundle.plan)
    rows = _known_rows(bundle, {column["name"] for column in columns})
    first: Mapping[str, Any] = rows[0]["row"] if rows else {}
    inputs = {
        column["name"]: {"name": column["name"], "value": _shown(first.get(column["name"])), "choices": column.get("labels", [])[:MOST_CHOICES]}
        for column in columns if column["reading"] != "missing"
    }  # fmt: skip
    content = {
        "plan": {"columns": columns}, "model": specification(bundle.predictor, coverage), "classes": list(bundle.classes), "target": bundle.target, "coverage": coverage,
        "inputs": list(inputs.values()), "notes": notes, "rows": rows,
    }  # fmt: skip
    here = files(__package__)
    # What stands inside a script must not be able to end it.
    inside = json.dumps(content, ensure_ascii=True, allow_nan=False).replace("<", "\\u003c")
    page = here.joinpath("page.html").read_text(encoding="utf-8")
    texts = {
        "%TITLE%": html.escape(f"{bundle.name} {bundle.version}"), "%PURPOSE%": html.escape(bundle.purpose),
        "%SCRIPT%": here.joinpath("model.js").read_text(encoding="utf-8").replace("</", "<\\/"), "%CONTENT%": inside,
    }  # fmt: skip
    return re.sub("|".join(texts), lambda found: texts[found[0]], page)  # one pass: what is put in is not looked through again


def specification(model: Predictor, coverage: float = 0.9) -> dict[str, Any]:
    """A predictor as the JSON that `model.js` reads.

    >>> from assayline.artefacts import Constant
    >>> specification(Constant.of(2.0))
    {'classes': 0, 'kind': 'constant', 'values': [2.0]}
    """
    if isinstance(model, Boosted):
        forest = model.forest()
        names = ("columns", "thresholds", "decisions", "lefts", "rights", "values", "bounds", "words")
        trees = [{name: getattr(tree, name).tolist() for name in names} for tree in forest.trees]
        head = {"kind": "boosted", "classes": model.classes, "outputs": forest.outputs, "link": forest.link, "slope": forest.slope, "average": forest.average}
        return {**head, "trees": trees}
    document: dict[str, Any] = json.loads(model.members()[DOCUMENT])
    if isinstance(model, Blend):
        document["inner"] = [specification(one) for one in model.inner]
    elif isinstance(model, Calibrated | Expanded | Rescaled | Selected):
        document["inner"] = specification(model.inner)
    elif isinstance(model, Interval):
        document = {"kind": "interval", "inner": specification(model.inner), "reach": model.reach(coverage), "floor": model.floor}
        document["difficulty"] = specification(model.difficulty) if model.difficulty is not None else None
    return document


def columns_of(plan: Encoder) -> tuple[list[dict[str, Any]], list[str]]:
    """How `model.js` reads each column of a plan, and what it has to leave out, in sentences."""
    if isinstance(plan, AsIs):
        style = {"comma": False, "factor": 1.0, "offset": 0.0, "units": {}}
        return [{"name": name, "path": [], "reading": "number", "number": style} for name in plan.columns], []
    if not isinstance(plan, Plan):
        raise MisuseError(f"a {type(plan).__name__} has no form in JavaScript: use the plan that framing made")
    notes = [f"{column.shown} holds lists, which have no field here: it counts as missing." for column in plan.columns if column.reading in WITHOUT_FIELD]
    found = [_column(column) for column in plan.columns]
    if plan.lags:
        notes.append("What came before this row is not known here: its features count as missing.")
        found.append({"name": "", "path": [], "reading": "missing", "width": len(plan.lags)})
    return found, notes


def _column(column: Column) -> dict[str, Any]:
    head: dict[str, Any] = {"name": column.name, "path": list(column.path), "reading": column.reading}
    if column.reading in WITHOUT_FIELD:
        return {**head, "reading": "missing", "width": len(column.features)}
    if column.reading in ("number", "word"):
        head["number"] = _style(column.number)
    if column.reading in ("code", "word"):
        codes, unseen = codes_of(column)
        head |= {"codes": codes, "unseen": unseen, "labels": list(column.labels)}
    if column.reading == "truth":
        head["truth"] = TRUTH
    if column.reading == "time":
        head |= {"parts": list(column.parts), "reference": column.reference, "time": {"day_first": column.time.day_first, "zone": column.time.zone}}
    if column.reading == "hash":  # 64-bit numbers as texts: JSON numbers of JavaScript have 53 bits
        head |= {"multipliers": [str(one) for one in MULTIPLIERS], "addends": [str(one) for one in ADDENDS], "longest": LONGEST}
    if column.reading == "text":
        head |= {"words": list(column.words), "buckets": BUCKETS, "longest": LONGEST, "most_words": WORDS}
    return head


def _style(style: NumberStyle) -> dict[str, Any]:
    units = {unit: list(meanings.get(style.dimension, (1.0, 0.0))) for unit, meanings in UNITS.items()}
    return {"comma": style.comma, "factor": style.factor, "offset": style.offset, "units": units}


def _known_rows(bundle: Bundle, names: set[str]) -> list[dict[str, Any]]:
    """Golden rows as a page gets them: values as a form or JSON has them, with what the plan and the model say."""
    if bundle.golden is None:
        return []
    encode, predict = bundle.plan.row_encoder(), bundle.row_predictor()
    table = pl.read_parquet(io.BytesIO(bundle.golden.rows)).head(MOST_ROWS)
    found = []
    for raw in table.iter_rows(named=True):
        row = {name: _value(value) for name, value in raw.items() if name in names}
        x = encode(row)
        found.append({"row": row, "encoded": [None if math.isnan(one) else one for one in x], "said": plain(predict(row)[0]) if bundle.classes else [float(predict(row)[0])]})
    return found


def _value(value: object) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        return value if abs(value) < 1 << 53 else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): _value(one) for name, one in value.items()}
    if hasattr(value, "isoformat"):
        return value.isoformat(" ") if hasattr(value, "hour") and hasattr(value, "year") else value.isoformat()
    return str(value) if not isinstance(value, list | bytes) else None


def _shown(value: object) -> str:
    return "" if value is None or isinstance(value, Mapping) else str(value)
