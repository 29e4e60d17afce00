"""Cells of a numeric column that do not read as numbers, and what they are."""

from __future__ import annotations

import re

NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
_DECIMAL_COMMA = re.compile(r"^[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+$")
_THOUSANDS = re.compile(r"^[+-]?\d{1,3}([,' \u00a0\u202f]\d{3})+(\.\d+)?$")
_WITH_UNIT = re.compile(r"^([^\w\s.,+-]{1,3}|[A-Za-z]{1,4}\.?)?\s*([+-]?\d[\d.,]*)\s*([^\d\s][^\d]{0,14})?$")


SURE_DIGITS = 15  # decimal digits that a 64-bit float holds for certain; what follows is noise
_ONE_LETTER_UNITS = frozenset("gmlshtkKCFWVAMGT")


def _is_unit(affix: str, rest: str, *, first: bool) -> bool:
    """Whether what stands before or after a number is a unit, and not a letter in the place of a digit."""
    if not affix.isalpha():
        return True
    apart = rest.startswith(" ") if first else rest.endswith(" ")
    return apart or (len(affix) > 1 and affix.isupper() if first else len(affix) > 1 or affix in _ONE_LETTER_UNITS)


def _without_noise(number: str) -> str:
    """A number without the digits that only binary arithmetic put there: 0.052000000000000005 is 0.052."""
    if len(number.lstrip("+-0.").replace(".", "")) <= SURE_DIGITS or "." not in number or "e" in number.lower():
        return number
    short = repr(float(f"{float(number):.{SURE_DIGITS - 3}g}"))
    return short if len(short) < len(number) - 3 and "e" not in short else number


def number_fault(text: str, decimals: bool) -> tuple[str, float, str | None]:
    """What is wrong with a cell that should be a number: finding code, confidence, what should stand there.

    Args:
        text: the cell; not empty, not a word for "missing".
        decimals: the column's other numbers have decimals, so that 1,234 is rather 1.234 than 1234.

    >>> number_fault("12,5", True), number_fault("7 kg", False), number_fault("seven", False)
    (('decimal_comma', 0.95, '12.5'), ('type_to_string', 0.95, '7'), ('type_to_string', 0.9, None))
    """
    plain = text.strip()
    if NUMBER.match(plain):
        return "whitespace_case", 0.6, plain
    if _DECIMAL_COMMA.match(plain) and (decimals or not _THOUSANDS.match(plain)):
        return "decimal_comma", 0.95, plain.replace(".", "").replace(",", ".")
    if _THOUSANDS.match(plain):
        return "type_to_string", 0.9, re.sub(r"[,' \u00a0\u202f]", "", plain)
    match = _WITH_UNIT.match(plain)
    if match and (match.group(1) or match.group(3)):
        core, before, after = match.group(2), match.group(1) or "", match.group(3) or ""
        if NUMBER.match(core) and _is_unit(before, plain[len(before) :], first=True) and _is_unit(after, plain[: len(plain) - len(after)], first=False):
            return "type_to_string", 0.95, _without_noise(core)
    return "type_to_string", 0.9, None
