"""Models on a terminal: what training chose and why, what a trial says, everything about one version, lists of models and of test sets.

>>> trial = {"version": "churn:v8", "verdict": "release", "sets": []}
>>> print(as_text(trial_lines(trial, Paper(80, "utf-8", plain=True))).splitlines()[0])
+ RELEASE  May be used
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from ..core import Report, Verdict
from . import model_charts, model_words, terminal, words
from .braille import dotted, ranked_letters
from .lots import COLOURS, moment, sign
from .model_facts import Candidate, Comparison, Document, Model, OnSet, Score, count, mappings, model_of, number, text, verdict_of
from .paper import Entry, Line, Paper, as_text, table, wrapped
from .pictures import part
from .visible import visible, width

__all__ = ["as_text", "model_lines", "models_lines", "sets_lines", "trained_lines", "trial_lines", "trial_news"]

MOST_ROWS = 1_000
MOST_CANDIDATES = 12
MOST_SETS = 12
MOST_COMPARED = 8
MOST_NOTES = 8
MOST_CHECKS = 12
MOST_OUTPUT = 6
MOST_SENTENCE = 400
STRIP_CELLS = 24
NARROW_STRIP = 14
SPARK_CELLS = 12

OUTCOME_COLOURS = {"better": "green", "not worse": "cyan", "slightly worse": "yellow", "worse": "red", "undecided": "yellow"}


def trained_lines(document: Document, paper: Paper) -> Iterator[Line]:
    """What training tried, chose and why, and where the artefact is: the document of `assay train --json`.

    Args:
        document: what a version's document has (`version`, `verdict`, `trained`, `about`, `input`), or only what training told.
        paper: to write on.
    """
    told = model_of(document if "trained" in document else {**document, "trained": document})
    one = told.trained
    name = told.title if told.version or told.model else "The model"
    choice = f"{paper.say(name, 60)}: {paper.say(one.choice, 100)}" if one.choice else f"{paper.say(name, 60)} is trained"
    verdict = told.judged
    if verdict is not None:
        yield _badge(verdict, paper)
    yield from wrapped(paper.ours(choice), paper, style="bold")
    features, size = told.about.get("features"), count(told.about.get("bytes"))
    facts = [
        f"{words.duration(one.seconds)}{f' of {words.duration(one.budget_seconds)}' if one.budget_seconds is not None else ''}" if one.seconds is not None else "",
        words.counted(one.rows, "row") if one.rows else "", words.counted(features, "feature") if isinstance(features, int) and not isinstance(features, bool) else "", words.size(size),
    ]  # fmt: skip
    yield from _facts(facts, paper)
    if one.reason:
        yield from wrapped(paper.ours(paper.say(one.reason, MOST_SENTENCE)), paper)
    if one.leaderboard:
        yield []
        yield from _leaderboard(told, paper)
    if len(one.curve) > 1:
        yield []
        yield from _curve(told, paper)
    if one.leaks:
        yield []
        yield from wrapped("Left out, because it would give the answer away", paper, style="bold yellow")
        for column, reason, sentence in one.leaks[:MOST_NOTES]:
            yield from wrapped(paper.ours(paper.say(sentence or f"{column}: {reason}", MOST_SENTENCE)), paper, indent="  ")
    yield from _listed("What it had to do with the table", one.notes, paper)
    path = text(document.get("path")) or text(document.get("artefact")) or told.path
    if path:
        yield []
        # Never cut: a path that is copied in part opens nothing.
        yield [("Artefact  ", "dim"), (visible(path, encoding=paper.encoding), "bold")]
    if told.version:
        yield []
        yield [("Next", "bold")]
        name = _name(told.version)
        if ":" in name:
            yield from terminal.offers([(f"assay trial run {name}", "against the champion and the simple answers"), (f"assay model show {name} --html model.html", "a page to show")], paper)
        else:  # a file that no project knows yet
            yield from terminal.offers([(f"assay trial run {visible(path, encoding=paper.encoding)}", "against the champion and the simple answers")], paper)


def trial_lines(document: Document, paper: Paper) -> Iterator[Line]:
    """The verdict, a row for each comparison on each test set, findings with what to do: the document of `assay trial run --json`."""
    told = of_trial(document)
    yield from _head(told, paper)
    sets = told.trial.sets
    rows = sum(one.rows for one in sets)
    passed = sum(one.passed for one in told.trial.suite)
    facts = [words.counted(len(sets), "test set") if sets else "", words.counted(rows, "labelled row") if rows else "",
             f"{passed:,} of {len(told.trial.suite):,} own tests passed" if told.trial.suite else ""]  # fmt: skip
    yield from _facts(facts, paper)
    yield from _sets(told, paper)
    yield from _findings(told, paper)
    yield from _suite(told, paper)
    yield from _next(told, paper)


def of_trial(document: Document) -> Model:
    """A trial with its version as the model it is about."""
    version = text(document.get("version")) or text(document.get("label"))
    champion = next((text(one.get("with")) for of in mappings(document.get("sets")) for one in mappings(of.get("comparisons")) if one.get("as") == "champion"), "")
    return model_of({**document, "model": version.rpartition(":")[0], "version": version, "trial": document, "champion": champion})


def trial_news(document: Document, paper: Paper) -> Iterator[Line]:
    """A trial in short, as it is told while others go on: its verdict, and what speaks most against it."""
    told = of_trial(document)
    verdict = told.judged
    head = f"{sign(verdict, paper)} {verdict!s:<8}" if verdict is not None else f"{'-':<10}"
    yield [(head + " ", f"bold {COLOURS[verdict]}" if verdict is not None else "dim"), (paper.say(told.title, max(paper.width - 13, 8)), "")]
    yield from wrapped(paper.ours(model_words.headline(told)), paper, indent=" " * 11, style="dim")
    worst = next((one for one in told.trial.findings if words.rank(one) != "note"), None)
    if worst is not None:
        yield from wrapped(paper.ours(f"{paper.say(words.title(worst), 60)}: {paper.say(worst.sentence, MOST_SENTENCE)}"), paper, indent=" " * 11)


def model_lines(document: Document, paper: Paper) -> Iterator[Line]:
    """Everything about one version: the document of `assay model show VERSION --json`."""
    told = model_of(document)
    yield from _head(told, paper)
    state = model_words.state(told)
    facts = [state, f"predicts {paper.say(told.told('target'), 40)}" if told.told("target") else "", paper.say(told.told("kind"), 30),
             f"owner {paper.say(told.told('owner'), 30)}" if told.told("owner") else "", f"lot {paper.say(told.lot, 12)}" if told.lot else "", moment(told.at) if told.at else ""]  # fmt: skip
    yield from _facts(facts, paper)
    if told.told("purpose"):
        yield from wrapped(paper.ours(paper.say(told.told("purpose"), MOST_SENTENCE)), paper)
    yield from _signed(told, paper)
    yield from _sets(told, paper)
    yield from _findings(told, paper)
    yield from _suite(told, paper)
    yield from _history(told, paper)
    if told.trained.choice or told.trained.reason:
        yield []
        yield [("How it was trained", "bold")]
        yield from wrapped(paper.ours(paper.say(". ".join(part for part in (told.trained.choice, told.trained.reason) if part), MOST_SENTENCE)), paper, indent="  ")
    if len(told.trained.curve) > 1:
        yield from _curve(told, paper, indent="  ")
    tags = [f"{'tag' if one.level is None else one.level}: {one.reason}{' (from ' + one.origin + ')' if one.origin else ''}" for one in told.tags]
    lots = [f"{one.flow} lot {one.lot}: {words.counted(one.rows, 'row')}{'' if one.verdict is None else f', {one.verdict}'}" for one in told.data]
    yield from _listed("What it was trained on", [*tags, *lots], paper)
    yield from _listed("Limits", told.limits, paper)
    if told.retrain:
        yield []
        yield [("To train it again", "bold")]
        yield [("  " + paper.say(told.retrain, 400), "bold")]
    yield from _next(told, paper)


def models_lines(documents: Sequence[Document], paper: Paper) -> Iterator[Line]:
    """A table of models: the document of `assay model list --json`."""
    if not documents:
        yield [("No models yet.", "bold")]
        yield from terminal.offers([("assay train TABLE --target COLUMN", "trains the first")], paper)
        return
    columns: dict[str, list[Entry]] = {name: [] for name in ("version", "verdict", "state", "when", "predicts", "score", "sets", "owner")}
    for one in documents[:MOST_ROWS]:
        verdict, metric, score = verdict_of(one.get("verdict")), text(one.get("metric")), number(one.get("score"))
        columns["version"].append((paper.say(text(one.get("version")) or text(one.get("model")), 32 if paper.width >= 60 else 14), "bold"))
        columns["verdict"].append((f"{sign(verdict, paper)} {verdict}", COLOURS[verdict]) if verdict is not None else ("-", "dim"))
        columns["state"].append((paper.say(text(one.get("state")), 12) or "-", "dim"))
        columns["when"].append((model_words.day(text(one.get("at"))) or "-", "dim"))
        columns["predicts"].append(paper.say(text(one.get("target")), 20) or "-")
        value = model_words.valued(score, metric, model_words.currency(text(one.get("unit"))))
        columns["score"].append(paper.ours(f"{model_words.title(metric)} {value}" if score is not None and metric else value))
        columns["sets"].append(f"{count(one.get('sets')):,}" if one.get("sets") is not None else "-")
        columns["owner"].append((paper.say(text(one.get("owner")), 16) or "-", "dim"))
    yield from _fitted(columns, ("owner", "state", "predicts", "sets", "when", "score"), ("sets",), paper)
    yield from _more(len(documents), paper)


def sets_lines(documents: Sequence[Document], paper: Paper) -> Iterator[Line]:
    """A table of hosted test sets: the document of `assay trial sets --json`."""
    if not documents:
        yield [("No test sets yet.", "bold")]
        yield from terminal.offers([("assay trial add-set MODEL FILE", "hosts one")], paper)
        return
    columns: dict[str, list[Entry]] = {name: [] for name in ("set", "verdict", "rows", "lot", "when", "looks")}
    for one in documents[:MOST_ROWS]:
        verdict = verdict_of(one.get("verdict"))
        columns["set"].append((paper.say(text(one.get("set")), 40 if paper.width >= 60 else 14), "bold"))
        columns["verdict"].append((f"{sign(verdict, paper)} {verdict}", COLOURS[verdict]) if verdict is not None else ("-", "dim"))
        columns["rows"].append(f"{count(one.get('rows')):,}")
        columns["lot"].append((paper.say(text(one.get("lot")), 10) or "-", "dim"))
        columns["when"].append((moment(text(one.get("at"))) or "-", "dim"))
        columns["looks"].append(f"{count(one.get('looks')):,}" if one.get("looks") is not None else "-")
    yield from _fitted(columns, ("lot", "when", "looks"), ("rows", "lot", "looks"), paper)
    yield from _more(len(documents), paper)
    if any(one.get("looks") is not None for one in documents) and paper.width >= 60:
        yield from wrapped("looks: how often versions were compared on it; the more, the less its scores say about new rows", paper, style="dim")


# Parts.


def _name(version: str) -> str:
    """A version in a command to copy; VERSION where it would have to be quoted."""
    return version if re.fullmatch(r"[\w.:@-]{1,80}", version, re.ASCII) else "VERSION"


def _badge(verdict: Verdict, paper: Paper) -> Line:
    badge = f"{sign(verdict, paper)} {str(verdict).upper()}"
    line = "  " + model_words.VERDICTS[verdict][0]
    return [(badge, f"bold {COLOURS[verdict]}"), *([(line, "")] if width(badge + line) <= paper.width else [])]


def _head(told: Model, paper: Paper) -> Iterator[Line]:
    verdict = told.judged
    if verdict is not None:
        yield _badge(verdict, paper)
    yield from wrapped(paper.ours(paper.say(model_words.headline(told), 1_000)), paper, style="bold")


def _facts(facts: Sequence[str], paper: Paper) -> Iterator[Line]:
    known = [one for one in facts if one]
    if known:
        yield from wrapped(paper.ours(paper.dot.join(known)), paper, style="dim")


def _listed(heading: str, sentences: Sequence[str], paper: Paper) -> Iterator[Line]:
    if not sentences:
        return
    yield []
    yield [(heading, "bold")]
    for one in sentences[:MOST_NOTES]:
        yield from wrapped(paper.ours(paper.say(one, MOST_SENTENCE)), paper, indent="  ", hanging="  ")
    if len(sentences) > MOST_NOTES:
        yield [(f"  and {len(sentences) - MOST_NOTES:,} more", "dim")]


def _more(there: int, paper: Paper) -> Iterator[Line]:
    if there > MOST_ROWS:
        yield from wrapped(f"and {there - MOST_ROWS:,} more; --json lists all of them", paper, style="dim")


def _fitted(columns: Mapping[str, list[Entry]], least_needed: Sequence[str], right: Sequence[str], paper: Paper) -> Iterator[Line]:
    """A table without the columns that there is no room for, those least needed first."""
    left_out: set[str] = set()
    for name in least_needed:
        if _used(columns, left_out) <= paper.width:
            break
        left_out.add(name)
    header = [name for name in columns if name not in left_out]
    rows = list(zip(*(columns[name] for name in header), strict=True))
    yield from table(header, rows, right=tuple(place for place, name in enumerate(header) if name in right), styles=[""] * len(header))


def _used(columns: Mapping[str, Sequence[Entry]], left_out: set[str]) -> int:
    kept = {name: entries for name, entries in columns.items() if name not in left_out}
    return sum(max(width(one if isinstance(one, str) else one[0]) for one in (name, *entries)) + 2 for name, entries in kept.items()) - 2


def interval_cells(low: float | None, middle: float | None, high: float | None, ends: tuple[float, float], cells: int, paper: Paper, *, zero: bool = False) -> str:
    """An interval drawn into so many cells; an arrow where it lies beyond.

    >>> interval_cells(0.2, 0.5, 0.8, (0.0, 1.0), 11, Paper(80, "ascii", plain=True))
    '  |--o--|  '
    >>> interval_cells(None, 7.0, None, (0.0, 1.0), 5, Paper(80, "utf-8", plain=False))
    '    ▸'
    """
    if middle is None or not ends[1] > ends[0]:
        return " " * cells
    dash, dot, left, right, line, before, after = ("-", "o", "|", "|", ":", "<", ">") if paper.plain else ("─", "●", "├", "┤", "┊", "◂", "▸")
    drawn = [" "] * cells
    if zero and ends[0] <= 0 <= ends[1]:
        drawn[round(part(0.0, *ends) * (cells - 1))] = line
    if middle > ends[1] or middle < ends[0]:
        drawn[-1 if middle > ends[1] else 0] = after if middle > ends[1] else before
        return "".join(drawn)
    first, last = (round(part(middle if end is None else end, *ends) * (cells - 1)) for end in (low, high))
    for place in range(min(first, last), max(first, last) + 1):
        drawn[place] = dash
    if low is not None and low >= ends[0]:
        drawn[first] = left
    if high is not None and high <= ends[1]:
        drawn[last] = right
    drawn[round(part(middle, *ends) * (cells - 1))] = dot
    return "".join(drawn)


def _leaderboard(told: Model, paper: Paper) -> Iterator[Line]:
    one = told.trained
    chosen = one.chosen
    shown_ = list(enumerate(one.leaderboard))[:MOST_CANDIDATES]
    if chosen is not None and chosen >= MOST_CANDIDATES:
        shown_.append((chosen, one.leaderboard[chosen]))
    ends = _ends([entry for _, entry in shown_], chosen)
    cells = NARROW_STRIP if paper.width < 90 else STRIP_CELLS
    columns: dict[str, list[Entry]] = {name: [] for name in ("", "tried", "score", " ", "interval", "training", "size", "one row", "rows")}
    for place, entry in shown_:
        style = "bold green" if place == chosen else ""
        columns[""].append(("*" if place == chosen else "", "green"))
        columns["tried"].append((paper.say(entry.name, 40 if paper.width >= 80 else max(paper.width // 3, 10)), style))
        columns["score"].append((paper.ours(model_words.valued(entry.score, one.metric)), style))
        columns[" "].append((interval_cells(entry.low, entry.score, entry.high, ends, cells, paper), style or "cyan"))
        columns["interval"].append((paper.ours(model_words.between(entry.low, entry.high)), "dim"))
        columns["training"].append((words.duration(entry.seconds) if entry.seconds is not None else "-", "dim"))
        columns["size"].append((words.size(entry.size_bytes) or "-", "dim"))
        columns["one row"].append((f"{words.number(entry.row_microseconds)} {'us' if paper.plain else 'µs'}" if entry.row_microseconds is not None else "-", "dim"))
        columns["rows"].append((words.percent(entry.share) if entry.share is not None else "-", "dim"))
    if not any(entry.low is not None or entry.score is not None for _, entry in shown_):
        del columns[" "], columns["interval"]
    yield from _fitted(columns, ("rows", "interval", "size", "training", "one row", " ", ""), ("score", "interval", "training", "size", "one row", "rows"), paper)
    what = f"{model_words.title(one.metric)}, {'more' if one.higher_is_better else 'less'} is better" if one.metric else ""
    more = f"and {len(one.leaderboard) - len(shown_):,} more; --json has them" if len(one.leaderboard) > len(shown_) else ""
    yield from _facts(["* chosen" if chosen is not None else "", what, more], paper)


def _ends(candidates: Sequence[Candidate], chosen: int | None) -> tuple[float, float]:
    known = [(place, one) for place, one in enumerate(candidates) if one.score is not None]
    near = model_charts.near(known, chosen) if known else []
    ends = [end for _, one in near for end in (one.low, one.score, one.high) if end is not None]
    if not ends:
        return 0.0, 0.0
    return (min(ends), max(ends)) if max(ends) > min(ends) else (min(ends) - 1.0, max(ends) + 1.0)


def _curve(told: Model, paper: Paper, indent: str = "") -> Iterator[Line]:
    one = told.trained
    values = [point.score for point in one.curve]
    drawn = ranked_letters(values, cells=SPARK_CELLS) if paper.plain else dotted(values, cells=SPARK_CELLS, lines=1)[0]
    first, last = (paper.ours(model_words.valued(value, one.metric)) for value in (values[0], values[-1]))
    rows = f"from {round(one.curve[0].rows):,} to {round(one.curve[-1].rows):,} rows"
    line: Line = [(indent, ""), ("Learning curve", "bold"), (f"  {first} ", ""), (drawn, "cyan"), (f" {last}", "")]
    if sum(width(piece) for piece, _ in line) > paper.width:
        line = [(indent, ""), ("Learning", "bold"), (f" {first} to {last}", "")]
    if sum(width(piece) for piece, _ in line) + width(rows) + 2 <= paper.width:
        yield [*line, (f"  {rows}", "dim")]
    else:
        yield line
        yield from wrapped(rows, paper, indent=indent + "  ", style="dim")
    if one.curve_says:
        yield from wrapped(paper.ours(paper.say(one.curve_says, MOST_SENTENCE)), paper, indent=indent)


def _sets(told: Model, paper: Paper) -> Iterator[Line]:
    for of in told.trial.sets[:MOST_SETS]:
        yield []
        yield from _set(of, paper)
    if len(told.trial.sets) > MOST_SETS:
        yield from wrapped(f"and {len(told.trial.sets) - MOST_SETS:,} more test sets; --html and --json have them", paper, style="dim")


def _set(of: OnSet, paper: Paper) -> Iterator[Line]:
    name = paper.say(of.name, 40)
    facts = ", ".join(part for part in (words.counted(of.rows, "row") if of.rows else "", f"{of.unlabelled:,} unlabelled" if of.unlabelled else "") if part)
    room = width(name) + width(facts) + 2 <= paper.width
    yield [(name, "bold"), *([("  " + facts, "dim")] if facts and room else [])]
    if of.scores:
        yield from wrapped(paper.ours(", ".join(_score(one, paper) for one in of.scores[: 3 if paper.width >= 60 else 1])), paper, indent="  ")
    ordered = sorted(of.comparisons, key=lambda one: one.role != "champion")[:MOST_COMPARED]
    if not ordered:
        return
    yield from _compared(ordered, paper)
    for one in ordered:
        if one.outcome in ("worse", "undecided") and one.sentence:
            yield from wrapped(paper.ours(paper.say(one.sentence, MOST_SENTENCE)), paper, indent="  ", style="dim")


def _score(one: Score, paper: Paper) -> str:
    return f"{model_words.title(one.metric)} {model_words.valued(one.value, one.metric, paper.say(one.unit, 24))}"


def _compared(compared: Sequence[Comparison], paper: Paper) -> Iterator[Line]:
    several = len({one.metric for one in compared}) > 1
    reaches = {metric: model_charts.reach([one for one in compared if one.metric == metric]) for metric in {one.metric for one in compared}}
    cells = NARROW_STRIP if paper.width < 100 else STRIP_CELLS
    columns: dict[str, list[Entry]] = {name: [] for name in ("against", "by", "outcome", "worse : better", "difference")}
    for one in compared:
        colour = OUTCOME_COLOURS.get(one.outcome, "")
        columns["against"].append(paper.say(one.versus, 28 if paper.width >= 60 else 12))
        columns["by"].append((model_words.title(one.metric) if paper.width >= 100 else paper.say(one.metric, 12), "dim"))
        columns["outcome"].append((paper.ours(model_words.outcome(one) if paper.width >= 100 else paper.say(one.outcome, 16) or "-"), colour))
        columns["worse : better"].append((interval_cells(one.low, one.estimate, one.high, reaches[one.metric], cells, paper, zero=True), colour))
        columns["difference"].append(paper.ours(model_words.difference(one, bare=paper.width < 80)))
    if not several:
        del columns["by"]
    narrow = Paper(paper.console_width - 2, paper.encoding, paper.plain, paper.widest - 2)
    for line in _fitted(columns, ("worse : better", "difference"), (), narrow):
        yield [("  ", ""), *line]


def _findings(told: Model, paper: Paper) -> Iterator[Line]:
    if told.trial.findings:
        yield from terminal.findings(Report(told.judged or Verdict.RELEASE, told.trial.findings), paper)


def _suite(told: Model, paper: Paper) -> Iterator[Line]:
    failed = [one for one in told.trial.suite if not one.passed]
    if not failed:
        return
    yield []
    yield from wrapped(f"Your own tests: {len(failed):,} of {len(told.trial.suite):,} did not pass", paper, style="bold red")
    for one in failed[:MOST_CHECKS]:
        said = f"{one.name} {one.outcome}{': ' + one.said if one.said else ''}"
        yield from wrapped(paper.ours(paper.say(said, MOST_SENTENCE)), paper, indent="  ", hanging="  ")
        for line in [line for line in one.output.splitlines() if line.strip()][-MOST_OUTPUT:]:
            yield [("    ", ""), (paper.say(line.expandtabs(4), max(paper.width - 4, 8)), "dim")]
    if len(failed) > MOST_CHECKS:
        yield [(f"  and {len(failed) - MOST_CHECKS:,} more", "dim")]


def _signed(told: Model, paper: Paper) -> Iterator[Line]:
    one = told.signed
    if one is None:
        return
    until = f" until {model_words.day(one.until)}" if one.until else ""
    said = f"Signed by {one.author}{until}{': ' + one.reason if one.reason else ''}"
    yield from wrapped(paper.ours(paper.say(f"{one.expired} {said}" if one.expired else said, MOST_SENTENCE)), paper, style="red" if one.expired else "cyan")


def _history(told: Model, paper: Paper) -> Iterator[Line]:
    if len(told.history) < 2:
        return
    yield []
    yield [("Over releases", "bold"), (f"  {len(told.history):,}", "dim")]
    newest = told.history[-min(40, max(paper.width - 24, 8)) :]
    line: Line = [("  verdicts   ", "dim")]
    line += [(sign(one.verdict, paper) if one.verdict is not None else "?", COLOURS[one.verdict] if one.verdict is not None else "dim") for one in newest]
    yield line
    names = list(dict.fromkeys(of.name for of in told.trial.sets)) or list(dict.fromkeys(of.name for one in newest for of in one.sets))
    for name in names[:4]:
        found = [next((of for of in one.sets if of.name == name), None) for one in newest]
        scores = [None if of is None else model_words.deciding_score(of) for of in found]
        known = [one for one in scores if one is not None]
        if len(known) < 2:
            continue
        values = [None if one is None else one.value for one in scores]
        drawn = ranked_letters(values, cells=len(values)) if paper.plain else dotted(values, cells=len(values), lines=1)[0]
        changed = model_words.changed_digests(newest, name)
        more = f"; other rows since {changed[-1]}" if changed else ""
        ends = f"{model_words.title(known[-1].metric)} {model_words.valued(known[0].value, known[0].metric)} to {model_words.valued(known[-1].value, known[-1].metric)}"
        said = f"{paper.say(name, 40)}: {ends}, {'more' if known[-1].higher_is_better else 'less'} is better{more}"
        yield [("  score      ", "dim"), (drawn.rstrip(), "cyan")]
        yield from wrapped(paper.ours(paper.say(said, MOST_SENTENCE)), paper, indent="  ", style="dim")


def _next(told: Model, paper: Paper) -> Iterator[Line]:
    if not told.version:
        return
    name = _name(told.version)
    given = [(f"assay model show {name} --html model.html", "a page to show")]
    if told.state == "held" and told.lot.isdigit():
        given.insert(0, (f"assay lot {told.lot} release --reason WHY", "use it as it is"))
    if not told.trial.sets:
        given.insert(0, (f"assay trial run {name}", "against the champion and the simple answers"))
    undecided = next(((of, one) for of in told.trial.sets for one in of.against("champion") if one.outcome == "undecided"), None)
    if undecided is not None and told.model:
        of, one = undecided
        what = f"once {one.more_rows:,} more rows of {paper.say(of.name, 30)} are labelled" if one.more_rows else "once more rows are labelled"
        given.append((f"assay trial add-set {_name(told.model)} FILE", what))
    given.append((f"assay model card {name}", "the hand-over card"))
    yield []
    yield [("Next", "bold")]
    yield from terminal.offers(given, paper)
