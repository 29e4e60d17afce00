"""The badge of a version: a small picture for a README that says how its last trial went."""

from __future__ import annotations

from xml.sax.saxutils import escape

from ..core import Verdict

COLOURS = {Verdict.RELEASE: "#2e7d32", Verdict.WARN: "#b26a00", Verdict.SPLIT: "#b26a00", Verdict.HOLD: "#c62828", Verdict.REJECT: "#c62828"}
UNKNOWN = "#616161"
_LETTER = 6.6  # pixels of a letter of 11 px Verdana, on average (measured over lower-case English)
_WIDE = frozenset("mwMWABCDEFGHKNOPQRSUVXYZ%@")


def badge(label: str, message: str, verdict: Verdict | None = None) -> str:
    """An SVG with a label on the left and a message on the right, coloured by the verdict.

    Args:
        label: such as the name of the model; any text.
        message: such as "better", "0.91 auc"; any text.
        verdict: None for grey.

    >>> text = badge("churn:v8", "not worse", Verdict.RELEASE)
    >>> text.startswith("<svg"), "not worse" in text, "#2e7d32" in text
    (True, True, True)
    """
    label, message = _printable(label), _printable(message)
    colour = UNKNOWN if verdict is None else COLOURS[verdict]
    left, right = _width(label), _width(message)
    whole = left + right
    said = escape(f"{label}: {message}", {'"': "&quot;"})
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="20" role="img" aria-label="{said}"><title>{said}</title>'
        f'<rect width="{left}" height="20" rx="3" fill="#424242"/><rect x="{left}" width="{right}" height="20" rx="3" fill="{colour}"/>'
        f'<g fill="#fff" text-anchor="middle" font-family="Verdana,DejaVu Sans,sans-serif" font-size="11">'
        f'<text x="{left / 2:g}" y="14">{escape(label)}</text><text x="{left + right / 2:g}" y="14">{escape(message)}</text></g></svg>'
    )


def _printable(text: str) -> str:
    """What an SVG may hold, at most 60 letters of it."""
    kept = "".join(letter if letter.isprintable() else " " for letter in text)
    return kept if len(kept) <= 60 else kept[:59] + "…"


def _width(text: str) -> int:
    return round(sum(9.0 if letter in _WIDE or ord(letter) > 0x2E80 else _LETTER for letter in text)) + 12
