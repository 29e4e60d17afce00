"""The page and the notebook fragment: inert, complete, bounded, readable."""

from __future__ import annotations

import base64
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.core import CATALOGUE, Cell, ColumnFacts, Finding, InputFacts, Report, Verdict
from assayline.report import views
from assayline.report.html import page, style_sheet
from assayline.report.notebook import fragment

VOID = {"meta", "link"}
LOADING = {"href", "src", "srcset", "action", "formaction", "data", "poster", "background", "cite", "ping", "style", "xlink:href", "srcdoc"}
ACTIVE = {
    "script",
    "iframe",
    "object",
    "embed",
    "form",
    "input",
    "button",
    "a",
    "img",
    "image",
    "use",
    "foreignobject",
    "base",
    "audio",
    "video",
}


class Structure(HTMLParser):
    """Everything of a page but its texts."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, tuple[str, ...]]] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.open: list[str] = []
        self.others: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.unbalanced: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def handle_comment(self, data: str) -> None:
        self.others.append(data)

    def handle_pi(self, data: str) -> None:
        self.others.append(data)

    def unknown_decl(self, data: str) -> None:
        self.others.append(data)


@pytest.mark.parametrize("view", [page, fragment])
def test_hostile_texts_bring_no_element_attribute_or_address(view: Callable[[Report], str], hostile: Report) -> None:
    text = view(hostile)

    structure = Structure(text)

    assert not {tag for tag, _ in structure.elements} & ACTIVE
    assert [one for one in structure.attributes if one[1] in LOADING and one != ("link", "href", "data:,")] == []
    assert not [name for _, name, _ in structure.attributes if name.startswith("on")]
    assert structure.others == []
    assert structure.unbalanced == []
    assert structure.open == []
    assert "<script" not in text.lower()
    text.encode("utf-8")  # lone surrogates would not survive this


@pytest.mark.parametrize("view", [page, fragment])
def test_hostile_texts_can_be_read_in_full(view: Callable[[Report], str], hostile: Report) -> None:
    seen = "\n".join(text for _, text in Structure(view(hostile)).texts)

    assert "<script>alert(1)</script>" in seen
    assert "&lt;b&gt;&#x3c;i&#x3e;" in seen, "an escape in the data must stay an escape"
    assert "a\\u202eb\\u2066c\\u2069" in seen
    assert "␛[2J␛]0;owned␇red␛[31m" in seen
    assert "[bold red]markup[/bold red] :boom:" in seen


@settings(max_examples=60, deadline=None)
@given(text=st.text(min_size=1, max_size=60) | st.text(alphabet="<>&\"'/=-! \n\x00`", min_size=1, max_size=30))
def test_no_text_changes_the_structure_of_the_page(report_of: Callable[[str], Report], text: str) -> None:
    expected = Structure(page(report_of("plain")))

    structure = Structure(page(report_of(text)))

    assert structure.elements == expected.elements
    assert structure.others == []


@pytest.mark.parametrize("view", [page, fragment])
def test_no_control_or_direction_character_reaches_the_page(view: Callable[[Report], str], hostile: Report) -> None:
    left = {char for char in view(hostile) if not char.isprintable()}

    assert left == {"\n"}


def test_the_policy_allows_exactly_the_one_style_sheet(sample: Report) -> None:
    text = page(sample)

    policy = next(value for tag, name, value in Structure(text).attributes if (tag, name) == ("meta", "content") and "default-src" in value)
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)

    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    assert len(style) == 1
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;")


def test_the_style_sheet_loads_nothing_and_styles_only_its_own_class() -> None:
    css = style_sheet()

    assert not re.search(r"url\(|@import|@font-face|https?:|<", css)
    selectors = [one.strip() for one in re.findall(r"([^{};]+)\{", re.sub(r"@(media|page)[^{]*\{", "{", css)) if one.strip()]
    assert [one for group in selectors for one in group.split(",") if not re.match(r"\s*(\.al\b|\.al-|html:has\(> \.al-page\))", one)] == []


def _luminance(colour: str) -> float:
    channels = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    red, green, blue = (one / 12.92 if one <= 0.03928 else ((one + 0.055) / 1.055) ** 2.4 for one in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_colour_has_the_contrast_that_people_need(scheme: str) -> None:
    light, dark = (dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})", part)) for part in style_sheet().split("@media screen", 2)[:2])
    colour = light | (dark if scheme == "dark" else {})
    on_paper = [(text, ground) for text in ("ink", "soft", "fix", "look", "note") for ground in ("paper", "ground", "sunk")]
    on_soft = [("fix", "fix-soft"), ("look", "look-soft"), ("note", "note-soft"), ("good", "good-soft"), ("ink", "good-soft")]
    badges = [("on-v", f"v-{verdict}") for verdict in Verdict]

    poor = {}
    for text, ground in on_paper + on_soft + badges:
        high, low = sorted((_luminance(colour[text]), _luminance(colour[ground])), reverse=True)
        if (high + 0.05) / (low + 0.05) < 4.5:  # WCAG 2.2, 1.4.3
            poor[text, ground] = round((high + 0.05) / (low + 0.05), 2)

    assert poor == {}


def test_the_outline_of_the_sample_page(sample: Report) -> None:
    headings = re.findall(r"<(h[1-4])[^>]*>(.*?)</\1>", page(sample))

    outline = [(tag, re.sub(r"<[^>]+>", "", text)) for tag, text in headings]

    assert outline[:13] == [
        ("h1", "deliveries/2026-03-28/trips.csv"),
        ("h2", "To fix 3"),
        ("h3", "Unit changed"),
        ("h3", "Spelling variants"),
        ("h3", "More missing values"),
        ("h2", "To look at 3"),
        ("h3", "Missing period"),
        ("h3", "Shifted values"),
        ("h3", "Disguised missing values"),
        ("h2", "Notes 4"),
        ("h3", "Codes that look like numbers"),
        ("h3", "Personal data"),
        ("h3", "Identifier"),
    ]
    assert [text for tag, text in outline if tag == "h2"][3:] == ["Columns 11", "How it was read", "What the verdict means"]


def test_a_card_shows_the_sentence_both_numbers_the_examples_and_what_to_do(sample: Report) -> None:
    card = re.findall(r'<article class="al-card al-fix">.*?</article>', page(sample))[0]

    assert "<strong>68.4</strong><span>usual 14.2</span>" in card
    assert '<th scope="row" class="al-num">8,120</th>' in card
    assert "<mark>68.4</mark>" in card
    assert "Convert these rows from °F to °C" in card
    assert '<svg class="al-picture" role="img" aria-label="Picture: Unit changed"' in card
    assert "<code>unit_change</code>" in card


def test_only_what_differs_is_marked_in_a_value_and_its_correction(sample: Report) -> None:
    text = page(sample)

    assert "Berl<mark>l</mark>n" in text
    assert "Berl<mark>i</mark>n" in text


@pytest.mark.parametrize(
    ("value", "suggestion", "marked"),
    [
        ("maxn xt", "main st", ["x", "x"]),
        (" Berlin", "Berlin", ["␣"]),
        ("Berlin  ", "Berlin", ["␣␣"]),
        ("New  York", "New York", ["␣"]),
        ("a\u200bb", "ab", ["\\u200b"]),
        ("alpha", "omega", ["alpha", "omega"]),
        ("x" * 300 + "caxxed", "x" * 300 + "called", ["xx", "ll"]),
    ],
)
def test_what_is_marked_is_what_differs(value: str, suggestion: str, marked: list[str]) -> None:
    finding = Finding("typo", ("a",), "s", severity=0.7, examples=(Cell(0, "a", 0.9, value, suggestion),))

    text = page(Report(Verdict.SPLIT, (finding,)))

    marks = re.findall(r"<mark>(.*?)</mark>", text)
    assert [one for one in marks if one in marked] == marked
    assert len(marks) <= 4


def test_every_picture_and_table_says_what_it_is(sample: Report) -> None:
    structure = Structure(page(sample))

    svgs = [names for tag, names in structure.elements if tag == "svg"]
    assert svgs
    assert all({"role", "aria-label"} <= set(names) for names in svgs)
    assert all("scope" in names for tag, names in structure.elements if tag == "th")
    assert {"header", "main", "h1"} <= {tag for tag, _ in structure.elements}
    assert [tag for tag, _ in structure.elements].count("h1") == 1


@pytest.mark.parametrize("code", list(CATALOGUE))
def test_every_code_of_the_catalogue_is_shown_in_every_view(code: str) -> None:
    report = Report(Verdict.WARN, (Finding(code, ("a",), "The sentence.", severity=0.5),), InputFacts("a.csv", rows=3, columns=1))

    for name in ("html", "text", "notebook"):
        text = views()[name](report)

        assert CATALOGUE[code].title in text
        assert "The sentence." in text


@pytest.mark.parametrize("verdict", list(Verdict))
def test_every_verdict_has_a_page(verdict: Verdict) -> None:
    for name in ("html", "text", "notebook"):
        assert str(verdict) in views()[name](Report(verdict)).lower()


def test_an_empty_report_says_that_nothing_was_found() -> None:
    text = page(Report(Verdict.RELEASE))

    assert "Nothing found in 0 rows × 0 columns." in text
    assert "Nothing was found in this data that is wrong or worth a note." in text
    assert Structure(text).unbalanced == []


def test_five_hundred_findings_and_three_thousand_columns_stay_small() -> None:
    bars = {"kind": "bars", "labels": [str(place) for place in range(5000)], "values": list(range(5000)), "marked": [4999]}
    findings = tuple(Finding("typo", (f"c{place}",), "x" * 5000, severity=place % 100 / 100, picture=bars) for place in range(500))
    columns = tuple(ColumnFacts(f"c{place}" + "n" * 500, "category", None, 0.1, 5000, {"top": "y" * 5000}, bars) for place in range(3000))
    report = Report(Verdict.SPLIT, findings, InputFacts("a.csv", rows=10, columns=3000), columns)

    text = page(report)

    assert len(text) < 2_000_000
    assert len(fragment(report)) < 1_000_000
    assert "1,680 more columns; --json lists all of them." in text
    assert Structure(text).unbalanced == []


def test_thousands_of_findings_become_a_count() -> None:
    report = Report(Verdict.SPLIT, tuple(Finding("typo", ("a",), "s", severity=0.7) for _ in range(3000)))

    assert "and 2,440 more; --json lists all of them." in page(report)


def test_the_same_report_gives_the_same_page(sample: Report) -> None:
    assert page(sample) == page(sample)


def test_a_browser_runs_nothing_of_a_hostile_page_and_accepts_its_style(hostile: Report) -> None:
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("NOT CHECKED IN A BROWSER: no Chromium is installed; `apt-get install chromium` makes this test run")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "page.html")
        file.write_text(page(hostile), encoding="utf-8")
        flags = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
        flags += [
            "--disable-component-update",
            "--disable-sync",
            f"--user-data-dir={folder}/user",
            "--enable-logging=stderr",
            "--log-level=0",
        ]

        run = subprocess.run(
            [chromium, *flags, "--dump-dom", file.as_uri()],
            capture_output=True,
            text=True,
            timeout=120,
            env=os.environ | {"LANG": "C.UTF-8"},
        )

    title = re.search(r"<title>(.*?)</title>", run.stdout, re.DOTALL)
    assert title is not None, run.stderr[-2000:]
    assert title.group(1).startswith("Hold: &lt;script&gt;alert(1)")
    assert "Content Security Policy" not in run.stderr
    assert not {tag for tag, _ in Structure(run.stdout).elements} & ACTIVE
