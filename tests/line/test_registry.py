"""What is known of a source without anybody writing it down; and that its silence is told once, and is over with the next lot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from assayline.core import Line, Source, Step
from assayline.errors import MisuseError
from assayline.ledger import records, verify
from assayline.line.api import gate
from assayline.line.project import Project
from assayline.line.registry import sources_document, watch_sources
from assayline.line.settings import change
from assayline.line.telling import add_channel, pending

Arrived = Callable[..., None]

MORNINGS = [datetime(2026, 3, 1, 6, day % 7, tzinfo=UTC) + timedelta(days=day) for day in range(40)]
LAST = MORNINGS[-1]


def test_a_silent_source_is_an_incident_and_is_told_once_until_a_whole_lot_is_missing(project: Project, arrived: Arrived) -> None:
    add_channel(project, "*", "mailto:ops@example.com")
    arrived("sales", MORNINGS)

    said = [watch_sources(project, None, LAST + timedelta(hours=hours)) for hours in (24, 26, 27, 47, 49, 60, 90)]

    assert [[(one["state"], one["code"]) for one in each] for each in said] == [[], [("new", "late_arrival")], [], [], [("worse", "missing_day")], [], []]
    assert len(pending(project)) == 2
    assert {one.notice.incident for one in pending(project)} == {"sales-1"}
    assert list(verify(project.ledger, project.store)) == []


def test_the_next_lot_through_the_gate_closes_it_and_nothing_is_told(project: Project, arrived: Arrived) -> None:
    arrived("sales", MORNINGS)
    watch_sources(project, None, LAST + timedelta(hours=26))

    gate("sales", pl.DataFrame({"id": range(50), "town": ["Köln", "Lund"] * 25}), project=project)

    with project.ledger.read() as connection:
        assert records.open_incidents(connection, "sales") == []
    assert watch_sources(project, None, datetime.now(UTC)) == []
    assert list(verify(project.ledger, project.store)) == []


def test_a_source_that_nobody_wants_to_watch_is_silent_in_peace(project: Project, arrived: Arrived) -> None:
    arrived("sales", MORNINGS)
    watch_sources(project, None, LAST + timedelta(hours=26))

    change(project, "sales", {"watched": False})

    assert [one["state"] for one in watch_sources(project, None, LAST + timedelta(days=9))] == ["over"]
    assert watch_sources(project, None, LAST + timedelta(days=10)) == []


def test_two_that_watch_at_once_tell_it_once(project: Project, arrived: Arrived) -> None:
    arrived("sales", MORNINGS)
    arrived("stock", MORNINGS)

    both = [watch_sources(project, None, LAST + timedelta(hours=26)) for _ in range(2)]

    assert [len(one) for one in both] == [2, 0]


def test_what_a_step_makes_is_no_source(project: Project, arrived: Arrived) -> None:
    arrived("rides", MORNINGS)
    arrived("daily", MORNINGS)
    line = Line("bikes", (Step("daily", ("rides",)),), (Source("rides", "rides/", owner="ops@example.com"),))

    said = watch_sources(project, line, LAST + timedelta(hours=26))
    (document,) = sources_document(project, line, LAST + timedelta(hours=26))

    assert [one["flow"] for one in said] == ["rides"]
    assert (document["owner"], document["readers"], document["findings"][0]["code"]) == ("ops@example.com", ["daily"], "late_arrival")


def test_the_registry_knows_size_freshness_and_columns_over_time(project: Project, arrived: Arrived) -> None:
    arrived("sales", MORNINGS[:20])
    arrived("sales", MORNINGS[20:], figures={"columns_now": ["id", "city", "size"]})

    (document,) = sources_document(project, None, LAST + timedelta(hours=2), "sales")

    assert document["rows"] == {"low": 100, "usual": 100, "high": 100}
    assert document["bytes"]["usual"] == 2048
    assert document["freshness_seconds"] == 7200
    assert document["rhythm"]["gap_seconds"] == pytest.approx(86_460)
    assert [(one["lot"], one["came"], one["gone"]) for one in document["schema"]] == [(1, ["id", "town"], []), (21, ["city", "size"], ["town"])]


def test_a_grade_is_earned_by_thirty_clean_lots_lost_by_one_and_set_by_hand(project: Project, arrived: Arrived) -> None:
    def grade() -> tuple[str, str]:
        (one,) = sources_document(project, None, LAST, "sales")
        return one["grade"], one["grade_by"]

    arrived("sales", MORNINGS[:29])
    young = grade()
    arrived("sales", MORNINGS[29:30])
    proven = grade()
    arrived("sales", MORNINGS[30:31], verdict="warn")
    odd = grade()
    change(project, "sales", {"grade": "production"})

    assert [young, proven, odd, grade()] == [("experimental", "behaviour"), ("production", "behaviour"), ("experimental", "behaviour"), ("production", "hand")]


def test_a_silence_costs_the_grade(project: Project, arrived: Arrived) -> None:
    arrived("sales", MORNINGS)
    watch_sources(project, None, LAST + timedelta(hours=26))

    (one,) = sources_document(project, None, LAST + timedelta(hours=26), "sales")

    assert one["grade"] == "experimental"


def test_an_unknown_source_and_an_unknown_grade_are_refused(project: Project, arrived: Arrived) -> None:
    arrived("sales", MORNINGS[:2])

    with pytest.raises(MisuseError, match="sources: sales"):
        sources_document(project, None, LAST, "sale")
    with pytest.raises(MisuseError, match="experimental or production"):
        change(project, "sales", {"grade": "gold"})
