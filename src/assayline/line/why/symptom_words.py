"""What is wrong, in a sentence for people."""

from __future__ import annotations

import re

from .metrics import Metric
from .moments import said_of

NAMES_ERROR = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit|Warning|Found)\b(:|$)")
SHARES = ("share", "share_missing", "top_share", "error_rate")
NAMES = {
    "mean": "mean of {0}", "sum": "sum of {0}", "sd": "spread of {0}", "median": "median of {0}", "min": "smallest {0}", "max": "largest {0}", "distinct": "number of different values of {0}",
    "share_missing": "share of missing {0}", "top_share": "share of the most frequent value of {0}", "mae": "error", "rmse": "error (root mean square)", "bias": "bias",
    "error_rate": "share of wrong answers", "rows": "number of rows",
}  # fmt: skip


def figure(value: float | None, name: str = "") -> str:
    """A value of a figure.

    >>> figure(62.96), figure(0.1234, "share_missing(a)"), figure(None)
    ('63', '12.3 %', 'unknown')
    """
    if value is None:
        return "unknown"
    if name.partition("(")[0] in SHARES:
        return f"{100 * value:.3g} %"
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}".removesuffix(".0") if abs(value) < 20 else f"{value:.0f}"


def two(before: float | None, now: float | None, name: str = "") -> tuple[str, str]:
    """Two values, with as many digits as it takes to tell them apart.

    >>> two(21.96, 22.04)
    ('21.96', '22.04')
    """
    first, second = figure(before, name), figure(now, name)
    if first != second or before is None or now is None or before == now:
        return first, second
    for digits in range(3, 9):
        scale, unit = (100, " %") if name.partition("(")[0] in SHARES else (1, "")
        first, second = f"{scale * before:.{digits}g}{unit}", f"{scale * now:.{digits}g}{unit}"
        if first != second:
            break
    return first, second


def named(metric: Metric) -> str:
    """A figure as people call it: "error", "mean of `expected`"."""
    if metric.function == "share":
        return f"share of rows with {metric.condition}"
    return NAMES[metric.function].format(*[f"`{one}`" for one in metric.columns])


def metric_sentence(flow: str, metric: Metric, before: float | None, now: float | None, since: str, *, unit: str = "", again: bool = False) -> str:
    """ "The error of `forecasts` rose from 41 to 63 bikes (all rows; since 06:00 today)." """
    first, second = two(before, now, metric.function)
    unit = f" {unit}" if unit else ""
    rows = metric.where or "all rows"
    when = f"; since {'it was made again, ' if again else ''}{said_of(since)}" if since else ""
    if before is None or now is None:
        return f"The {named(metric)} of `{flow}` is {second}{unit}, and was {first} ({rows}{when})."
    verb = "rose" if now > before else "fell"
    return f"The {named(metric)} of `{flow}` {verb} from {first} to {second}{unit} ({rows}{when})."


def finding_sentence(flow: str, lot: int, sentence: str, since: str) -> str:
    """What the gate says of a lot."""
    return f"The gate says of lot {lot} of `{flow}`: {sentence.rstrip('.')} (since {said_of(since)})."


def failure_sentence(flow: str, error: str, since: str) -> str:
    """A step that cannot be run."""
    return f"The step `{flow}` cannot be run: {cause_of(error).rstrip('.') or 'no reason was given'} (since {said_of(since)})."


def cause_of(error: str) -> str:
    """The line of a traceback that names the error; the last line where none does.

    >>> cause_of("Traceback\\n  File a\\nKeyError: 'hour'\\n\\nDid you mean 'hours'?")
    "KeyError: 'hour'"
    """
    lines = [one.strip() for one in error.splitlines() if one.strip()]
    return next((one for one in reversed(lines) if NAMES_ERROR.match(one)), lines[-1] if lines else "")
