"""Counters of a server, and their text for Prometheus."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping

# Upper bounds of latencies in seconds: each about twice the one before, from a quick model in this process to a deadline.
BOUNDS = (0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)


class Tally:
    """What one arm of one model did since the start: answers, fallbacks by reason, and a histogram of seconds."""

    def __init__(self) -> None:
        self.answers = 0
        self.seconds = 0.0
        self.fallbacks: dict[str, int] = {}
        self.histogram = [0] * (len(BOUNDS) + 1)

    def count(self, seconds: float, fallback: str = "") -> None:
        """One row answered, and how long its request took."""
        self.answers += 1
        self.seconds += seconds
        self.histogram[bisect_left(BOUNDS, seconds)] += 1
        if fallback:
            self.fallbacks[fallback] = self.fallbacks.get(fallback, 0) + 1


def exposition(tallies: Mapping[tuple[str, str, str], Tally], refused: Mapping[int, int], gauges: Mapping[str, float], worker: str = "") -> str:
    """The text that Prometheus reads (version 0.0.4).

    Args:
        tallies: by model, version and arm.
        refused: requests by status.
        gauges: other numbers by name.
        worker: which process of a server this is; "" for the only one.

    >>> tally = Tally()
    >>> tally.count(0.0001)
    >>> print(exposition({("churn", "churn:v7", "champion"): tally}, {}, {}).splitlines()[2])
    assay_answers_total{model="churn",version="churn:v7",arm="champion"} 1
    """
    own = {"worker": worker} if worker else {}
    lines: list[str] = []

    def metric(name: str, kind: str, what: str, values: Iterable[tuple[Mapping[str, str], float]]) -> None:
        lines.extend((f"# HELP {name} {what}", f"# TYPE {name} {kind}"))
        for labels, value in values:
            lines.append(_line(name if kind != "histogram" else f"{name}_bucket", {**labels, **own}, value))

    known = [({"model": model, "version": version, "arm": arm}, tally) for (model, version, arm), tally in sorted(tallies.items())]
    metric("assay_answers_total", "counter", "Rows answered, by the model whose turn it was.", ((labels, tally.answers) for labels, tally in known))
    metric(
        "assay_fallbacks_total", "counter", "Rows that another than the model whose turn it was answered.",
        (({**labels, "reason": reason}, count) for labels, tally in known for reason, count in sorted(tally.fallbacks.items())),
    )  # fmt: skip
    metric("assay_refused_total", "counter", "Requests that were refused, by HTTP status.", (({"status": str(status)}, count) for status, count in sorted(refused.items())))
    for name, value in gauges.items():
        metric(name, "counter" if name.endswith("_total") else "gauge", "See docs/serving.md.", (({}, value),))
    lines += ["# HELP assay_answer_seconds Seconds from the request to its answer.", "# TYPE assay_answer_seconds histogram"]
    for labels, tally in known:
        below = 0
        for bound, count in zip((*map(str, BOUNDS), "+Inf"), tally.histogram, strict=True):
            below += count
            lines.append(_line("assay_answer_seconds_bucket", {**labels, **own, "le": bound}, below))
        lines.append(_line("assay_answer_seconds_sum", {**labels, **own}, tally.seconds))
        lines.append(_line("assay_answer_seconds_count", {**labels, **own}, tally.answers))
    return "\n".join(lines) + "\n"


def _line(name: str, labels: Mapping[str, str], value: float) -> str:
    inside = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels.items())
    return f"{name}{{{inside}}} {value:g}" if inside and isinstance(value, float) else f"{name}{{{inside}}} {value}" if inside else f"{name} {value}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
