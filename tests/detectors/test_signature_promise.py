"""The promise on clean tables. H0: the table is one of the clean kinds. At most 2 % of clean tables are warned about by signatures.

The kinds are those of `test_signature_silence.py`, drawn with other seeds. The sample is small by default; ASSAY_FULL=1 draws sixty
tables of each kind. The limit is the promise plus three standard errors of the sample.
"""

from __future__ import annotations

import math
import os
import random
import sys
from pathlib import Path

import polars as pl

from assayline.core import Past
from assayline.detectors import detectors
from assayline.measures import Block, Plan, profile_block

sys.path.insert(0, str(Path(__file__).parent))
from test_signature_silence import TABLES

PROMISE = 0.02
SEEDS = range(1_000, 1_060 if os.environ.get("ASSAY_FULL") == "1" else 1_004)


def test_clean_tables_are_rarely_warned_about() -> None:
    accused, said = 0, []
    for seed in SEEDS:
        for make in TABLES:
            columns = make(random.Random(seed))
            height = min(map(len, columns.values()))
            frame = pl.DataFrame({name: pl.Series(values[:height], dtype=pl.String) for name, values in columns.items()})
            block = Block(frame, Plan.of(frame, text=True))
            measured = profile_block(block)
            raised = [finding for detector in detectors() for finding in detector(measured, Past()) if finding.severity >= 0.3]
            loud = [finding for finding in raised if finding.locate is None or list(finding.locate.fresh()(block))]
            accused += bool(loud)
            said += [f"{seed} {finding.code}: {finding.sentence}" for finding in loud]

    judged = len(SEEDS) * len(TABLES)
    assert accused <= judged * PROMISE + 3 * math.sqrt(judged * PROMISE), said
