"""Budgets: what is warned of, what is stopped, and what is learned from earlier runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assayline.errors import MisuseError
from assayline.line.budget import Budget, Costs, check, learned_limits, left, worst
from assayline.line.project import Project, open_project
from assayline.line.spending import daily_budget, flow_budget, limits_of, price_per_cpu_hour, spent, standing, standing_of

NOON = datetime.fromisoformat("2026-05-01T12:00+00:00")
AMOUNTS = st.floats(0, 1e9)
COSTS = st.builds(Costs, AMOUNTS, AMOUNTS, st.integers(0, 10**12), st.integers(0, 10**9), AMOUNTS)
BUDGETS = st.builds(Budget, AMOUNTS, AMOUNTS, st.integers(0, 10**12), st.integers(0, 10**9), AMOUNTS)


def run(project: Project, step: str, at: str, state: str = "done", **costs: float) -> None:
    with project.ledger.write() as writing:
        writing.append(
            "run",
            {
                "line": "bikes", "step": step, "place": "", "identity": f"{step} {at}", "state": state, "at": at, "output": None, "inputs": {}, "code": "", "parameters": {},
                "environment": "", "costs": costs, "columns": {}, "error": "",
            },
        )  # fmt: skip


@pytest.mark.parametrize(("seconds", "level"), [(79.9, "ok"), (80, "warn"), (99.9, "warn"), (100, "stop"), (1000, "stop")])
def test_a_budget_warns_at_eighty_percent_and_stops_at_its_end(seconds: float, level: str) -> None:
    assert check(Costs(cpu_seconds=seconds), Budget(cpu_seconds=100)).level == level


@given(COSTS)
def test_without_a_budget_nothing_is_stopped(costs: Costs) -> None:
    assert check(costs, Budget()).level == "ok"


@given(COSTS, COSTS, BUDGETS)
def test_more_costs_never_stand_better(costs: Costs, more: Costs, budget: Budget) -> None:
    assert check(costs + more, budget).share >= check(costs, budget).share


@given(COSTS, BUDGETS)
def test_what_is_left_is_spent_exactly_when_the_budget_is(costs: Costs, budget: Budget) -> None:
    rest = left(costs, budget)

    assert all(value >= 0 for value in vars(rest).values())
    assert (rest.cpu_seconds == 0) == (budget.cpu_seconds == 0)
    assert rest.memory_bytes == budget.memory_bytes


def test_a_run_is_stopped_by_whichever_budget_ends_first() -> None:
    day, flow = check(Costs(money=9), Budget(money=10)), check(Costs(rows=50), Budget(rows=50))

    assert worst([day, flow]).what == "rows"
    assert worst([day, flow]).sentence == "50 of 50 rows are spent (100%)."


def test_a_step_that_nobody_has_seen_may_run_for_an_hour_and_never_for_ever() -> None:
    assert learned_limits([]).max_runtime_seconds == 3600
    assert learned_limits([Costs(wall_seconds=1)] * 4).max_runtime_seconds == 3600
    assert learned_limits([Costs(wall_seconds=7000)]).max_runtime_seconds == 21_000


def test_a_short_step_gets_minutes_and_a_long_one_three_times_its_slowest() -> None:
    assert learned_limits([Costs(wall_seconds=1)] * 50).max_runtime_seconds == 300
    assert learned_limits([Costs(wall_seconds=1)] * 99 + [Costs(wall_seconds=9000)]).max_runtime_seconds == 300
    assert learned_limits([Costs(wall_seconds=1000)] * 50).max_runtime_seconds == 3000


def test_pauses_are_learned_and_a_budget_of_seconds_comes_before_what_was_learned() -> None:
    limits = learned_limits([Costs(wall_seconds=1000)] * 50, [10.0, 400.0], Budget(wall_seconds=60, cpu_seconds=20, memory_bytes=1 << 30))

    assert (limits.max_runtime_seconds, limits.idle_seconds, limits.cpu_seconds, limits.memory_bytes) == (60, 1200, 20, 1 << 30)


@pytest.mark.parametrize(
    ("given_", "said"),
    [({"cpu": 1}, "nothing that is budgeted"), ({"rows": -1}, "give it a number"), ({"money": "10"}, "give it a number"), ({"money": True}, "give it a number"), (7, "names and numbers")],
)  # fmt: skip
def test_a_budget_that_cannot_be_is_refused(given_: object, said: str) -> None:
    with pytest.raises(MisuseError, match=said):
        Budget.parse(given_, "assay.toml: [budget]")


def with_settings(project: Project, text: str) -> Project:
    path = Path(project.folder) / "assay.toml"
    path.write_text(path.read_text() + text)
    return open_project(project.folder)


def test_the_day_adds_up_the_runs_since_midnight(project: Project) -> None:
    run(project, "hourly", "2026-04-30T23:59:00+00:00", cpu_seconds=1000.0)
    run(project, "hourly", "2026-05-01T00:00:00+00:00", cpu_seconds=30.0, rows_in=7, memory_bytes=5, money=0.5)
    run(project, "daily", "2026-05-01T01:00:00+00:00", state="failed", cpu_seconds=20.0, rows_in=1, memory_bytes=9)

    with project.ledger.read() as connection:
        assert spent(connection, NOON) == Costs(0, 50, 9, 8, 0.5)
        assert spent(connection, NOON, step="hourly").cpu_seconds == 30


def test_budgets_and_prices_come_from_the_settings_and_count_what_runs_now(project: Project) -> None:
    run(project, "hourly", "2026-05-01T00:00:00+00:00", cpu_seconds=70.0)
    with with_settings(project, "\n[costs]\nprice_per_cpu_hour = 0.36\n[budget]\ncpu_seconds = 100\n[budget.flow.hourly]\nrows = 10\n") as again:
        assert price_per_cpu_hour(again) == 0.36
        assert daily_budget(again) == Budget(cpu_seconds=100)
        assert flow_budget(again, "hourly") == Budget(rows=10)
        assert flow_budget(again, "other") == Budget()
        assert flow_budget(again, "other", {"memory_mib": 1}) == Budget(memory_bytes=1 << 20)
        assert flow_budget(again, "hourly", {"memory_mib": 1}) == Budget(rows=10)
        assert standing(again, NOON).level == "ok"
        assert standing(again, NOON, Costs(cpu_seconds=10)).level == "warn"
        assert standing_of(again, "hourly", NOON, Costs(cpu_seconds=10, rows=10)).what == "rows"


def test_the_budget_in_the_settings_of_a_flow_comes_first(project: Project) -> None:
    with project.ledger.write() as writing:
        writing.append("flow", {"flow": "hourly", "settings": {"budget": {"money": 2}}})

    assert flow_budget(project, "hourly") == Budget(money=2)


def test_limits_are_learned_from_runs_that_ended_well(project: Project) -> None:
    for number in range(6):
        run(project, "hourly", f"2026-05-01T00:0{number}:00+00:00", wall_seconds=200.0, longest_pause_seconds=150.0)
    run(project, "hourly", "2026-05-01T02:00:00+00:00", state="stopped", wall_seconds=90_000.0)

    limits = limits_of(project, "hourly")

    assert (limits.max_runtime_seconds, limits.idle_seconds) == (600, 450)


@pytest.mark.parametrize("text", ["\n[costs]\nprice_per_cpu_hour = 'a lot'\n", "\n[costs]\nprice_per_cpu_hour = -1\n"])
def test_a_price_that_is_none_is_refused(project: Project, text: str) -> None:
    with with_settings(project, text) as again, pytest.raises(MisuseError, match="price_per_cpu_hour"):
        price_per_cpu_hour(again)
