"""The aspects of quality beside the score, as far as they are asked for: findings, figures for charts, and what a page shows of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from assayline import trials
from assayline.artefacts import Bundle
from assayline.core import Finding


@dataclass
class Aspects:
    """What the aspects said of one version on one test set."""

    findings: list[Finding] = field(default_factory=list)
    scores: list[dict[str, Any]] = field(default_factory=list)
    document: dict[str, Any] = field(default_factory=dict)


def aspects_of(bundle: Bundle, ours: trials.Scored, table: pl.DataFrame, request: Mapping[str, Any]) -> Aspects:
    """The aspects that the request asks for."""
    return Aspects()
