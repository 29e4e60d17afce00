"""What the process of an export does: writes a version in another language, and asks it the golden rows where it can be run here."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from assayline import exports
from assayline.artefacts import Bundle
from assayline.framing import Plan
from assayline.framing.column import codes_of

from .trial_work import opened

EXPORTED = "exported.json"


def work(request: Mapping[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Write one version in another form.

    Args:
        request: `artefact`: path; `form`: "onnx", "c" or "web"; `name` of the files; `folder` to write to; `allowed`: digests of pickles that may be opened.
        tell: is told nothing.

    Returns:
        `path` of the list of files, `rows_in`, `rows_out`; `files` and a `sentence` stand in that list.

    Raises:
        MisuseError: this kind of model cannot be written so.
        MissingExtra: what it needs is not installed.
    """
    bundle = opened(request["artefact"], tuple(request.get("allowed") or ()))
    texts, sentence = {"onnx": _onnx, "c": _c, "web": _web}[request["form"]](bundle, str(request["name"]))
    for name, content in texts.items():
        with open(os.path.join(request["folder"], name), "wb") as out:
            out.write(content)
    path = os.path.join(request["folder"], EXPORTED)
    with open(path, "w", encoding="utf-8") as out:
        json.dump({"files": sorted(texts), "sentence": sentence}, out)
    return {"path": path, "rows_in": 0, "rows_out": 0}


def _onnx(bundle: Bundle, name: str) -> tuple[dict[str, bytes], str]:
    content = exports.onnx_bytes(bundle.predictor, len(bundle.plan.features), producer=f"{bundle.name}:{bundle.version}")
    plan = {"features": [one.name for one in bundle.plan.features], "classes": list(bundle.classes), "plan": bundle.plan.to_json()}
    files = {f"{name}.onnx": content, f"{name}.plan.json": json.dumps(plan, ensure_ascii=True, sort_keys=True).encode()}
    try:
        import onnxruntime
    except ImportError:
        return files, "It was not run here, since onnxruntime is not installed (pip install 'assayline[onnx]')."
    rows = _golden(bundle)
    if rows is None:
        return files, "The artefact has no golden rows to compare it by."
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    said = np.asarray(session.run(["Y"], {"X": rows})[0], dtype=np.float64)
    expected = bundle.predictor.predict(rows)
    gap = float(np.max(np.abs(said.reshape(expected.shape) - expected), initial=0.0))
    return files, f"On {len(rows)} golden rows it differs from the original by at most {gap:.2g}; what the features are stands in {name}.plan.json."


def _c(bundle: Bundle, name: str) -> tuple[dict[str, bytes], str]:
    prefix = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    prefix = prefix if prefix[:1].isalpha() else f"m_{prefix}"
    codes = {place: column for place, column in _columns(bundle).items() if codes_of(column)}
    made = exports.c_source(bundle.predictor, [one.name for one in bundle.plan.features], name=prefix[:40], classes=bundle.classes, codes=codes)
    return {f"{made.name}.h": made.header.encode(), f"{made.name}.c": made.source.encode()}, f"Compile it with: cc -std=c99 -O2 -c {made.name}.c; the header says what goes in and comes out."


def _web(bundle: Bundle, name: str) -> tuple[dict[str, bytes], str]:
    return {f"{name}.html": exports.web_page(bundle).encode()}, "Open it in any browser, without a network; it tries its golden rows first and says how many agree."


def _golden(bundle: Bundle) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    import io

    import polars as pl

    if bundle.golden is None:
        return None
    return np.asarray(bundle.plan.encode(pl.read_parquet(io.BytesIO(bundle.golden.rows))), dtype=np.float64)


def _columns(bundle: Bundle) -> dict[int, Any]:
    """The columns of a plan by the position of the feature they give, where one gives one."""
    if not isinstance(bundle.plan, Plan):
        return {}
    by_name = {column.name: column for column in bundle.plan.columns}
    return {place: by_name[one.sources[0]] for place, one in enumerate(bundle.plan.features) if one.kind == "code" and len(one.sources) == 1 and one.sources[0] in by_name}
