"""The tables of a ledger.

`entries` is the record; every other table of `PROJECTIONS` is made from it, entry by entry, in the transaction that appends the entry,
and can be made again (`verifying.py` does, and compares). `VOLATILE` tables hold what is not history: who works now, what is still to be sent.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, MetaData, String, Table, Text
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

VERSION = 1  # of the layout; raised with a migration (migrations.py)
APPLICATION = 0x41535359  # "ASSY": PRAGMA application_id of our SQLite files

METADATA = MetaData()


def storable(words: str) -> str:
    """Text as either database keeps it: PostgreSQL has no NUL, and half of a surrogate pair (in a file name that is no UTF-8) has no bytes.

    >>> storable("a" + chr(0) + "b" + chr(0xDCFF)) == "a" + chr(92) + "x00b" + chr(92) + "udcff"
    True
    """
    return words.replace("\0", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")


class Words(TypeDecorator[str]):
    """Text that strangers wrote: names of files, values, sentences about them."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """On the way into the database, and into comparisons with what is there."""
        return None if value is None else storable(value)


ABOUT = Table("assay_about", METADATA, Column("name", String(40), primary_key=True), Column("value", Text, nullable=False))

ENTRIES = Table(
    "assay_entries", METADATA,
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("event", String(40), nullable=False),
    Column("body", Text, nullable=False),  # canonical JSON
    Column("chain", String(64), nullable=False),
)  # fmt: skip

FLOWS = Table(
    "assay_flows", METADATA,
    Column("name", String(200), primary_key=True),
    Column("kind", String(12), nullable=False),  # of its lots: table | model | code | environment
    Column("since", String(40), nullable=False),
    Column("settings", Text, nullable=False),
    Column("lots", Integer, nullable=False),  # taken so far: the next one's place in the flow
    Column("learned_from", Integer, nullable=False),  # lots before this place belong to an older normal and no longer teach
)  # fmt: skip

LOTS = Table(
    "assay_lots", METADATA,
    Column("lot", BigInteger, primary_key=True, autoincrement=False),
    Column("flow", String(200), nullable=False),
    Column("place", Integer, nullable=False),  # 1, 2, 3, … in its flow
    Column("digest", String(80), nullable=False),
    Column("input", Words, nullable=False),
    Column("at", String(40), nullable=False),
    Column("verdict", String(10), nullable=False),
    Column("state", String(12), nullable=False),  # released | held | rejected | unreadable | superseded
    Column("teaches", Boolean, nullable=False),
    Column("deliveries", Integer, nullable=False),
    Column("taken", BigInteger, nullable=False),
    Column("released", BigInteger, nullable=False),
    Column("quarantined", BigInteger, nullable=False),
    Column("held", BigInteger, nullable=False),
    Column("unparseable", BigInteger, nullable=False),
    Column("objects", Text, nullable=False),  # {"released": digest, "quarantined": …, "held": …, "original": …, "report": …, "profile": …}
    Column("parents", Text, nullable=False),  # lots it was made from: a lot put back has its original
    Column("findings", Text, nullable=False),  # code, columns, severity and sentence of each
    Column("codes", Text, nullable=False),  # what reading it noticed
    Column("figures", Text, nullable=False),  # for charts over time
    Column("facts", Text, nullable=False),  # of its arrival: source, etag, offsets, …
    Index("assay_lots_place", "flow", "place", unique=True),
    Index("assay_lots_digest", "flow", "digest"),
)  # fmt: skip

PASTS = Table(
    "assay_pasts", METADATA,  # profiles of several lots merged into one
    Column("flow", String(200), primary_key=True),
    Column("first", Integer, primary_key=True, autoincrement=False),
    Column("last", Integer, nullable=False),
    Column("period", String(10), nullable=False),  # the UTC day or month they arrived in: 2026-03-14 | 2026-03
    Column("profile", String(80), nullable=False),
)  # fmt: skip

FREED = Table(
    "assay_freed", METADATA,  # profiles that were merged into another one and may still be in the store
    Column("flow", String(200), primary_key=True),
    Column("digest", String(80), primary_key=True),
)  # fmt: skip

RULES = Table(
    "assay_rules", METADATA,
    Column("flow", String(200), primary_key=True),
    Column("rule", Integer, primary_key=True, autoincrement=False),
    Column("version", Integer, nullable=False),
    Column("text", Words, nullable=False),
    Column("action", String(10), nullable=False),
    Column("owner", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("since", String(40), nullable=False),
    Column("until", String(40)),
    Column("state", String(10), nullable=False),  # on | off
)  # fmt: skip

CASES = Table(
    "assay_cases", METADATA,  # quarantined rows of one lot that are bad in the same way
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("flow", String(200), nullable=False),
    Column("lot", BigInteger, nullable=False),
    Column("code", String(40), nullable=False),
    Column("columns", Text, nullable=False),
    Column("pattern", Words, nullable=False),
    Column("rows", BigInteger, nullable=False),
    Column("open", BigInteger, nullable=False),
    Column("sentence", Words, nullable=False),
    Column("suggestion", Words, nullable=False),
    Index("assay_cases_open", "open", "flow"),
    Index("assay_cases_lot", "lot"),
)  # fmt: skip

DECISIONS = Table(
    "assay_decisions", METADATA,  # what somebody decided about quarantined rows or a lot
    Column("decision", BigInteger, primary_key=True, autoincrement=False),
    Column("flow", String(200), nullable=False),
    Column("lot", BigInteger, nullable=False),
    Column("number", BigInteger),  # the case, where it is about one
    Column("action", String(12), nullable=False),  # fix | waive | reject | put-back | accept | answer
    Column("author", Words, nullable=False),
    Column("at", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Column("settled", BigInteger),  # the lot that put the rows back, where they were to be
    Index("assay_decisions_lot", "lot"),
    Index("assay_decisions_case", "number"),
)  # fmt: skip

INCIDENTS = Table(
    "assay_incidents", METADATA,  # one cause, from its first lot until a lot comes without it
    Column("incident", BigInteger, primary_key=True, autoincrement=False),
    Column("flow", String(200), nullable=False),
    Column("code", String(40), nullable=False),
    Column("columns", Text, nullable=False),
    Column("first", Integer, nullable=False),  # place of the first lot in the flow
    Column("last", Integer, nullable=False),
    Column("lots", Integer, nullable=False),
    Column("sentence", Words, nullable=False),
    Column("state", String(10), nullable=False),  # open | closed
    Index("assay_incidents_open", "flow", "state"),
)  # fmt: skip

STANDING = Table(
    "assay_standing", METADATA,  # what people answered to findings of one kind
    Column("flow", String(200), primary_key=True),
    Column("code", String(40), primary_key=True),
    Column("key", String(64), primary_key=True),  # digest of the columns, of which there may be more than an index takes
    Column("columns", Text, nullable=False),
    Column("bad", Integer, nullable=False),
    Column("expected", Integer, nullable=False),
    Column("noise", Integer, nullable=False),
)  # fmt: skip

CHANNELS = Table(
    "assay_channels", METADATA,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("flow", String(200), nullable=False),
    Column("channel", Words, nullable=False),
    Column("options", Text, nullable=False),
)  # fmt: skip

TARGETS = Table(
    "assay_targets", METADATA,  # where released rows go besides the store
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("flow", String(200), nullable=False),
    Column("address", Text, nullable=False),
    Column("options", Text, nullable=False),
)  # fmt: skip

PUSHED = Table(
    "assay_pushes", METADATA,  # which lot a target has
    Column("target", Integer, primary_key=True, autoincrement=False),
    Column("lot", BigInteger, primary_key=True, autoincrement=False),
    Column("at", String(40), nullable=False),
)  # fmt: skip

NOTICES = Table(
    "assay_notices", METADATA,  # the outbox: written with what it tells of
    Column("notice", String(64), primary_key=True),
    Column("flow", String(200), nullable=False),
    Column("lot", BigInteger, nullable=False),
    Column("at", String(40), nullable=False),
    Column("body", Text, nullable=False),
)  # fmt: skip

RUNS = Table(
    "assay_runs", METADATA,  # one execution of a step
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("line", String(200), nullable=False),
    Column("step", String(200), nullable=False),  # and the flow it makes
    Column("place", String(80), nullable=False),  # which of the step's results it made: the digest of the lot it was given by itself, or ""
    Column("identity", String(80), nullable=False),  # digest of inputs, code, parameters and environment
    Column("state", String(10), nullable=False),  # done | held | failed | stopped
    Column("at", String(40), nullable=False),
    Column("output", BigInteger),  # the lot it made
    Column("inputs", Text, nullable=False),  # {"rides": [lot, …]}
    Column("code", String(80), nullable=False),
    Column("parameters", Text, nullable=False),
    Column("environment", String(80), nullable=False),
    Column("costs", Text, nullable=False),  # {"wall_seconds", "cpu_seconds", "memory_bytes", "rows_in", "rows_out", "money"}
    Column("columns", Text, nullable=False),  # where each column of the result comes from
    Column("error", Words, nullable=False),
    Index("assay_runs_step", "step", "place"),
    Index("assay_runs_output", "output"),
)  # fmt: skip

RUN_INPUTS = Table(
    "assay_run_inputs", METADATA,  # the lots a run read: lots → runs → lots
    Column("run", BigInteger, primary_key=True, autoincrement=False),
    Column("lot", BigInteger, primary_key=True, autoincrement=False),
    Column("name", String(200), nullable=False),
    Index("assay_run_inputs_lot", "lot"),
)  # fmt: skip

DESCRIBED = Table(
    "assay_described", METADATA,  # what the digests of runs stand for, so that a run can be repeated: files of code, packages of an environment
    Column("digest", String(80), primary_key=True),
    Column("body", Text, nullable=False),
)  # fmt: skip

POSITIONS = Table(
    "assay_positions", METADATA,  # how far a source was read; written with the lot it gave
    Column("source", String(200), primary_key=True),
    Column("at", String(40), nullable=False),
    Column("position", Text, nullable=False),
)  # fmt: skip

SLOTS = Table(
    "assay_slots", METADATA,  # times of a schedule that were served
    Column("schedule", String(200), primary_key=True),
    Column("slot", String(40), primary_key=True),  # UTC
    Column("at", String(40), nullable=False),
    Column("outcome", String(12), nullable=False),  # done | failed | skipped | stopped
)  # fmt: skip

WEAKENED = Table(
    "assay_weakened", METADATA,  # reasons why a finding about an ancestor does not hold further down
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("flow", String(200), nullable=False),  # from here on downstream
    Column("origin", String(200), nullable=False),  # the flow the finding is about
    Column("code", String(40), nullable=False),
    Column("columns", Text, nullable=False),
    Column("rule", Integer),  # only where this rule of `flow` found nothing
    Column("reason", Words, nullable=False),
    Column("author", Words, nullable=False),
    Column("at", String(40), nullable=False),
    Column("until", String(40)),
    Column("state", String(10), nullable=False),  # on | off
)  # fmt: skip

TRIALS = Table(
    "assay_trials", METADATA,  # what one version of a model was put through
    Column("trial", BigInteger, primary_key=True, autoincrement=False),
    Column("flow", String(200), nullable=False),
    Column("lot", BigInteger, nullable=False),  # the version
    Column("at", String(40), nullable=False),
    Column("verdict", String(10), nullable=False),
    Column("champion", BigInteger),  # the version it was compared with
    Column("sets", Text, nullable=False),  # for each test set: its lot, rows, and the scores on them
    Column("findings", Text, nullable=False),
    Column("objects", Text, nullable=False),  # {"predictions": digest, "report": …}
    Index("assay_trials_lot", "lot"),
    Index("assay_trials_flow", "flow", "trial"),
)  # fmt: skip

ROLLOUTS = Table(
    "assay_rollouts", METADATA,  # one challenger on its way to the users
    Column("rollout", BigInteger, primary_key=True, autoincrement=False),
    Column("model", String(200), nullable=False),
    Column("champion", BigInteger, nullable=False),  # versions, as lots
    Column("challenger", BigInteger, nullable=False),
    Column("salt", String(80), nullable=False),
    Column("stages", Text, nullable=False),  # [{"mode", "share"}, …]
    Column("stage", Integer, nullable=False),
    Column("state", String(12), nullable=False),  # running | promoted | rolled_back | finished
    Column("held", Boolean, nullable=False),  # by a person: nothing moves it forward but a person
    Column("settings", Text, nullable=False),  # unit, holdout, control, guards, limits, labels, …
    Column("author", Words, nullable=False),
    Column("at", String(40), nullable=False),
    Column("moved", String(40), nullable=False),
    Index("assay_rollouts_model", "model", "rollout"),
)  # fmt: skip

MOVES = Table(
    "assay_moves", METADATA,  # what was decided about a rollout, by the judge or by a person
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("rollout", BigInteger, nullable=False),
    Column("at", String(40), nullable=False),
    Column("action", String(12), nullable=False),  # advance | stay | hold | resume | rollback | promote | finish
    Column("stage", Integer, nullable=False),  # afterwards
    Column("state", String(12), nullable=False),
    Column("author", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("decision", Text, nullable=False),  # what the judge said, and of which batches
    Index("assay_moves_rollout", "rollout", "number"),
)  # fmt: skip

SCORINGS = Table(
    "assay_scorings", METADATA,  # batches that were scored
    Column("scoring", BigInteger, primary_key=True, autoincrement=False),
    Column("run", String(80), nullable=False),  # digest of inputs, versions, settings, stage
    Column("model", String(200), nullable=False),
    Column("flow", String(200), nullable=False),  # the predictions are a lot of
    Column("lot", BigInteger, nullable=False),  # 0: nothing was published (replay, shadow of requests)
    Column("rollout", BigInteger),
    Column("stage", Integer),
    Column("at", String(40), nullable=False),
    Column("counts", Text, nullable=False),  # rows by arm, by version, by reason of a fallback
    Column("evidence", Text, nullable=False),  # rollout.Batch as JSON
    Column("objects", Text, nullable=False),  # {"both": digest}: what each model said, row by row
    Column("state", String(12), nullable=False),  # published | held | repaired | replayed
    Index("assay_scorings_lot", "lot"),
    Index("assay_scorings_rollout", "rollout", "scoring"),
    Index("assay_scorings_flow", "flow", "scoring"),
    Index("assay_scorings_run", "run"),
)  # fmt: skip

MATURED = Table(
    "assay_matured", METADATA,  # labels that came for a batch; the newest entry of a scoring counts
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("scoring", BigInteger, nullable=False),
    Column("at", String(40), nullable=False),
    Column("body", Text, nullable=False),
    Index("assay_matured_scoring", "scoring"),
)  # fmt: skip

REPAIRS = Table(
    "assay_repairs", METADATA,  # published predictions that others took the place of
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("rollout", BigInteger),
    Column("scoring", BigInteger, nullable=False),
    Column("lot", BigInteger, nullable=False),  # what was published
    Column("by", BigInteger, nullable=False),  # what stands there now
    Column("rows", BigInteger, nullable=False),
    Column("at", String(40), nullable=False),
    Column("body", Text, nullable=False),  # units, places, what cannot be taken back
    Index("assay_repairs_rollout", "rollout", "number"),
    Index("assay_repairs_lot", "lot"),
)  # fmt: skip

PROJECTIONS = (
    FLOWS, LOTS, PASTS, FREED, RULES, CASES, DECISIONS, INCIDENTS, STANDING, CHANNELS, TARGETS, PUSHED, NOTICES, RUNS, RUN_INPUTS, DESCRIBED, POSITIONS, SLOTS, WEAKENED, TRIALS,
    ROLLOUTS, MOVES, SCORINGS, MATURED, REPAIRS,
)  # fmt: skip

DELIVERIES = Table(
    "assay_deliveries", METADATA,
    Column("notice", String(64), primary_key=True),
    Column("channel", Integer, primary_key=True, autoincrement=False),
    Column("attempts", Integer, nullable=False),
    Column("next_at", String(40), nullable=False),
    Column("state", String(10), nullable=False),  # waiting | sent | given_up
    Column("error", Words, nullable=False),
    Column("seal", String(64), nullable=False),  # digest of the row: it stands in no chain
    Index("assay_deliveries_waiting", "state", "next_at"),
)  # fmt: skip

LEASES = Table(
    "assay_leases", METADATA,
    Column("name", String(200), primary_key=True),
    Column("token", BigInteger, nullable=False),  # fencing token: raised by every new holder
    Column("holder", Words, nullable=False),  # "" for nobody
    Column("beat", BigInteger, nullable=False),  # raised by the living holder
    Column("seal", String(64), nullable=False),
)  # fmt: skip

VOLATILE = (DELIVERIES, LEASES)
