"""Foreign text is shown, never sent on."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assayline.report.visible import cut, shown, visible, width

ANY = st.text(st.characters(), max_size=80)


@given(ANY)
def test_what_is_shown_is_printable_whatever_comes(text: str) -> None:
    for char in visible(text):
        assert char.isprintable() or char in "\u200c\u200d"
        assert unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")


@given(ANY)
def test_making_visible_twice_changes_nothing_more(text: str) -> None:
    assert visible(visible(text)) == visible(text)


@given(ANY, st.sampled_from(["ascii", "latin-1", "cp1252", "cp437", "koi8-r"]))
def test_what_is_shown_fits_the_encoding(text: str, encoding: str) -> None:
    shown(text, 40, encoding=encoding, blanks=False).encode(encoding)


@given(ANY, st.integers(1, 60))
def test_a_cut_text_is_never_wider_than_asked(text: str, most: int) -> None:
    assert width(cut(visible(text), most)) <= most


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\x1b[31m", "␛[31m"),
        ("a\nb\r\tc", "a\\nb\\r\\tc"),
        ("\x9b31m", "\\x9b31m"),
        ("\x7f", "␡"),
        ("a\u202eb", "a\\u202eb"),
        ("\ud800", "\\ud800"),
        ("a\u00a0b", "a\\xa0b"),
        ("\U000e0041", "\\U000e0041"),
        ("ad\u200dmin", "ad\\u200dmin"),
        ("a\ufe01", "a\\ufe01"),
        ("\u3164", "\\u3164"),
    ],
)
def test_what_hides_or_acts_is_written_out(text: str, expected: str) -> None:
    assert visible(text) == expected


@pytest.mark.parametrize("text", ["naïve café", "東京都", "שלום", "می\u200cخواهم", "👩\u200d💻", "☎\ufe0f", "Việt Nam", "क्\u200dष"])
def test_honest_writing_stays_as_it_is(text: str) -> None:
    assert visible(text) == text


def test_a_tower_of_accents_is_written_out() -> None:
    assert visible("e" + "\u0301" * 50).count("\u0301") == 4


def test_a_cell_of_megabytes_is_quick_and_says_its_size() -> None:
    assert "40,000,000" in shown("\x1b" * 40_000_000, 60)
