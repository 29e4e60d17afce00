"""The diagram: every verdict has its colour and its shape, nothing foreign becomes markup, and 130 flows find their place."""

from __future__ import annotations

import random
import re
import time
import xml.etree.ElementTree as ET
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.core import Verdict
from assayline.report.layers import placed
from assayline.report.line_diagram import BADGES, DARK, LIGHT, line_svg

SVG = "{http://www.w3.org/2000/svg}"
ALLOWED = {f"{SVG}{name}" for name in ("svg", "style", "title", "desc", "g", "rect", "path", "text")}


def node(flow: str, verdict: str | None = "release", kind: str = "step", **more: Any) -> dict[str, Any]:
    return {"flow": flow, "kind": kind, "verdict": verdict, "lots": 3 if verdict else 0, "tags": [], "address": "", **more}


def colours(svg: str) -> dict[str, str]:
    """The colour of the badge of each flow, as the style sheet of the picture gives it on light ground."""
    style = re.search(r"<style>(.*?)@media", svg, re.S)
    assert style
    fills = dict(re.findall(r"\.(b-\w+) \{ fill: (#\w+) \}", style[1]))
    found = {}
    for group in ET.fromstring(svg).iter(f"{SVG}g"):
        title = group.findtext(f"{SVG}title") or ""
        badge = next(one for one in group.iter(f"{SVG}path") if "badge" in one.attrib["class"])
        found[title.partition(":")[0]] = fills[badge.attrib["class"].split()[1]]
    return found


@pytest.mark.parametrize("verdict", [*map(str, Verdict), None])
def test_each_verdict_has_a_colour_a_shape_and_a_word_of_its_own(verdict: str | None) -> None:
    svg = line_svg({"line": "bikes", "nodes": [node("rides", verdict)], "edges": []})

    assert colours(svg) == {"rides": LIGHT[verdict or "none"][0]}
    assert len({LIGHT[name][0] for name in BADGES}) == len({DARK[name][0] for name in BADGES}) == len({shape for shape, _ in BADGES.values()}) == 6
    texts = [one.text or "" for one in ET.fromstring(svg).iter(f"{SVG}text")]
    assert any(text.startswith(verdict or "no lots") for text in texts)


def test_the_way_of_a_warning_is_told_from_one_on_which_it_was_weakened() -> None:
    nodes = [node("a", "warn", "source"), node("b", "warn"), node("c"), node("d")]
    edges = [{"from": "a", "to": "b", "carries": "tags"}, {"from": "a", "to": "c", "carries": "weakened"}, {"from": "a", "to": "d", "carries": ""}]

    drawn = [one.attrib["class"] for one in ET.fromstring(line_svg({"line": "l", "nodes": nodes, "edges": edges})).iter(f"{SVG}path") if "edge" in one.attrib["class"]]

    assert sorted(drawn[:3]) == ["edge", "edge tags", "edge weakened"]


def test_no_name_becomes_markup(hostile_texts: tuple[str, ...]) -> None:
    for text in hostile_texts:
        check_hostile(text)


def check_hostile(text: str) -> None:
    tag = {"level": "warn", "reason": text, "origin": text, "lot": 1, "code": text, "columns": [text], "weakened": text}
    nodes = [node(text, "warn", "source", address=text, tags=[tag, {**tag, "weakened": ""}]), node("plain")]

    svg = line_svg({"line": text, "nodes": nodes, "edges": [{"from": text, "to": "plain", "carries": text}]})

    root = ET.fromstring(svg)
    assert {one.tag for one in root.iter()} <= ALLOWED
    assert not any(name.startswith("on") or "href" in name or name == "style" for one in root.iter() for name in one.attrib)
    assert len(list(root.iter(f"{SVG}g"))) == 2
    assert all(char.isprintable() or char == "\n" for char in svg)


def test_the_picture_loads_nothing_and_says_what_it_is() -> None:
    svg = line_svg({"line": "bikes", "nodes": [node("rides", "warn", "source"), node("hourly")], "edges": [{"from": "rides", "to": "hourly", "carries": ""}]})
    root = ET.fromstring(svg)

    assert root.findtext(f"{SVG}title") == "The line bikes"
    assert root.findtext(f"{SVG}desc") == "1 source, 1 step, 1 warn, 1 release"
    assert "prefers-color-scheme: dark" in svg
    assert re.findall(r"url\(|@import|https?://(?!www\.w3\.org/2000/svg)", svg) == []


def test_a_line_without_anything_is_a_picture_too() -> None:
    ET.fromstring(line_svg({"line": "empty", "nodes": [], "edges": []}))


graphs = st.integers(1, 25).flatmap(lambda size: st.tuples(st.just(size), st.sets(st.tuples(st.integers(0, size - 1), st.integers(0, size - 1)), max_size=40)))


@settings(max_examples=60, deadline=None)
@given(graphs)
def test_every_flow_stands_right_of_what_it_reads_and_none_on_another(graph: tuple[int, set[tuple[int, int]]]) -> None:
    size, pairs = graph
    names = tuple(f"flow{place:02d}" for place in range(size))
    edges = tuple((names[min(pair)], names[max(pair)]) for pair in sorted(pairs) if pair[0] != pair[1])
    edges = tuple(dict.fromkeys(edges))

    found = placed(names, edges, gap=10)

    assert all(found.layer[start] < found.layer[end] for start, end in edges)
    assert all(len(found.ways[(start, end)]) == found.layer[end] - found.layer[start] - 1 for start, end in edges)
    for layer in set(found.layer.values()):
        heights = sorted(found.height[name] for name in names if found.layer[name] == layer)
        assert all(below - above >= 10 - 1e-6 for above, below in pairwise(heights))
    assert found == placed(names, edges, gap=10)


@pytest.mark.no_cover  # what is timed is not traced
def test_130_flows_are_drawn_in_a_moment() -> None:
    chance = random.Random(3)
    names, edges = [f"source_{place:02d}" for place in range(50)], []
    for place in range(80):
        edges += [{"from": one, "to": f"table_{place:02d}", "carries": ""} for one in chance.sample(names[-40:], 3)]
        names.append(f"table_{place:02d}")

    started = time.process_time()
    svg = line_svg({"line": "all", "nodes": [node(name) for name in names], "edges": edges})

    assert time.process_time() - started < 3  # 0.1 s on an idle core
    assert len(list(ET.fromstring(svg).iter(f"{SVG}g"))) == 130
