"""An answer as one SVG file: the line where the cause is marked, and what each replay said.

The file stands alone: no script, no link, no font to load, light or dark as its reader likes it.

>>> why_svg({"asked": "forecasts", "verdict": "not found"}).startswith('<svg xmlns="http://www.w3.org/2000/svg"')
True
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import marked_line, why_charts, why_words
from .drawn import BROAD, key_lines
from .markup import Markup, element, joined
from .visible import cut, shown
from .why_facts import MIX, WORLD, why_of

MARGIN, HEAD = 26.0, 88.0

LIGHT = {
    "ground": "#fbfaf8", "paper": "#ffffff", "ink": "#1c1f26", "soft": "#565c68", "line": "#e1dfd8", "rule": "#eceae4", "bar": "#8b93a3", "bar-soft": "#d9dce3", "fix": "#b42318",
    "fix-soft": "#fdeeec", "look": "#8f5200", "look-soft": "#fdf3e1", "good": "#14713f", "note": "#3f5f86", "note-soft": "#eaf0f7", "split": "#a24308", "on": "#ffffff",
}  # fmt: skip
DARK = {
    "ground": "#101319", "paper": "#181c24", "ink": "#e8eaee", "soft": "#a4abb8", "line": "#2c323d", "rule": "#262b35", "bar": "#7d8699", "bar-soft": "#363d4a", "fix": "#ff9d8f",
    "fix-soft": "#3a1c1a", "look": "#f2bd66", "look-soft": "#33270f", "good": "#7fd6a3", "note": "#a3c2e8", "note-soft": "#1b2838", "split": "#f5a56b", "on": "#14171d",
}  # fmt: skip
RULES = (
    ".ground { fill: %(ground)s } .heading { fill: %(ink)s } .said, .al-t { fill: %(soft)s } .al-t-strong { fill: %(ink)s } .al-axis { stroke: %(line)s }"
    " .al-w-normal { fill: %(good)s } .al-w-edge, .al-w-before { stroke: %(good)s } .al-w-now { stroke: %(fix)s } .al-t-now { fill: %(fix)s } .al-t-before { fill: %(good)s }"
    " .al-w-rule { stroke: %(rule)s } .al-w-guide { stroke: %(line)s } .al-w-move { stroke: %(bar)s } .al-w-move-responsible, .al-w-move-shares { stroke: %(fix)s }"
    " .al-w-move-mix { stroke: %(note)s }"
    " .al-m-culprit, .al-m-responsible { fill: %(fix)s } .al-m-symptom { fill: %(split)s } .al-m-touched, .al-m-shares, .al-m-correlational { fill: %(look)s }"
    " .al-m-cleared { fill: %(good)s } .al-m-plain, .al-m-open, .al-m-not-replayed { fill: %(bar)s } .al-m-mix { fill: %(note)s } .al-mark, .al-w-badge { stroke: %(paper)s }"
    " .al-w-t-responsible, .al-w-t-culprit { fill: %(fix)s } .al-w-t-shares, .al-w-t-correlational, .al-w-t-touched { fill: %(look)s } .al-w-t-cleared { fill: %(good)s }"
    " .al-w-t-symptom { fill: %(split)s } .al-w-t-mix { fill: %(note)s } .al-w-box { fill: %(paper)s; stroke: %(line)s } .al-w-box-culprit { fill: %(fix-soft)s; stroke: %(fix)s }"
    " .al-w-frame { stroke: %(fix)s } .al-w-box-symptom { fill: %(paper)s; stroke: %(split)s } .al-w-box-touched { fill: %(look-soft)s; stroke: %(look)s } .al-w-box-cleared { stroke: %(good)s }"
    " .al-w-sign { stroke: %(on)s } .al-w-way-none { stroke: %(bar-soft)s } .al-w-way { stroke: %(fix)s } .al-w-arrow { fill: %(fix)s }"
    " .calm .al-m-culprit, .calm .al-m-responsible, .calm .al-w-arrow, .calm .al-w-t-responsible, .calm .al-w-t-culprit { fill: %(note)s }"
    " .calm .al-w-way, .calm .al-w-frame, .calm .al-w-move-responsible { stroke: %(note)s } .calm .al-w-box-culprit { fill: %(note-soft)s; stroke: %(note)s }"
)
STYLE = (
    "svg { font-family: ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif } .heading { font-size: 20px; font-weight: 650 } .said { font-size: 13.5px }"
    " .al-t { font-size: 11.5px }"
    " .al-t-strong { font-weight: 600 } .al-w-name { font-size: 12.5px } .al-w-flow { font-size: 13px } .al-w-normal { fill-opacity: .1 }"
    " .al-w-edge { stroke-dasharray: 2 3; stroke-opacity: .7 }"
    " .al-w-now, .al-w-before { stroke-width: 1.6 } .al-w-guide { stroke-dasharray: 1 4 } .al-w-move { stroke-width: 3; stroke-linecap: round; stroke-opacity: .6 } .al-w-hit { fill: none }"
    " .al-mark { stroke-width: 1.5 } .al-w-box { stroke-width: 1.3 } .al-w-box-culprit { stroke-width: 2.4 } .al-w-frame { fill: none }"
    " .al-w-box-symptom { stroke-width: 2.2; stroke-dasharray: 7 4 }"
    " .al-w-badge { stroke-linejoin: round } .al-w-sign { fill: none; stroke-width: 2; stroke-linecap: round; stroke-linejoin: round } .al-w-way-none { fill: none }"
    " .al-w-way-none { stroke-width: 1.4 } .al-w-way { fill: none; stroke-width: 3 }"
    " .al-w-t-responsible, .al-w-t-culprit, .al-w-t-shares, .al-w-t-touched, .al-w-t-cleared, .al-w-t-symptom { font-weight: 600 } "
    + RULES % LIGHT
    + " @media (prefers-color-scheme: dark) { "
    + RULES % DARK
    + " }"
)


def why_svg(document: Mapping[str, Any]) -> str:
    """The picture of an answer: its document, as `assay why --json` gives it, as text of an SVG file."""
    told = why_of(document)
    flows, flows_wide, flows_high = marked_line.panels(told, wide=BROAD)
    keys, keys_high = key_lines(marked_line.line_keys(told), HEAD + flows_high + 14, max(BROAD, flows_wide))
    top = HEAD + flows_high + keys_high + 34
    replays, replays_high = why_charts.replay_panel(told, wide=BROAD)
    wide = max(BROAD, flows_wide) + 2 * MARGIN
    high = top + replays_high + 12 if replays else top
    heading, said = shown(why_words.headline(told).replace("`", ""), 110), shown(why_words.summary(told).replace("`", ""), 300)
    described = f"{marked_line.described(told)}. {why_charts.replays_said(told)}"
    return joined(
        Markup(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:.0f}" width="{wide:g}" height="{high:.0f}" role="img" aria-labelledby="title desc">'),
        Markup(f"<style>{STYLE}</style>"), element("title", heading, id="title"), element("desc", f"{said} {described}", id="desc"),
        element("rect", x=0, y=0, width=wide, height=high, class_="ground"), element("text", heading, x=MARGIN, y=36, class_="heading"),
        element("text", cut(said, 140), x=MARGIN, y=61, class_="said"),
        element(
            "g", element("g", *flows, transform=f"translate({MARGIN + max(BROAD - flows_wide, 0) / 2:.1f} {HEAD:g})"), element("g", *keys, transform=f"translate({MARGIN:g} 0)"),
            element("g", *replays, transform=f"translate({MARGIN:g} {top:.1f})"), class_="calm" if told.verdict in (WORLD, MIX) else None,
        ),
        Markup("</svg>\n"),
    )  # fmt: skip
