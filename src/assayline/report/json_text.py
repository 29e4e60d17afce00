r"""The report as JSON text that any reader, terminal or script tag takes without harm.

Same report, same text: the keys stand in the order of the contract. Letters stay readable; what is invisible or not
valid Unicode is written as an escape, which every JSON reader turns back.

>>> from assayline.core import InputFacts, Report, Verdict
>>> '"path": "a\\u2028b"' in json_text(Report(Verdict.RELEASE, input=InputFacts("a\u2028b")))
True
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any

from ..core import Report

# C1 controls and DEL, soft hyphen, direction and zero-width marks, line and paragraph separators, BOM, lone surrogates,
# interlinear marks, tags, non-characters at the end of the first plane. JSON itself already escapes U+0000 to U+001F.
_UNSAFE = re.compile(
    "[\x7f-\x9f\xad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)


def json_text(report: Report, *, indent: int | None = 2) -> str:
    """The report in the layout of the contract, ending in a line end.

    Args:
        report: what was found.
        indent: blanks for each level; None for one line.
    """
    return safe_json(report.as_json(), indent=indent)


def safe_json(document: Any, *, indent: int | None = 2) -> str:
    """Any plain values as such a text; numbers that JSON lacks become texts ("inf", "nan")."""
    text = json.dumps(_plain(document), ensure_ascii=False, indent=indent, allow_nan=False)
    return _UNSAFE.sub(_escape, text) + "\n"


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match.group())[1:-1]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value if isinstance(value, (str, int, float, bool)) or value is None else str(value)
