"""How long things may be trusted: a test set that was looked at too often, a sign-off whose ground has moved.

Nothing is tested here. Each look at a test set lets something of it into the next model; after k looks the best of k equally good models seems better than it is by
about sqrt(2 ln k) standard errors. In blind mode a look tells the outcome and no number, which is what makes the growth with k so slow.

Source: Blum and Hardt 2015 (the Ladder, ICML); Dwork et al. 2015 (reusable holdout, Science 349); Renggli et al. 2019 (ease.ml/ci, SysML) for the shelf life of test sets.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from ..errors import MisuseError
from .comparing import Comparison

MOST_LOOKS = 20
DAYS = 90


@dataclass(frozen=True)
class ShelfLife:
    """How worn a test set is.

    Args:
        test_set: its name and version.
        looks: verdicts that were told.
        worn: told more often than it should be.
        optimism: by how many standard errors the best of so many equally good models seems better than it is.
        sentence: for people.
    """

    test_set: str
    looks: int
    worn: bool
    optimism: float
    sentence: str


def shelf_life(test_set: str, looks: int, *, most: int = MOST_LOOKS) -> ShelfLife:
    """Judges how worn a test set is by the verdicts that were told about it.

    Args:
        test_set: its name and version; a new version begins at 0.
        looks: number of comparisons whose outcome somebody saw; the same candidate on the same version counts once.
        most: looks it should have.

    >>> shelf_life("churn-q1 v2", 21).worn, round(shelf_life("churn-q1 v2", 21).optimism, 1)
    (True, 2.5)
    """
    if looks < 0:
        raise MisuseError(f"a test set was looked at {looks} times; count from 0")
    optimism = math.sqrt(2 * math.log(looks)) if looks > 1 else 0.0
    worn = looks > most
    told = f"{test_set} has given {looks} verdicts of {most}"
    sentence = f"{told}: label fresh rows and make a new version; the best of so many models seems up to {optimism:.1f} standard errors better than it is." if worn else f"{told}."
    return ShelfLife(test_set, looks, worn, optimism, sentence)


def told(found: Comparison, *, blind: bool = False) -> Comparison:
    """A comparison as it is shown: in blind mode the outcome and how many rows to label, and no other number.

    >>> from assayline.trials import Comparison
    >>> seen = Comparison("worse", "auc", "", "v8", "v7", 0.8, 0.82, -0.02, -0.03, -0.01, 0.004, 0.001, 0.999, 5000, 0, "delong", "v8 is worse: 0.80 against 0.82.")
    >>> told(seen, blind=True).sentence, told(seen, blind=True).candidate_value
    ('v8 against v7 by auc: worse.', nan)
    """
    if not blind:
        return found
    nan = math.nan
    more = f": label {found.more_rows:,} more rows" if found.outcome == "undecided" else ""
    return replace(
        found, candidate_value=nan, champion_value=nan, estimate=nan, low=nan, high=nan, p_worse=nan, p_better=nan,
        sentence=f"{found.candidate} against {found.champion} by {found.metric.replace('_', ' ')}: {found.outcome}{more}.",
    )  # fmt: skip


@dataclass(frozen=True)
class SignOff:
    """Somebody's word that a version may be used, and what it stood on.

    Args:
        version: of the model.
        by: who.
        at: UTC time (ISO 8601).
        champion: the version it was compared with, "" for none.
        test_sets: name and version of each test set it was tried on.
        days: how long it holds.
    """

    version: str
    by: str
    at: str
    champion: str
    test_sets: tuple[str, ...] = ()
    days: float = DAYS

    @property
    def until(self) -> str:
        """UTC time (ISO 8601) at which it expires by age."""
        return (_moment(self.at) + timedelta(days=self.days)).isoformat()


@dataclass(frozen=True)
class Standing:
    """Whether a sign-off holds.

    Args:
        holds: it does.
        reasons: why it does not; all of them.
        sentence: for people.
    """

    holds: bool
    reasons: tuple[str, ...]
    sentence: str


def standing(signed: SignOff, now: str, *, champion: str, test_sets: Iterable[str] = ()) -> Standing:
    """Whether a sign-off still stands on what it stood on.

    Args:
        signed: the sign-off.
        now: UTC time (ISO 8601).
        champion: the version in use; the signed one itself may be it.
        test_sets: name and version of the test sets as they are now.

    >>> signed = SignOff("v8", "ann", "2024-01-01T00:00:00+00:00", "v7", ("churn v1",))
    >>> standing(signed, "2024-02-01T00:00:00+00:00", champion="v7", test_sets=["churn v2"]).reasons
    ('churn v1 is no longer the version that is used',)
    """
    reasons = []
    if champion not in (signed.champion, signed.version):
        reasons.append(f"the champion is {champion or 'none'} and was {signed.champion or 'none'}")
    current = set(test_sets)
    reasons += [f"{one} is no longer the version that is used" for one in signed.test_sets if one not in current]
    if _moment(now) >= _moment(signed.until):
        reasons.append(f"it is older than {signed.days:g} days")
    says = f"the sign-off of {signed.version} by {signed.by} on {signed.at[:10]}"
    sentence = f"{says} has expired: {'; '.join(reasons)}." if reasons else f"{says} holds until {signed.until[:10]}."
    return Standing(not reasons, tuple(reasons), sentence[0].upper() + sentence[1:])


def _moment(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise MisuseError(f"{text!r} is no time in ISO 8601, such as 2024-05-31T12:00:00+00:00") from error
    return found if found.tzinfo else found.replace(tzinfo=UTC)
