"""Windows: when work may be done."""

from __future__ import annotations

from datetime import datetime

import pytest

from assayline.errors import MisuseError
from assayline.line.windows import Window, open_at


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


@pytest.mark.parametrize(
    ("window", "moment", "inside"),
    [
        ("Mon-Fri 08:00-18:00 Europe/Stockholm", "2026-07-01T06:00+00:00", True),
        ("Mon-Fri 08:00-18:00 Europe/Stockholm", "2026-12-01T06:59+00:00", False),
        ("Mon-Fri 08:00-18:00 Europe/Stockholm", "2026-07-01T16:00+00:00", False),
        ("Sat-Mon", "2026-07-06T12:00+00:00", True),
        ("Sat,Wed", "2026-07-02T12:00+00:00", False),
        ("22:00-06:00", "2026-07-02T23:00+00:00", True),
        ("Fri 22:00-06:00", "2026-07-04T05:59+00:00", True),
        ("Fri 22:00-06:00", "2026-07-03T05:59+00:00", False),
        ("00:00-24:00", "2026-07-03T23:59+00:00", True),
    ],
)
def test_a_window_holds_the_moments_it_says(window: str, moment: str, inside: bool) -> None:
    assert Window.parse(window).holds(at(moment)) is inside


def test_without_windows_work_may_be_done_at_any_time() -> None:
    assert open_at([], at("2026-07-03T23:59+00:00"))


def test_what_is_denied_counts_more_than_what_is_allowed() -> None:
    windows = [Window.parse("allow Mon-Sun"), Window.parse("deny 12:00-13:00")]

    assert [open_at(windows, at(f"2026-07-03T{hour}:30+00:00")) for hour in (11, 12, 13)] == [True, False, True]


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "says when"), ("Mon-Fru", "no days"), ("25:00-26:00", "no time of day"), ("08:00-24:01", "no time of day"), ("Europe/Stokholm", "neither"), ("8-18", "neither"), ("UTC Mon", "neither")],
)
def test_a_text_that_is_no_window_is_refused_with_the_word_and_an_example(text: str, said: str) -> None:
    with pytest.raises(MisuseError, match=said) as error:
        Window.parse(text)

    assert "such as" in str(error.value) or "for example" in str(error.value)
