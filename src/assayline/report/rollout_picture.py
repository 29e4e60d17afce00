"""A rollout as one SVG file: who answered what batch by batch, and the evidence against its bound.

The file stands alone: no script, no link, no font to load, light or dark as its reader likes it.

>>> document = {"challenger": {"label": "churn:v7"}, "batches": [{"name": "monday", "rows": 900, "arms": {"champion": 900}}]}
>>> rollout_svg(document).startswith('<svg xmlns="http://www.w3.org/2000/svg"')
True
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import rollout_charts, rollout_words
from .drawn import key_lines
from .markup import Markup, element, joined
from .rollout_charts import BROAD
from .rollout_facts import status_of
from .visible import cut, shown

MARGIN, HEAD = 26.0, 84.0

LIGHT = {
    "ground": "#fbfaf8", "paper": "#ffffff", "ink": "#1c1f26", "soft": "#565c68", "line": "#e1dfd8", "bar-soft": "#d9dce3", "bad": "#d3402f", "fix": "#b42318", "fix-soft": "#fdeeec",
    "good": "#14713f", "look": "#c8642a", "champion": "#b4bac6", "challenger": "#2f6db3", "holdout": "#dcd7ca", "1": "#3b6ea8", "2": "#c8642a", "3": "#4f9a73", "4": "#9a62a8", "5": "#9a8432",
}  # fmt: skip
DARK = {
    "ground": "#101319", "paper": "#181c24", "ink": "#e8eaee", "soft": "#a4abb8", "line": "#2c323d", "bar-soft": "#363d4a", "bad": "#f4705e", "fix": "#ff9d8f", "fix-soft": "#3a1c1a",
    "good": "#7fd6a3", "look": "#e08a52", "champion": "#596273", "challenger": "#7fb3ee", "holdout": "#7d735c", "1": "#7fb0e8", "2": "#f0925c", "3": "#7fcfa2", "4": "#cf9adc", "5": "#d3bd66",
}  # fmt: skip
RULES = (
    ".ground { fill: %(ground)s } .heading { font-size: 20px; font-weight: 650; fill: %(ink)s } .said, .al-t { fill: %(soft)s } .al-t-strong { fill: %(ink)s; font-weight: 600 }"
    " .al-t-bad { fill: %(fix)s } .al-axis { stroke: %(line)s } .al-band-bad { fill: %(fix-soft)s } .al-bound { stroke: %(bad)s } .al-bad { fill: %(bad)s } .al-s-split { fill: %(look)s }"
    " .al-arm-champion { fill: %(champion)s } .al-arm-challenger, .al-stage { fill: %(challenger)s } .al-arm-holdout { fill: %(holdout)s } .al-arm-again, .al-stage-0 { fill: %(bar-soft)s }"
    " .al-arm-repaired { fill: %(challenger)s; stroke: %(challenger)s } .al-stop { fill: %(bad)s; stroke: %(paper)s } .al-turn { stroke: %(soft)s } .al-turn-bad { stroke: %(bad)s }"
    " .al-turn-good { stroke: %(good)s } .al-l1 { stroke: %(1)s } .al-l2 { stroke: %(2)s } .al-l3 { stroke: %(3)s } .al-l4 { stroke: %(4)s } .al-l5 { stroke: %(5)s }"
    " .al-p1 { fill: %(1)s } .al-p2 { fill: %(2)s } .al-p3 { fill: %(3)s } .al-p4 { fill: %(4)s } .al-p5 { fill: %(5)s }"
)
STYLE = (
    "svg { font-family: ui-sans-serif, system-ui, 'Segoe UI', Helvetica, Arial, sans-serif } .said { font-size: 13.5px } .al-t { font-size: 11.5px } .al-axis { stroke-width: 1 }"
    " .al-line { fill: none; stroke-width: 1.8; stroke-linejoin: round }"
    " .al-bound { fill: none; stroke-width: 1.4; stroke-dasharray: 6 4 } .al-arm-repaired { fill-opacity: .22; stroke-width: 1.6; stroke-dasharray: 3 2 }"
    " .al-stop { stroke-width: 1.4 } .al-turn { stroke-width: 1.8 } .al-stage-1 { fill-opacity: .14 }"
    " .al-stage-2 { fill-opacity: .24 } .al-stage-3 { fill-opacity: .36 } .al-stage-4 { fill-opacity: .5 } "
    + RULES % LIGHT
    + " @media (prefers-color-scheme: dark) { "
    + RULES % DARK
    + " }"
)


def rollout_svg(document: Mapping[str, Any]) -> str:
    """The picture of a rollout: its document, as `assay rollout status MODEL --json` gives it, as text of an SVG file."""
    told = status_of(document)
    drawn, chart_high, said = rollout_charts.panels(told, wide=BROAD)
    wide = BROAD + 2 * MARGIN
    keys, keys_high = key_lines(rollout_charts.keys(told), HEAD + chart_high + 12, wide - 2 * MARGIN)
    high = HEAD + chart_high + 12 + keys_high + 10
    heading = f"{shown(told.challenger, 60) or 'A challenger'} against {shown(told.champion, 60) or 'the champion'}: {rollout_words.state(told).word}"
    sentence = rollout_words.headline(told)
    return joined(
        Markup(f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:.0f}" width="{wide:g}" height="{high:.0f}" role="img" aria-labelledby="title desc">'),
        Markup(f"<style>{STYLE}</style>"),
        element("title", heading, id="title"), element("desc", f"{sentence} {said}", id="desc"), element("rect", x=0, y=0, width=wide, height=high, class_="ground"),
        element("text", heading, x=MARGIN, y=36, class_="heading"), element("text", cut(shown(sentence, 300), 140), x=MARGIN, y=60, class_="said"),
        element("g", *drawn, transform=f"translate({MARGIN:g} {HEAD:g})"), element("g", *keys, transform=f"translate({MARGIN:g} 0)"), Markup("</svg>\n"),
    )  # fmt: skip
