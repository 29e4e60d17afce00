"""What the past already had: a signature that stands in every lot is how this data is, not something that happened.

Design, layer A: a signature speaks only where its share is also new against the past. So each detector that accused this lot
without looking at the past is asked about the most recent lots of the past too, each as if it were the first.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence

import polars as pl

from assayline.core import Cell, Finding, Past, Profile
from assayline.detectors import Detector
from assayline.measures import HEAD_ROWS, Block, Plan, Sample
from assayline.measures.nature import kept

LOTS = 20  # most recent lots asked: a signature in one of twenty sound lots is no news in the next
NOTE = 0.2  # severity that is left of a familiar finding
GROWTH = 1.5  # the odds ratio below which a share counts as the same (the effect floor of the history layer)
RARE = 1e-5  # the same for a kind of row the past never had: some hundred kinds and columns are looked at in each lot, and such rows come in twos and threes
# One of these is enough, however many lots had none: no harmless process makes them.
SELF_EVIDENT = frozenset(
    {"mojibake", "test_records", "control_characters", "invisible_characters", "impossible_date", "formula_cells", "type_to_string",
     "decimal_comma", "clock_reset", "duplicated_rows", "date_format", "number_overflow", "mixed_time_zones"}
)  # fmt: skip
SURPRISE = 1e-4  # probability of so many rows under the worst share of the past, below which the share is new


def shares_of(detector: Detector, profile: Profile) -> dict[tuple[str, str], float]:
    """Share of the rows of one past lot that this detector would have accused, by code and responsible column."""

    def asked() -> dict[tuple[str, str], float]:
        lot = sampled(profile)
        if lot is None:
            return {}
        found: dict[tuple[str, str], float] = {}
        for finding in detector(profile, Past()):
            key = _key(finding)
            found[key] = max(found.get(key, 0.0), _share(finding, *lot))
        return found

    return kept(profile, f"familiar {type(detector).__module__}.{type(detector).__name__}", asked)


def _key(finding: Finding) -> tuple[str, str]:
    return finding.code, finding.columns[0] if finding.columns else ""


def _share(finding: Finding, block: Block, rows: int) -> float:
    if finding.exact_rows and finding.rows:
        return finding.rows / max(1, rows)
    if finding.locate is None:
        return 1.0
    cells: Sequence[Cell] = finding.locate.fresh()(block)
    accused = getattr(cells, "rows", None)
    count = len(accused) if accused is not None else len({cell.row for cell in cells})
    return count / block.rows


def sampled(profile: Profile) -> tuple[Block, int] | None:
    """The row sample as a block, and the rows of the lot it stands for; None where there are no rows."""
    sample = profile.of(None, Sample)
    if sample is None or not sample.frame.height:
        return None
    return Block(sample.frame, kept(profile, "sampled plan", lambda: _plan(sample.frame))), sample.rows


def _plan(frame: pl.DataFrame) -> Plan:
    return Plan.of(frame.head(HEAD_ROWS), all(dtype == pl.String for dtype in frame.dtypes))


def only_new(found: Iterable[tuple[Detector, Finding]], profile: Profile, past: Past) -> list[Finding]:
    """The findings, with signatures the past had in such a share already turned into notes.

    Args:
        found: findings with the detector each came from.
        profile: of this lot.
        past: the earlier lots.
    """
    lots = past.profiles[-LOTS:]
    today = None
    result = []
    for detector, finding in found:
        if finding.layer == "signature" and finding.severity > NOTE and lots and today is None:
            today = sampled(profile)  # only now: most detectors have nothing to say, and typing the sample costs as much as they do
        if finding.layer != "signature" or finding.severity <= NOTE or today is None:
            result.append(finding)
            continue
        shares = [shares_of(detector, one).get(_key(finding), 0.0) for one in lots]
        worst = max(shares)
        block, rows = today
        count = round(_share(finding, block, rows) * rows)
        if worst > 0 and not is_new(count, rows, worst):
            lots_with = sum(share > 0 for share in shares)
            said = f"{finding.sentence} So it was in {lots_with} of the last {len(lots)} lots."
            result.append(finding.but(severity=NOTE, sentence=said, evidence={**finding.evidence, "past_worst_share": worst}))
        elif worst == 0 and finding.code not in SELF_EVIDENT and first_of_its_kind(count, len(lots)) > RARE:
            said = f"{finding.sentence} None of the last {len(lots)} lots had it, but a first {_times(count)} may be chance."
            result.append(finding.but(severity=NOTE, sentence=said))
        else:
            result.append(finding)
    return result


def _times(count: int) -> str:
    return "one" if count == 1 else str(count)


def first_of_its_kind(count: int, lots: int) -> float:
    """Probability of at least so many rows in a lot, when none of so many earlier lots had one.

    Null hypothesis: rows of this kind come at a constant unknown rate a lot (Poisson). With Jeffreys' prior for the rate the
    number in the next lot is negative binomial with 1/2 and 1 / (lots + 1).

    >>> round(first_of_its_kind(1, 20), 4), first_of_its_kind(4, 20) < 1e-5
    (0.0241, True)
    """
    p = 1 / (lots + 1)
    term = (1 - p) ** 0.5
    total = 0.0
    for k in range(count):
        total += term
        term *= (k + 0.5) / (k + 1) * p
    return max(0.0, 1 - total)


def familiar_codes(findings: Iterable[Finding], past_codes: Sequence[frozenset[str]], columns: tuple[str, ...] = ()) -> list[Finding]:
    """What reading noticed, with what it noticed in earlier lots too turned into notes, and a delimiter that no earlier lot had called new.

    Args:
        findings: what reading this lot noticed.
        past_codes: for each earlier lot, the codes of what reading it noticed.
        columns: of this lot.
    """
    seen = Counter(code for codes in past_codes[-LOTS:] for code in codes)
    return [
        _changed_delimiter(finding, columns, len(past_codes))
        if finding.code == "dialect" and "delimiter" in finding.evidence and past_codes and not seen["dialect"]
        else finding.but(severity=NOTE, sentence=f"{finding.sentence} So it was in {seen[finding.code]} of the last {len(past_codes[-LOTS:])} lots.")
        if seen[finding.code] and not finding.rows and finding.severity > NOTE
        else finding
        for finding in findings
    ]


def _changed_delimiter(finding: Finding, columns: tuple[str, ...], lots: int) -> Finding:
    """An unusual delimiter that the flow never used: our reader finds the fields all the same, the next one may not."""
    delimiter = finding.evidence["delimiter"]
    said = f"The fields are separated by a {delimiter}; none of the last {lots} lots was cut so."
    return Finding(
        "delimiter_change", columns, said, severity=0.8, layer="history", evidence=dict(finding.evidence),
        suggestion=f"read it with the delimiter {delimiter}, or ask for the usual one",
    )  # fmt: skip


def is_new(count: int, rows: int, worst_share: float) -> bool:
    """Whether so many rows of a lot are more than the worst lot of the past lets expect.

    Null hypothesis: the rows are accused independently with `GROWTH` times the odds of the worst past lot. The probability of
    at least `count` is bounded by Chernoff's inequality, so the promised error rate (1e-4 a finding) holds for every size.

    >>> is_new(50, 100, 0.05), is_new(7, 100, 0.05)
    (True, False)
    """
    odds = GROWTH * worst_share / (1 - worst_share) if worst_share < 1 else math.inf
    expected = odds / (1 + odds) if math.isfinite(odds) else 1.0
    share = count / rows if rows else 0.0
    if share <= expected:
        return False
    if share >= 1:
        divergence = -math.log(expected) if expected > 0 else math.inf
    else:
        divergence = share * math.log(share / expected) + (1 - share) * math.log((1 - share) / (1 - expected))
    return rows * divergence > -math.log(SURPRISE)
