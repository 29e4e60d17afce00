"""A rule is held against the columns of a table before any row is."""

from __future__ import annotations

import pickle
import time

import pytest

from assayline.errors import AssaylineError, MisuseError, RuleError
from assayline.rules import checked, compile_rule, parse

KINDS = {"amount": "number", "Amount (€)": "number", "city": "text", "day": "time", "open": "boolean", "tags": "nested", "nothing": "empty"}
FLOWS = {"stores": {"id": "number", "name": "text"}, "towns": {"name": "text"}}


@pytest.mark.parametrize(
    "rule",
    [
        "amount >= 0", '"Amount (€)" = amount', "city < 'm'", "day >= date '2026-01-31'", "open", "not open or amount > 0", "tags is not null", "count(tags) > 3",
        "nothing > 3", "nothing = 'a'", "nothing like 'a%'", "nothing", "nothing - day > 3", "coalesce(nothing, nothing, 3) > 2", "coalesce(city, 'x') <> ''",
        "day - previous(day per city) < 86400", "amount exists in flow(stores.id)", "nothing exists in flow(towns.name)", "max(day) > date '2026-01-31'",
        "min(city) > 'a'", "count(distinct open) = 2", "share(open) > 0.5", "share(amount > lag(amount, 2 per city, open)) > 0.5", "AMOUNT is not null",
    ],
)  # fmt: skip
def test_what_belongs_together_is_accepted(rule: str) -> None:
    assert checked(rule, KINDS | {"AMOUNT": "number"}, FLOWS) == parse(rule)


@pytest.mark.parametrize(
    ("rule", "position", "cause"),
    [
        ("city > 0", 7, "city is text and 0 is a number"), ("amount between 1 and 'b'", 21, "'b' is text"), ("amount in (1, 'b')", 14, "'b' is text"),
        ("city and open", 0, "city is text, and a condition is needed"), ("not amount", 4, "amount is a number"), ("tags = tags", 0, "nested"),
        ("city + 1 > 2", 0, "city is text, and + takes numbers"), ("day + 1 > day", 0, "number of seconds"), ("1 - day > 0", 4, "day is a time"),
        ("length(amount) > 2", 7, "amount is a number, and text is needed"), ("year(city) = 1", 5, "and a time is needed"), ("amount like '1%'", 0, "text is needed"),
        ("open < open", 0, "no order"), ("coalesce(amount, city) = 1", 17, "cannot be compared"), ("avg(city) > 1", 4, "and a number is needed"),
        ("share(amount) > 0", 6, "and a condition is needed"), ("max(open)", 4, "open is a condition"), ("count(1) > 0", 6, "same in every row"),
        ("previous(3) > 1", 9, "same in every row"), ("previous(amount per tags) > 1", 20, "cannot be a key"), ("previous(tags) is null", 9, "nested"),
        ("amount exists in flow(shops.id)", 0, "no flow 'shops'"), ("amount exists in flow(stores.ident)", 0, "in the flow 'stores'"),
        ("city exists in flow(stores.id)", 0, "'stores.id' is a number"), ("previous(amont) > 1", 9, "did you mean 'amount'?"),
        ("previous(amount per cty) > 1", 20, "did you mean 'city'?"), ("AMOUNT > 1", 0, "did you mean 'amount'?"), ("open exists in flow(stores.id)", 0, "open is a condition"),
    ],
)  # fmt: skip
def test_what_does_not_is_refused_at_its_place(rule: str, position: int, cause: str) -> None:
    with pytest.raises(RuleError) as refused:
        checked(rule, KINDS, FLOWS)

    assert (refused.value.position, cause in str(refused.value)) == (position, True), str(refused.value)


def test_a_rule_error_is_a_mistake_of_the_caller_and_survives_a_pipe() -> None:
    with pytest.raises(MisuseError) as refused:
        parse("amount >")

    again = pickle.loads(pickle.dumps(refused.value))

    assert isinstance(again, RuleError)
    assert isinstance(again, AssaylineError)
    assert (str(again), again.text, again.position, again.cause, again.next_step) == (
        str(refused.value), "amount >", 8, "the rule ends too early", "here stands a column, a constant or a bracket",
    )  # fmt: skip


def test_the_place_in_a_long_rule_of_several_lines_is_shown_with_its_surroundings() -> None:
    rule = "amount > 0\n  and " + "amount > 0 and " * 20 + "amuont > 0"

    with pytest.raises(RuleError) as refused:
        checked(rule, KINDS)

    line, caret = refused.value.pointed().splitlines()
    assert line[caret.index("^") :].startswith("amuont")
    assert len(line) <= 80


@pytest.mark.no_cover  # what is timed is not traced
def test_a_misspelt_name_among_twenty_thousand_columns_is_refused_in_a_moment() -> None:
    kinds = {f"measurement of the sensor number {number:05}": "number" for number in range(20_000)}

    begin = time.process_time()
    with pytest.raises(RuleError, match="did you mean"):
        checked('"measurement of the sensor number 0004x" > 1', kinds)

    assert time.process_time() - begin < 0.5


def test_a_compiled_rule_says_what_it_reads() -> None:
    compiled = compile_rule("amount <= 3 * avg(amount) and previous(day per city) < day and city exists in flow(towns.name)", KINDS, FLOWS)

    assert compiled.columns == {"amount", "day", "city"}
    assert dict(compiled.kinds) == {"amount": "number", "city": "text", "day": "time"}
    assert (compiled.about_lot, compiled.needs_order, compiled.references) == (False, True, (("towns", "name"),))
    assert [node.name for node in compiled.aggregates_needed] == ["avg"]


def test_a_rule_about_the_lot_has_one_answer() -> None:
    assert compile_rule("count(*) > 10 and share(amount > 0) > 0.9", KINDS).about_lot
    assert not compile_rule("count(*) > amount", KINDS).about_lot


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("NOT(amount<0)", "not amount < 0"), ("amount!=1.50", "amount <> 1.5"), ("((amount))>-(2)", "amount > -2"), ("amount>- -2", "amount > 2"),
        ("(amount>1)=(amount>2)", "(amount > 1) = (amount > 2)"), ("a-(b-c)-d>0", "a - (b - c) - d > 0"), ("a and (b or c)", "a and (b or c)"),
        ("a and (b and c)", "a and (b and c)"), ("- -a > 0", "- -a > 0"), ("day=timestamp '2026-01-31T00:00'", "day = date '2026-01-31'"),
        ("day=timestamp '2026-01-31 10:20:30.5'", "day = timestamp '2026-01-31 10:20:30.500000'"), ("lag(a,1)>0", "previous(a) > 0"),
        ("LAG(a,2 PER k)>0", "lag(a, 2 per k) > 0"), ('"In" = "x y"', '"In" = "x y"'), ("Count(Distinct a)>1e3", "count(distinct a) > 1000"),
        ("count(distinct) > 1", "count(distinct) > 1"), ("date > date '2026-01-31'", "date > date '2026-01-31'"), ("a = 1e22", "a = 1e+22"), ("+a > +1", "a > 1"),
        ("s = 'it''s'", "s = 'it''s'"), ('"a""b" is not null', '"a""b" is not null'), ("a = .5", "a = 0.5"), ("a = 0.1", "a = 0.1"), ("year = 3", "year = 3"),
    ],
)  # fmt: skip
def test_a_rule_has_one_spelling(text: str, canonical: str) -> None:
    assert str(parse(text)) == canonical
    assert parse(canonical) == parse(text)
