"""The words and number formats that every view shares, so that a report reads the same everywhere."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from ..core import CATALOGUE, Finding, Report, Verdict

# A finding below 0.3 is a note (core.Finding). From 0.6 on it is more likely than not that rows must be repaired or left out.
LOOK_FROM = 0.3
FIX_FROM = 0.6

RANKS = ("fix", "look", "note")
RANK_TITLES = {"fix": "To fix", "look": "To look at", "note": "Notes"}
LAYER_TITLES = {
    "signature": "seen in the data itself",
    "history": "compared with earlier lots",
    "multivariate": "columns compared together with earlier lots",
    "rule": "your own rule",
}


class VerdictWords(NamedTuple):
    """How one verdict is said: symbol, plain symbol for poor terminals, a short line, and what it means for the reader."""

    symbol: str
    plain: str
    line: str
    meaning: str


VERDICTS: dict[Verdict, VerdictWords] = {
    Verdict.RELEASE: VerdictWords("✓", "+", "Good to use", "Nothing was found that would speak against using this data."),
    Verdict.WARN: VerdictWords(
        "!", "!", "Usable, look first", "The data can be used. Somebody should read what is listed here, soon rather than late."
    ),
    Verdict.SPLIT: VerdictWords(
        "÷", "%", "Usable without some rows", "Some rows are wrong and can be told apart. Use the others; set these aside and repair them."
    ),
    Verdict.HOLD: VerdictWords("‖", "#", "Wait", "Do not use this data before somebody has looked: the fault concerns the lot as a whole."),
    Verdict.REJECT: VerdictWords("✕", "X", "Do not use", "This data cannot be used. Ask for it again."),
}


def rank(finding: Finding) -> str:
    """How urgent it is: "fix", "look" or "note"."""
    if finding.severity >= FIX_FROM:
        return "fix"
    return "look" if finding.severity >= LOOK_FROM else "note"


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    """Findings by severity; those of one severity keep their order."""
    return sorted(findings, key=lambda finding: -finding.severity)


def title(finding: Finding) -> str:
    """The catalogue's title of the finding; a plug-in's own code is said in words.

    >>> title(Finding("my_check", (), "", severity=0.5))
    'My check'
    """
    entry = CATALOGUE.get(finding.code)
    return entry.title if entry else finding.code.replace("_", " ").strip().capitalize() or "Finding"


def suggestion(finding: Finding) -> str:
    """What to do, as a sentence of its own: with a capital, unless it starts with the name of a column.

    >>> suggestion(Finding("typo", ("city",), "", severity=0.5, suggestion="ask the source"))
    'Ask the source'
    """
    said = finding.suggestion
    first = said.split(" ", 1)[0]
    return said[:1].upper() + said[1:] if first.isascii() and first.isalpha() and first not in finding.columns else said


def meaning(finding: Finding) -> str:
    """What the catalogue says such a finding means, or ""."""
    entry = CATALOGUE.get(finding.code)
    return entry.meaning if entry else ""


def counted(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun.

    >>> counted(1, "row"), counted(1200, "row")
    ('1 row', '1,200 rows')
    """
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def summary(report: Report) -> str:
    """One sentence: what there is to do, and in how much data.

    >>> summary(Report(Verdict.RELEASE))
    'Nothing found in 0 rows × 0 columns'
    """
    of = {name: sum(rank(finding) == name for finding in report.findings) for name in RANKS}
    parts = []
    if of["fix"]:
        parts.append(counted(of["fix"], "thing to fix", "things to fix"))
    if of["look"]:
        parts.append(f"{of['look']:,} to look at" if parts else counted(of["look"], "thing to look at", "things to look at"))
    if of["note"]:
        parts.append(counted(of["note"], "note"))
    return f"{', '.join(parts) or 'Nothing found'} in {extent(report)}"


def extent(report: Report) -> str:
    """Rows and columns."""
    return f"{counted(report.input.rows, 'row')} × {counted(report.input.columns, 'column')}"


def against(report: Report) -> str:
    """What the data was judged against."""
    if report.past_lots:
        return f"compared with {counted(report.past_lots, 'earlier lot')}"
    return "judged on its own, without earlier lots"


def size(count: int) -> str:
    """Bytes for people; "" where there are none.

    >>> size(1_400_000), size(12), size(0)
    ('1.4 MB', '12 bytes', '')
    """
    if count <= 0:
        return ""
    if count < 1000:
        return counted(count, "byte")
    value = float(count)
    for unit in ("kB", "MB", "GB", "TB"):
        value /= 1000
        if value < 999.5 or unit == "TB":
            break
    return f"{value:,.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"


def duration(seconds: float) -> str:
    """Seconds for people.

    >>> duration(0.0421), duration(3.1), duration(7200)
    ('42 ms', '3.1 s', '2 h')
    """
    if not math.isfinite(seconds):
        return str(seconds)
    if abs(seconds) < 1:
        return f"{seconds * 1000:.0f} ms"
    if abs(seconds) < 120:
        return f"{number(round(seconds, 1))} s"
    if abs(seconds) < 7200:
        return f"{number(round(seconds / 60, 1))} min"
    if abs(seconds) < 172_800:
        return f"{number(round(seconds / 3600, 1))} h"
    return f"{number(round(seconds / 86_400, 1))} days"


def total_seconds(report: Report) -> float | None:
    """All seconds together ("total" if it is given), or None."""
    if "total" in report.seconds:
        return float(report.seconds["total"])
    return float(sum(report.seconds.values())) if report.seconds else None


def number(value: float) -> str:
    """A number for people: four significant digits, thousands marked.

    >>> number(12345), number(0.123456), number(1e-9), number(float("inf")), number(2.0)
    ('12,345', '0.1235', '1e-09', '∞', '2')
    """
    if isinstance(value, int):
        return f"{value:,}" if abs(value) < 10**15 else f"{float(value):.3g}" if abs(value) < 10**300 else "huge"
    if math.isnan(value):
        return "not a number"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    if abs(value) >= 1e15 or (value and abs(value) < 1e-4):
        return f"{value:.3g}"
    if abs(value) >= 1000:
        return f"{value:,.1f}".removesuffix(".0") if abs(value) < 100_000 else f"{value:,.0f}"
    return f"{value:.4g}"


def percent(share: float) -> str:
    """A share 0..1 as per cent, which says 0 or 100 only when that is exact.

    >>> percent(0.1234), percent(0.00004), percent(1.0), percent(0.99999)
    ('12.3%', '0.004%', '100%', '99.999%')
    """
    if not math.isfinite(share):
        return number(share)
    value = share * 100
    if value in (0.0, 100.0):
        return f"{value:.0f}%"
    if 0 < value < 0.0005:
        return "<0.001%"
    if 99.9995 <= value < 100:
        return ">99.999%"
    near = min(abs(value), abs(100 - value)) if 0 < value < 100 else abs(value)
    digits = 0 if near >= 99.5 else 1 if near >= 1 else 2 if near >= 0.1 else 3
    return f"{value:.{digits}f}".rstrip("0").rstrip(".") + "%" if digits else f"{value:,.0f}%"


class Fact(NamedTuple):
    """One line of evidence: its name in words, the value now, and the usual value where there is one."""

    label: str
    value: str
    usual: str | None = None


def difference(value: str, suggestion: str) -> int:
    """The place where two texts begin to differ.

    >>> difference("Berlln", "Berlin")
    4
    """
    most = min(len(value), len(suggestion))
    return next((place for place in range(most) if value[place] != suggestion[place]), most)


Pieces = list[tuple[str, bool]]
"""A text in pieces, and whether each differs from the other text."""


def compared(value: str, suggestion: str) -> tuple[Pieces, Pieces]:
    """A value and its correction, piece by piece; wholly different when they have less in common than not.

    >>> compared("maxn xt", "main st")[0]
    [('ma', False), ('x', True), ('n ', False), ('x', True), ('t', False)]
    """
    matcher = SequenceMatcher(None, value, suggestion, autojunk=False)
    # Marks inside another value, rather than a slip of the pen, would only confuse.
    if matcher.ratio() <= 0.5:
        return [(value, True)], [(suggestion, True)]
    old: Pieces = []
    new: Pieces = []
    for kind, start, stop, other_start, other_stop in matcher.get_opcodes():
        old.append((value[start:stop], kind != "equal"))
        new.append((suggestion[other_start:other_stop], kind != "equal"))
    return [piece for piece in old if piece[0]], [piece for piece in new if piece[0]]


_USUAL = ("usual_", "past_", "expected_", "before_", "previous_", "normal_", "typical_")
# A unit at the end of a name that is said after the number.
_COUNTED = frozenset(
    "rows days hours minutes characters values cells columns lots keys bytes lines digits groups".split()  # noqa: SIM905
)


def facts(evidence: Mapping[str, float | str]) -> list[Fact]:
    """Evidence in words; a number and its "usual_" twin become one fact.

    >>> facts({"null_share": 0.12, "usual_null_share": 0.01, "run_rows": 40})
    [Fact(label='null share', value='12%', usual='1%'), Fact(label='run', value='40 rows', usual=None)]
    """
    found = []
    # "rows_today" goes with "usual_rows", as "null_share" with "usual_null_share".
    twin_of = {
        name: next((prefix + name.removesuffix("_today") for prefix in _USUAL if prefix + name.removesuffix("_today") in evidence), None)
        for name in evidence
    }
    twins = set(twin_of.values())
    for name, value in evidence.items():
        if name in twins:
            continue
        twin = twin_of[name]
        label, said = _said(name, value)
        found.append(Fact(label, said, _said(name, evidence[twin])[1] if twin else None))
    return found


def _said(name: str, value: float | str) -> tuple[str, str]:
    head, _, unit = name.rpartition("_")
    label = name.replace("_", " ")
    if isinstance(value, str):
        return label, value
    if isinstance(value, bool):
        return label, "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return label, str(value)
    if unit == "share" or name == "share":
        return label, percent(value)
    if unit == "seconds" or name == "seconds":
        return (head or "time").replace("_", " "), duration(value)
    if unit in _COUNTED and head:
        return head.replace("_", " "), f"{number(value)} {unit[:-1] if value == 1 else unit}"
    return label, number(value)
