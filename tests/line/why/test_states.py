"""The last good and the first bad state of a flow, what was made from a component's lots, and the line with the way from the culprit to the symptom."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from assayline import Line
from assayline.diagnosis import Component
from assayline.errors import MisuseError
from assayline.ledger import records, run_records
from assayline.line.gating import ensure_flow
from assayline.line.project import Project, create_project
from assayline.line.why.candidates import components_between
from assayline.line.why.derivation import derivation_of
from assayline.line.why.downstream import touches
from assayline.line.why.lots_in_time import lots_in_time
from assayline.line.why.states import States, states_of
from assayline.line.why.symptoms import standing_for
from assayline.line.why.way import line_of


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with create_project(str(tmp_path / "shop")) as made:
        yield made


def lot(project: Project, flow: str, *, minute: int = 0, state: str = "released", kind: str = "table", replaces: list[int] | None = None, **more: Any) -> int:
    """Enters a lot as the gate does."""
    with project.ledger.write() as writing:
        known = ensure_flow(writing, flow, kind)
        number = records.last_lot(writing.connection) + 1
        body = {
            "lot": number, "flow": flow, "place": known.lots + 1, "digest": f"sha256:{number}", "input": f"{flow}-{number}.csv", "at": f"2026-03-14T{number:02}:{minute:02}:00.000000+00:00",
            "verdict": "hold" if state == "held" else "release", "state": state, "teaches": state == "released",
            "rows": {"taken": 9, "released": 9, "quarantined": 0, "held": 0, "unparseable": 0}, "objects": {}, "parents": [], "findings": [], "codes": [], "figures": {}, "cases": [],
            "notices": [], "facts": {}, "incidents": [], **({"replaces": replaces} if replaces else {}),
        }  # fmt: skip
        writing.append("lot", body | more)
    return number


def ran(project: Project, step: str, output: int | None, inputs: Mapping[str, list[int]], *, place: str = "", state: str = "done", **more: Any) -> int:
    """Enters a run as the line does."""
    with project.ledger.write() as writing:
        body = {
            "line": "shop", "step": step, "place": place, "identity": f"run:{writing.next}", "state": state, "output": output, "inputs": dict(inputs), "code": "", "parameters": {},
            "environment": "", "costs": {}, "columns": {}, "error": "",
        }  # fmt: skip
        return writing.append("run", body | more).number


def shop() -> Line:
    line = Line("shop")
    line.source("orders", "orders-*.csv")
    line.source("stores", "stores.csv", owner="stores@example.com")

    @line.step
    def sales(orders: object, stores: object) -> object:
        return orders

    @line.step
    def other(stores: object) -> object:
        return stores

    line.score("churn", sales, name="answers")
    return line


def days(project: Project, count: int) -> list[int]:
    """Results of `sales`, each from its own orders and from one list of stores."""
    stores = lot(project, "stores")
    made = []
    for _ in range(count):
        orders = lot(project, "orders")
        made.append(lot(project, "sales"))
        ran(project, "sales", made[-1], {"orders": [orders], "stores": [stores]}, place=f"sha256:{orders}")
    return made


def lots_of(states: States) -> tuple[int | None, int | None]:
    return states.good.lot if states.good is not None else None, states.bad.lot


def test_the_first_of_the_last_bad_lots_is_held_against_the_good_one_before_it(project: Project) -> None:
    made = days(project, 6)

    assert lots_of(states_of(project, shop(), "sales", bad_lots=[made[1], made[4], made[5]])) == (made[3], made[4])
    assert lots_of(states_of(project, shop(), "sales", bad_lots=made[:3])) == (None, made[0])
    assert lots_of(states_of(project, shop(), "sales")) == (made[4], made[5])
    assert states_of(project, shop(), "sales").history == tuple(made)


def test_since_says_where_it_began(project: Project) -> None:
    made = days(project, 4)
    with project.ledger.read() as connection:
        at = records.lot_of(connection, made[2]).at

    assert lots_of(states_of(project, shop(), "sales", since=at)) == (made[1], made[2])
    assert lots_of(states_of(project, shop(), "sales", since=at, bad_lots=made[1:])) == (made[0], made[2])
    with pytest.raises(MisuseError, match=r"no lot of 'sales' since .* is a bad one"):
        states_of(project, shop(), "sales", since="2031-01-01")
    with pytest.raises(MisuseError, match="no time"):
        states_of(project, shop(), "sales", since="yesterday")


def test_a_result_that_was_made_again_is_held_against_the_one_whose_place_it_took(project: Project) -> None:
    made = days(project, 3)
    again = []
    for number in made:
        with project.ledger.read() as connection:
            run = derivation_of(connection, number).run
        assert run is not None
        again.append(lot(project, "sales"))
        ran(project, "sales", again[-1], {name: list(lots) for name, lots in run.inputs.items()}, place=run.place, code="sha256:other")

    all_bad = states_of(project, shop(), "sales", bad_lots=again)

    assert lots_of(all_bad) == (made[0], again[0])
    assert all_bad.history == (*made, *again)
    assert lots_of(states_of(project, shop(), "sales", bad_lots=again[1:])) == (made[1], again[1])
    assert lots_of(states_of(project, shop(), "sales", bad_lots=[made[2], again[2]])) == (again[1], again[2])  # it was bad before it was made again


def hour(number: int) -> str:
    return f"2026-03-14T{number:02}:30:00.000000+00:00"


def test_a_good_lot_that_was_made_again_from_what_is_bad_is_told_as_it_was_before(project: Project) -> None:
    one, made = lot(project, "orders"), lot(project, "sales")
    ran(project, "sales", made, {"orders": [one]}, place="first", at=hour(made))
    good = lot(project, "answers")
    ran(project, "answers", good, {"sales": [made]}, place="first", at=hour(good))
    two = lot(project, "orders")
    ran(project, "sales", made, {"orders": [one, two]}, place="first", at=hour(two))  # it reads all orders, and gives what it gave
    ran(project, "answers", good, {"sales": [made]}, place="first", at=hour(two), code="sha256:other")
    news = lot(project, "sales")
    ran(project, "sales", news, {"orders": [one, two]}, place="second", at=hour(news))
    bad = lot(project, "answers")
    ran(project, "answers", bad, {"sales": [news]}, place="second", at=hour(bad), code="sha256:other")

    for flow, lots in (("sales", (made, news)), ("answers", (good, bad))):
        states = states_of(project, shop(), flow)
        assert states.good is not None
        assert lots_of(states) == lots
        assert (states.good.of_flow("orders"), states.bad.of_flow("orders")) == ((one,), (one, two))
        assert states.good.run is not None
        assert states.good.run.code == ""


def test_a_good_lot_that_was_made_again_before_anything_bad_came_is_told_as_it_was_then(project: Project) -> None:
    one, good = lot(project, "orders"), lot(project, "sales")
    ran(project, "sales", good, {"orders": [one]}, place="first", at=hour(good))
    ran(project, "sales", good, {"orders": [one]}, place="first", at=hour(good), code="sha256:other")
    two, bad = lot(project, "orders"), lot(project, "sales")
    ran(project, "sales", bad, {"orders": [two]}, place="second", at=hour(bad), code="sha256:other")

    states = states_of(project, shop(), "sales")

    assert states.good is not None
    assert states.good.run is not None
    assert states.good.run.code == "sha256:other"  # it was well with that code


def test_what_came_after_a_bad_lot_was_made_is_no_part_of_it(project: Project) -> None:
    one, good = lot(project, "orders"), lot(project, "sales")
    ran(project, "sales", good, {"orders": [one]}, place="first", at=hour(good))
    two, bad = lot(project, "orders"), lot(project, "sales")
    ran(project, "sales", bad, {"orders": [one, two]}, place="second", at=hour(bad))
    three = lot(project, "orders")
    for made, place in ((good, "first"), (bad, "second")):
        ran(project, "sales", made, {"orders": [one, two, three]}, place=place, at=hour(three))

    states = states_of(project, shop(), "sales", bad_lots=[bad])

    assert states.good is not None
    assert (states.good.of_flow("orders"), states.bad.of_flow("orders")) == ((one,), (one, two))


def test_what_had_come_by_then_and_was_let_go_later_belongs_to_it_though_it_makes_no_difference(project: Project) -> None:
    one, good = lot(project, "orders"), lot(project, "sales")
    ran(project, "sales", good, {"orders": [one]}, place="first", at=hour(good))
    held, bad = lot(project, "orders"), lot(project, "sales")
    ran(project, "sales", bad, {"orders": [one]}, place="second", at=hour(bad))
    ran(project, "sales", bad, {"orders": [one, held]}, place="second", at=hour(bad + 1))

    states = states_of(project, shop(), "sales", bad_lots=[bad])

    assert states.good is not None
    assert (states.good.of_flow("orders"), states.bad.of_flow("orders")) == ((one,), (one, held))


@pytest.mark.parametrize(("deliveries", "found"), [(4, ["arrival stores", "source orders"]), (1, ["source orders"])])
def test_in_an_archive_a_flow_with_a_lot_for_each_result_is_expected_with_the_next_one(project: Project, deliveries: int, found: list[str]) -> None:
    orders, stores = [lot(project, "orders") for _ in range(4)], [lot(project, "stores") for _ in range(deliveries)]
    made = [lot(project, "sales") for _ in orders]
    for one, result in zip(orders, made, strict=True):
        ran(project, "sales", result, {"orders": [one], "stores": stores}, place=f"day {one}", at=hour(result))
    news, bad = lot(project, "orders"), lot(project, "sales")
    ran(project, "sales", bad, {"orders": [news], "stores": stores}, place=f"day {news}", at=hour(bad))

    assert sorted(between(project, made[-1], bad)) == found


def test_a_lot_that_was_held_while_the_result_was_made_is_what_could_stand_in_for_the_missing_one(project: Project) -> None:
    orders, stores = [lot(project, "orders") for _ in range(4)], [lot(project, "stores") for _ in range(4)]
    made = [lot(project, "sales") for _ in orders]
    for one, result in zip(orders, made, strict=True):
        ran(project, "sales", result, {"orders": [one], "stores": stores}, place=f"day {one}", at=hour(result))
    news, held = lot(project, "orders"), lot(project, "stores", state="held")
    bad = lot(project, "sales")
    ran(project, "sales", bad, {"orders": [news], "stores": stores}, place=f"day {news}", at=hour(bad))

    arrival = between(project, made[-1], bad)["arrival stores"]

    assert arrival.now == f"lot {stores[-1]} again; lot {held} was held then"
    assert (arrival.detail["later"], arrival.why_not) == ([held], "")


@pytest.mark.parametrize(("code", "well", "found"), [("", False, 3), ("", True, 2), ("sha256:other", False, 2)])
def test_of_two_bad_results_of_a_place_by_the_same_code_the_later_one_is_asked_about(project: Project, code: str, well: bool, found: int) -> None:
    made = [lot(project, "sales", objects={"released": f"sha256:{number}"}) for number in range(4)]
    for number, (place, with_code) in enumerate((("first", ""), ("second", ""), ("third", ""), ("third", code))):
        ran(project, "sales", made[number], {}, place=place, code=with_code, at=hour(made[number]))
    with project.ledger.read() as connection:
        lots = lots_in_time(connection, "sales")

    assert standing_for(lots, 2, lambda one: well and one.lot == made[3]) == found


def test_a_flow_from_outside_is_all_that_differs_between_two_of_its_own_lots(project: Project) -> None:
    one, two = lot(project, "orders"), lot(project, "orders")

    [found] = between(project, one, two).values()

    assert (found.key, found.before, found.now) == ("source orders", f"lot {one}", f"lot {two}")


def test_a_lot_that_is_gone_and_rows_that_came_back_are_changes_of_their_source(project: Project) -> None:
    one, two = lot(project, "orders"), lot(project, "orders")
    good, withdrawn, more = (lot(project, "sales") for _ in range(3))
    ran(project, "sales", good, {"orders": [one, two]})
    ran(project, "sales", withdrawn, {"orders": [one]})
    back = lot(project, "orders", parents=[one])
    ran(project, "sales", more, {"orders": [one, two, back]})

    gone, came = between(project, good, withdrawn)["source orders"], between(project, good, more)["source orders"]

    assert (gone.now, gone.detail["gone"], gone.detail["before_lots"], gone.detail["change"]) == ("", [two], [two], "removed")
    assert (came.detail["lots"], came.detail["put_back"], came.detail["before_lots"]) == ([back], [back], [])


def test_a_held_lot_is_a_state_and_rows_that_came_back_are_none(project: Project) -> None:
    first, second = lot(project, "orders"), lot(project, "orders", state="held")
    lot(project, "orders", parents=[first])

    assert lots_of(states_of(project, shop(), "orders")) == (first, second)
    with pytest.raises(MisuseError, match="there is no flow 'rders'"):
        states_of(project, shop(), "rders")


def test_a_run_that_failed_is_the_bad_state(project: Project) -> None:
    made = days(project, 2)
    orders = lot(project, "orders")
    failed = ran(project, "sales", None, {"orders": [orders], "stores": [1]}, place=f"sha256:{orders}", state="failed", error="KeyError: 'amount'")

    found = states_of(project, shop(), "sales", run=failed)

    assert lots_of(found) == (made[1], None)
    assert found.bad.of_flow("orders") == (orders,)
    assert found.history == tuple(made)
    assert found.good is not None
    assert found.good.run is not None
    done = found.good.run.run
    with pytest.raises(MisuseError, match="is done"):
        states_of(project, shop(), "sales", run=done)


def scored(project: Project, run: int, rollout: int | None, stage: int | None, counts: Mapping[str, int]) -> None:
    with project.ledger.write() as writing:
        made = run_records.run_numbered(writing.connection, run)
        writing.append(
            "scored",
            {
                "run": made.identity, "model": "churn", "flow": "answers", "lot": made.output, "rollout": rollout, "stage": stage, "at": "2026-03-14T06:00:00.000000+00:00",
                "counts": {"rows": 100, "versions": dict(counts)}, "evidence": {}, "objects": {}, "state": "published",
            },
        )  # fmt: skip


def answered(project: Project, sales: int, versions: list[int], counts: Mapping[str, int], *, rollout: int | None = None, stage: int | None = None) -> int:
    made = lot(project, "answers")
    scored(project, ran(project, "answers", made, {"sales": [sales], "churn": versions}, place=f"sha256:{sales}"), rollout, stage, counts)
    return made


def between(project: Project, good: int, bad: int) -> dict[str, Component]:
    with project.ledger.read() as connection:
        both = derivation_of(connection, good), derivation_of(connection, bad)
    return {one.key: one for one in components_between(project, shop(), str(Path(project.folder) / "line.py"), *both)}


def test_another_version_is_one_component_and_what_it_learned_from_is_none(project: Project) -> None:
    sales = days(project, 4)
    versions = []
    for learned in (sales[:1], sales[:3]):
        versions.append(lot(project, "churn", kind="model"))
        ran(project, "churn", versions[-1], {"sales": learned}, code=f"sha256:{len(learned)}")
    good, bad = answered(project, sales[3], versions[:1], {"churn:v1": 100}), answered(project, sales[3], versions[1:], {"churn:v2": 100})

    found = between(project, good, bad)

    assert list(found) == ["model churn"]
    model = found["model churn"]
    assert (model.before, model.now, model.detail["lots"], model.detail["before_lots"], model.detail["steps"]) == ("v1", "v2", versions[1:], versions[:1], ["answers"])
    assert touches(project, shop(), model) == ["answers"]


def test_a_challenger_that_answers_more_than_before_is_an_arm(project: Project) -> None:
    sales = days(project, 4)
    versions = [lot(project, "churn", kind="model") for _ in range(2)]
    with project.ledger.write() as writing:
        body = {"model": "churn", "champion": versions[0], "challenger": versions[1], "salt": "s", "stages": [{"mode": "canary", "share": 0.1}], "settings": {}, "notices": []}
        number = writing.append("rollout", {**body, "author": "ann@example.com", "at": "2026-03-14T06:00:00.000000+00:00"}).number
    alone = answered(project, sales[0], versions[:1], {"churn:v1": 100})
    both = answered(project, sales[1], versions, {"churn:v1": 90, "churn:v2": 10}, rollout=number, stage=0)
    again = answered(project, sales[2], versions, {"churn:v1": 92, "churn:v2": 8}, rollout=number, stage=0)
    promoted = answered(project, sales[3], versions, {"churn:v2": 100}, rollout=number, stage=1)
    finished = answered(project, sales[3], versions[1:], {"churn:v2": 100})

    found = between(project, alone, both)

    assert set(found) == {"arm churn", "source orders"}
    arm = found["arm churn"]
    assert (arm.detail["share_before"], arm.detail["share_now"], arm.owner, arm.now, arm.why_not) == (0.0, 0.1, "ann@example.com", "churn:v2 answers 10%", "")
    assert "arm churn" not in between(project, both, again)  # rows are given by a hash, so shares differ a little from batch to batch
    assert set(between(project, both, promoted)) == {"arm churn", "source orders"}
    assert between(project, promoted, finished) == {}
    assert between(project, both, alone)["arm churn"].why_not != ""


def test_what_was_made_from_a_lot_is_named_in_the_order_of_the_line(project: Project) -> None:
    sales = days(project, 2)
    version = lot(project, "churn", kind="model")
    ran(project, "churn", version, {"sales": sales})
    answered(project, sales[1], [version], {"churn:v1": 100})
    elsewhere = lot(project, "elsewhere")
    ran(project, "elsewhere", elsewhere, {"orders": [2]})

    assert touches(project, shop(), [2]) == ["churn:v1", "sales", "answers", "elsewhere"]
    assert touches(project, shop(), [elsewhere]) == []
    step = Component("code", "line.py: sales", "a", "b", detail={"steps": ["sales"], "lots": sales[1:]})
    assert set(touches(project, shop(), step)) == {"sales", "churn:v1", "answers"}


def test_the_line_is_marked_with_the_way_from_the_culprit_to_the_symptom(project: Project) -> None:
    days(project, 1)

    found = line_of(project, shop(), ["orders"], "answers", ["sales", "churn:v1", "answers"], cleared=["stores"])

    marks = {one["flow"]: (one["kind"], one["mark"]) for one in found["nodes"]}
    assert marks == {
        "orders": ("source", "culprit"), "stores": ("source", "cleared"), "churn": ("source", "touched"), "sales": ("step", "touched"), "other": ("step", ""), "answers": ("scores", "symptom"),
    }  # fmt: skip
    assert {(one["from"], one["to"]) for one in found["edges"] if one["mark"] == "way"} == {("orders", "sales"), ("sales", "answers")}
    assert ("stores", "other") in {(one["from"], one["to"]) for one in found["edges"] if one["mark"] == ""}
