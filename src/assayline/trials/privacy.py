"""What a model gives away about the people it was trained on: who was in the training data, which rows it knows by heart, which columns identify somebody.

Membership. Null hypothesis: rows that were trained on and rows that were not have losses of one law. Promised: then a model is called exposed in at most 5 %
of trials. The attack is the weakest one there is, a threshold on the loss; a model that withstands it may still fall to a stronger one.
Memory. Null hypothesis: rows that contradict their neighbours are answered as surely in training as in testing. Promised: then memory is found in at most 5 %.
Simulated in `tests/trials/test_privacy.py`. Rows of the test set must come from the same source as the training rows: a difference between sources looks
like membership.

Source: Yeom et al. 2018 (CSF) and Carlini et al. 2022 (IEEE S&P: the rate at few false alarms is what counts); Feldman 2020 (STOC) on memory of the long tail;
DeLong 1988; Newcombe 1998; Clopper and Pearson 1934.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from ..core import Past
from ..detectors.personal_data import PersonalData
from ..errors import MisuseError
from ..measures import profile
from .comparing import ALPHA
from .laws import Floats, hypergeometric_mid_above, student_quantile
from .proportions import exact, newcombe
from .ranking import area_components
from .slicing import legible

LIMIT = 0.55  # of the area: a threshold on the loss then tells 10 % better than a coin, the advantage that Yeom et al. find in models that generalise well
FEW_FALSE_ALARMS = 0.01
LEAST_ROWS = 200
NEIGHBOURS = 10
CONTRADICTED = 0.2  # share of the neighbours that agree with the row, at most
SURE = 0.9
MOST_ASKED, MOST_NEIGHBOURS = 2_000, 20_000


@dataclass(frozen=True)
class Membership:
    """How well the loss of a row tells that it was trained on.

    Args:
        area, low, high: probability that a trained row has the smaller loss of a pair, with its one-sided 95 % bounds; 0.5 tells nothing.
        recognised, recognised_low: share of trained rows that are recognised at 1 % false alarms, with the lower end of its exact 95 % interval.
        rows: of training and of testing that were compared.
        exposed: the lower bound lies above the limit, or far more trained rows are recognised than false alarms are raised.
        sentence: for people.
    """

    area: float
    low: float
    high: float
    recognised: float
    recognised_low: float
    rows: tuple[int, int]
    exposed: bool
    sentence: str


def membership(trained: npt.ArrayLike, unseen: npt.ArrayLike, *, limit: float = LIMIT, alpha: float = ALPHA) -> Membership:
    """Tries to tell trained rows from others by their loss.

    Args:
        trained: (rows,) losses of rows the model was trained on, such as log losses.
        unseen: (rows,) losses of rows from the same source that it was not trained on.
        limit: 0.5..1, area from which a model is exposed.
        alpha: 0..1.

    >>> rng = np.random.default_rng(0)
    >>> membership(rng.exponential(0.1, 500), rng.exponential(0.5, 500)).exposed
    True
    """
    inside, outside = np.asarray(trained, dtype=np.float64), np.asarray(unseen, dtype=np.float64)
    counts = len(inside), len(outside)
    if min(counts) < LEAST_ROWS:
        return Membership(math.nan, 0.0, 1.0, math.nan, 0.0, counts, False, f"Not tried: it takes {LEAST_ROWS} rows of training and of testing, and there are {counts[0]} and {counts[1]}.")
    positive = np.r_[np.ones(counts[0], dtype=bool), np.zeros(counts[1], dtype=bool)]
    area, won = area_components(-np.r_[inside, outside], positive)
    error = math.sqrt(float(won[positive].var(ddof=1)) / counts[0] + float(won[~positive].var(ddof=1)) / counts[1])
    half = student_quantile(1 - alpha, min(counts) - 1) * error
    threshold = float(np.quantile(outside, FEW_FALSE_ALARMS, method="lower"))
    hits, alarms = int((inside < threshold).sum()), int((outside < threshold).sum())
    recognised_low = exact(hits, counts[0])[0]
    # The threshold stands on the few smallest losses of the unseen rows, so that its own share is unsure: their upper bound counts, twice over.
    alarms_high = exact(alarms, counts[1])[1]
    exposed = area - half > limit or recognised_low > 2 * max(alarms_high, FEW_FALSE_ALARMS)
    sentence = (
        f"By its loss alone a trained row is told from another in {area:.1%} of pairs (between {area - half:.1%} and {area + half:.1%}; 50 % is chance), "
        f"and {hits / counts[0]:.1%} of the trained rows are recognised at 1 % false alarms: {'the model gives away who it was trained on' if exposed else 'nothing to worry about'}."
    )
    return Membership(area, area - half, area + half, hits / counts[0], recognised_low, counts, exposed, sentence)


@dataclass(frozen=True)
class Memory:
    """Rows that contradict all their neighbours and are answered surely all the same.

    Args:
        share, unseen_share: of such contradicting rows that are answered surely, in training and in testing.
        excess, low, high: the difference with its 95 % interval.
        contradicting: number of such rows in training and in testing.
        rows: numbers of the trained rows that were recalled, the surest first.
        found: more in training than in testing, beyond chance.
        sentence: for people.
    """

    share: float
    unseen_share: float
    excess: float
    low: float
    high: float
    contradicting: tuple[int, int]
    rows: tuple[int, ...]
    found: bool
    sentence: str


def memorised(
    trained: Floats, trained_y: Floats, trained_answers: Floats, unseen: Floats, unseen_y: Floats, unseen_answers: Floats, *, alpha: float = ALPHA, seed: int = 0
) -> Memory:
    """Looks for rows that the model knows by heart.

    Args:
        trained, unseen: (rows, features) model input; NaN is missing. Codes of categories count as numbers.
        trained_y, unseen_y: (rows,) class index, or number.
        trained_answers, unseen_answers: (rows, classes) probabilities, or (rows,) numbers.
        alpha: 0..1.
        seed: at most 2,000 rows of each are asked, with 20,000 trained rows as their neighbours.

    Null hypothesis and promise: see the head of the module.
    """
    if trained.ndim != 2 or unseen.ndim != 2 or trained.shape[1] != unseen.shape[1]:
        raise MisuseError(f"model inputs of shapes {trained.shape} and {unseen.shape} do not go together: (rows, features) with the same features")
    rng = np.random.default_rng(seed)
    middle, spread = np.nanmean(np.where(np.isfinite(trained), trained, np.nan), axis=0), np.nanstd(np.where(np.isfinite(trained), trained, np.nan), axis=0)
    pool = np.sort(rng.permutation(len(trained))[:MOST_NEIGHBOURS])
    places, around = _scaled(trained[pool], middle, spread), trained_y[pool]
    asked = np.sort(rng.permutation(len(pool))[:MOST_ASKED])
    other = np.sort(rng.permutation(len(unseen))[:MOST_ASKED])
    odd, sure = _recalled(places[asked], trained_y[pool][asked], trained_answers[pool][asked], places, around, asked)
    other_odd, other_sure = _recalled(_scaled(unseen[other], middle, spread), unseen_y[other], unseen_answers[other], places, around, None)
    counts = int(odd.sum()), int(other_odd.sum())
    hits, other_hits = int((odd & (sure >= SURE)).sum()), int((other_odd & (other_sure >= SURE)).sum())
    share, other_share = (hit / count if count else 0.0 for hit, count in zip((hits, other_hits), counts, strict=True))
    low, high = newcombe(hits, counts[0], other_hits, counts[1])
    p = hypergeometric_mid_above(hits, counts[0], hits + other_hits, sum(counts)) if min(counts) and hits else 1.0
    recalled = np.flatnonzero(odd & (sure >= SURE))
    rows = pool[asked][recalled[np.argsort(-sure[recalled], kind="stable")]]
    found = p <= alpha and share > other_share
    says = f"{hits:,} of {counts[0]:,} trained rows that contradict their neighbours are answered surely, and {other_hits:,} of {counts[1]:,} such rows of the test set"
    return Memory(
        share, other_share, share - other_share, low, high, counts, tuple(int(row) for row in rows) if found else (), found,
        f"{says}: {'the model knows them by heart' if found else 'no sign of rows known by heart'}.",
    )  # fmt: skip


def _scaled(rows: Floats, middle: Floats, spread: Floats) -> Floats:
    scaled = (np.where(np.isfinite(rows), rows, np.nan) - middle) / np.where(spread > 0, spread, 1.0)
    return np.asarray(np.nan_to_num(scaled))


def _recalled(
    asked: Floats, y: Floats, answers: Floats, places: Floats, around: Floats, own: npt.NDArray[np.int64] | None
) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Which rows contradict their nearest trained rows, and how sure the model is of each, 0..1."""
    odd, sure = np.zeros(len(asked), dtype=bool), np.zeros(len(asked))
    sizes = (places**2).sum(axis=1)
    many = min(NEIGHBOURS, len(places) - 1)
    if many < 2:
        return odd, sure
    for begin in range(0, len(asked), 256):
        part = slice(begin, begin + 256)
        distances = sizes[None, :] - 2 * asked[part] @ places.T
        if own is not None:
            distances[np.arange(len(distances)), own[part]] = np.inf
        near = around[np.argpartition(distances, many, axis=1)[:, :many]]
        if answers.ndim == 2:
            odd[part] = (near == y[part][:, None]).mean(axis=1) <= CONTRADICTED
            sure[part] = answers[part][np.arange(len(near)), y[part].astype(np.int64)]
        else:
            centre = np.median(near, axis=1)
            usual = 1.4826 * np.median(np.abs(near - centre[:, None]), axis=1)
            off = np.abs(y[part] - centre)
            odd[part] = off > 4 * usual + 1e-12
            with np.errstate(divide="ignore", invalid="ignore"):
                sure[part] = np.nan_to_num(1 - np.abs(answers[part] - y[part]) / off)
    return odd, sure


@dataclass(frozen=True)
class SharedRows:
    """Rows of a test set that stand in the training data as well.

    Args:
        rows: their numbers in the test set.
        share: of the test set, 0..1.
        sentence: for people.
    """

    rows: tuple[int, ...]
    share: float
    sentence: str


def shared_rows(trained: pl.DataFrame, tested: pl.DataFrame) -> SharedRows:
    """Finds rows of a test set that are equal to a training row in all columns both have.

    >>> shared_rows(pl.DataFrame({"a": [1, 2], "b": ["x", "y"]}), pl.DataFrame({"a": [2, 3], "b": ["y", "y"]})).rows
    (0,)
    """
    columns = [name for name in tested.columns if name in trained.columns and legible(tested[name]) and legible(trained[name])]
    if not columns or not tested.height:
        return SharedRows((), 0.0, "There is nothing to compare: training data and test set have no column in common.")
    left, right = (one.select(pl.col(name).cast(pl.String, strict=False) for name in columns) for one in (tested, trained))
    found = left.with_row_index("row of the test set").join(right.unique(), on=columns, how="semi", nulls_equal=True).get_column("row of the test set").sort()
    share = len(found) / tested.height
    return SharedRows(tuple(found.to_list()), share, f"{len(found):,} of {tested.height:,} rows of the test set ({share:.1%}) stand in the training data, word for word.")


_NAMES = (
    ("names of people", re.compile(r"(?i)(^|[_\W])((first|last|full|sur|family|given|maiden|user)[_ ]?name|nachname|vorname|prenom|person)([_\W]|$)")),
    ("addresses", re.compile(r"(?i)(^|[_\W])(street|address|addr|strasse|adresse|house[_ ]?(no|number))([_\W]|$)")),
    ("dates of birth", re.compile(r"(?i)(^|[_\W])(dob|birth[_ ]?(day|date)?|date[_ ]of[_ ]birth|geburts(tag|datum))([_\W]|$)")),
    ("e-mail addresses", re.compile(r"(?i)(^|[_\W])e[-_ ]?mail([_\W]|$)")),
    ("telephone numbers", re.compile(r"(?i)(^|[_\W])(phone|mobile|telephone|fax|telefon)([_ ]?(no|number|nr))?([_\W]|$)")),
    ("numbers of documents", re.compile(r"(?i)(^|[_\W])(ssn|social[_ ]security|passport|national[_ ]id|tax[_ ]id|iban|license[_ ]plate|nhs[_ ]?(no|number)?)([_\W]|$)")),
    ("protected characteristics", re.compile(r"(?i)(^|[_\W])(religion|ethnicity|ethnic|race|sexual[_ ]orientation|disability|union[_ ]member)([_\W]|$)")),
)  # fmt: skip


@dataclass(frozen=True)
class PersonalFeature:
    """A column of the model input that says something about a person.

    Args:
        column: its name.
        what: "e-mail addresses".
        by: "values" where the content shows it, "name" where only the name says so.
        sentence: for people.
    """

    column: str
    what: str
    by: str
    sentence: str


def personal_features(table: pl.DataFrame) -> tuple[PersonalFeature, ...]:
    """Columns of a model's input that identify people or say what may not decide about them.

    >>> [(one.column, one.what, one.by) for one in personal_features(pl.DataFrame({"mail": ["a@x.org", "b@y.org"], "birth_date": ["1980", "1990"]}))]
    [('mail', 'e-mail addresses', 'values'), ('birth_date', 'dates of birth', 'name')]
    """
    found: dict[str, PersonalFeature] = {}
    if table.height:
        for one in PersonalData()(profile(table), Past()):
            what = str(one.evidence["what"])
            found[one.columns[0]] = PersonalFeature(one.columns[0], what, "values", f"The model reads {one.columns[0]}, whose values are {what}: leave it out, or say why it is needed.")
    for name in table.columns:
        for what, pattern in _NAMES:
            if name not in found and pattern.search(name):
                found[name] = PersonalFeature(name, what, "name", f"The model reads {name}, which by its name holds {what}: leave it out, or say why it is needed.")
    return tuple(found[name] for name in sorted(found, key=lambda name: (found[name].by != "values", table.columns.index(name))))
