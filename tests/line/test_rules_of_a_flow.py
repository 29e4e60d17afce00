"""Rules of a flow: they count from the next lot on, and what does not meet them is set aside, warned of, or held."""

from __future__ import annotations

import polars as pl
import pytest

from assayline.errors import LotHeld, MisuseError, RuleError
from assayline.ledger import verify
from assayline.line.api import gate
from assayline.line.health import lots_document
from assayline.line.project import Project
from assayline.line.rule_book import add_rule, remove_rule, rules_document, try_rule


def orders(seed: int, **more: object) -> pl.DataFrame:
    rows = 100
    base = {"id": [seed * 1_000 + row for row in range(rows)], "store": [f"S{row % 3}" for row in range(rows)], "amount": [10.5 + (row * 7 + seed) % 40 for row in range(rows)]}
    return pl.DataFrame({**base, **more})


def negative(seed: int, count: int) -> pl.DataFrame:
    frame = orders(seed)
    return frame.with_columns(amount=pl.when(pl.int_range(pl.len()) < count).then(-pl.col("amount")).otherwise("amount"))


def test_rows_that_fail_a_rule_are_put_aside_from_the_next_lot_on(project: Project) -> None:
    before = gate("sales", negative(1, 3), project=project)
    add_rule(project, "sales", "amount >= 0", action="split", owner="ann", reason="nobody pays less than nothing")

    after = gate("sales", negative(2, 3), project=project)

    assert before.height in (97, 100)  # the sign may already be seen without a rule
    assert after["amount"].to_list() == negative(2, 3)["amount"].to_list()[3:]
    assert "broken_rule" in lots_document(project, "sales")[0]["findings"]
    assert list(verify(project.ledger, project.store)) == []


def test_a_rule_that_every_row_fails_holds_the_lot_and_asks(project: Project) -> None:
    gate("sales", orders(1), project=project)
    add_rule(project, "sales", "amount < 0", action="warn")

    with pytest.raises(LotHeld, match="rule 1: amount < 0"):
        gate("sales", orders(2), project=project)


def test_a_rule_about_the_lot_holds_it(project: Project) -> None:
    gate("sales", orders(1), project=project)
    add_rule(project, "sales", "share(store is null) < 0.01", action="hold")

    assert gate("sales", orders(2), project=project).height == 100
    with pytest.raises(LotHeld, match="share"):
        gate("sales", orders(3, store=[None] * 5 + ["S1"] * 95), project=project)


def test_a_rule_that_looks_back_and_one_with_an_average(project: Project) -> None:
    gate("sales", orders(1), project=project)
    add_rule(project, "sales", "id > previous(id)", action="split")
    add_rule(project, "sales", "amount <= 3 * avg(amount)", action="split")
    frame = orders(2, amount=[900.0] + [20.0 + row % 7 for row in range(99)]).with_columns(
        id=pl.when(pl.int_range(pl.len()) == 50).then(pl.lit(0)).otherwise("id")
    )

    good = gate("sales", frame, project=project)

    assert 900.0 not in good["amount"].to_list()
    assert 0 not in good["id"].to_list()


def test_a_key_has_to_exist_in_another_flow(project: Project) -> None:
    gate("stores", pl.DataFrame({"id": ["S0", "S1", "S2"], "town": ["Lund", "Bonn", "Gent"]}), project=project)
    gate("sales", orders(1), project=project)
    add_rule(project, "sales", "store exists in flow(stores.id)", action="split")

    good = gate("sales", orders(2, store=["S9"] * 4 + ["S1"] * 96), project=project)

    assert set(good["store"].to_list()) == {"S1"}


def test_a_rule_whose_column_is_gone_holds_the_lot(project: Project) -> None:
    gate("sales", orders(1), project=project)
    add_rule(project, "sales", "amount >= 0", action="split")

    with pytest.raises(LotHeld):
        gate("sales", orders(2).drop("amount"), project=project)


def test_a_rule_is_tried_before_it_is_on(project: Project) -> None:
    for seed in range(3):
        gate("sales", orders(seed), project=project)

    trial = try_rule(project, "sales", "amount < 40")

    assert [one["lot"] for one in trial["lots"]] == [1, 2, 3]
    assert trial["failing"] == sum((orders(seed)["amount"] >= 40).sum() for seed in range(3))
    assert rules_document(project, "sales") == []


def test_a_changed_rule_is_a_new_version_and_a_removed_one_counts_no_more(project: Project) -> None:
    gate("sales", orders(1), project=project)
    add_rule(project, "sales", "amount >= 0", action="split")
    add_rule(project, "sales", "amount >= 1000", action="split", number=1)
    remove_rule(project, "sales", 1)

    assert gate("sales", orders(2), project=project).height == 100
    assert [(one["rule"], one["version"], one["state"], one["in_force"]) for one in rules_document(project, "sales")] == [(1, 3, "off", False)]
    events = [entry.body["text"] for entry in project.ledger.entries() if entry.event == "rule"]
    assert events[0] == "amount >= 0"


def test_an_expired_rule_counts_no_more(project: Project) -> None:
    gate("sales", orders(1), project=project)
    add_rule(project, "sales", "amount < 0", action="hold", until="2020-01-01")

    assert gate("sales", orders(2), project=project).height == 100


def test_what_is_no_rule_is_refused_when_it_is_saved(project: Project) -> None:
    gate("sales", orders(1), project=project)

    with pytest.raises(RuleError, match="did you mean 'amount'"):
        add_rule(project, "sales", "amont >= 0")
    with pytest.raises(RuleError):
        add_rule(project, "sales", "amount > 0; DROP TABLE ledger")
    with pytest.raises(MisuseError, match="no action"):
        add_rule(project, "sales", "amount > 0", action="delete")
    assert rules_document(project, "sales") == []
