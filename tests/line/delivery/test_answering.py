"""One version answering rows: what of it is not taken, and who answers then."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

pytest.importorskip("lightgbm")
pytest.importorskip("assayline.trials")

from customers import customers

from assayline.errors import MisuseError
from assayline.line.delivery.answering import REASONS, Answering, Guard, answering
from assayline.line.delivery.given import Given
from assayline.line.delivery.lists import Use

TABLE = customers(31, 3000)
Floats = npt.NDArray[np.float64]


@pytest.fixture(scope="module")
def version(template: Path) -> Answering:
    return answering(str(template.parent / "churn-v1.assay"), "churn:v1", rows=100_000)


def test_onnx_runtime_answers_as_the_artefact_itself_does(version: Answering) -> None:
    pytest.importorskip("onnxruntime")

    answers = version.about(TABLE).answers(range(TABLE.height))

    said = version.bundle.predict(TABLE)
    assert (version.engine, version.why) == ("onnx", "")
    np.testing.assert_allclose(answers["score"], said[:, 1], rtol=1e-6)
    assert (answers["decided"] == said.argmax(axis=1)).all()


def test_rows_in_any_order_and_under_other_names_get_the_same_answers(version: Answering) -> None:
    order = np.random.default_rng(0).permutation(TABLE.height)
    renamed = TABLE.rename({"age": "Age", "spend": "SPEND "})

    answers = version.about(renamed).answers(order)

    assert (answers == version.about(TABLE).answers(range(TABLE.height))[order]).all()


def test_only_the_rows_that_raise_are_answered_by_somebody_else(version: Answering) -> None:
    age = next(at for at, feature in enumerate(version.bundle.plan.features) if feature.name == "age")

    def fragile(X: Floats) -> Floats:
        if (X[:, age] == 79).any():
            raise ZeroDivisionError("nobody is 79")
        return version.ask(X)

    answers = replace(version, ask=fragile, engine="native").about(TABLE.head(300)).answers(range(300))

    raised = answers["reason"] == REASONS.index("exception")
    assert raised.tolist() == (TABLE["age"].head(300) == 79).to_list()
    assert 0 < raised.sum() < 20


def test_what_is_not_finite_out_of_range_or_unseen_is_not_taken_and_says_why(version: Answering) -> None:
    rows = TABLE.head(4).with_columns(city=pl.Series(["Bonn", "Gent", "Lyon", "Atlantis"]))

    def odd(X: Floats) -> Floats:
        said = version.ask(X)
        said[0], said[1] = np.nan, [-3.0, 4.0]
        return said

    answers = replace(version, ask=odd, guard=Guard(REASONS[1:5])).about(rows).answers(range(4))

    assert [REASONS[one] for one in answers["reason"]] == ["nan", "out_of_range", "", "unseen_category"]


def test_the_next_in_the_chain_answers_and_the_row_tells_the_first_reason(version: Answering) -> None:
    first = version.about(TABLE.head(4)).answers(range(4))
    second = first.copy()
    first["reason"], second["reason"] = [0, 2, 2, 3], [0, 0, 1, 1]
    second["score"] = 0.75

    given = Given(4, ("no", "yes"))
    left = given.take(first, "churn:v2")
    left = given.take(second[left], "churn:v1", left)
    given.otherwise(left, None)

    assert given.versions().to_list() == ["churn:v2", "churn:v1", "", ""]
    assert given.fallbacks().to_list() == ["", "nan", "abstained: nan", "abstained: out_of_range"]
    assert given.scores().to_list()[1:] == [0.75, None, None]
    assert given.predictions().null_count() == 2
    assert given.reasons() == {"nan": 2, "out_of_range": 1}
    given.otherwise(left, "yes")
    assert given.predictions().to_list()[2:] == ["yes", "yes"]


def test_two_versions_in_one_list_are_refused_until_somebody_says_how_they_are_mixed() -> None:
    champion = np.random.default_rng(0).beta(2, 5, 20_000)
    sharper = champion**2
    arms = np.where(np.arange(20_000) < 5000, "challenger", "champion")
    published = np.where(arms == "challenger", sharper, champion)

    assert "instead of its 25 %" in Use.of("top=4000", "").refused(sharper, champion, 25.0, 20_000)
    assert "the two models do not mean the same" in Use.of("threshold=0.3", "").refused(sharper, champion, 25.0, 20_000)
    assert "of it instead" in Use.of("ranked", "").refused(sharper, champion, 25.0, 20_000)
    assert Use.of("top=4000", "none").refused(sharper, champion, 25.0, 20_000) == Use.of("", "").refused(sharper, champion, 25.0, 20_000) == ""
    with pytest.raises(MisuseError, match="needs a list that ends somewhere"):
        Use.of("ranked", "quota_per_arm")

    share = {}
    for mix in ("none", "map_scores", "quota_per_arm"):
        use = Use.of("top=4000", mix)
        mapped = published.copy()
        mapped[:5000], _ = use.mapped(sharper[:5000], sharper, champion)
        listed = use.listed(mapped, arms, champion)
        assert listed is not None
        assert listed.sum() == 4000
        share[mix] = float(listed[:5000].mean() / listed.mean())
    assert share["none"] < 0.25
    assert share["map_scores"] == pytest.approx(1.0, abs=0.03)
    assert share["quota_per_arm"] == 1.0
