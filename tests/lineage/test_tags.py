"""Tags: the worse wins on every way, and what weakens one is said."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from assayline.core import CATALOGUE, Verdict
from assayline.lineage import FOREVER, Edge, Tag, Weakening, columns_concerned, derived, in_force, joined, verdict_of
from assayline.lineage.tags import ABOUT_VALUES

LATE = Tag(Verdict.WARN, "Rows of an hour are missing.", "rides", 3, "missing_day", ("started_at",), 0.1, "2026-02-01", ("started_at",))

columns = st.sampled_from([(), ("a",), ("a", "b"), ("b",)])
tags = st.lists(
    st.builds(
        Tag, st.sampled_from(list(Verdict)), st.sampled_from(["one", "two"]), st.sampled_from(["rides", "weather"]), st.integers(1, 2), st.sampled_from(["typo", "missing_day"]),
        columns, st.sampled_from([0.1, 0.5, 1.0]), st.sampled_from([FOREVER, "2026-01-01", "2026-02-01"]), columns, st.just(""), st.sampled_from(["", "expired", "rows filtered"]),
    ),
    max_size=5,
)  # fmt: skip


@given(tags, tags, tags)
def test_the_join_of_tags_is_associative_commutative_and_idempotent(a: list[Tag], b: list[Tag], c: list[Tag]) -> None:
    assert joined(joined(a, b), c) == joined(a, joined(b, c))
    assert joined(a, b) == joined(b, a)
    assert joined(joined(a), joined(a)) == joined(a)
    assert joined(a, ()) == joined(a)


@given(tags, tags)
def test_the_verdict_of_a_join_is_the_join_of_the_verdicts(a: list[Tag], b: list[Tag]) -> None:
    assert verdict_of(joined(a, b)) == verdict_of(a) | verdict_of(b)


@given(tags, tags)
def test_one_more_parent_never_makes_a_lot_better(a: list[Tag], b: list[Tag]) -> None:
    assert verdict_of(derived((), [Edge("rides", a), Edge("weather", b)])) >= verdict_of(derived((), [Edge("rides", a)]))


def test_what_is_not_known_to_be_unused_counts_as_used() -> None:
    unknown = derived((), [Edge("rides", (LATE,))])
    unused = derived((), [Edge("rides", (LATE,), uses=frozenset({"station"}))])

    assert in_force(unknown) == unknown
    assert [one.weakened for one in unused] == ["column not used: started_at"]


def test_a_fault_of_the_whole_table_is_not_weakened_by_unused_columns() -> None:
    whole = Tag(Verdict.WARN, "Half the rows are missing.", "rides", 3, "truncated_batch")

    assert verdict_of(derived((), [Edge("rides", (whole,), uses=frozenset())])) == Verdict.WARN


def test_a_tag_follows_its_column_and_only_its_column() -> None:
    speed = Tag(Verdict.WARN, "Speeds in knots.", "rides", 3, "unit_change", ("speed",), here=("speed",))
    first = derived((), [Edge("rides", (speed,), frozenset({"speed", "station"}), {"speed": ("mean_speed",), "station": ("station",)}, frozenset({"station"}))])

    assert first[0].here == ("mean_speed",)
    assert verdict_of(derived((), [Edge("hourly", first, frozenset({"station"}))])) == Verdict.RELEASE
    assert verdict_of(derived((), [Edge("hourly", first, frozenset({"mean_speed"}))])) == Verdict.WARN


def test_a_column_that_decides_which_rows_there_are_concerns_the_whole_table() -> None:
    found = derived((), [Edge("rides", (LATE,), frozenset({"started_at", "n"}), {"started_at": ("hour",)}, frozenset({"started_at"}))])

    assert found[0].here == ()


def test_one_way_that_uses_the_column_is_enough() -> None:
    ways = [Edge("rides", (LATE,), uses=frozenset({"station"})), Edge("rides", (LATE,), uses=frozenset({"started_at"}))]

    assert verdict_of(derived((), ways)) == verdict_of(derived((), ways[::-1])) == Verdict.WARN


def test_the_share_of_rows_shrinks_with_the_share_of_the_lot_in_what_is_read() -> None:
    found = derived((), [Edge("rides", (LATE,), share=0.25)])

    assert found[0].share == 0.025


def test_a_tag_is_over_when_its_time_is() -> None:
    assert verdict_of(derived((LATE,), moment="2026-01-31")) == Verdict.WARN
    assert [one.weakened for one in derived((LATE,), moment="2026-02-01")] == ["expired on 2026-02-01"]


def test_a_recorded_reason_weakens_what_it_names_and_nothing_else() -> None:
    reason = Weakening("rides", "missing_day", ("started_at", "ended_at"), "ann: the hour was a holiday", until="2026-01-15")
    other = Tag(Verdict.WARN, "A city is misspelt.", "rides", 3, "typo", ("city",))

    found = derived((LATE, other), weakenings=[reason], moment="2026-01-10")

    assert [(one.code, one.weakened) for one in found] == [("typo", ""), ("missing_day", "ann: the hour was a holiday")]
    assert verdict_of(derived((LATE,), weakenings=[reason], moment="2026-01-15")) == Verdict.WARN
    assert not Weakening("rides", "missing_day", ("other",)).covers(LATE, "2026-01-10")


def test_codes_that_are_about_values_are_codes_of_the_catalogue() -> None:
    assert sorted(ABOUT_VALUES - set(CATALOGUE)) == []
    assert columns_concerned("a_plug_ins_code", ["a"]) == ()
