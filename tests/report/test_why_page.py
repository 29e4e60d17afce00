"""The page and the picture of an answer: inert, complete, bounded, readable without eyes and without a mouse, and nobody accused who is not."""

from __future__ import annotations

import base64
import copy
import hashlib
import re
import time
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from why_documents import EVERY, candidate, code, forecasts, healthy, line, not_found, shares, world

from assayline.report import views, why_charts
from assayline.report.html import style_sheet
from assayline.report.marked_line import described
from assayline.report.why_facts import MARKS, VERDICTS, why_of
from assayline.report.why_page import SHEETS, why_html
from assayline.report.why_picture import why_svg

Document = dict[str, Any]
SVG = "{http://www.w3.org/2000/svg}"
VOID = {"meta", "link"}
ACTIVE = set("script iframe object embed form input button a img image use foreignobject base audio video".split())  # noqa: SIM905
LOADING = set("href src srcset action formaction data poster background style xlink:href srcdoc".split())  # noqa: SIM905


class Structure(HTMLParser):
    """Elements, attributes and texts of a page, and what stands inside each element with an id."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.open: list[tuple[str, str]] = []
        self.unbalanced: list[str] = []
        self.texts: list[str] = []
        self.named: dict[str, str] = {}
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_startendtag(tag, attrs)
        if tag not in VOID:
            self.open.append((tag, dict(attrs).get("id") or ""))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop()[0] != tag:
            self.unbalanced.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)
        for _, name in self.open:
            if name:
                self.named[name] = self.named.get(name, "") + data

    def all_of(self, tag: str) -> list[dict[str, str]]:
        return [attributes for name, attributes in self.elements if name == tag]


def hostile(document: Any, texts: tuple[str, ...], counter: list[int], kept: frozenset[str]) -> Any:
    """The same document with a hostile text in the place of every text that is not a word of ours."""
    if isinstance(document, dict):
        return {key: one if key in kept else hostile(one, texts, counter, kept) for key, one in document.items()}
    if isinstance(document, list):
        return [hostile(one, texts, counter, kept) for one in document]
    if isinstance(document, str):
        counter[0] += 1
        return texts[counter[0] % len(texts)]
    return document


@pytest.mark.parametrize("kept", [frozenset({"verdict", "said", "mark"}), frozenset({"verdict", "said", "mark", "flow", "from", "to", "key", "components", "put_back"}), frozenset[str]()])
@pytest.mark.parametrize("name", list(EVERY))
def test_hostile_texts_bring_no_element_attribute_or_address(hostile_texts: tuple[str, ...], name: str, kept: frozenset[str]) -> None:
    document = hostile(EVERY[name](), hostile_texts, [0], kept)

    text = why_html(document)
    page, picture = Structure(text), why_svg(document)

    assert not {tag for tag, _ in page.elements} & ACTIVE
    assert [one for one in page.elements if set(one[1]) & LOADING and one != ("link", {"rel": "icon", "href": "data:,"})] == []
    assert not [name for _, attributes in page.elements for name in attributes if name.startswith("on")]
    assert (page.unbalanced, page.open) == ([], [])
    assert {char for char in text + picture if not char.isprintable()} == {"\n"}
    assert {one.tag.rpartition("}")[2] for one in ET.fromstring(picture).iter()} <= {"svg", "style", "title", "desc", "rect", "text", "g", "path", "line", "circle"}


def test_the_policy_allows_exactly_the_one_style_sheet_which_styles_every_class_and_loads_nothing() -> None:
    pages = [why_html(make()) for make in EVERY.values()]

    css = style_sheet(*SHEETS)
    (style,) = re.findall(r"<style>(.*?)</style>", pages[0], re.DOTALL)
    policy = next(one["content"] for one in Structure(pages[0]).all_of("meta") if one.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith(f"default-src 'none'; style-src 'sha256-{base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()}'")
    assert not re.search(r"url\(|@import|@font-face|https?:|<", css)
    selectors = [one.strip() for one in re.findall(r"([^{};]+)\{", re.sub(r"@(media|page)[^{]*\{", "{", css)) if one.strip()]
    assert [one for group in selectors for one in group.split(",") if not re.match(r"\s*(\.al\b|\.al-|html:has\(> \.al-page\))", one)] == []
    used = {name for page in pages for _, attributes in Structure(page).elements for name in attributes.get("class", "").split()}
    drawn_as_others = {"al", "al-section", "al-w-t-plain", "al-w-t-open", "al-w-box-plain", "al-w-move-cleared", "al-w-move-open"}
    assert used - set(re.findall(r"\.(al-[\w-]+)", css)) - drawn_as_others == set()


@pytest.mark.parametrize("name", list(EVERY))
def test_every_picture_has_a_name_and_says_what_it_shows_and_all_that_scrolls_can_be_reached(name: str) -> None:
    page = Structure(why_html(EVERY[name]()))

    pictures = [one for one in page.all_of("svg") if one.get("aria-hidden") != "true"]
    names = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(names) == len(set(names))
    for one in pictures:
        title, said = (page.named[key] for key in one["aria-labelledby"].split())
        assert one["role"] == "img"
        assert len(title) > 10
        assert len(said) > 20
    scrolling = [one for one in page.all_of("div") if {"al-scroll", "al-w-diff", "al-chart"} & set(one.get("class", "").split())]
    assert all(one.get("tabindex") == "0" and one.get("role") in ("region", "group") and one.get("aria-label") for one in scrolling)


def test_the_words_of_a_chart_have_the_numbers_it_draws_and_a_table_has_them_too() -> None:
    document = forecasts()

    text = why_html(document)

    page = Structure(text)
    assert "36.4 to 46.1 bikes" in page.named["replays-broad-desc"]
    for one in document["candidates"]:
        if one["value"] is not None:
            assert f"{one['kind']} {one['name']}: {one['value']:g} bikes, {one['said']}" in page.named["replays-broad-desc"]
            assert re.search(rf"<bdi>{one['kind']} {one['name']}</bdi></th>.*?<td class=\"al-num\">{one['value']:g} bikes</td><td>{one['said']}</td>", text)
    assert "first bad lot: 37" in page.named["history-broad-desc"]
    assert all(f"lot {one['lot']}: {one['value']:g} bikes" in page.named["history-narrow-desc"] for one in document["history"])
    assert "weather (source): cause" in page.named["line-narrow-desc"]
    assert "the way: weather to hourly, hourly to features, features to forecasts" in page.named["line-broad-desc"]


@pytest.mark.parametrize(
    ("name", "word", "titles"),
    [
        ("forecasts", "cause proved", "Cause|Where it is in the line|What each replay said 5|The last lots|What could not be put back 1|Everything that differs 5|How it was found|Next"),
        ("shares", "cause proved", "Cause|Where it is in the line|What each replay said 7|Who has which share|The last lots|Everything that differs 4|How it was found|Next"),
        ("world", "the mix changed", "What changed|Where it is in the line|What each replay said 3|The last lots|Mix or behaviour|Everything that differs 2|How it was found|Next"),
        ("not_found", "not found",
         "No cause was found|Where it is in the line|What each replay said 3|The last lots|What could not be put back 2|Everything that differs 4|How it was found|Next"),
        ("correlational", "likely cause", "Cause|Where it is in the line|What each replay said 1|What could not be put back 1|Everything that differs 2|How it was found|Next"),
        ("healthy", "healthy", "The last lots"),
    ],
)  # fmt: skip
def test_every_verdict_has_its_word_and_the_parts_it_needs(name: str, word: str, titles: str) -> None:
    page = why_html(EVERY[name]())

    assert f"</span>{word}</span>" in page
    assert [re.sub(r"<[^>]+>", "", one) for one in re.findall(r"<h2[^>]*>(.*?)</h2>", page)] == titles.split("|")


def test_a_proved_cause_comes_with_its_proof_its_place_whom_to_ask_and_what_to_do() -> None:
    page = why_html(forecasts())

    said = re.sub(r"<[^>]+>", "|", page[page.index("<article") : page.index("</article>")])
    for known in ("Source weather", "proved by replay", "With the weather lot of before: 42.1 bikes", "temperature", "station = 3", "24 of 168", "loader 2.4", "unit_change",
                  "weather@example.com", "demand:v8", "assay lot 35 reject", "with temperature of before alone"):  # fmt: skip
        assert known in said.replace("|", "")


def test_where_the_fault_itself_was_tried_that_is_the_proof_and_not_what_its_whole_lot_does() -> None:
    told = forecasts()
    told["causes"][0]["proof"] = "`temperature` of this lot put into the lot of before makes it 61, where it was 41"

    page = why_html(told)

    said = re.sub(r"<[^>]+>", "", page[page.index("<article") : page.index("</article>")])
    assert "temperature of this lot put into the lot of before makes it 61, where it was 41" in said
    assert "With the weather lot of before: 42.1 bikes" not in said
    assert "Its fault alone was tried out in a replay." in page
    assert "With it put back, the symptom is gone." not in page


def test_nobody_is_called_responsible_where_the_world_changed_or_nothing_was_found() -> None:
    for document in (world(), {**world(), "verdict": "world changed"}, not_found()):
        page = why_html(document)

        shown = page[page.index("<body") :].replace('<th scope="col">responsible</th>', "")
        assert not re.search(r">[^<]*\b(cause proved|responsible)\b[^<]*<", shown)
        assert "cause: the trouble begins here" not in page
    assert "Of 2 others nothing is known: the cause may be among them." in why_html(not_found())


def test_what_is_not_proved_is_not_drawn_as_the_cause() -> None:
    page = why_html(EVERY["correlational"]())

    assert ">suspect: it fits, but was not proved<" in page
    assert "cause: the trouble begins here" not in page
    assert re.findall(r'class="al-flag [\w-]+">(\w+)</span>', page)[0] == "correlational"


def test_a_change_of_code_is_told_by_sign_by_word_and_by_colour() -> None:
    page = why_html(code())

    lines = re.findall(r'<span class="(al-w-(?:plus|minus|same))"><span class="al-w-sign-cell"[^>]*>(.)</span>(?:<span class="al-unseen">(\w+): </span>)?([^<]*)</span>', page)
    assert [(class_, sign, spoken) for class_, sign, spoken, _ in lines if class_ != "al-w-same"] == 2 * [("al-w-minus", "−", "removed")] + 3 * [("al-w-plus", "+", "added")]
    assert "    # one row per station" in [text for *_, text in lines]
    assert "--- line.py" not in page


def marks(page: str, width: str) -> list[tuple[str, float]]:
    """Class and place of every mark of the chart of replays."""
    (chart,) = re.findall(rf'<svg class="al-picture al-only-{width}" role="img" aria-labelledby="replays-{width}-title.*?</svg>', page)
    return [(class_, float(x)) for x, class_ in re.findall(r'transform="translate\(([\d.]+) [\d.]+\)" class="al-mark al-m-([\w-]+)"', chart)]


@pytest.mark.parametrize("width", ["broad", "narrow"])
@pytest.mark.parametrize("make", [forecasts, shares, world])
def test_a_mark_lies_in_the_band_just_when_the_symptom_is_gone(make: Any, width: str) -> None:
    page = why_html(make())

    (chart,) = re.findall(rf'<svg class="al-picture al-only-{width}" role="img" aria-labelledby="replays-{width}-title.*?</svg>', page)
    start, wide = re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)" height="[\d.]+" class="al-w-normal"/>', chart)[0]
    inside = {class_ for class_, x in marks(page, width) if float(start) <= x <= float(start) + float(wide)}
    outside = {class_ for class_, x in marks(page, width)} - inside
    assert inside <= {"responsible", "mix"}
    assert outside <= {"open", "cleared", "shares"}
    assert "responsible" in inside


def test_each_mark_of_the_line_has_a_colour_a_shape_and_a_word_of_its_own() -> None:
    document = forecasts()
    flows = dict(zip(MARKS, "abcd", strict=True))
    document["line"] = {"nodes": [{"flow": flow, "kind": "step", "verdict": "release", "mark": mark} for mark, flow in flows.items()], "edges": []}

    root = ET.fromstring(why_svg(document))

    found = {}
    for group in root.iter(f"{SVG}g"):
        title = group.findtext(f"{SVG}title") or ""
        badge = next((one for one in group.findall(f"{SVG}path") if "al-w-badge" in one.get("class", "")), None)
        if badge is not None and title[1:2] == ":":
            found[title[0]] = (badge.get("d"), badge.get("class"), [one.text for one in group.findall(f"{SVG}text")][1])
    assert sorted(found) == ["a", "b", "c", "d"]
    assert [len({parts[place] for parts in found.values()}) for place in range(3)] == [4, 4, 4]
    assert {(text or "").split(" ")[0] for *_, text in found.values()} == {"cause", "symptom", "touched", "cleared"}


def test_flows_for_a_phone_stand_below_all_they_read_and_inside_the_picture() -> None:
    page = why_html(forecasts())

    (chart,) = re.findall(r'<svg class="al-picture al-only-narrow" role="img" aria-labelledby="line-narrow-title.*?</svg>', page)
    place = {name: float(y) for name, y in re.findall(r'<g><title>([a-z]+):[^<]*</title>(?:<rect [^>]*class="al-w-frame"/>)?<rect x="[\d.]+" y="([\d.]+)"', chart)}
    assert set(place) == {one["flow"] for one in forecasts()["line"]["nodes"]}
    assert all(place[one["from"]] < place[one["to"]] for one in forecasts()["line"]["edges"])
    boxes = [(float(x), float(wide)) for x, wide in re.findall(r'<rect x="([\d.]+)" y="[\d.]+" width="([\d.]+)"', chart)]
    assert max(x + wide for x, wide in boxes) <= 360
    assert min(wide for _, wide in boxes) > 240


@pytest.mark.no_cover  # what is timed is not traced
def test_of_a_large_line_what_has_to_do_with_it_is_drawn_and_circles_break_nothing() -> None:
    document = forecasts()
    document["line"]["nodes"] += [{"flow": f"f{place}", "kind": "step", "verdict": "release", "mark": ""} for place in range(1500)]
    document["line"]["edges"] += [{"from": f"f{place}", "to": f"f{(place * 7 + 1) % 1500}", "mark": ""} for place in range(1500)]
    document["line"]["edges"] += [{"from": "forecasts", "to": "weather", "mark": ""}, {"from": "hourly", "to": "hourly", "mark": "way"}]

    began = time.process_time()
    page = why_html(document)

    assert time.process_time() - began < 4
    assert "7 of 1,508 flows are drawn" in page
    assert len(page) < 400_000


def test_many_replays_candidates_and_lots_are_bounded_and_said() -> None:
    document = forecasts()
    document["candidates"] += [candidate("parameter", f"hourly.p{place}", "cleared", 63.0, f"with hourly.p{place} = 1: 63") for place in range(400)]
    document["history"] = [{"lot": place, "at": "", "value": 40 + place % 5} for place in range(1900)]

    page = why_html(document)

    assert len(page) < 300_000
    assert "and 345 more; --json has them." in page


def test_a_value_far_beyond_all_others_does_not_squeeze_them_and_none_is_hidden() -> None:
    document = forecasts()
    document["candidates"][3]["value"] = 1e12

    page = why_html(document)

    places = {class_: x for class_, x in marks(page, "broad") if class_ in ("responsible", "open")}
    assert places["open"] - places["responsible"] > 15
    assert "source rides: 1,000,000,000,000 bikes" in page or "source rides: 1e+12 bikes" in page


def test_shares_are_drawn_where_several_have_one_only() -> None:
    both, alone = why_html(shares()), why_html(forecasts())

    bars = [float(wide) for wide in re.findall(r'width="([\d.]+)" height="16" rx="3" class="al-w-share ', re.search(r'shares-broad-title.*?</svg>', both, re.DOTALL)[0])]  # type: ignore[index]  # it is there
    assert bars[1] / bars[0] == pytest.approx(0.36 / 0.61, abs=0.01)
    assert "source weather: 61%; parameter hourly.window: 36%" in both
    assert "Who has which share" not in alone
    assert why_charts.shared(why_of(forecasts())) == []


def test_an_open_band_is_drawn_to_the_edge_and_a_gap_in_the_history_stays_one() -> None:
    document = forecasts()
    document["symptom"]["low"] = "-inf"
    document["history"][4]["value"] = None

    page = why_html(document)

    assert "normal is at most 46.1 bikes" in page
    (chart,) = re.findall(r'<svg class="al-picture al-only-broad" role="img" aria-labelledby="history-broad-title.*?</svg>', page)
    assert len(re.findall(r'class="al-line"', chart)) == 2
    assert len(re.findall(r'class="al-mark ', chart)) == 11


def test_a_healthy_flow_has_a_short_page_without_a_bad_lot() -> None:
    page = why_html(healthy())

    assert "first bad lot" not in page
    assert "no lot is bad" in page
    assert "<h1" in page
    assert "al-tile" not in re.sub(r"<style>.*?</style>", "", page, flags=re.DOTALL)


@pytest.mark.parametrize(
    "document",
    [{}, {"verdict": "guilty"}, {"verdict": "proved", "causes": [{}], "candidates": [{}], "sets": [{}], "history": [{}, {}], "mix": {}, "replays": {}, "line": {"nodes": [{}], "edges": [{}]}},
     {"symptom": None, "line": None, "causes": {}, "candidates": "x", "mix": [], "good": 3}],
)  # fmt: skip
def test_other_documents_have_a_page_and_a_picture_too(document: Document) -> None:
    page = Structure(why_html(document))

    assert (page.unbalanced, page.open) == ([], [])
    assert len(page.all_of("h1")) == 1
    ET.fromstring(why_svg(document))


@pytest.mark.parametrize("verdict", VERDICTS)
def test_every_verdict_can_come_with_every_other_part(verdict: str) -> None:
    for make in EVERY.values():
        page = Structure(why_html({**make(), "verdict": verdict}))

        assert (page.unbalanced, page.open) == ([], [])


ODD: list[Any] = [None, "", "x", -1, 0, 7, 1e308, -1e308, 5e-324, float("nan"), float("inf"), "inf", "-inf", True, [], {}, [[]], [None], [1, "a"], {"a": 1}]


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_no_value_in_any_place_breaks_a_page_or_a_picture(data: st.DataObject) -> None:
    document = copy.deepcopy(data.draw(st.sampled_from([forecasts, shares])))()
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

    page, picture = Structure(why_html(document)), ET.fromstring(why_svg(document))

    assert (page.unbalanced, page.open) == ([], [])
    every = [*(attributes for _, attributes in page.elements), *(one.attrib for one in picture.iter())]
    drawn = [value for one in every for name, value in one.items() if name in ("d", "x", "cx", "y", "cy", "transform", "height", "width")]
    sizes = [float(value) for one in every for name, value in one.items() if name in ("width", "height")]
    assert not [value for value in drawn if re.search(r"nan|inf", value)]
    assert all(0 <= size < 20_000 for size in sizes)


def test_the_views_make_the_page_and_the_picture() -> None:
    assert views()["why_html"](forecasts()) == why_html(forecasts())
    assert views()["why_svg"](forecasts()) == why_svg(forecasts())


def test_the_line_says_its_marks_in_words() -> None:
    said = described(why_of({"verdict": "proved", "line": line("weather", "hourly")}))

    assert said == "weather (source): cause; forecasts (step): symptom; hourly (step): touched; the way: weather to hourly; 5 more without a mark"


def test_of_a_finding_the_measure_is_called_its_severity_and_names_lose_their_backticks_in_charts() -> None:
    document = forecasts()
    document["symptom"] |= {"kind": "finding", "name": "unit_change", "where": "station = 3", "unit": ""}
    document["candidates"][0]["sentence"] = "with `weather` of before (lot 31): 42"

    page = why_html(document)

    assert "severity of unit_change where station = 3 over the last lots" in page
    assert ">with weather of before (lot 31)</text>" in page
    assert "<li>With <code><bdi>weather</bdi></code> of before (lot 31): 42.1</li>" in page
