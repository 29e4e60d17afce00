"""A report as the output of a notebook cell: the cards of the page, without a page around them.

>>> from assayline.core import Report, Verdict
>>> fragment(Report(Verdict.RELEASE))[:7]
'<style>'
"""

from __future__ import annotations

from ..core import Report
from . import cards
from .html import style_sheet
from .markup import element

# A notebook keeps its outputs in one file and shows many of them: fewer cards than a page.
CARDS = 12
COLUMN_CARDS = 24


def fragment(report: Report) -> str:
    """The HTML for `_repr_html_`: every rule of the style is confined to the class `al`."""
    content = element(
        "div",
        cards.head(report, heading="h2"),
        cards.findings(report, cards=CARDS, level=3),
        element(
            "details",
            element("summary", "Columns and how it was read"),
            cards.columns(report, cards=COLUMN_CARDS, level=3),
            cards.reading(report, level=3),
            class_="al-details al-rest",
        ),
        class_="al al-notebook",
    )
    return f"<style>{style_sheet()}</style>{content}"
