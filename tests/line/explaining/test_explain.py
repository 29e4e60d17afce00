"""`explain_document` on real versions: which two, on which rows, who gains, what drove it, what went in; and the note."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

pytest.importorskip("assayline.explain")

from assayline.errors import AssaylineError, MisuseError
from assayline.ledger import records
from assayline.line.explaining.explain import explain_document, note
from assayline.line.explaining.two_versions import named, two_versions
from assayline.line.models.trying import Trying
from assayline.line.models.versions import champion_of, label
from assayline.line.project import SETTINGS, Project, open_project

Document = dict[str, Any]


@pytest.fixture(scope="module")
def told(shop: Project) -> Document:
    return explain_document(shop, "churn", "v1", "v2")


@pytest.fixture(scope="module")
def alike(shop: Project) -> Document:
    """Two trainings on the same rows, in another order; told in a hurry, and without a trace."""
    with shop.ledger.read() as connection:
        lots = records.last_lot(connection)
    before = kept(shop)
    found = explain_document(shop, "churn", "v2", "v3", seconds=0.0)
    assert kept(shop) == before, "an explanation only reads the store"
    with shop.ledger.read() as connection:
        assert records.last_lot(connection) == lots
    return found


def kept(project: Project) -> set[tuple[str, int]]:
    return {(path.name, path.stat().st_size) for path in (Path(project.folder) / "store" / "objects").rglob("*") if path.is_file()}


def test_the_group_that_the_new_version_learned_about_gains(told: Document) -> None:
    assert told["verdict"] == "better"
    assert {column for one in told["segments"]["gained"] for column in one["columns"]} & {"city", "age"}  # the young outside of Lyon are no longer taken for leavers
    assert told["segments"]["lost"] == []
    assert told["segments"]["gained"][0]["difference"] < 0
    assert {one["column"] for one in told["segments"]["shown"]} >= {"city", "age", "spend"}


def test_typical_cases_name_the_column_that_drove_them(told: Document) -> None:
    gained = [one for one in told["flips"]["cases"] if one["kind"] == "gained"]

    assert gained
    first = gained[0]
    assert (first["drivers"][0]["input"], first["drivers"][0]["before"]) == ("city", 0.0)  # the version before did not know it
    assert first["drivers"][0]["value"] in ("Bonn", "Gent", "Lyon")
    assert first["who"].startswith("customer c7-")
    assert f"mostly because of city {first['drivers'][0]['value']}" in first["sentence"]
    assert sum(one["stands_for"] for one in gained) == pytest.approx(told["flips"]["gained"], abs=5)


def test_contributions_and_the_typical_answer_add_up_to_what_is_said(told: Document) -> None:
    for one in told["flips"]["cases"]:
        named_inputs = sum(driver["difference"] for driver in one["drivers"])
        assert abs(one["after"] - one["before"] - one["level"] - named_inputs) < 0.35 * max(abs(one["after"] - one["before"]), 0.1)


def test_money_is_that_of_the_answers_themselves(told: Document) -> None:
    money, whole = told["money"], told["segments"]["whole"]

    assert money["difference"] == pytest.approx(1000 * whole["difference"])
    assert money["difference"] == pytest.approx(sum(one["money"] for one in told["outcomes"]))
    assert money["real"]
    assert money["low"] < money["difference"] < money["high"] < 0
    assert "customers" in money["sentence"]


def test_what_was_kept_is_not_asked_again_and_what_was_tried_on_other_rows_is(told: Document, alike: Document) -> None:
    assert (told["answered"]["before"], told["answered"]["after"]) == ("asked again", "kept")  # v1 was tried before the set had these rows
    assert (alike["answered"]["before"], alike["answered"]["after"]) == ("kept", "kept")


def test_where_the_version_before_was_tried_on_other_rows_mix_and_rate_are_told(told: Document, alike: Document) -> None:
    mixed = told["mixed"]

    assert (mixed["rows_before"], mixed["rows_after"]) == (500, 1600)
    assert mixed["column"] == "city"
    assert mixed["mix"] + mixed["rate"] == pytest.approx(mixed["total"])
    assert sum(one["mix"] for one in mixed["parts"]) == pytest.approx(mixed["mix"])
    assert "The test set has other rows now (1,600, before 500)." in mixed["sentence"]
    assert alike["mixed"] is None


def test_two_trainings_on_the_same_rows_have_no_winner_and_no_groups(alike: Document) -> None:
    assert alike["verdict"] in ("not worse", "undecided")
    assert alike["segments"]["gained"] == alike["segments"]["lost"] == []
    assert not alike["money"]["real"] or alike["identical"]


def test_a_column_that_came_is_told_and_unchanged_plans_say_nothing(told: Document, alike: Document) -> None:
    features = told["made_from"]["features"]["changed"]

    assert {"column": "city", "change": "added", "sentence": "city is used now (the table did not have it)."} in features
    assert alike["made_from"]["features"]["changed"] == []
    assert "came from outside" in told["made_from"]["data"]["sentence"]


def test_all_releases_stand_on_the_same_rows(told: Document, alike: Document) -> None:
    over = alike["progression"]

    assert [one["version"] for one in told["progression"]["releases"]] == ["churn:v1", "churn:v2"]
    assert [one["said"] for one in told["progression"]["steps"]] == ["better"]
    assert [one["version"] for one in over["releases"]] == ["churn:v2", "churn:v3"]  # nobody had time to ask the first one again
    assert over["left_out"] == ["churn:v1"]
    assert all(one["low"] <= one["value"] <= one["high"] for one in over["releases"])


def test_importance_comes_with_what_it_is_not(told: Document) -> None:
    columns = {one["column"]: one for one in told["importance"]["columns"]}

    assert "customer" not in columns
    assert "churned" not in columns
    assert columns["city"]["used"]
    assert columns["city"]["before"]["used"] is False
    assert any("does not say that a column is a cause" in one for one in told["importance"]["is"])


def test_the_document_is_json_and_the_same_twice(told: Document, alike: Document, shop: Project) -> None:
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert explain_document(shop, "churn", "v2", "v3", seconds=0.0) == alike
    assert "not_told" not in told
    assert "not_told" not in alike


# Which two versions.


@pytest.mark.parametrize(
    ("words", "found"),
    [(["churn"], ("churn", None, None)), (["churn", "v7"], ("churn", "v7", None)), (["churn", "7", "8"], ("churn", "7", "8")), (["churn:v8"], ("churn", None, "v8")),
     (["churn:v7", "churn:v8"], ("churn", "v7", "v8")), (["churn:v7", "v8"], ("churn", "v7", "v8"))],
)  # fmt: skip
def test_versions_are_named_in_the_ways_people_name_them(words: list[str], found: tuple[str, str | None, str | None]) -> None:
    assert named(words) == found


@pytest.mark.parametrize(("words", "said"), [(["churn:v7", "demand:v8"], "versions of two models"), (["churn", "v1", "v2", "v3"], "up to two versions, not 3")])
def test_two_models_and_three_versions_are_refused(words: list[str], said: str) -> None:
    with pytest.raises(MisuseError, match=said):
        named(words)


def test_without_versions_it_is_the_one_in_force_and_the_one_it_was_held_against(shop: Project) -> None:
    with shop.ledger.read() as connection:
        champion = champion_of(connection, "churn")
    assert champion is not None
    force = label(champion)
    asked = ((None, None), ("v1", None), (None, "v2"), ("v3", "v1"))

    pairs = [tuple(label(one) for one in two_versions(shop, "churn", *one)) for one in asked]

    assert pairs[0][1] == force
    assert pairs[1] == ("churn:v1", force)
    assert pairs[2] == ("churn:v1", "churn:v2")
    assert pairs[3] == ("churn:v3", "churn:v1")


@pytest.mark.parametrize(
    ("model", "before", "after", "said"),
    [("nobody", None, None, "there is no model 'nobody'"), ("churn", "v1", "v9", "there is no version 'churn:v9'"), ("churn", "v2", "v2", "is both versions"),
     ("churn", "latest", None, "'latest' names no version"), ("spend", None, None, "is the first version that could be opened")],
)  # fmt: skip
def test_what_cannot_be_explained_says_why(shop: Project, model: str, before: str | None, after: str | None, said: str) -> None:
    with pytest.raises(MisuseError, match=said):
        explain_document(shop, model, before, after)


def test_a_model_without_a_test_set_says_how_to_add_one(copied: Project, version_file: Callable[..., Path], tmp_path: Path) -> None:
    rows = pl.DataFrame({"customer": [f"c{one}" for one in range(400)], "age": [18 + one % 60 for one in range(400)], "spend": [3.0 * (one % 60) + one % 7 for one in range(400)]})
    with Trying(copied, aspects=()) as trying:
        trying.take(str(version_file(tmp_path / "s2.assay", "v2", rows, target="spend", name="spend")), "spend")

    with pytest.raises(MisuseError, match="assay trial add-set spend FILE"):
        explain_document(copied, "spend")


def test_an_unknown_test_set_names_those_there_are(shop: Project) -> None:
    with pytest.raises(MisuseError, match="there is no test set 'spring' of churn; there is q1"):
        explain_document(shop, "churn", "v1", "v2", test_set="spring")


def test_an_artefact_that_was_changed_is_no_version_to_explain(copied: Project) -> None:
    with copied.ledger.read() as connection:
        lot = records.lots(connection, "churn")[0]
    digest = lot.objects["artefact"].partition(":")[2]
    [kept] = Path(copied.folder).joinpath("store", "objects").rglob(f"{digest}*")
    kept.chmod(0o600)
    kept.write_bytes(b"other bytes")

    with pytest.raises(AssaylineError, match="its bytes are not those that were put"):
        explain_document(copied, "churn", "v1", "v2")


# Words.


def test_the_words_of_the_trade_stand_in_the_sentences(copied: Project) -> None:
    settings = Path(copied.folder) / SETTINGS
    settings.write_text(settings.read_text() + '\n[explain.churn]\nrows = "clients"\nsays.yes = "are called"\ntruth.no = "would have stayed"\ncontact = "ann@example.com"\n')

    with open_project(copied.folder) as project:
        told = explain_document(project, "churn", "v1", "v2", seconds=0.0)

    assert told["headline"].endswith("tried on the same 1,600 clients.")
    assert any("are called although they would have stayed" in one["sentence"] for one in told["outcomes"])
    assert "Questions: ann@example.com" in note(told)


@pytest.mark.parametrize("line", ["rows = 3", "colour = \"red\"", "says = \"called\""])
def test_settings_that_are_none_are_refused(copied: Project, line: str) -> None:
    settings = Path(copied.folder) / SETTINGS
    settings.write_text(settings.read_text() + f"\n[explain.churn]\n{line}\n")

    with open_project(copied.folder) as project, pytest.raises(MisuseError, match=r"\[explain.churn\]"):
        explain_document(project, "churn", "v1", "v2")


def test_the_note_says_what_changes_for_whom_since_when_and_whom_to_ask(told: Document) -> None:
    before, after = note(told, "before"), note(told, "after")

    assert before.startswith("Subject: churn will be changed to version v2\n")
    assert after.startswith("Subject: churn was changed to version v2\n")
    assert "What will change" in before
    assert "- Better off: Where " in after
    assert told["segments"]["gained"][0]["sentence"] in " ".join(after.split())
    assert "EUR per 1,000 customers" in after
    assert f"made on {told['after']['at'][:10]}" in " ".join(after.split())
    assert "Questions: ops@example.com" in after
    assert max(len(line) for line in after.splitlines()[2:-3]) <= 78
    with pytest.raises(MisuseError, match="'before' or 'after'"):
        note(told, "during")
