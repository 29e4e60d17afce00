"""The ways to show a report, lots, flows and certificates: terminal, one-file HTML, notebook, JSON text, and the list of accused cells.

A view of a report is a pure function Report -> text; lots, flows and models come as the JSON documents of the command line. Importing this package loads none of them, nor rich.

>>> sorted(views())
['case', 'cases', 'cells', 'certificate', 'certificate_html', 'channels', 'explain', 'explain_html', 'flow', 'flow_html', 'flows', 'html', 'line', 'line_svg', 'lineage', 'lot', 'lot_page',
 'lots', 'lots_progress', 'model', 'model_card', 'model_card_html', 'model_html', 'models', 'notebook', 'progress', 'ran', 'read_cells', 'rollout', 'rollout_html',
 'rollout_svg', 'rollouts', 'rule_trial', 'rules', 'run_progress', 'scored', 'served', 'show', 'show_certificate', 'sources', 'tags', 'test_sets', 'text', 'today',
 'today_html', 'train_progress', 'trained', 'trial', 'trials_progress', 'why', 'why_html', 'why_progress', 'why_svg']
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

from ..core import Report

if TYPE_CHECKING:
    from .cells import AccusedCell, CellsWriter
    from .lots_progress import LotsProgress
    from .model_progress import TrainProgress, TrialsProgress
    from .paper import Line, Paper
    from .ran import RunProgress
    from .terminal import OnProgress
    from .why_progress import WhyProgress

__all__ = ["View", "views"]

View = Callable[[Report], str]


def views() -> dict[str, Callable[..., Any]]:
    """The built-in views, for the hook `assayline.views`.

    Returns:
        `html`, `text`, `notebook`: Report -> text. `show`: prints a Report. `progress`: gives a context manager whose value is
        called with (rows done, rows expected, phase). `cells`: path -> `CellsWriter`; `read_cells`: path -> the lines of such a file.
        `certificate`, `certificate_html`: the JSON document of a certificate -> text; `show_certificate`: prints it.
        `lots_progress`: number of lots -> a context manager whose value has `rows(done, total, phase)` and `lot_done()`; `lot`: prints a
        document of `assay gate --json` above that bar. `lots`, `lot_page`, `flows`, `flow`: print what `assay lots`, `assay lot`, `assay flow`
        and `assay flow FLOW` give with --json. `flow_html`: such a document of a flow -> text of a page.
        `cases`, `case`, `rules`, `rule_trial`, `channels`: print what `assay quarantine`, `assay rules` and `assay notify list` give with --json.
        `lineage`, `tags`, `line`: print what `assay lineage` (with `columns=True` the columns too), `assay tags` and `assay line show` give with --json; `line_svg`: such a
        document of a line -> text of an SVG file. `run_progress`: gives a context manager whose value is called with the events of a run of the line; `ran`: prints what
        `assay run --json` gives. `today`, `sources`: print what `assay today` and `assay sources` give with --json; `today_html`: such a document of a day -> text of a page.
        `model`, `models`, `trial`, `trained`, `test_sets`: print what `assay model show`, `assay model list`, `assay trial run`, `assay train` and `assay trial sets` give with --json;
        `model_html`, `model_card`, `model_card_html`: the document of a version -> text of a page, of a card in Markdown, of that card as a page. `train_progress`, `trials_progress`: give a
        context manager whose value is called with the events of a training, or of trials (kind, mapping).
        `rollout`, `rollouts`, `scored`: print what `assay rollout status`, `assay rollout list` and `assay score` give with --json; `served`: prints what `assay serve` says at its start.
        `rollout_html`, `rollout_svg`: the document of a rollout -> text of a page, of an SVG file.
        `why`: prints what `assay why` gives with --json; `why_html`, `why_svg`: that document -> text of a page, of an SVG file. `why_progress`: gives a context manager whose value is
        called with the events of a search for a cause (kind, mapping).
        `explain`: prints what `assay explain` gives with --json; `explain_html`: such a document -> text of a page.
    """
    return {
        "html": _html,
        "text": _text,
        "notebook": _notebook,
        "show": _show,
        "progress": _progress,
        "cells": _cells,
        "read_cells": _read_cells,
        "certificate": _certificate,
        "certificate_html": _certificate_html,
        "show_certificate": _show_certificate,
        "lots_progress": _lots_progress,
        "lot": _lot,
        "lots": _lots,
        "lot_page": _lot_page,
        "flows": _flows,
        "flow": _flow,
        "flow_html": _flow_html,
        "line": _line,
        "line_svg": _line_svg,
        "run_progress": _run_progress,
        "ran": _ran,
        "lineage": _lineage,
        "tags": _tags,
        "today": _today,
        "today_html": _today_html,
        "sources": _sources,
        "model": _model,
        "models": _models,
        "model_html": _model_html,
        "model_card": _model_card,
        "model_card_html": _model_card_html,
        "trained": _trained,
        "trial": _trial,
        "test_sets": _test_sets,
        "explain": _explain,
        "explain_html": _explain_html,
        "rollout": _rollout,
        "rollouts": _rollouts,
        "rollout_html": _rollout_html,
        "rollout_svg": _rollout_svg,
        "scored": _scored,
        "served": _served,
        "train_progress": _train_progress,
        "trials_progress": _trials_progress,
        "why": _why,
        "why_html": _why_html,
        "why_svg": _why_svg,
        "why_progress": _why_progress,
        **{name: functools.partial(_review, name) for name in ("cases", "case", "rules", "rule_trial", "channels")},
    }


# One small function each, so that asking which views there are imports neither rich nor the drawing of pictures.


def _html(report: Report) -> str:
    from .html import page

    return page(report)


def _text(report: Report) -> str:
    from .terminal import text

    return text(report)


def _notebook(report: Report) -> str:
    from .notebook import fragment

    return fragment(report)


def _show(report: Report) -> None:
    from rich.console import Console

    from .terminal import show

    show(report, Console())


def _progress() -> AbstractContextManager[OnProgress]:
    from rich.console import Console

    from .terminal import progress

    return progress(Console(stderr=True))


def _cells(path: str | os.PathLike[str]) -> CellsWriter:
    from .cells import CellsWriter

    return CellsWriter(path)


def _read_cells(path: str | os.PathLike[str]) -> Iterator[AccusedCell]:
    from .cells import read_cells

    return read_cells(path)


def _certificate(document: Mapping[str, Any]) -> str:
    from .certificate_terminal import text

    return text(document)


def _certificate_html(document: Mapping[str, Any]) -> str:
    from .certificate_html import page

    return page(document)


def _show_certificate(document: Mapping[str, Any]) -> None:
    from rich.console import Console

    from .certificate_terminal import show

    show(document, Console())


def _lots_progress(total_lots: int) -> AbstractContextManager[LotsProgress]:
    from rich.console import Console

    from .lots_progress import lots_progress

    return lots_progress(total_lots, Console(stderr=True), Console())


def _lot(document: Mapping[str, Any], progress: LotsProgress | None = None) -> None:
    from rich.console import Console

    from .lots_progress import lot

    lot(document, progress, Console())


def _lots(documents: Sequence[Mapping[str, Any]]) -> None:
    from .lots import lots_lines

    _print(lots_lines, documents, widest=160)


def _lot_page(document: Mapping[str, Any]) -> None:
    from .lots import page_lines

    _print(page_lines, document)


def _flows(documents: Sequence[Mapping[str, Any]]) -> None:
    from .lots import flows_lines

    _print(flows_lines, documents)


def _flow(document: Mapping[str, Any]) -> None:
    from .flow_terminal import flow_lines

    _print(flow_lines, document, widest=160)


def _flow_html(document: Mapping[str, Any]) -> str:
    from .flow_page import flow_page

    return flow_page(document)


def _line(document: Mapping[str, Any]) -> None:
    from .ancestry import line_lines

    _print(line_lines, document, widest=160)


def _line_svg(document: Mapping[str, Any]) -> str:
    from .line_diagram import line_svg

    return line_svg(document)


def _run_progress() -> AbstractContextManager[RunProgress]:
    from rich.console import Console

    from .ran import run_progress

    return run_progress(Console(stderr=True), Console())


def _ran(document: Mapping[str, Any]) -> None:
    from .ran import ran_lines

    _print(ran_lines, document, widest=160)


def _lineage(document: Mapping[str, Any], *, columns: bool = False) -> None:
    from .ancestry import lineage_lines

    _print(functools.partial(lineage_lines, columns=columns), document, widest=160)


def _tags(document: Mapping[str, Any]) -> None:
    from .ancestry import tags_lines

    _print(tags_lines, document)


def _today(document: Mapping[str, Any]) -> None:
    from .today import today_lines

    _print(today_lines, document, widest=160)


def _today_html(document: Mapping[str, Any]) -> str:
    from .today_page import today_page

    return today_page(document)


def _sources(documents: Sequence[Mapping[str, Any]]) -> None:
    from .today import sources_lines

    _print(sources_lines, documents, widest=160)


def _model(document: Mapping[str, Any]) -> None:
    from .model_terminal import model_lines

    _print(model_lines, document, widest=130)


def _models(documents: Sequence[Mapping[str, Any]]) -> None:
    from .model_terminal import models_lines

    _print(models_lines, documents, widest=160)


def _model_html(document: Mapping[str, Any]) -> str:
    from .model_page import model_html

    return model_html(document)


def _model_card(document: Mapping[str, Any]) -> str:
    from .model_card import model_card

    return model_card(document)


def _model_card_html(document: Mapping[str, Any]) -> str:
    from .model_card import model_card_html

    return model_card_html(document)


def _trained(document: Mapping[str, Any]) -> None:
    from .model_terminal import trained_lines

    _print(trained_lines, document, widest=130)


def _trial(document: Mapping[str, Any]) -> None:
    from .model_terminal import trial_lines

    _print(trial_lines, document, widest=130)


def _test_sets(documents: Sequence[Mapping[str, Any]]) -> None:
    from .model_terminal import sets_lines

    _print(sets_lines, documents, widest=160)


def _explain(document: Mapping[str, Any]) -> None:
    from .explain_terminal import explain_lines

    _print(explain_lines, document, widest=130)


def _explain_html(document: Mapping[str, Any]) -> str:
    from .explain_page import explain_html

    return explain_html(document)


def _rollout(document: Mapping[str, Any]) -> None:
    from .rollout_terminal import rollout_lines

    _print(rollout_lines, document, widest=130)


def _rollouts(documents: Sequence[Mapping[str, Any]]) -> None:
    from .rollout_terminal import rollouts_lines

    _print(rollouts_lines, documents, widest=160)


def _rollout_html(document: Mapping[str, Any]) -> str:
    from .rollout_page import rollout_html

    return rollout_html(document)


def _rollout_svg(document: Mapping[str, Any]) -> str:
    from .rollout_picture import rollout_svg

    return rollout_svg(document)


def _scored(document: Mapping[str, Any]) -> None:
    from .delivery_terminal import scored_lines

    _print(scored_lines, document, widest=130)


def _served(document: Mapping[str, Any]) -> None:
    from .delivery_terminal import served_lines

    _print(served_lines, document, widest=130)


def _why(document: Mapping[str, Any]) -> None:
    from .why_terminal import why_lines

    _print(why_lines, document, widest=130)


def _why_html(document: Mapping[str, Any]) -> str:
    from .why_page import why_html

    return why_html(document)


def _why_svg(document: Mapping[str, Any]) -> str:
    from .why_picture import why_svg

    return why_svg(document)


def _why_progress() -> AbstractContextManager[WhyProgress]:
    from rich.console import Console

    from .why_progress import why_progress

    return why_progress(Console(stderr=True))


def _train_progress() -> AbstractContextManager[TrainProgress]:
    from rich.console import Console

    from .model_progress import train_progress

    return train_progress(Console(stderr=True))


def _trials_progress() -> AbstractContextManager[TrialsProgress]:
    from rich.console import Console

    from .model_progress import trials_progress

    return trials_progress(Console(stderr=True), Console())


def _review(name: str, document: object) -> None:
    from . import review

    lines: dict[str, Callable[[Any, Paper], Iterable[Line]]] = {
        "cases": review.cases_lines, "case": review.case_lines, "rules": review.rules_lines, "rule_trial": review.trial_lines, "channels": review.channels_lines,
    }  # fmt: skip
    _print(lines[name], document, widest=160)


def _print(lines: Callable[[Any, Paper], Iterable[Line]], document: object, *, widest: int = 110) -> None:
    from rich.console import Console

    from .paper import paper_of, printed

    console = Console()
    paper = paper_of(console, widest=widest)
    printed(lines(document, paper), paper, console)
