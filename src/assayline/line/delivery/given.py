"""What each row is answered in the end: by the version of its arm, or by the next in the chain, or with nothing; and why."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from .answering import ANSWER, REASONS, Answers

ABSTAINED = "abstained"  # in front of the reason, where nobody had an answer
CONSTANT = "constant"

Rows = npt.NDArray[np.int64]


class Given:
    """The answers that are published, filled from one version after another.

    Args:
        rows: how many there are.
        classes: the labels, empty for numbers.
    """

    def __init__(self, rows: int, classes: Sequence[str]) -> None:
        self.classes = tuple(classes)
        self.answers = np.zeros(rows, dtype=ANSWER)
        self._labels = [""]
        self._version = np.zeros(rows, dtype=np.int32)
        self._why = np.zeros(rows, dtype=np.uint8)
        self._constant: tuple[Rows, str] | None = None
        self.nothing: Rows = np.zeros(0, dtype=np.int64)

    def take(self, answers: Answers, label: str, rows: Rows | None = None) -> Rows:
        """Lets a version answer rows; gives those whose answer is not taken.

        Args:
            answers: of the version, one for each of the rows.
            label: of the version.
            rows: their numbers; all when None.
        """
        self._labels.append(label)
        number = len(self._labels) - 1
        bad = np.flatnonzero(answers["reason"])
        if rows is None:
            self.answers[:] = answers
            self._version[:] = number
            left = bad
        else:
            self.answers[rows], self._version[rows] = answers, number
            left = rows[bad]
        self._why[left] = np.where(self._why[left] == 0, answers["reason"][bad], self._why[left])  # the first reason is the one that is told
        return left

    def replace(self, rows: Rows, answers: Answers, label: str) -> None:
        """Rows that another version answers, with answers that are taken."""
        self._labels.append(label)
        self.answers[rows], self._version[rows], self._why[rows] = answers, len(self._labels) - 1, 0
        self.nothing = np.setdiff1d(self.nothing, rows)
        if self._constant is not None:
            self._constant = (np.setdiff1d(self._constant[0], rows), self._constant[1])

    def because(self, rows: Rows, reasons: npt.NDArray[np.uint8]) -> None:
        """Rows whose own version had no answer, so that the one that is there stands."""
        self._why[rows] = reasons

    def otherwise(self, rows: Rows, text: str | None) -> None:
        """Rows that nobody answers: a constant, or nothing."""
        if not len(rows):
            return
        self.answers["score"][rows], self.answers["decided"][rows] = np.nan, -1
        self._labels.append("" if text is None else CONSTANT)
        self._version[rows] = len(self._labels) - 1
        if text is None:
            self.nothing = rows
        elif self.classes:
            self._constant = (rows, text)
        else:
            self.answers["score"][rows] = float(text)

    def reasons(self) -> dict[str, int]:
        """How many rows another than the version of their arm answered, by reason."""
        counts = np.bincount(self._why, minlength=len(REASONS))
        return {name: int(count) for name, count in zip(REASONS, counts, strict=True) if name and count}

    def counted(self) -> dict[str, int]:
        """How many rows each version answered; "" counts those without an answer."""
        counts = np.bincount(self._version, minlength=len(self._labels))
        found: dict[str, int] = {}
        for name, count in zip(self._labels, counts.tolist(), strict=True):
            if count:
                found[name] = found.get(name, 0) + int(count)
        return found

    def predictions(self) -> pl.Series:
        """The labels that were decided, or the numbers; null for nothing."""
        if not self.classes:
            return self.scores().alias("prediction")
        decided = self.answers["decided"].astype(np.uint32)
        found = pl.Series("prediction", [*self.classes, None], dtype=pl.String).gather(np.minimum(decided, len(self.classes)))  # -1 is the largest of all
        if self._constant is not None:
            rows, text = self._constant
            found = found.scatter(pl.Series(rows), text)
        return found

    def scores(self) -> pl.Series:
        """The probabilities, or the numbers."""
        return pl.Series("score", np.ascontiguousarray(self.answers["score"])).fill_nan(None)

    def versions(self) -> pl.Series:
        """Who answered."""
        return pl.Series("assay_version", self._labels, dtype=pl.String).gather(self._version)

    def fallbacks(self) -> pl.Series:
        """Why it was not the version of the arm, or ""."""
        names = [*REASONS, *(f"{ABSTAINED}: {one}" for one in REASONS)]
        codes = self._why.astype(np.uint32)
        codes[self.nothing] += len(REASONS)
        return pl.Series("assay_fallback", names, dtype=pl.String).gather(codes)

    def frame(self, kept: pl.DataFrame, arms: pl.Series, run: str, sequence: int) -> pl.DataFrame:
        """The predictions as they are published."""
        return kept.with_columns(
            self.predictions(), self.scores(), pl.lit(run).alias("assay_run"), self.versions(), arms.alias("assay_arm"), pl.lit(sequence, dtype=pl.Int64).alias("assay_sequence"),
            self.fallbacks(),
        )  # fmt: skip
