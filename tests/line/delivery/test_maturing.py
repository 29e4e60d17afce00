"""Labels that come later are joined to what each version said, once, and tell what the challenger loses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from churn_batches import batch_scored, said, set_out

from assayline.ledger import rollout_records
from assayline.line.ahead import Judges
from assayline.line.delivery import rollouts
from assayline.line.delivery.maturing import mature
from assayline.line.delivery.status import status_document
from assayline.line.delivery.terms import Terms, guards_of, labels_of
from assayline.line.gating import gate_paths
from assayline.line.project import Project

TERMS = Terms("customer", ramp=(30, 100), guards=guards_of("flip_rate <= 5%, loss per city"), labels=labels_of("flow:outcomes?label=left"))


def outcomes(project: Project, tmp_path: Path, day: int, judges: Judges, share: float = 1.0) -> pl.DataFrame:
    """What became of a share of the customers of a day, as the next day's delivery: most of them what the champion said."""
    frame = said(day, 600).head(int(600 * share))
    wrong = np.random.default_rng(day).random(frame.height) < 0.1
    truth = pl.DataFrame({"customer": frame["customer"], "left": np.where((frame["champion"].to_numpy() > 0.5) != wrong, "Yes", "No")})
    path = tmp_path / f"outcomes-{day}-{share}.csv"
    truth.write_csv(path)
    [outcome] = gate_paths(project, "outcomes", [str(path)], judges=judges)
    assert outcome.lot is not None
    assert outcome.lot.state == "released"
    return truth


def words(project: Project) -> list[dict[str, object]]:
    with project.ledger.read() as connection:
        made = rollout_records.scorings(connection, model="churn")
        return [dict(one) for _, one in sorted(rollout_records.matured(connection, [one.scoring for one in made]).items())]


@pytest.fixture
def watched(shop: Project) -> Project:
    set_out(shop, "v4", TERMS, author="ann")
    rollouts.advance(shop, "churn", author="ann", reason="go on")
    return shop


def test_labels_are_joined_by_unit_as_they_come_and_the_last_word_counts(watched: Project, tmp_path: Path, judges: Judges) -> None:
    outcomes(watched, tmp_path, 1, judges)  # known before the batch was scored: that is not what became of it
    batch_scored(watched, 1, flips=0.4, judges=judges)
    assert mature(watched, "churn") == 0

    truth = outcomes(watched, tmp_path, 1, judges, 0.5)
    assert (mature(watched, "churn"), mature(watched, "churn")) == (1, 0)
    [half] = words(watched)
    outcomes(watched, tmp_path, 1, judges, 1.0 - 1 / 600)
    assert mature(watched, "churn") == 1

    [whole] = words(watched)
    both = said(1, 600, 0.4).head(300)
    wrong = [((both[who] > 0.5) != (truth["left"] == "Yes")).to_numpy() for who in ("champion", "challenger")]
    first = half["matured"][0]  # type: ignore[index]  # JSON
    assert (first["segment"], first["rows"], first["expected"], first["unit"], first["bound"]) == ("", 300, 600, "error", 1.0)
    assert first["log_e"] > 4.6  # two of five decisions the other way round cannot wait for more batches
    assert first["mean"] == pytest.approx(wrong[1].mean() - wrong[0].mean())
    assert first["sd"] == pytest.approx((wrong[1].astype(float) - wrong[0]).std(ddof=1))
    assert {one["segment"] for one in half["matured"]} == {""}  # type: ignore[attr-defined]  # the rows that were scored are not in the ledger here
    assert whole["matured"][0]["rows"] == 599  # type: ignore[index]  # JSON
    document = status_document(watched, "churn")
    assert [(one["rows"], one["mean"] > 0.1) for one in document["paired"]] == [(599, True)]


def test_labels_that_lack_a_column_are_a_problem_that_is_told_and_stops_nothing(watched: Project, tmp_path: Path, judges: Judges) -> None:
    batch_scored(watched, 1, judges=judges)
    (tmp_path / "odd.csv").write_text("customer,gone\n" + "".join(f"c{number},yes\n" for number in range(50)))
    assert next(iter(gate_paths(watched, "outcomes", [str(tmp_path / "odd.csv")], judges=judges))).lot is not None

    problems = rollouts.settle(watched, "churn")

    assert len(problems) == 1
    assert "no column 'left'" in problems[0]
    assert status_document(watched, "churn")["timeline"][-1]["action"] in ("advance", "stay")
