"""The page and the terminal view of a change of version: inert, complete, bounded, readable without eyes, and true to the document."""

from __future__ import annotations

import base64
import copy
import hashlib
import json
import re
import time
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.report import views
from assayline.report.explain_page import SHEETS, explain_html
from assayline.report.explain_terminal import as_text, explain_lines
from assayline.report.html import style_sheet
from assayline.report.paper import Paper

Document = dict[str, Any]
VOID = {"meta", "link"}
ACTIVE = set("script iframe object embed form input button a img image use foreignobject base audio video".split())  # noqa: SIM905
LOADING = set("href src srcset action formaction data poster background style xlink:href srcdoc".split())  # noqa: SIM905
KEPT = ("verdict", "said", "kind", "counted", "what")
WHOLE: Document = json.loads((Path(__file__).parent / "churn_v1_v3.json").read_text(encoding="utf-8"))


def told() -> Document:
    """What `assay explain churn v1 v3 --json` said of two real versions."""
    return copy.deepcopy(WHOLE)


class Structure(HTMLParser):
    """Elements, attributes and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[str] = []
        self.unbalanced: list[str] = []
        self.texts: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def all_of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def hostile(document: Any, texts: tuple[str, ...], counter: list[int]) -> Any:
    """The same document with a hostile text in the place of every text that is not a word of ours."""
    if isinstance(document, dict):
        return {key: one if key in KEPT and isinstance(one, str) else hostile(one, texts, counter) for key, one in document.items()}
    if isinstance(document, list):
        return [hostile(one, texts, counter) for one in document]
    if isinstance(document, str):
        counter[0] += 1
        return texts[counter[0] % len(texts)]
    return document


def test_hostile_texts_bring_no_element_attribute_or_address(hostile_texts: tuple[str, ...]) -> None:
    text = explain_html(hostile(told(), hostile_texts, [0]))

    page = Structure(text)
    assert not {tag for tag, _ in page.elements} & ACTIVE
    assert [one for one in page.elements if set(one[1]) & LOADING and one != ("link", {"rel": "icon", "href": "data:,"})] == []
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert (page.unbalanced, page.open) == ([], [])
    assert {char for char in text if not char.isprintable()} == {"\n"}
    assert "<script>alert(1)</script>" in "".join(page.texts)


def test_hostile_texts_do_not_move_a_terminal(hostile_texts: tuple[str, ...]) -> None:
    text = as_text(explain_lines(hostile(told(), hostile_texts, [0]), Paper(100, "utf-8", plain=False)))

    assert {char for char in text if not char.isprintable()} == {"\n"}


def test_the_policy_allows_exactly_the_one_style_sheet_which_styles_every_class_and_loads_nothing() -> None:
    page = explain_html(told())

    css = style_sheet(*SHEETS)
    (style,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    policy = next(one["content"] for one in Structure(page).all_of("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'")
    assert not re.search(r"url\(|@import|@font-face|https?:|<", css)
    selectors = [one.strip() for one in re.findall(r"([^{};]+)\{", re.sub(r"@(media|page)[^{]*\{", "{", css)) if one.strip()]
    assert [one for group in selectors for one in group.split(",") if not re.match(r"\s*(\.al\b|\.al-|html:has\(> \.al-page\))", one)] == []
    used = {name for _, attributes in Structure(page).elements for name in attributes.get("class", "").split()}
    assert used - set(re.findall(r"\.(al-[\w-]+)", css)) - {"al", "al-section"} == set()


def test_the_page_says_first_what_it_means_and_tells_the_parts_in_the_order_people_ask() -> None:
    page = explain_html(told())

    titles = [re.sub(r"<[^>]+>", "", one) for one in re.findall(r"<h2[^>]*>(.*?)</h2>", page)]
    assert [re.sub(r" [\d,]+$", "", one) for one in titles[1:]] == [
        "Who gains, who loses", "Typical cases that flipped", "Over the releases", "What was changed in it", "What importance is, and is not", "The figures", "Next",
    ]  # fmt: skip
    assert titles[0] == "What happens to 1,000 customers"
    body = page.partition("<body")[2]
    assert body.index("al-badge") < body.index("<h1") < body.index("al-tiles")
    assert "</span>better</span>" in page
    for sentence in (WHOLE["headline"], WHOLE["money"]["sentence"]):
        assert sentence in page


def test_every_number_that_is_drawn_is_said() -> None:
    document = told()
    page = Structure(explain_html(document))

    pictures = [one for one in page.all_of("svg") if one.get("aria-hidden") != "true"]
    assert all(one["role"] == "img" and len(one["aria-label"]) > 20 for one in pictures)
    strips = [one["aria-label"] for one in pictures if "before" in one["aria-label"] and "after" in one["aria-label"] and "al-strip" in one["class"]]
    assert len(strips) == len(document["segments"]["shown"]) + 1
    releases = [one["aria-label"] for one in pictures if "over releases" in one["aria-label"]]
    assert len(releases) == 2  # broad and narrow
    assert all("step to v2: better" in one for one in releases)
    scrolling = [one for one in page.all_of("div") if "al-scroll" in one.get("class", "").split()]
    assert scrolling
    assert all(one.get("tabindex") == "0" and one.get("role") == "region" and one.get("aria-label") for one in scrolling)


def test_dots_stand_where_the_values_are() -> None:
    document = told()
    shown = [one for one in document["segments"]["shown"] if one["column"] == "city"]

    page = explain_html(document)

    places = [float(re.findall(r'<circle cx="([\d.]+)" cy="23"', strip)[0]) for strip in re.findall(r'<svg class="al-picture al-strip" role="img" aria-label="city is.*?</svg>', page)]
    order = sorted(range(len(shown)), key=lambda place: shown[place]["after"])
    assert sorted(range(len(places)), key=lambda place: places[place]) == order
    far = max(range(3), key=lambda place: shown[place]["after"]), min(range(3), key=lambda place: shown[place]["after"])
    scale = (places[far[0]] - places[far[1]]) / (shown[far[0]]["after"] - shown[far[1]]["after"])
    assert (places[2] - places[1]) == pytest.approx(scale * (shown[2]["after"] - shown[1]["after"]), abs=1.0)  # coordinates are rounded to a tenth


def test_only_named_groups_are_called_better_or_worse_off() -> None:
    document = told()
    for one in document["segments"]["shown"]:
        one["said"] = ""
    document["segments"] |= {"lost": [], "gained": []}

    page, text = explain_html(document), as_text(explain_lines(document, Paper(120, "utf-8", plain=True)))

    body = page.partition("<body")[2]
    assert "al-said-gained" not in body
    assert "al-said-lost" not in body
    assert "better off" not in text.partition("Group by group")[2].partition("Typical cases")[0]
    assert "may be chance" in text


def test_a_column_that_must_be_warned_of_is_marked_in_the_picture_and_in_words() -> None:
    document = told()
    document["importance"]["columns"][0] |= {"warns": True, "sentence": "spend is used, and by itself says almost nothing.", "kind": "used, says nothing alone"}
    document["importance"]["warnings"] = ["spend is used, and by itself says almost nothing."]

    page = explain_html(document)

    assert page.count('class="al-warned"') == 1
    assert '<p class="al-warning">spend is used, and by itself says almost nothing.</p>' in page
    assert "spend leans" in page


def test_identical_versions_are_told_in_a_word() -> None:
    page = explain_html({**told(), "identical": True, "verdict": "not worse"})

    assert "</span>the same</span>" in page
    assert "Both versions give the same answers." in page


def test_the_terminal_has_the_same_story_within_its_width() -> None:
    for wide, plain in ((40, True), (80, True), (120, False)):
        text = as_text(explain_lines(told(), Paper(wide, "utf-8", plain=plain)))

        assert "BETTER" in text.splitlines()[0]
        assert "Typical cases that flipped" in text
        if plain:
            assert "→" not in text.splitlines()[0]


@pytest.mark.parametrize(
    "document",
    [{}, {"model": "x"}, {"segments": {"shown": [{}], "lost": [{}], "gained": [{"difference": 1}]}, "flips": {"cases": [{}]}, "progression": {"releases": [{}, {}], "steps": [{}]}},
     {"outcomes": [{}], "importance": {"columns": [{}]}, "money": {"difference": "inf"}, "made_from": {"data": [], "features": {"changed": [{}]}, "code": {"files": [{}]}}}],
)  # fmt: skip
def test_other_documents_have_a_page_and_lines_too(document: Document) -> None:
    page = Structure(explain_html(document))

    assert (page.unbalanced, page.open) == ([], [])
    assert len(page.all_of("h1")) == 1
    assert as_text(explain_lines(document, Paper(80, "utf-8", plain=True)))


ODD: list[Any] = [None, "", "x", -1, 0, 7, 1e308, -1e308, 5e-324, float("nan"), float("inf"), "inf", "-inf", True, [], {}, [[]], [None], [1, "a"], {"a": 1}]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_value_in_any_place_breaks_a_page_or_a_picture(data: st.DataObject) -> None:
    document = told()
    for _ in range(data.draw(st.integers(1, 4))):
        place: Any = document
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = data.draw(st.sampled_from(keys))
            if isinstance(place[key], (dict, list)) and place[key] and data.draw(st.integers(0, 9)):
                place = place[key]
                continue
            place[key] = copy.deepcopy(data.draw(st.sampled_from(ODD)))
            break

    page = Structure(explain_html(document))
    text = as_text(explain_lines(document, Paper(80, "utf-8", plain=True)))

    assert (page.unbalanced, page.open) == ([], [])
    assert text
    drawn = [value for _, attributes in page.elements for name, value in attributes.items() if name in ("d", "x", "cx", "y", "cy", "height", "width")]
    sizes = [float(value) for _, attributes in page.elements for name, value in attributes.items() if name in ("width", "height")]
    assert not [value for value in drawn if re.search(r"\b(nan|inf)\b", value)]
    assert min(sizes, default=0) >= 0


@pytest.mark.no_cover  # what is timed is not traced
def test_a_document_without_end_has_a_page_that_is_quick_and_small() -> None:
    document = told()
    document["segments"]["shown"] *= 100
    document["flips"]["cases"] *= 100
    document["progression"]["releases"] *= 100
    document["importance"]["columns"] *= 100
    document["made_from"]["data"]["new"] *= 300

    explain_html(document)
    started = time.process_time()
    page = explain_html(document)
    seconds = time.process_time() - started

    assert len(page.encode()) < 1_000_000
    assert seconds < 3.0


def test_the_same_document_gives_the_same_page_through_the_hook(capsys: pytest.CaptureFixture[str]) -> None:
    assert views()["explain_html"](told()) == explain_html(told())
    views()["explain"](told())
    assert WHOLE["headline"] in capsys.readouterr().out
