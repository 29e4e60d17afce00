"""Draws the line with the culprit marked: where the trouble begins, the way it took, where it was seen, and what else reads of it.

For a desk from left to right, for a phone from top to bottom. Every mark has a colour, a shape and a word of its own.

>>> from .why_facts import why_of
>>> told = why_of({"verdict": "proved", "line": {"nodes": [{"flow": "weather", "kind": "source", "mark": "culprit"}], "edges": []}})
>>> "cause" in line_picture(told, wide=BROAD), described(told)
(True, 'weather (source): cause')
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from . import why_words
from .drawn import BROAD, NARROW, label, picture, shape
from .layers import Edge, Placed, placed
from .line_diagram import curve
from .markup import NOTHING, Child, Markup, element
from .pictures import LETTER
from .visible import cut, shown, width
from .why_facts import CULPRIT, MARKS, EdgeOf, NodeOf, Why

__all__ = ["BROAD", "NARROW", "described", "drawn_flows", "line_keys", "line_picture", "panels"]

MOST_FLOWS = 24  # all flows of a line are drawn up to here; of a larger one those that have to do with it
MOST_MARKED = 48
NODE_HIGH, ROW_HIGH = 54.0, 72.0
NARROWEST_NODE, WIDEST_NODE = 150.0, 216.0
LEAST_BETWEEN, MOST_BETWEEN = 38.0, 130.0
SMALLEST, WIDE_NODE = 1.2, 190.0  # a line wider than this many charts would have letters too small to read: it scrolls, and may as well be wide
STEP, TALL = 46.0, 60.0  # for a phone: height of a box, and from one to the next
LANE, MOST_LANES = 11.0, 7

# Around (0, 0), within 20 by 20.
SHAPES = {
    "culprit": ("M0 -10.5L10.5 0L0 10.5L-10.5 0Z", "M0 -4.6v5.4M0 4.2v0.6"),
    "symptom": ("M-9 0a9 9 0 1 0 18 0a9 9 0 1 0 -18 0Z", "M-3.6 0a3.6 3.6 0 1 0 7.2 0a3.6 3.6 0 1 0 -7.2 0Z"),
    "touched": ("M0 -9.5L10 8H-10Z", "M0 -3.4v5M0 4.8v0.6"),
    "cleared": ("M-8.5 0a8.5 8.5 0 1 0 17 0a8.5 8.5 0 1 0 -17 0Z", "M-3.8 0.2l2.7 2.8l5 -5.8"),
    "": ("M-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z", ""),
}
ARROW = "M-7 -5L1 0L-7 5Z"


@dataclass(frozen=True)
class _Box:
    """A flow with what it is to the trouble, in words."""

    node: NodeOf
    mark: why_words.Mark | None

    def drawn(self, left: float, top: float, wide: float, high: float) -> Markup:
        one, middle = self.node, top + high / 2
        text = left + (42 if self.mark else 28)
        round_ = high / 2 if one.kind == "source" else 8.0
        class_ = one.mark or "plain"
        frame = element("rect", x=left - 3.5, y=top - 3.5, width=wide + 7, height=high + 7, rx=round_ + 3.5, class_="al-w-frame") if one.mark == CULPRIT else None
        room = left + wide - text - 8
        name = cut(shown(one.flow, 200), max(int(room / (LETTER + 1.2)), 6))
        said = self._said(int(room / (LETTER + (0.7 if self.mark else -0.2))))
        return element(
            "g", element("title", self._title()), frame, element("rect", x=left, y=top, width=wide, height=high, rx=round_, class_=f"al-w-box al-w-box-{class_}"),
            *_badge(one.mark, text - (19 if self.mark else 13), middle), label(text, middle - 3, name, class_="al-t al-t-strong al-w-flow"),
            label(text, middle + 14, said, class_=f"al-t al-w-t-{class_}"),
        )  # fmt: skip

    def _title(self) -> str:
        gate = f"gate: {shown(self.node.verdict, 12)}" if self.node.verdict else ""
        known = f"{self.mark.word}: {self.mark.meaning}" if self.mark else ""
        return f"{shown(self.node.flow, 200)}: {', '.join(part for part in (shown(self.node.kind, 16), gate, known) if part) or 'a flow'}"

    def _said(self, most: int) -> str:
        """The mark, the kind, and a verdict that is not usual, as far as there is room."""
        verdict = shown(self.node.verdict, 8) if self.node.verdict != "release" else ""
        parts = [part for part in (self.mark.word if self.mark else "", shown(self.node.kind, 16), verdict) if part]
        while len(parts) > 1 and width(" · ".join(parts)) > most:
            parts.pop()
        return cut(" · ".join(parts), max(most, 4))


def line_picture(told: Why, *, wide: float) -> Markup:
    """The line with its marks; nothing for a document without one."""
    drawn, across, high = panels(told, wide=wide)
    if not drawn:
        return NOTHING
    class_ = "al-picture al-only-broad al-w-line" if wide == BROAD else "al-picture al-only-narrow"
    if across > BROAD * SMALLEST:
        class_ += " al-w-scrolls"
    return picture(f"line-{'broad' if wide == BROAD else 'narrow'}", across, high, "The line, with the cause marked", described(told), *drawn, class_=class_)


def panels(told: Why, *, wide: float) -> tuple[list[Child], float, float]:
    """What `line_picture` draws, how wide and how high it is."""
    nodes, edges = _relevant(told)
    if not nodes:
        return [], 0.0, 0.0
    where = placed(tuple(one.flow for one in nodes), tuple((one.start, one.end) for one in edges), gap=ROW_HIGH)
    boxes = {one.flow: _Box(one, why_words.mark(one.mark, told.verdict) if one.mark else None) for one in nodes}
    return _across(boxes, edges, where) if wide == BROAD else _down(boxes, edges, where)


def described(told: Why) -> str:
    """The marked flows in words, then the way."""
    nodes, edges = _relevant(told)
    order = {mark: place for place, mark in enumerate(MARKS)}
    marked = sorted((one for one in nodes if one.mark), key=lambda one: order[one.mark])
    parts = [f"{shown(one.flow, 60)}{f' ({shown(one.kind, 20)})' if one.kind else ''}: {why_words.mark(one.mark, told.verdict).word}" for one in marked]
    way = [f"{shown(one.start, 60)} to {shown(one.end, 60)}" for one in edges if one.way]
    parts += [f"the way: {', '.join(way[:20])}"] if way else []
    rest = len(told.nodes) - len(marked)
    return "; ".join(parts) + (f"; {rest:,} more without a mark" if rest and parts else "") or f"{len(told.nodes):,} flows, none of them marked"


def drawn_flows(told: Why) -> int:
    """How many of the flows are drawn."""
    return len(_relevant(told)[0])


def line_keys(told: Why) -> list[tuple[Markup, str]]:
    """What the signs mean: each drawn within 14 by 12 pixels, with its words."""
    known = {one.mark for one in told.nodes}
    said = {mark: why_words.mark(mark, told.verdict) for mark in MARKS if mark in known}
    keys = [(element("g", *_badge(mark, 7, 6, 0.6)), f"{one.word}: {one.meaning}") for mark, one in said.items()]
    if any(one.way for one in told.edges):
        keys.append((element("path", d="M0 6h14", class_="al-w-way"), "the way it took"))
    return keys


def _relevant(told: Why) -> tuple[list[NodeOf], list[EdgeOf]]:
    """What is drawn: all of a small line, of a large one what is marked or beside the way; without circles."""
    nodes = list(told.nodes)
    if len(nodes) > MOST_FLOWS:
        on_way = {end for one in told.edges if one.way for end in (one.start, one.end)}
        kept = [one for one in nodes if one.mark or one.flow in on_way]
        order = {mark: place for place, mark in enumerate(MARKS)}
        chosen = {one.flow for one in sorted(kept, key=lambda one: order.get(one.mark, len(order)))[:MOST_MARKED]}
        nodes = [one for one in nodes if one.flow in chosen] or nodes[:MOST_FLOWS]
    names = {one.flow for one in nodes}
    return nodes, _without_circles([one for one in told.edges if one.start in names and one.end in names])


def _without_circles(edges: Iterable[EdgeOf]) -> list[EdgeOf]:
    after: dict[str, set[str]] = {}
    kept = []
    for one in sorted(edges, key=lambda one: not one.way):
        reached, open_ = {one.end}, [one.end]
        while open_:
            more = after.get(open_.pop(), set()) - reached
            reached |= more
            open_ += more
        if one.start not in reached:
            after.setdefault(one.start, set()).add(one.end)
            kept.append(one)
    return kept


def _across(boxes: Mapping[str, _Box], edges: Sequence[EdgeOf], where: Placed) -> tuple[list[Child], float, float]:
    layers = max(where.layer.values(), default=0) + 1
    node_wide = min(max((BROAD - 12 - (layers - 1) * LEAST_BETWEEN) / layers, NARROWEST_NODE), WIDEST_NODE)
    if layers * node_wide + (layers - 1) * LEAST_BETWEEN > BROAD * SMALLEST:
        node_wide = WIDE_NODE
    between = min(max((BROAD - 12 - layers * node_wide) / max(layers - 1, 1), LEAST_BETWEEN), MOST_BETWEEN)
    lefts = [6 + place * (node_wide + between) for place in range(layers)]
    middle = {flow: (lefts[where.layer[flow]], 8 + NODE_HIGH / 2 + where.height[flow]) for flow in boxes}
    drawn: list[Child] = []
    heads: list[Child] = []
    for edge in sorted(edges, key=lambda one: one.way):
        (x, y), end = middle[edge.start], middle[edge.end]
        x += node_wide
        pieces = [f"M{x:g} {y:.1f}"]
        for layer, height in enumerate(where.ways[(edge.start, edge.end)], where.layer[edge.start] + 1):
            here = 8 + NODE_HIGH / 2 + height
            pieces.append(f"{curve(x, y, lefts[layer], here)} H{lefts[layer] + node_wide:g}")
            x, y = lefts[layer] + node_wide, here
        pieces.append(curve(x, y, end[0] - (7 if edge.way else 2), end[1]))
        drawn.append(element("path", d=" ".join(pieces), class_="al-w-way" if edge.way else "al-w-way-none"))
        heads += [shape(ARROW, end[0] - 2, end[1], "al-w-arrow")] if edge.way else []
    for flow, one in boxes.items():
        left, at = middle[flow]
        drawn.append(one.drawn(left, at - NODE_HIGH / 2, node_wide, NODE_HIGH))
    return [*drawn, *heads], 12 + layers * node_wide + (layers - 1) * between, 16 + NODE_HIGH + max(where.height.values(), default=0.0)


def _down(boxes: Mapping[str, _Box], edges: Sequence[EdgeOf], where: Placed) -> tuple[list[Child], float, float]:
    """For a phone: one flow below the other, each below all it reads, and at the left the lanes in which they are joined."""
    order = sorted(boxes, key=lambda flow: (where.layer[flow], where.height[flow]))
    row = {flow: place for place, flow in enumerate(order)}
    lanes = _lanes([(one.start, one.end) for one in edges], row)
    rail = 12 + LANE * (max(lanes.values(), default=-1) + 1)
    drawn: list[Child] = []
    heads: list[Child] = []
    for edge in sorted(edges, key=lambda one: one.way):
        lane = rail - 12 - LANE * lanes[edge.start]
        start, end = 4 + row[edge.start] * TALL + STEP / 2 + 6, 4 + row[edge.end] * TALL + STEP / 2 - 6
        path = f"M{rail:g} {start:g}H{lane + 6:g}Q{lane:g} {start:g} {lane:g} {start + 6:g}V{end - 6:g}Q{lane:g} {end:g} {lane + 6:g} {end:g}H{rail - (7 if edge.way else 1):g}"
        drawn.append(element("path", d=path, class_="al-w-way" if edge.way else "al-w-way-none"))
        heads += [shape(ARROW, rail - 2, end, "al-w-arrow")] if edge.way else []
    drawn += [boxes[flow].drawn(rail, 4 + place * TALL, NARROW - rail - 4, STEP) for place, flow in enumerate(order)]
    return [*drawn, *heads], NARROW, 8 + TALL * len(order) - (TALL - STEP)


def _lanes(edges: Sequence[Edge], row: dict[str, int]) -> dict[str, int]:
    """A lane for each flow that is read, such that two that pass each other have lanes of their own; past the last one they share it."""
    last: dict[str, int] = {}
    for start, end in edges:
        last[start] = max(last.get(start, 0), row[end])
    lanes: dict[str, int] = {}
    for start in sorted(last, key=lambda one: (last[one] - row[one], row[one])):
        taken = {lanes[other] for other in lanes if row[other] < last[start] and row[start] < last[other]}
        lanes[start] = next((lane for lane in range(MOST_LANES) if lane not in taken), MOST_LANES - 1)
    return lanes


def _badge(mark: str, x: float, y: float, scale: float = 1.0) -> list[Child]:
    outline, sign = SHAPES[mark]
    return [shape(outline, x, y, f"al-w-badge al-m-{mark or 'plain'}", scale), shape(sign, x, y, "al-w-sign", scale) if sign else None]
