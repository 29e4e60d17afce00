"""What `assay score` did with each batch, and what `assay serve` serves, on a terminal.

>>> batch = {"input": {"flow": "customers", "lot": "4", "rows": 900}, "counts": {"versions": {"churn:v6": 900}}, "lot": {"lot": "9", "verdict": "release", "state": "released"}}
>>> print(as_text(scored_lines({"model": "churn", "flow": "churn.scores", "batches": [batch]}, Paper(80, "utf-8", plain=True))).splitlines()[0])
1 batch of customers scored: 900 rows, churn:v6 900
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..core import Verdict
from . import rollout_words, terminal, words
from .lots import COLOURS, finding_of, sign, urgent
from .model_facts import Document, count, mapping, mappings, text, texts, verdict_of
from .paper import Entry, Line, Paper, as_text, wrapped
from .rollout_facts import counts
from .rollout_terminal import fitted
from .visible import visible, width

__all__ = ["as_text", "scored_lines", "served_lines"]

MOST_BATCHES = 200
MOST_SENTENCE = 400
MOST_PROBLEMS = 20
MOST_MODELS = 100


def scored_lines(document: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    """Each batch that was scored, by whom, and where its predictions are: the document of `assay score --json`."""
    batches = mappings(document.get("batches"))
    into = text(document.get("flow"))
    if not batches:
        yield [("Nothing new to score.", "bold"), (" Every batch was scored by the versions in service.", "dim")] if paper.width >= 74 else [("Nothing new to score.", "bold")]
    else:
        yield from wrapped(paper.ours(_headline(batches, paper)), paper, style="bold")
        yield []
        yield from _table(batches, paper)
        for one in batches[:MOST_BATCHES]:
            yield from _warning(mapping(one.get("lot")), paper)
    for problem in texts(document.get("problems"))[:MOST_PROBLEMS]:
        yield from wrapped(paper.ours(paper.say(problem, MOST_SENTENCE)), paper, style="red")
    offered = _after_scoring(document, batches, into)
    if offered:
        yield []
        yield from terminal.offers(offered, paper)


def _headline(batches: Sequence[Document], paper: Paper) -> str:
    flows = list(dict.fromkeys(text(mapping(one.get("input")).get("flow")) for one in batches))
    rows = sum(_rows(one) for one in batches)
    by: dict[str, int] = {}
    for one in batches:
        for version, number in counts(mapping(one.get("counts")).get("versions")).items():
            by[version] = by.get(version, 0) + number
    said = ", ".join(f"{paper.say(version, 40)} {number:,}" for version, number in sorted(by.items(), key=lambda entry: -entry[1])[:6])
    of = f" of {paper.say(flows[0], 60)}" if len(flows) == 1 and flows[0] else ""
    return f"{words.counted(len(batches), 'batch', 'batches')}{of} scored: {words.counted(rows, 'row')}{', ' + said if said else ''}"


def _rows(one: Document) -> int:
    return count(mapping(one.get("counts")).get("rows")) or count(mapping(one.get("input")).get("rows"))


def _table(batches: Sequence[Document], paper: Paper) -> Iterator[Line]:
    columns: dict[str, list[Entry]] = {name: [] for name in ("", "lot", "rows", "champion", "challenger", "holdout", "fallback", "predictions", "verdict")}
    for one in batches[:MOST_BATCHES]:
        counted, lot = mapping(one.get("counts")), mapping(one.get("lot"))
        arms, fallbacks = counts(counted.get("arms")), counts(counted.get("fallbacks"))
        verdict = verdict_of(lot.get("verdict"))
        colour = COLOURS[verdict] if verdict is not None else ""
        columns[""].append((sign(verdict, paper) if verdict is not None else "-", colour))
        columns["lot"].append((paper.say(text(mapping(one.get("input")).get("lot")), 12) or "-", "bold"))
        columns["rows"].append(f"{_rows(one):,}")
        for arm in ("champion", "challenger", "holdout"):
            columns[arm].append(f"{arms[arm]:,}" if arms.get(arm) else "-")
        fallen = ", ".join(f"{number:,} {paper.say(reason.replace('_', ' '), 24)}" for reason, number in sorted(fallbacks.items(), key=lambda entry: -entry[1])[:3])
        columns["fallback"].append((fallen or "-", "yellow" if fallen else ""))
        columns["predictions"].append(f"lot {paper.say(text(lot.get('lot')), 12)}" if text(lot.get("lot")) else "-")
        state = text(lot.get("state"))
        usual = "held" if verdict is not None and verdict >= Verdict.HOLD else "released"
        after = f", {paper.say(state, 12)}" if state not in ("", usual) else ""
        columns["verdict"].append((f"{verdict}{after}" if verdict is not None else paper.say(state, 12) or "-", colour))
    for name in ("challenger", "holdout", "fallback", "champion"):
        if all(entry == "-" or entry == ("-", "") for entry in columns[name]):
            del columns[name]
    if "challenger" not in columns and "holdout" not in columns:
        columns.pop("champion", None)  # the headline says who answered all of it
    yield from fitted(columns, ("fallback", "holdout", "champion", "verdict"), ("lot", "rows", "champion", "challenger", "holdout"), paper)
    if len(batches) > MOST_BATCHES:
        yield [(f"and {len(batches) - MOST_BATCHES:,} more; --json lists all of them", "dim")]


def _warning(lot: Document, paper: Paper) -> Iterator[Line]:
    """What the gate found in the predictions, worst first; one sentence a lot."""
    known = [one for one in mappings(lot.get("findings")) if isinstance(one.get("severity"), (int, float)) and isinstance(one.get("columns"), list)]
    serious = urgent(known)
    if serious:
        worst = finding_of({"sentence": "", "code": "", **serious[0]})
        more = f" (and {words.counted(len(serious) - 1, 'more finding')})" if len(serious) > 1 else ""
        yield from wrapped(paper.ours(paper.say(f"lot {text(lot.get('lot'))}: {words.title(worst)}: {worst.sentence}", MOST_SENTENCE) + more), paper, hanging="  ", style="yellow")


def _after_scoring(document: Document, batches: Sequence[Document], into: str) -> list[tuple[str, str]]:
    given = []
    for one in batches:
        lot = mapping(one.get("lot"))
        if text(lot.get("state")) == "held" and text(lot.get("lot")).isdigit():
            given.append((f"assay lot {text(lot.get('lot'))}", "why its predictions wait, and how to decide"))
            break
    if _plain(into):
        given.append((f"assay read {into}", "the predictions"))
    model = text(document.get("model"))
    if _plain(model) and any(counts(mapping(one.get("counts")).get("arms")).get("challenger") for one in batches):
        given.append((f"assay rollout status {model}", "who scores what, and the evidence so far"))
    return given


def _plain(name: str) -> bool:
    return re.fullmatch(r"[\w.@-]{1,80}", name, re.ASCII) is not None


def served_lines(document: Mapping[str, Any], paper: Paper) -> Iterator[Line]:
    """What is served where, by whom: what `assay serve` says at its start.

    Args:
        document: `address` (or `addresses`), `workers`, `models` (each with `model`, `champion`, and during a rollout `challenger`, `mode` and `share` in per cent), `accounts` and `tls`
            (whether they are on), `warnings`.
        paper: to write on.
    """
    addresses = [visible(one, encoding=paper.encoding) for one in texts(document.get("addresses") or document.get("address"))]
    workers = count(document.get("workers"))
    by = f" with {words.counted(workers, 'worker')}" if workers else ""
    said = f"Serving {words.counted(len(mappings(document.get('models'))), 'model')}{by}"
    whole = f"{said} at {addresses[0]}" if len(addresses) == 1 else said
    if len(addresses) == 1 and width(whole) <= paper.width:
        yield [(said, "bold"), (" at ", ""), (addresses[0], "bold cyan")]
    else:
        yield from wrapped(said, paper, style="bold")
        # Never broken: an address that is copied in part leads nowhere.
        for address in addresses:
            yield [("  " + address, "bold cyan")]
    guarded = [name for name, key in (("accounts", "accounts"), ("TLS", "tls")) if document.get(key) is True]
    if guarded:
        yield from wrapped(f"with {' and '.join(guarded)}", paper, style="dim")
    models = mappings(document.get("models"))
    if models:
        yield []
        columns: dict[str, list[Entry]] = {name: [] for name in ("model", "answers", "on trial", "stage", "plain rows")}
        for one in models[:MOST_MODELS]:
            name, challenger = text(one.get("model")), _label(one.get("challenger"))
            share = one.get("share")
            known = float(share) if isinstance(share, (int, float)) and 0 <= share <= 100 else 0.0
            columns["model"].append((paper.say(name, 30), "bold"))
            columns["answers"].append(paper.say(_label(one.get("champion")), 30) or "-")
            columns["on trial"].append((paper.say(challenger, 30) or "-", "cyan" if challenger else "dim"))
            columns["stage"].append(rollout_words.stage(paper.say(text(one.get("mode")), 12), known) if challenger else "-")
            columns["plain rows"].append((f"POST /models/{name}" if _plain(name) else "", "dim"))
        if all(entry == "-" for entry in columns["stage"]):
            del columns["stage"], columns["on trial"]
        yield from fitted(columns, ("plain rows", "stage", "answers"), (), paper)
    for warning in texts(document.get("warnings"))[:MOST_PROBLEMS]:
        yield from wrapped(paper.ours(paper.say(warning, MOST_SENTENCE)), paper, style="yellow")
    yield []
    yield from wrapped("Open Inference Protocol below /v2, also /health, /ready, /metrics, /metadata; end it with Ctrl-C, requests in flight are finished.", paper, style="dim")


def _label(value: object) -> str:
    return text(mapping(value).get("label")) if isinstance(value, Mapping) else text(value)
