"""A class of a small set that is very rare."""

from __future__ import annotations

from collections.abc import Iterable

from assayline.core import Finding, Past, Profile
from assayline.measures import natures, tally

LEAST_ROWS = 1_000
MOST_CLASSES = 10
RARE = 0.01  # share below which a model may never see the class in a test set of a few hundred rows


class ClassImbalance:
    """Notes columns of few classes of which one has less than a hundredth of the rows.

    Reads:    `values`.
    Finds:    "class_imbalance" per column; evidence `rarest_share`, `classes`.
    Silent:   with fewer than 1,000 rows, with more than ten classes, and when there is a past.
    Source:   definition.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> [finding.columns for finding in ClassImbalance()(profile(pl.DataFrame({"fraud": ["no"] * 1995 + ["yes"] * 5})), Past())]
    [('fraud',)]
    """

    codes = ("class_imbalance",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        if past:
            return
        for column, nature in natures(profile).items():
            if nature.kind not in ("category", "boolean") or nature.filled < LEAST_ROWS or not 2 <= nature.distinct <= MOST_CLASSES:
                continue
            found = tally(profile, column)
            if found.values.len() < 2 or int(found.counts[-1]) >= RARE * found.total:
                continue
            rarest, rows = found.values[-1], int(found.counts[-1])
            yield Finding(
                "class_imbalance", (column,),
                f"{rarest!r} stands in {rows:,} of {found.total:,} rows of {column} ({rows / found.total:.2%}), {found.values[0]!r} in {int(found.counts[0]):,}.",
                severity=0.1, rows=rows, evidence={"rarest_share": rows / found.total, "classes": nature.distinct},
                suggestion="stratify samples, and do not judge a model by its accuracy",
                picture={"kind": "bars", "labels": found.values.to_list(), "values": found.counts.tolist(), "marked": [found.values.len() - 1]},
            )  # fmt: skip
