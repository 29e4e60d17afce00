"""The words in which rollouts are told: states, stages, guards, decisions, and evidence as people say it.

>>> stage("canary", 5.0), odds(0.0), odds(6.4)
('canary 5%', '1', '602')
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from . import words
from .model_words import about
from .rollout_facts import BatchOf, GuardOf, MoveOf, PairedOf, Status
from .visible import shown


class StateWords(NamedTuple):
    """How a state is said: sign, sign for poor terminals, word, what it means, and the verdict whose colour it has."""

    sign: str
    plain: str
    word: str
    meaning: str
    colour: str


STATES = {
    "running": StateWords("▶", ">", "running", "The challenger is on trial.", "note"),
    "held": StateWords("‖", "#", "held", "A person, or a check that came out wrong, stopped it where it is.", "warn"),
    "promoted": StateWords("✓", "+", "promoted", "The challenger answers everybody; the old version still scores some rows beside it, in case that was wrong.", "release"),
    "rolled_back": StateWords("✕", "X", "rolled back", "The champion answers everybody again.", "hold"),
    "finished": StateWords("✓", "+", "compared", "The comparison is over; nobody was ever answered by the challenger.", "release"),
}

GUARDS = {
    "flip_rate": ("decisions that differ", "the two versions decide differently on the same row"),
    "nan_rate": ("answers that are no number", "the challenger gives nothing that can be used"),
    "out_of_range": ("answers out of range", "the challenger goes beyond what was ever answered before"),
    "fallback_rate": ("answers by the fallback", "another than the challenger had to answer for it"),
    "moved": ("scores that moved far", "the scores lie further apart than the champion's own from day to day"),
    "loss": ("mistakes", "the challenger loses more than the champion on the same rows"),
    "latency": ("slow answers", "the challenger is slower than the champion"),
    "failures": ("failed answers", "the challenger fails more often than the champion"),
    "srm": ("shares of the arms", "the arms do not have the rows that they should"),
}

COUNTED = {"L3": "labelled row", "L4": "unit", "L5": "call"}  # what the rows of a guard are, by layer
GUARD_STATES = {"fine": "fine", "watch": "above its limit, may be chance", "broken": "broken", "no data": "no data yet"}
GUARD_FLAGS = {**GUARD_STATES, "watch": "watch"}
ACTIONS = {
    "start": "started", "started": "started", "advance": "one step on", "stay": "stays", "hold": "held", "resume": "goes on", "rollback": "rolled back", "promote": "promoted",
    "finish": "comparison over", "repair": "put right",
}  # fmt: skip
BATCH_STATES = {"": "", "published": "", "scored": "", "released": "", "replayed": "scored once more, not published", "repaired": "the challenger's replaced by the champion's"}
LAYERS = {
    "L0": "the machine check", "L1": "the accounting of rows", "L2": "behaviour without labels", "L3": "mistakes on labelled rows", "L4": "outcomes of the arms", "L5": "speed and failures",
}  # fmt: skip


def state(told: Status) -> StateWords:
    """The words of the state a rollout is in."""
    return STATES["held"] if told.held and told.state == "running" else STATES.get(told.state, STATES["running"])


def per_cent(share: float) -> str:
    """A share in per cent, as short as it can be.

    >>> per_cent(5.0), per_cent(0.25)
    ('5%', '0.25%')
    """
    return f"{share:.3g}%"


def stage(mode: str, share: float) -> str:
    """A step of the way."""
    said = {"ab": "A/B", "blue_green": "blue-green"}.get(mode, shown(mode, 20))
    return f"{said} {per_cent(share)}" if share else said or "a step"


def stage_short(mode: str, share: float) -> str:
    """The same where there is little room."""
    return per_cent(share) if share else {"shadow": "shadow", "replay": "replay"}.get(mode, shown(mode, 10))


def guard(name: str) -> str:
    """What a guard looks at, in words."""
    return GUARDS[name][0] if name in GUARDS else shown(name.replace("_", " "), 40) or "a guard"


def guard_means(name: str) -> str:
    """What it means when the guard's event happens, or ""."""
    return GUARDS[name][1] if name in GUARDS else ""


def share(value: float | None, unit: str = "") -> str:
    """A share 0 to 1, or a difference in some unit."""
    return "-" if value is None else f"{brief(value, unit)} {shown(unit, 40)}" if unit else words.percent(value)


def brief(value: float | None, unit: str = "") -> str:
    """The same without its unit, where that stands beside it.

    >>> brief(0.031), brief(0.031, "errors per row"), brief(0.031, "of the calls slower")
    ('3.1%', '+0.031', '3.1%')
    """
    return "-" if value is None else signed(value) if unit and not _is_part(unit) else words.percent(value)


def allowed(one: GuardOf) -> str:
    """What is allowed, or "" where that is not known: a share of what the champion loses is not, before it lost anything."""
    if one.limit is None or (not one.limit and not one.rows):
        return ""
    return about(one.limit) if one.unit and not _is_part(one.unit) else words.percent(one.limit)


def _is_part(unit: str) -> bool:
    return unit.startswith("of the ")


def guard_name(one: GuardOf) -> str:
    """What a guard looks at; of an outcome, how it is counted.

    >>> guard_name(GuardOf("revenue", "", 900, 0, 0.1, 0.2, 0.0, 6.4, "fine", (), "revenue per unit lost", "L4"))
    'revenue per unit lost'
    """
    return shown(one.unit.replace("_", " "), 40) if one.unit.startswith(one.guard) and one.guard not in GUARDS else guard(one.guard)


def seen(one: GuardOf) -> str:
    """What a guard saw over all batches, and in the last one where that is something else.

    >>> from .rollout_facts import Look
    >>> seen(GuardOf("loss", "", 900, 0, -0.002, 0.01, 0.0, 6.4, "fine", (), "errors per row", "L3"))
    '−0.002 errors per row over 900 labelled rows, 0.01 allowed'
    >>> seen(GuardOf("flip_rate", "", 900, 27, 0.03, 0.05, 3.0, 6.4, "watch", (Look("monday", 700, 7, 0.0, None), Look("tuesday", 200, 20, 3.0, None))))
    '27 of 900 rows: 3%, 5% allowed; in tuesday 20 of 200: 10%'
    """
    if not one.rows:
        return "harm pair by pair that does not wait for the labels of whole batches" if one.said else GUARD_STATES["no data"]
    most = f", {allowed(one)} allowed" if allowed(one) else ""
    if one.unit:
        return f"{share(one.share, one.unit)} over {words.counted(one.rows, COUNTED.get(one.layer, 'row'))}{most}"
    last = f"; in {shown(one.last.batch, 40)} {one.last.bad:,} of {one.last.rows:,}: {share(one.last.bad / one.last.rows)}" if one.last is not None and one.last.bad else ""
    return f"{one.bad:,} of {words.counted(one.rows, 'row')}: {share(one.share)}{most}{last}"


def odds(log_e: float) -> str:
    """Evidence as how many times rarer than chance: e to the power of it, said with few digits.

    >>> odds(-3.0), odds(math.log(1200.0)), odds(700.0)
    ('under 1', '1,200', 'over a billion')
    """
    if log_e < -1e-9:
        return "under 1"
    if log_e > math.log(1e9):
        return "over a billion"
    value = math.exp(log_e)
    return f"{value:.1f}".removesuffix(".0") if value < 10 else f"{float(f'{value:.3g}'):,.0f}"


def evidence(one: GuardOf) -> str:
    """How far a guard is from undoing the rollout.

    >>> evidence(GuardOf("flip_rate", "", 900, 60, 0.066, 0.05, 3.0, 6.4, "watch", ()))
    '20 to 1 of the 602 to 1 that roll it back'
    """
    if not one.said:
        return "nothing to go by yet"
    if one.needed is None:
        return ""
    if one.log_e <= 0:
        return "no evidence against it"
    return f"{odds(one.log_e)} to 1 of the {odds(one.needed)} to 1 that roll it back"


def difference(one: PairedOf) -> str:
    """A paired difference with its bounds.

    >>> difference(PairedOf("b", "", 900, 0.0123, 0.001, 0.02, 0.01, "mistakes per row"))
    '+0.0123 mistakes per row (+0.001 to +0.02)'
    """
    bounds = f" ({signed(one.low)} to {signed(one.high)})" if one.low is not None and one.high is not None else ""
    return f"{signed(one.mean)}{' ' + shown(one.unit, 30) if one.unit else ''}{bounds}"


def signed(value: float | None) -> str:
    """A difference with its sign and three digits.

    >>> signed(-0.00456), signed(0.0)
    ('−0.00456', '0')
    """
    if value is None:
        return "?"
    said = f"{abs(value):,.3g}"
    return "0" if float(said.replace(",", "")) == 0 else f"{'+' if value > 0 else '−'}{said}"


def outcome(one: PairedOf) -> str:
    """What a paired difference says: "better", "not worse", "worse" or "undecided". More is worse: it is a loss."""
    if one.low is None or one.high is None:
        return "undecided"
    margin = one.margin or 0.0
    if one.high < 0:
        return "better"
    if one.low > margin:
        return "worse"
    return "not worse" if one.high <= margin else "undecided"


def action(one: MoveOf, told: Status) -> str:
    """What was done, with the stage it led to.

    >>> action(MoveOf("", "advance", 9, "", "", ""), Status("", "", "", False, "", "", "", 0, (), 0.0, "", 0.0, 0.0, "", "", "", (), None, (), (), (), (), (), ()))
    'one step on'
    """
    said = ACTIONS.get(one.action, shown(one.action, 30) or "noted")
    if one.action in ("advance", "start", "started") and one.stage is not None and one.stage < len(told.stages):
        here = told.stages[one.stage]
        return f"{'on to' if one.action == 'advance' else 'started with'} {stage(here.mode, here.share)}"
    return said


def headline(told: Status) -> str:
    """The first thing to know, in one sentence."""
    if told.plain:
        return told.plain[0]
    challenger, champion = shown(told.challenger, 40) or "the challenger", shown(told.champion, 40) or "the champion"
    if told.state == "promoted":
        return f"{challenger} answers everybody; {champion} stands by."
    if told.state in ("rolled_back", "finished"):
        return f"{champion} answers everybody."
    if not told.share:
        return f"{champion} answers everybody; {challenger} scores the same rows and is compared."
    return f"{challenger} answers {per_cent(told.share)} of the {shown(told.unit, 40) or 'row'}s, {champion} the others."


def fallbacks(batch: BatchOf) -> str:
    """Who had to answer instead, and why."""
    return ", ".join(f"{rows:,} {shown(reason.replace('_', ' '), 40)}" for reason, rows in sorted(batch.fallbacks.items(), key=lambda one: -one[1])[:4])


def arms(counts: dict[str, int] | None, total: int) -> str:
    """Rows by arm.

    >>> arms({"champion": 900, "challenger": 100}, 1000)
    'champion 900, challenger 100 (10%)'
    """
    return ", ".join(f"{name} {rows:,}{f' ({words.percent(rows / total)})' if name == 'challenger' and total else ''}" for name, rows in _in_order(counts or {}))


def _in_order(counts: dict[str, int]) -> Iterator[tuple[str, int]]:
    known = ("champion", "challenger", "holdout")
    for name in (*known, *sorted(set(counts) - set(known))):
        if counts.get(name):
            yield name, counts[name]


def margin(told: Status) -> str:
    """How much the challenger may lose more than the champion, or ""."""
    last = told.paired[-1] if told.paired else None
    return f"{about(last.margin)}{' ' + shown(last.unit, 30) if last.unit else ''}" if last is not None and last.margin else ""


def restored(told: Status) -> str:
    """What was put right after a rollback, in a sentence; "" where nothing was."""
    if not told.repairs:
        return ""
    rows, units = sum(one.rows for one in told.repairs), sum(one.units for one in told.repairs)
    of = f" about {words.counted(units, 'unit')}" if units else ""
    where = words.counted(len(told.repairs), "batch", "batches")
    return f"{words.counted(rows, 'prediction')} of the challenger{of} in {where} {'was' if rows == 1 else 'were'} published; the champion's took their place."


def offers(told: Status) -> list[tuple[str, str]]:
    """Commands to copy, and what each is good for."""
    model = told.model if re.fullmatch(r"[\w.@-]{1,80}", told.model, re.ASCII) else "MODEL"
    given: list[tuple[str, str]] = []
    if told.state == "running" and told.held:
        given.append((f"assay rollout resume {model}", "lets it go on from where it is"))
    if told.state == "running":
        given += [(f"assay rollout advance {model} --reason WHY", "one step on, on your word")] if not told.held else []
        given += [(f"assay rollout hold {model} --reason WHY", "stops it where it is")] if not told.held else []
    if told.state in ("running", "promoted"):
        given.append((f"assay rollout rollback {model} --reason WHY", "back to the champion, and replaces what the challenger published"))
    given.append((f"assay rollout status {model} --html rollout.html", "a page to show"))
    return given
