"""What the champion says of rows of which it said nothing while the other one answered; in a watched child."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import polars as pl

from ..step_work import read as read_lots
from .answering import Guard, answering
from .score_work import Said

RECALLED = "recalled.parquet"


def work(request: Mapping[str, Any], tell: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Ask a version about some rows of a batch.

    Args:
        request: `table`: {"parts", "casts", "uses"} of the batch; `rows`: path of a Parquet file with their numbers in `assay_row`; `champion`: {"label", "artefact"}; `allowed`: digests of
            pickles that may be opened; `folder` to write to.
        tell: not used.

    Returns:
        `path` of a table with `assay_row`, `champion` and `champion_prediction`; `rows_in`, `rows_out`.

    Raises:
        InputError: the artefact cannot be read.
    """
    table = read_lots(request["table"]).collect()
    rows = pl.read_parquet(request["rows"])["assay_row"].to_numpy().astype(np.int64)
    champion = answering(request["champion"]["artefact"], request["champion"]["label"], allowed=request["allowed"], rows=len(rows), guard=Guard())
    said = Said.of_answers(champion.about(table).answers(rows), champion.classes)
    path = os.path.join(request["folder"], RECALLED)
    pl.DataFrame([pl.Series("assay_row", rows), said.scores.alias("champion"), said.predictions.alias("champion_prediction")]).write_parquet(path)
    return {"path": path, "rows_in": table.height, "rows_out": len(rows)}
