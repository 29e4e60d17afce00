"""Parent tables: read once to see which of their columns a lot refers to, and once more where a reference is broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from assayline.core import Finding, Past, Profile
from assayline.detectors.references import BrokenReferences, Offered, Reference, asked, references, referring
from assayline.measures import HEAD_ROWS, Block, KeySet, Plan, Sketch, column_marks
from assayline.measures.distinct import lowest
from assayline.tables import Table

from .passes import Progress, silent

SKETCH = 4_096  # keys looked at to tell whether they are unique
MOST_EXACT = 8_000_000  # keys of all broken references together that are kept one by one: 64 MB

Named = tuple[str, Table]


def broken_references(
    profile: Profile, past: Past, parents: Sequence[Named], on_progress: Progress = silent
) -> tuple[list[Finding], list[Reference]]:
    """What is wrong with the references of a lot to its parents, and the references there are.

    Args:
        profile: of the lot.
        past: profiles of earlier lots.
        parents: name and table of each.
        on_progress: called with (rows done, rows expected or 0, phase).
    """
    columns = referring(profile, past)
    if not columns or not parents:
        return [], []
    questions = asked(columns)
    found: list[tuple[Reference, Table]] = []
    offers: list[Offered] = []
    owner: dict[int, Table] = {}
    for name, table in parents:
        for offer in offered(name, table, questions, on_progress):
            offers.append(offer)
            owner[id(offer)] = table
    related = references(columns, offers)
    found = [(one, owner[id(one.offered)]) for one in related]
    broken = [(one, table) for one, table in found if not _whole(one)]
    most = MOST_EXACT // max(1, len({id(one.offered) for one, _ in broken}))
    sets: dict[int, KeySet] = {}
    for one, table in broken:
        if id(one.offered) not in sets:
            sets[id(one.offered)] = KeySet.of(_marks(table, one.offered), one.offered.rows, most)
    findings = BrokenReferences()([one for one, _ in broken], [sets[id(one.offered)] for one, _ in broken], len(past))
    return findings, related


def _whole(found: Reference) -> bool:
    """Whether every value that was looked at has its key, and these were all values."""
    return found.referring.exact and bool(found.offered.has(found.referring.marks(found.offered.kind)[0].marks).all())


class _Answers:
    """What one column of a parent has answered so far."""

    def __init__(self, question: npt.NDArray[np.uint64]) -> None:
        self.question = question
        self.found = np.zeros(len(question), dtype=np.bool_)
        self.sketch = Sketch(SKETCH)

    def take(self, marks: npt.NDArray[np.uint64]) -> None:
        hashes, counts = lowest(marks, SKETCH)
        self.sketch = self.sketch.merge(Sketch(SKETCH, len(marks), hashes, counts))
        if len(self.question) and len(marks):
            places = np.minimum(np.searchsorted(self.question, marks), len(self.question) - 1)
            self.found[places[self.question[places] == marks]] = True


def offered(name: str, table: Table, questions: dict[str, npt.NDArray[np.uint64]], on_progress: Progress = silent) -> list[Offered]:
    """What each column of a parent that may be a key answers, after one pass in memory of a constant.

    Args:
        name: how the parent is called.
        table: the parent.
        questions: marks to look for, in order, by kind.
        on_progress: called with (rows done, rows expected or 0, phase).
    """
    answers: dict[str, _Answers] = {}
    kinds: dict[str, str] = {}
    done = 0
    for block in _blocks(table):
        for column in block.columns():
            if column.name not in kinds:
                kinds[column.name] = {"number": "number", "text": "text"}.get(column.kind, "")
            kind = kinds[column.name]
            if not kind:
                continue
            found = column_marks(column, kind)
            if kind == "number" and len(found.marks) < 0.99 * (column.rows - column.nulls):
                kinds[column.name] = ""  # measured, not counted: such numbers name nothing
                answers.pop(column.name, None)
                continue
            answers.setdefault(column.name, _Answers(questions[kind])).take(found.marks)
        done += block.rows
        on_progress(done, table.rows_hint, "reading the parents")
    return [
        Offered(name, column, kinds[column], one.sketch.rows, len(one.sketch.hashes) / max(1, int(one.sketch.counts.sum())), one.question, one.found)
        for column, one in answers.items()
    ]


def _blocks(table: Table, columns: Sequence[str] | None = None) -> Iterator[Block]:
    plan: Plan | None = None
    for piece in table.pieces(columns):
        frame = piece.load()
        if plan is None and frame.height:
            plan = Plan.of(frame.head(HEAD_ROWS), table.text)
        if plan is not None:
            yield Block(frame, plan, piece.start)


def _marks(table: Table, offer: Offered) -> Iterator[npt.NDArray[np.uint64]]:
    for block in _blocks(table, [offer.column]):
        yield column_marks(block.column(offer.column), offer.kind).marks
