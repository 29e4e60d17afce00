"""A report as one HTML file that can be mailed: no script, nothing loaded, one style sheet inside.

>>> from assayline.core import Verdict
>>> page(Report(Verdict.RELEASE)).splitlines()[0]
'<!doctype html>'
"""

from __future__ import annotations

import base64
import functools
import hashlib
from importlib.resources import files

from ..core import Report
from . import cards
from .markup import Markup, element, escaped
from .visible import shown


def page(report: Report) -> str:
    """The whole page as text, to be written as UTF-8."""
    return document(f"{str(report.verdict).capitalize()}: {shown(report.input.path, 120)}", body(report), style_sheet())


def document(title: str, body: Markup, css: str) -> str:
    """A whole page that loads nothing and runs nothing.

    Args:
        title: foreign text.
        body: the element `body`.
        css: the one style sheet.
    """
    digest = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    # The browser itself then refuses whatever should ever slip in: scripts, addresses, style attributes, forms.
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    return (
        "<!doctype html>\n"
        '<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        '<meta name="referrer" content="no-referrer">\n'
        '<meta name="robots" content="noindex">\n'
        '<link rel="icon" href="data:,">\n'
        f"<title>{escaped(title)}</title>\n<style>{css}</style>\n</head>\n"
        f"{body}\n</html>\n"
    )


def body(report: Report) -> Markup:
    """The page without its head."""
    return element(
        "body",
        element("div", element("span", "Assayline", class_="al-brand"), element("span", "data quality report"), class_="al-top"),
        cards.head(report),
        element(
            "main",
            cards.findings(report),
            cards.columns(report),
            element("div", cards.reading(report), cards.scale(report), class_="al-halves"),
        ),
        class_="al al-page",
    )


@functools.cache
def style_sheet(*more: str) -> str:
    """The text of `report.css`, and of other style sheets of this part after it."""
    return "\n".join(files(__package__).joinpath(name).read_text(encoding="utf-8").strip() for name in ("report.css", *more))
