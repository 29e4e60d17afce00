"""Tables as they come: the development tables, raw, and what can be read of the hostile corpus."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from assayline.errors import AssaylineError
from assayline.framing import Plan, Problem, frame
from assayline.tables import open_table

BENCH = Path(os.environ.get("ASSAY_BENCH", Path(__file__).parents[3] / "shared" / "bench"))
GENERATOR = BENCH / "hostile" / "make_hostile.py"
# file, header, target (a name, or the place of the column), task, rows of the smaller class, columns that must be left out
TABLES = [
    ("adult_train.csv", False, -1, "binary", 7841, set()), ("telco.csv", True, "Churn", "binary", 1869, {"customerID"}), ("mammography.csv", False, -1, "binary", 260, set()),
    ("cahousing.csv", True, "median_house_value", "regression", 0, set()), ("bikeshare.csv", True, "count", "regression", 0, {"casual", "registered"}),
    ("winewhite.csv", False, -1, "regression", 0, set()), ("loan.csv", True, "not.fully.paid", "binary", 1533, set()), ("hypothyroid.csv", False, 0, "binary", 151, set()),
]  # fmt: skip


def raw(name: str, header: bool) -> pl.DataFrame:
    path = BENCH / "models" / name
    if not path.exists():
        pytest.skip(f"NO TABLE: {path} does not exist; set ASSAY_BENCH")
    content = path.read_bytes()
    return pl.read_csv(io.BytesIO(content if b"\n" in content else content.replace(b"\r", b"\n")), infer_schema=False, has_header=header)


@pytest.mark.parametrize(("name", "header", "target", "task", "minority", "left_out"), TABLES)
def test_a_raw_table_is_framed_on_one_half_and_answered_on_the_other(name: str, header: bool, target: str | int, task: str, minority: int, left_out: set[str]) -> None:
    table = raw(name, header)
    asked = target if isinstance(target, str) else table.columns[target]
    typed = pl.read_csv(io.BytesIO(table.write_csv().encode()), infer_schema_length=None)

    plan = frame(table[::2], Problem(asked))
    made = plan.encode(table[1::2])

    assert plan.task == task
    assert {leak.column for leak in plan.leaks} == left_out
    assert not np.isinf(made).any()
    assert (~np.isnan(made)).any(axis=0).all()
    assert plan.target(table[1::2])[1].mean() > 0.999
    assert task != "binary" or frame(table, Problem(asked)).class_counts[1] == minority
    assert np.array_equal(made, plan.encode(typed[1::2]), equal_nan=True)
    encode = plan.row_encoder()
    assert np.array_equal([encode(row) for row in table[1:400:2].iter_rows(named=True)], made[:200], equal_nan=True)
    assert Plan.from_json(json.loads(json.dumps(plan.to_json()))) == plan


def test_labels_that_end_in_a_dot_are_the_same_labels() -> None:
    train, test = raw("adult_train.csv", False), raw("adult_test.csv", False)

    plan = frame(train, Problem(train.columns[-1]))
    values, usable = plan.target(test)

    assert plan.classes == ("<=50K", ">50K")
    assert usable.sum() == 16281
    assert int(values[usable].sum()) == 3846


@pytest.mark.parametrize("seed", range(3))
def test_a_faulted_table_is_answered_and_said(seed: int) -> None:
    table = raw("telco.csv", True)
    plan = frame(table[::2], Problem("Churn"))
    generator = np.random.default_rng(seed)
    other = table[1::2].drop("gender").rename({"TotalCharges": "total charges", "tenure": "TENURE"}).with_columns(
        pl.Series("MonthlyCharges", [f"{float(one) * 1000:,.1f} g" for one in table[1::2]["MonthlyCharges"]]), Contract=pl.lit("Ten years"), new=pl.lit(float("inf")),
        PaymentMethod=pl.Series(generator.choice(["Bank transfer (automatik)", "mailed  CHECK", "?", "Electronic check"], table[1::2].height)),
    )  # fmt: skip

    made = plan.encode(other.select(generator.permutation(other.columns).tolist()))

    assert np.array_equal(made, plan.encode(other), equal_nan=True)
    assert {note.kind for note in plan.notes(other)} == {"missing column", "renamed", "unit texts", "unseen categories", "corrected categories", "new column"}


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not GENERATOR.exists():
        pytest.skip(f"NO HOSTILE CORPUS: {GENERATOR} does not exist; set ASSAY_BENCH")
    root = tmp_path_factory.mktemp("hostile")
    subprocess.run([sys.executable, str(GENERATOR), str(root), "--marker-dir", str(root / "markers")], check=True, capture_output=True, timeout=300)
    return root


@pytest.mark.timeout(600)
@pytest.mark.parametrize("group", ["csv", "json", "parquet", "excel"])
def test_whatever_can_be_read_of_the_hostile_corpus_is_framed_and_answered(group: str, corpus: Path) -> None:
    framed = 0

    for path in sorted((corpus / group).iterdir()):
        if path.stat().st_size > 1_000_000:
            continue
        try:
            table = pl.concat([piece.load() for piece in open_table(path).pieces()], how="diagonal_relaxed")[:1_000, :30]
        except (AssaylineError, ValueError, pl.exceptions.PolarsError):
            continue
        if not table.width:
            continue
        for target in {table.columns[0], table.columns[-1]}:
            plan = frame(table[::2], Problem(target))
            made = plan.encode(table)
            encode = plan.row_encoder()
            assert not np.isinf(made).any(), path.name
            rows = np.array([encode(row) for row in table.head(50).iter_rows(named=True)]).reshape(made[:50].shape)
            assert np.array_equal(rows, made[:50], equal_nan=True), path.name
            assert Plan.from_json(json.loads(json.dumps(plan.to_json(), allow_nan=False))) == plan
            assert all(note.sentence for note in plan.notes(table))
        framed += 1

    assert framed >= 2
