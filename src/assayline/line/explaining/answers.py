"""What a version answered to the rows of a test set: as it was kept, else asked again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline import trials
from assayline.artefacts import Bundle

Floats = npt.NDArray[np.float64]
KEPT, ASKED = "kept", "asked again"


def answers_of(bundle: Bundle, table: pl.DataFrame, digest: str, predictions: str | None, classes: tuple[str, ...]) -> tuple[Floats, str]:
    """The answers to all rows, in the order of `classes`, and whether they were kept or asked again.

    Args:
        bundle: the version.
        table: the rows.
        digest: of the lot the rows are.
        predictions: path of what was kept of the version's last trial, or None.
        classes: of the version it is compared with; the same ones in any order.
    """
    kept = kept_answers(predictions, digest, table.height, bool(bundle.classes))
    said = bundle.predict(table) if kept is None else kept
    return said[:, [bundle.classes.index(name) for name in classes]] if classes else said, ASKED if kept is None else KEPT


def kept_answers(predictions: str | None, digest: str, rows: int, classes: bool) -> Floats | None:
    """What a trial kept of the rows of a lot; None where it kept none, or not of all of them."""
    if predictions is None:
        return None
    kept = pl.scan_parquet(predictions).filter(pl.col("digest") == digest).sort("row").collect()
    if kept.height != rows or not rows:
        return None
    names = [f"p{number}" for number in range(len(kept.columns))] if classes else ["p"]
    said = kept.select(name for name in names if name in kept.columns).to_numpy().astype(np.float64)
    if not said.shape[1]:
        return None
    return said if classes else np.asarray(said[:, 0])


def scored(name: str, version: str, bundle: Bundle, y: Floats, said: Floats, groups: npt.NDArray[np.int64] | None, cost: trials.Cost | None) -> trials.Scored:
    """Answers as a value, decided as the costs say."""
    finite = np.isfinite(said if said.ndim == 2 else said[:, None]).all(axis=1)
    decisions = cost.decide(np.nan_to_num(said)) if isinstance(cost, trials.CostMatrix) and bool(finite.any()) else None
    return trials.Scored(name, version, bundle.task, bundle.classes, y, said, groups, decisions)


def plain(value: Any) -> Any:
    """As JSON values; a number that is none is null."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not np.isfinite(value) else value
