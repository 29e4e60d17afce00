"""The tables that models are chosen on: where they are, how they are split, and nothing else. It knows no package but Polars and NumPy, so that every peer can read it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl


@dataclass(frozen=True)
class Kind:
    """One table.

    Args:
        file: its name; two with a comma are training and test rows.
        target: name of the target, or its place where there is no header.
        header: whether the first line holds names.
        score: "auc", "average_precision" or "rmse".
        in_time: whether the last quarter is the test, not a random one.
        not_for_peers: columns that peers are spared: identifiers and leaks, which Assayline has to find.
    """

    file: str
    target: str | int
    header: bool
    score: str
    in_time: bool = False
    not_for_peers: tuple[str, ...] = ()


TABLES = {
    "adult": Kind("adult_train.csv,adult_test.csv", -1, False, "auc"),
    "telco": Kind("telco.csv", "Churn", True, "auc", not_for_peers=("customerID",)),
    "mammography": Kind("mammography.csv", -1, False, "average_precision"),
    "cahousing": Kind("cahousing.csv", "median_house_value", True, "rmse"),
    "bikeshare": Kind("bikeshare.csv", "count", True, "rmse", True, ("casual", "registered")),
    "winewhite": Kind("winewhite.csv", -1, False, "rmse"),
    "loan": Kind("loan.csv", "not.fully.paid", True, "auc"),
    "hypothyroid": Kind("hypothyroid.csv", 0, False, "average_precision"),
}


def rows_of(folder: Path, name: str, seed: int, *, marks: tuple[str, ...] = ()) -> tuple[pl.DataFrame, pl.DataFrame, str]:
    """Training rows, test rows and the name of the target.

    Args:
        folder: of the files.
        name: of the table.
        seed: of the random quarter that is the test.
        marks: texts that stand for missing values, for the peers; with them dates are read as dates.
    """
    kind = TABLES[name]
    read = [_read(folder / file, kind.header, marks) for file in kind.file.split(",")]
    target = kind.target if isinstance(kind.target, str) else read[0].columns[kind.target]
    if len(read) == 2:
        read[1] = read[1].rename(dict(zip(read[1].columns, read[0].columns, strict=True)))
    # The file of adults ends in an empty line; no method can be asked for a row without a label.
    read = [one.filter(pl.col(target).is_not_null()) for one in read]
    if len(read) == 2:
        return read[0], read[1], target
    table = read[0]
    cut = int(0.75 * table.height)
    if kind.in_time:
        return table[:cut], table[cut:], target
    order = np.random.default_rng(seed).permutation(table.height)
    return table[np.sort(order[:cut])], table[np.sort(order[cut:])], target


def _read(path: Path, header: bool, marks: tuple[str, ...]) -> pl.DataFrame:
    content = path.read_bytes().replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return pl.read_csv(content, has_header=header, infer_schema_length=None, null_values=list(marks) or None, try_parse_dates=bool(marks))


def truth(train: pl.DataFrame, test: pl.DataFrame, target: str, score: str) -> tuple[np.ndarray, np.ndarray]:
    """Numbers, or 0 and 1 (the rarer label), of training and test rows; labels that differ by blanks, quotes or a dot are the same."""
    if score == "rmse":
        return train[target].to_numpy().astype(np.float64), test[target].to_numpy().astype(np.float64)
    clean = [[str(value).strip(" '\".") for value in one[target].to_list()] for one in (train, test)]
    labels, counts = np.unique(clean[0], return_counts=True)
    rare = labels[int(np.argmin(counts))]
    return np.array([value == rare for value in clean[0]], dtype=np.float64), np.array([value == rare for value in clean[1]], dtype=np.float64)
