"""Answers on a terminal: the sentence, the cause and its proof, what each replay said, and what to do; fitting every width, nothing foreign gets out."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console
from why_documents import EVERY, code, forecasts, healthy, not_found, shares, world

from assayline.report import views
from assayline.report.paper import Paper, as_text, paper_of, printed
from assayline.report.visible import width
from assayline.report.why_facts import VERDICTS
from assayline.report.why_progress import why_progress
from assayline.report.why_terminal import why_lines
from assayline.report.why_words import VERDICTS as WORDS

Document = dict[str, Any]
PIPE = Paper(120, "utf-8", plain=True, widest=130)
COMMAND = re.compile(r"\s*(assay |git )")


def told(document: Document, paper: Paper = PIPE) -> str:
    return as_text(why_lines(document, paper))


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("columns", [40, 60, 80, 100, 140, 200])
def test_everything_fits_every_width_but_what_is_to_be_copied(columns: int, plain: bool) -> None:
    for document in (*(make() for name, make in EVERY.items() if name != "healthy"), {}, {"verdict": "proved", "causes": [{}], "candidates": [{}], "sets": [{}]}):
        lines = told(document, Paper(columns, "utf-8", plain, 130)).splitlines()

        assert [line for line in lines if width(line) > columns and not COMMAND.match(line)] == []
        assert [line for line in lines if line != line.rstrip()] == []


@pytest.mark.parametrize("columns", [24, 80, 160])
def test_nothing_foreign_acts(hostile_texts: tuple[str, ...], columns: int) -> None:
    place = [0]

    def spoiled(document: Any) -> Any:
        if isinstance(document, dict):
            return {key: one if key in ("verdict", "said", "mark") else spoiled(one) for key, one in document.items()}
        if isinstance(document, list):
            return [spoiled(one) for one in document]
        if isinstance(document, str):
            place[0] += 1
            return hostile_texts[place[0] % len(hostile_texts)]
        return document

    for make in EVERY.values():
        file = io.StringIO()
        console = Console(file=file, width=columns, force_terminal=True, color_system="truecolor", _environ={})
        printed(why_lines(spoiled(make()), paper_of(console)), paper_of(console), console)
        written = re.sub(r"\x1b\[[0-9;]*m", "", file.getvalue())

        assert {char for char in written if not char.isprintable()} <= {"\n"}


def test_the_sentence_comes_first_then_what_each_replay_said_then_the_cause_with_whom_to_ask_and_what_to_do() -> None:
    text = told(forecasts())

    lines = text.splitlines()
    assert lines[:3] == [
        "+ CAUSE PROVED", "The error of `forecasts` rose from 41 to 63 bikes.",
        "Cause, proved by replay: source `weather`, lot 35: column `temperature` of station 3 is in °F (unit_change).",
    ]  # fmt: skip
    assert "Source weather  proved by replay" in lines
    assert "  column: temperature; where: station = 3; rows: 24 of 168; comes from: file weather-2026-03-15.csv, loader 2.4; how" in text
    assert "  Responsible: met-office feed, weather@example.com.  Touches: hourly, features, demand:v8, forecasts, rebalancing." in lines
    assert lines[lines.index("  1. Take the lot out of what others read; the one before goes on being used.") + 1] == "     assay lot 35 reject"
    parts = ("with the weather lot of before", "\nSource weather", "  What to do", "\nCould not be put back", " over 12 lots", "5 replays of at most 24", "assay why forecasts --json")
    order = [text.index(said) for said in parts]
    assert order == sorted(order)


def replays(text: str) -> dict[str, tuple[str, str, str]]:
    """By what was put back: the measure, the axis and the word."""
    found = re.findall(r"^  . +(\S.*?)  +(\S+(?: bikes)?)  ([-:|!#%+=~]{18,})  (.+)$", text, re.MULTILINE)
    return {done: (value, axis, word) for done, value, axis, word in found}


def test_each_replay_is_a_line_with_its_number_its_place_on_one_axis_and_its_word() -> None:
    document = forecasts()

    rows = replays(told(document))

    assert {done: (value, word) for done, (value, _, word) in rows.items()} == {
        "as it is: made again, nothing put back": ("63.2 bikes", "the same"), "with the weather lot of before": ("42.1 bikes", "responsible"),
        "with the code of before": ("63.4 bikes", "cleared"), "with the model of before": ("62.7 bikes", "cleared"), "with the rides lot of before": ("64 bikes", "cleared"),
    }  # fmt: skip
    axis = rows["with the weather lot of before"][1]
    band = [place for place, sign in enumerate(axis) if sign in ":|#"]
    assert axis.index("#") in band
    assert band == list(range(band[0], band[-1] + 1))
    assert axis.index("!") > band[-1]
    assert all(":" not in axis[axis.index("+") - 1 : axis.index("+") + 2] for _, axis, word in rows.values() if word == "cleared")


def test_several_put_back_at_once_and_their_share_are_told() -> None:
    rows, text = replays(told(shares())), told(shares())

    assert rows["weather + hourly.window: both put back together"][::2] == ("42.6 bikes", "gone")
    assert rows["weather + line.py: features: both put back together"][::2] == ("54.9 bikes", "still there")
    assert "Source weather and parameter hourly.window  proved by replay, 97% of the change" in text.splitlines()


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("make", list(EVERY.values()))
def test_every_verdict_has_its_word(make: Callable[[], Document], verdict: str) -> None:
    text = told({**make(), "verdict": verdict})

    word = WORDS[verdict].word
    assert text.startswith(f"{WORDS[verdict].plain} {'healthy: ' if verdict == 'healthy' else word.upper()}")


@pytest.mark.parametrize("columns", [40, 120])
def test_a_healthy_flow_is_one_line(columns: int) -> None:
    assert told(healthy(), Paper(columns, "utf-8", plain=True)) == "+ healthy: `forecasts` is healthy: mae(prediction, rentals) is 41 bikes, within 36 to 46.\n"


def test_nobody_is_accused_where_nothing_was_found_or_the_world_changed() -> None:
    for document in (not_found(), world(), {**world(), "verdict": "world changed"}):
        text = told(document)

        assert "responsible" not in text.lower()
        assert "CAUSE" not in text
    assert "Of 2 others nothing is known: the cause may be among them." in told(not_found())
    assert "88% of the change is the mix" in " ".join(told(world()).split())


def test_what_is_likely_is_not_called_proved_and_says_why_no_replay_could_tell() -> None:
    text = told(EVERY["correlational"]())

    assert "Package polars  correlational" in text.splitlines()
    assert "proved by replay" not in text
    assert "package polars (1.9.0 -> 1.10.0): polars 1.9.0 is in none of the folders with packages." in " ".join(text.split())
    assert "assay why features --packages FOLDER" in text
    assert "with the weather lot of before  fails" in text


def test_a_change_of_code_is_shown_with_its_signs() -> None:
    lines = told(code()).splitlines()

    assert "    +     # one row per station" in lines
    assert '    -     joined = counted.join(weather, on=["station", "hour"], how="inner")' in lines
    assert not [line for line in lines if line.startswith(("    --- ", "    +++ "))]


def test_the_view_prints_what_the_lines_say(capsys: pytest.CaptureFixture[str]) -> None:
    views()["why"](healthy())

    assert capsys.readouterr().out == told(healthy())


def terminal(columns: int = 110) -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=columns, _environ={"TERM": "xterm"})


def test_the_bar_says_what_is_put_back_what_came_of_it_and_how_many_replays_there_may_be() -> None:
    messages = terminal(140)

    with why_progress(messages) as event:
        event("symptom", {"kind": "metric", "unit": "bikes", "sentence": "x"})
        event("candidates", {"count": 5})
        event("replay", {"number": 1, "most": 24, "put_back": [], "value": 63.2, "gone": False})
        event("replay", {"number": 2, "most": 24, "put_back": ["source weather [red]\x1b]0;owned\x07"], "value": 42.1, "gone": True})

    out = messages.file.getvalue()  # type: ignore[attr-defined]  # a StringIO
    said = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", out)
    assert "with source weather [red]␛]0;owned␇ as before" in said
    assert "42.1 bikes, the symptom is gone, 2 of at most 24 replays" in said
    assert "\x1b]0;" not in out


def test_a_pipe_sees_no_bar_and_odd_events_break_nothing() -> None:
    silent, messages = Console(file=io.StringIO(), force_terminal=False), terminal(60)

    for console in (silent, messages):
        with why_progress(console) as event:
            for kind in ("symptom", "candidates", "replay", "narrow", "whatever"):
                event(kind, {})
                event(kind, {"count": "x", "number": float("nan"), "most": -3, "put_back": 7, "value": "nan", "gone": "yes", "unit": None, "component": ["a"]})

    assert silent.file.getvalue() == ""  # type: ignore[attr-defined]  # a StringIO
    assert "narrowing down" in messages.file.getvalue()  # type: ignore[attr-defined]  # a StringIO


@pytest.mark.parametrize(("asked", "given"), [("forecasts", True), ("model churn:v8", True), ("incident 12", True), ("hourly: station = 3", False), ("x; rm -rf ~", False), ("", False)])
def test_a_question_is_offered_again_only_where_it_can_be_typed_as_it_is(asked: str, given: bool) -> None:
    text = told({**forecasts(), "asked": asked})

    assert (f"assay why {asked} --json" in text) == given
    assert ("assay why" in text) == given


def test_replays_that_were_known_from_before_are_not_told_as_none() -> None:
    assert "5 replays, known from before." in told({**forecasts(), "replays": {"made": 0, "cached": 5, "most": 24, "seconds": 0.1, "notes": []}})
    assert "Nothing was replayed." in told({**forecasts(), "replays": {}})


def test_a_share_that_was_not_counted_is_not_told_as_none() -> None:
    document = forecasts()
    document["causes"][0]["share"] = 0.0

    assert "of the change" not in told(document)
