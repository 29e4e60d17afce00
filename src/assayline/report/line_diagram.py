"""Draws a line: its sources, its steps and the gate behind each, coloured by verdict, as one SVG file.

Every verdict has a colour, a shape and a word of its own. A bold edge is the way a warning took; a dashed one a way on which it was weakened. The file stands alone: no
script, no link, no font to load, light or dark as its reader likes it.

>>> document = {"line": "bikes", "nodes": [{"flow": "rides", "kind": "source", "verdict": "warn", "lots": 3, "tags": []}], "edges": []}
>>> "aria-labelledby" in line_svg(document), "Usable, look first" in line_svg(document)
(True, True)
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from ..core import Verdict
from . import words
from .layers import Edge, placed
from .markup import Markup, element, joined
from .visible import cut, shown

NODE_WIDE, NODE_HIGH, LAYER_WIDE, GAP = 240.0, 50.0, 324.0, 66.0
MARGIN, HEAD = 32.0, 84.0
NAME_CELLS = 22  # as many as fit beside the badge in the widest of the usual fonts
MOST_REASONS = 6
LEGEND_WIDE, LEGEND_HIGH = 232.0, 26.0

# Around (0, 0): outline of the badge, and the sign in it.
BADGES = {
    "release": ("M-9 0 a9 9 0 1 0 18 0 a9 9 0 1 0 -18 0 Z", "M-4 0.3 l2.8 2.9 l5.2 -6"),
    "warn": ("M0 -10 L10.5 8.5 H-10.5 Z", "M0 -4 v6 M0 5 v0.6"),
    "split": ("M-9 -9 H9 V9 H-9 Z", "M-5 0 h10 M0 -4.6 v0.6 M0 4 v0.6"),
    "hold": ("M-4 -9.5 H4 L9.5 -4 V4 L4 9.5 H-4 L-9.5 4 V-4 Z", "M-2.4 -4 v8 M2.4 -4 v8"),
    "reject": ("M0 -11 L11 0 L0 11 L-11 0 Z", "M-3.4 -3.4 l6.8 6.8 M3.4 -3.4 l-6.8 6.8"),
    "none": ("M-8 0 a8 8 0 1 0 16 0 a8 8 0 1 0 -16 0 Z", "M-3.5 0 h7"),
}
GATE = "M0 -7 L7 0 L0 7 L-7 0 Z"
KEYS = (
    *((str(verdict), f"{verdict}: {words.VERDICTS[verdict].line}") for verdict in Verdict),
    ("gate g-none", "the gate behind it"), ("edge tags", "a warning goes on"), ("edge weakened", "weakened on this way"),
)  # fmt: skip
# Strong and soft colour of each verdict, on light and on dark ground.
LIGHT = {
    "release": ("#14713f", "#f1f9f4"), "warn": ("#b26a00", "#fff5e0"), "split": ("#a24308", "#fdeee2"), "hold": ("#b42318", "#fdeeec"), "reject": ("#6d1020", "#f6dfe1"),
    "none": ("#8b93a3", "#f6f5f2"),
}  # fmt: skip
DARK = {
    "release": ("#7fd6a3", "#15261d"), "warn": ("#f2bd66", "#33270f"), "split": ("#f5a56b", "#382415"), "hold": ("#ff9d8f", "#3a1c1a"), "reject": ("#ff7d95", "#471420"),
    "none": ("#7d8699", "#1b1f27"),
}  # fmt: skip


def line_svg(document: Mapping[str, Any]) -> str:
    """The picture of a line.

    Args:
        document: as `assay line show --json` gives it: `line`, `nodes` (`flow`, `kind`: "source" or "step", `verdict` or None, `lots`, `tags`) and `edges`
            (`from`, `to`, `carries`: "", "tags" or "weakened").
    """
    nodes = {str(one["flow"]): one for one in document["nodes"]}
    edges: dict[Edge, str] = {(str(one["from"]), str(one["to"])): str(one.get("carries", "")) for one in document["edges"] if {one["from"], one["to"]} <= set(nodes)}
    where = placed(tuple(nodes), tuple(edges), gap=GAP)
    layers = max(where.layer.values(), default=0) + 1
    wide = max(2 * MARGIN + (layers - 1) * LAYER_WIDE + NODE_WIDE + 24, 2 * MARGIN + LEGEND_WIDE * 2)
    foot = HEAD + max(where.height.values(), default=0.0) + NODE_HIGH + 48
    legend = list(_legend(wide, foot))
    high = foot + LEGEND_HIGH * math.ceil(len(KEYS) / max(1, (wide - 2 * MARGIN) // LEGEND_WIDE)) + 4
    middle = {name: (MARGIN + where.layer[name] * LAYER_WIDE, HEAD + NODE_HIGH / 2 + where.height[name]) for name in nodes}
    ways = [_edge(middle[start], middle[end], where.layer[start], where.ways[(start, end)], carries) for (start, end), carries in sorted(edges.items(), key=lambda one: bool(one[1]))]
    boxes = [_node(one, *middle[name]) for name, one in nodes.items()]
    said = _summary(nodes.values())
    name = shown(str(document["line"]), 80)
    return joined(
        Markup(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:g}" width="{wide:g}" height="{high:g}" role="img" aria-labelledby="title desc">'),
        Markup(f"<style>{STYLE}</style>"),
        element("title", f"The line {name}", id="title"), element("desc", said, id="desc"),
        element("rect", x=0, y=0, width=wide, height=high, class_="ground"),
        element("text", name, x=MARGIN, y=40, class_="heading"), element("text", said, x=MARGIN, y=61, class_="soft"),
        *ways, *boxes, *legend, Markup("</svg>\n"),
    )  # fmt: skip


def _summary(nodes: Iterable[Mapping[str, Any]]) -> str:
    several = list(nodes)
    counts = Counter(one["verdict"] or "none" for one in several)
    sources = sum(one["kind"] == "source" for one in several)
    parts = [words.counted(sources, "source"), words.counted(len(several) - sources, "step")]
    parts += [f"{counts[str(verdict)]:,} {verdict}" for verdict in reversed(Verdict) if counts[str(verdict)]]
    return ", ".join([*parts, *([f"{counts['none']:,} without lots"] if counts["none"] else [])])


def _node(one: Mapping[str, Any], left: float, middle: float) -> Markup:
    verdict = one["verdict"] or "none"
    top = middle - NODE_HIGH / 2
    outline, sign = BADGES[verdict]
    name = shown(str(one["flow"]), 200)
    round_ = 25.0 if one["kind"] == "source" else 7.0
    lots = words.counted(int(one["lots"]), "lot") if one["lots"] else "no lots yet"
    return element(
        "g", element("title", _told(one, name, lots)),
        element("rect", x=left, y=top, width=NODE_WIDE, height=NODE_HIGH, rx=round_, class_=f"box v-{verdict}"),
        _at(outline, left + 25, middle, f"badge b-{verdict}"), _at(sign, left + 25, middle, f"sign s-{verdict}"),
        element("text", cut(name, NAME_CELLS), x=left + 46, y=middle - 3, class_="name"),
        element("text", f"{verdict} · {lots}" if verdict != "none" else lots, x=left + 46, y=middle + 14, class_="soft"),
        _at(GATE, left + NODE_WIDE + 8, middle, f"gate g-{verdict}"),
        class_=f"node {one['kind'] if one['kind'] in ('source', 'step') else 'step'} {verdict}",
    )  # fmt: skip


def _told(one: Mapping[str, Any], name: str, lots: str) -> str:
    """What a pointer over the node shows."""
    verdict = Verdict.named(one["verdict"]) if one["verdict"] else None
    head = f"{name}: {one['kind']}, {lots}" + (f", {verdict} ({words.VERDICTS[verdict].line})" if verdict is not None else "")
    lines = [head, *([f"reads {shown(str(one['address']), 200)}"] if one.get("address") else [])]
    for tag in list(one["tags"])[:MOST_REASONS]:
        about = f"{tag['level']} from {tag['origin']}, lot {tag['lot']}: {tag['reason']}" if not tag["weakened"] else f"weakened ({tag['weakened']}): {tag['reason']}"
        lines.append(shown(about, 300))
    if len(one["tags"]) > MOST_REASONS:
        lines.append(f"and {len(one['tags']) - MOST_REASONS:,} more: assay tags {name}")
    return " — ".join(lines)


def _edge(start: tuple[float, float], end: tuple[float, float], layer: int, ways: Sequence[float], carries: str) -> Markup:
    """A curve from the gate of one node to another, through the heights where it passes the layers between."""
    x, y = start[0] + NODE_WIDE + 15, start[1]
    pieces = [f"M{x:g} {y:.1f}"]
    for place, height in enumerate(ways, layer + 1):
        left, here = MARGIN + place * LAYER_WIDE, HEAD + NODE_HIGH / 2 + height
        pieces.append(f"{curve(x, y, left, here)} H{left + NODE_WIDE:g}")
        x, y = left + NODE_WIDE, here
    pieces.append(curve(x, y, end[0] - 2, end[1]))
    return element("path", d=" ".join(pieces), class_=f"edge {carries}" if carries in ("tags", "weakened") else "edge")


def curve(x: float, y: float, to_x: float, to_y: float) -> str:
    """A curve from where a path stands to another place, level at both ends."""
    half = (x + to_x) / 2
    return f"C{half:g} {y:.1f} {half:g} {to_y:.1f} {to_x:g} {to_y:.1f}"


def _at(path: str, x: float, y: float, class_: str) -> Markup:
    """A path that is written around (0, 0), at another place."""
    return element("path", d=path, transform=f"translate({x:g} {y:g})", class_=class_)


def _legend(wide: float, top: float) -> Iterator[Markup]:
    across = max(1, int((wide - 2 * MARGIN) // LEGEND_WIDE))
    for place, (drawn, said) in enumerate(KEYS):
        left, middle = MARGIN + place % across * LEGEND_WIDE + 11, top + place // across * LEGEND_HIGH
        if drawn in BADGES:
            outline, sign = BADGES[drawn]
            yield _at(outline, left, middle, f"badge b-{drawn}")
            yield _at(sign, left, middle, f"sign s-{drawn}")
        else:
            yield _at(GATE if drawn == "gate g-none" else "M-11 0 H11", left, middle, drawn)
        yield element("text", said, x=left + 17, y=middle + 4, class_="key")


def _style() -> str:
    def colours(known: Mapping[str, tuple[str, str]], on: str) -> str:
        return " ".join(
            f".v-{name} {{ fill: {soft}; stroke: {strong} }} .b-{name} {{ fill: {strong} }} .s-{name} {{ stroke: {on} }} .g-{name} {{ fill: {strong} }}"
            for name, (strong, soft) in known.items()
        )

    return (
        "svg { font-family: ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif }"
        " .ground { fill: #fbfaf8 } .heading { font-size: 22px; font-weight: 650; fill: #1c1f26 } .name { font-size: 13.5px; font-weight: 600; fill: #1c1f26 }"
        " .soft, .key { font-size: 11.5px; fill: #565c68 } .box { stroke-width: 1.3 } .sign { fill: none; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round }"
        " .badge { stroke-linejoin: round } .gate { stroke: #fbfaf8; stroke-width: 1.5 } .v-none { stroke-dasharray: 4 4 }"
        " .edge { fill: none; stroke: #b9bec8; stroke-width: 1.4 } .tags { stroke: #b26a00; stroke-width: 2.2 } .weakened { stroke: #b26a00; stroke-dasharray: 3 4 } "
        + colours(LIGHT, "#ffffff")
        + " @media (prefers-color-scheme: dark) { .ground { fill: #101319 } .heading, .name { fill: #e8eaee } .soft, .key { fill: #a4abb8 } .gate { stroke: #101319 }"
        " .edge { stroke: #4a5261 } .tags, .weakened { stroke: #f2bd66 } "
        + colours(DARK, "#14171d")
        + " }"
    )


STYLE = _style()
