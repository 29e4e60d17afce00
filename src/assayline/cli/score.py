"""`assay score`: the rows of a flow or a file answered by the versions in service, each batch once."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from .command import Command
from .gate import tell_owners
from .project_options import add_project, print_json, say, views

if TYPE_CHECKING:
    from assayline.line.delivery.scoring import Scored
    from assayline.line.project import Project
    from assayline.line.score_job import ScoreJob

EPILOG = """\
examples:
  assay score churn --input flow:customers                              # every lot that was not scored yet, into the flow churn.scores
  assay score churn --input flow:customers --output /srv/shared/scores  # and from there to a folder, one file per batch
  assay score churn --input flow:customers --output 'postgresql://crm@db/crm?table=scores' --key customer_id
  assay score churn --input today.csv --output scores.csv               # a file passes the gate first
  assay score churn --input flow:customers --decides top=1000 --mix map_scores
  assay score churn --input flow:customers --again                      # once more, where another version answers by now

exit code: 0 everything was released without a warning, 1 there are findings or something is held, 2 it could not be scored
"""


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    parser.add_argument("model", help="name of the model; its version in service answers")
    parser.add_argument("--input", required=True, metavar="flow:NAME|FILE", help="what is scored")
    parser.add_argument(
        "--output", action="append", default=[], metavar="PLACE", help="where predictions go besides the flow: a place as of `assay target add`, or a .parquet or .csv file; repeats",
    )
    parser.add_argument("--flow", default="", metavar="NAME", help="of the predictions; default: MODEL.scores")
    parser.add_argument(
        "--key", default="", metavar="COLUMNS", help="which row is which, with commas; default: that of the model. In a database, later rows replace earlier ones of the same key",
    )
    parser.add_argument("--unit", default="", metavar="COLUMN", help="who a row is about: by this a rollout gives rows to versions; default: that of the rollout")
    parser.add_argument("--time", default="", metavar="COLUMN", help="when a row was; default: that of the model")
    parser.add_argument("--keep", default="", metavar="COLUMNS", help="further columns to keep beside the predictions, with commas")
    parser.add_argument("--version", default="", metavar="V", help="always this version, such as v7, whatever a rollout says")
    parser.add_argument("--decides", default="", metavar="HOW", help="what the scores are for: ranked, top=1000 or threshold=0.3; default: each row is decided by itself")
    parser.add_argument("--mix", default="", metavar="HOW", help="where two versions answer one list: map_scores, quota_per_arm or none; default: as the rollout says, else it is refused")
    parser.add_argument("--otherwise", metavar="VALUE", help="what stands where no version has an answer; default: nothing")
    parser.add_argument("--fallback-on", default="exception,nan,out_of_range", metavar="REASONS", help="what of an answer is not taken: exception, nan, out_of_range, unseen_category")
    parser.add_argument("--chunk-rows", type=int, default=262_144, metavar="N", help="rows between two points from which a scoring that was killed goes on (default 262144)")
    parser.add_argument("--again", action="store_true", help="also what was scored before, where other versions or settings would score it now")
    parser.add_argument("--lot", type=int, action="append", default=[], metavar="N", help="only this lot; repeats")
    add_project(parser)


def run(options: argparse.Namespace) -> int:
    from assayline.line.delivery.scoring import score, taken
    from assayline.line.project import open_project
    from assayline.line.score_job import FLOW, ScoreJob

    if options.lot and not options.input.startswith(FLOW):
        from assayline.errors import MisuseError

        raise MisuseError("--lot names lots of a flow; write --input flow:NAME")
    job = ScoreJob(
        options.model, options.input, options.flow, options.unit, _names(options.key), options.time, _names(options.keep), options.version, options.chunk_rows,
        options.decides, options.mix, otherwise=options.otherwise,
        fallback_on=_names(options.fallback_on),
    )  # fmt: skip
    with open_project(options.project) as project:
        places = _targets(project, job, options.output)
        lots = options.lot if job.is_flow else taken(project, job)
        found = score(project, job, again=options.again, lots=lots)
        problems = [*(problem for one in found for problem in one.problems), *_written(project, job, places, lots)]
        if found:
            tell_owners(project)
    document = {"model": job.model, "flow": job.into, "batches": [one.document for one in found]}
    if options.json:
        print_json({**document, "problems": problems})
    elif "scored" in views():
        views()["scored"](document)
    else:
        _say(job, found)
    for problem in problems:
        sys.stderr.write("assay: " + ascii(problem)[1:-1] + "\n")
    warned = any(one.outcome.document["verdict"] != "release" for one in found)
    return 2 if problems else 1 if warned else 0


def _names(text: str) -> tuple[str, ...]:
    return tuple(one.strip() for one in text.split(",") if one.strip())


def _targets(project: Project, job: ScoreJob, outputs: list[str]) -> list[str]:
    """Makes targets of the places that are not yet; gives the plain files."""
    from assayline.line.targets import add_target, target_at

    files = [one for one in outputs if "://" not in one and not one.startswith(("sqlite:", "delta:")) and one.lower().endswith((".parquet", ".csv"))]
    for place in outputs:
        if place not in files and target_at(project, job.into, place) is None:
            database = place.startswith(("sqlite:", "postgresql:", "postgres:"))
            add_target(project, job.into, place, key=job.key if database else ())
    return files


def _written(project: Project, job: ScoreJob, files: list[str], lots: list[int]) -> list[str]:
    """Targets get what was released, and files the predictions of the lots that were asked for."""
    from assayline.ledger import records, run_records
    from assayline.line.reading import write_lots
    from assayline.line.targets import push_all

    problems = push_all(project, job.into)
    if files:
        with project.ledger.read() as connection:
            standing = [one.lot for one in run_records.standing(connection, job.into)]
            made = {one: run_records.run_of(connection, one) for one in standing}
            wanted = [one for one, made_by in made.items() if made_by is not None and (not lots or set(made_by.inputs.get(job.reads, ())) & set(lots))]
            several = [records.lot_of(connection, one) for one in wanted]
        for path in files:
            write_lots(project, several, path)
    return problems


def _say(job: ScoreJob, found: list[Scored]) -> None:
    if not found:
        say(f"Everything in {job.input} is scored already.")
    for one in found:
        document = one.outcome.document
        say(f"{one.input.rows['released']:,} rows of lot {one.input.lot} of {one.input.flow}: lot {document['lot']} of {job.into}, {document['verdict']}. {_who(one.counts)}")


def _who(counts: Mapping[str, Any]) -> str:
    answered = ", ".join(f"{rows:,} by {version}" for version, rows in counts["versions"].items())
    fallbacks = ", ".join(f"{rows:,} {reason}" for reason, rows in counts["fallbacks"].items())
    return f"Answered: {answered}." + (f" Not by their version: {fallbacks}." if fallbacks else "")


COMMAND = Command("score", "answer the rows of a flow or a file by the model in service, each batch once", arguments, run)
