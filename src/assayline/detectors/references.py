"""References to other tables: which column names rows of which parent table, and which of its keys that table does not have."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Cell, Finding, Past, Profile
from assayline.measures import Block, KeySet, Marks, Moments, Tally, column_marks, marks_of, natures, tally

from .expectation import at_least, shares
from .locating import Accused
from .nearest_key import nearest
from .wording import lots, percent, short

LOTS = 20  # most recent lots asked whether the relation held
MOST_VALUES = 20_000  # different values of a column, the most frequent ones
MOVED = 2_000  # values whose neighbours are tried
FEWEST = 3  # different values; two may stand in any table
ACCIDENT = 1e-4  # promised chance that one lot and its parents give one relation that is none
ALWAYS = 0.9  # share of the rows that must refer to the parent where only the values speak
MOSTLY = 0.3  # … where the names say so too: half of a lot may be broken
UNIQUE = 0.95  # share of different values of a parent's key; a few rows that stand there twice must not hide that it is one
MUCH = 0.2  # share of the rows from which, without a past, the parent may be the table that is not complete
NAMED = 200  # unknown keys a nearest one is looked for

Texts = Sequence[str]

_GENERIC = frozenset({"id", "ids", "key", "code", "no", "nr", "num", "number", "pk", "fk", "ref", "uid", "guid", "uuid", "idx", "index", "name", "row", "dim", "tbl",
                      "table", "fact", "the", "of", "parent", "parents", "master", "list", "data", "csv", "parquet"})  # fmt: skip
_PIECES = re.compile(r"[A-Z]{2,}(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")


@dataclass(frozen=True)
class Referring:
    """A column of the lot that may name rows of another table.

    Args:
        name: the column.
        values: its different values today, most frequent first, as text.
        rows: rows of each.
        exact: whether these are all.
        past: the values and rows of each recent lot.
    """

    name: str
    values: pl.Series
    rows: npt.NDArray[np.int64]
    exact: bool
    past: tuple[tuple[pl.Series, npt.NDArray[np.int64]], ...] = ()
    _marks: dict[str, tuple[Marks, ...]] = field(default_factory=dict, compare=False, repr=False)

    def marks(self, kind: str) -> tuple[Marks, ...]:
        """The marks of today's values and of those of each past lot, for a parent's column of that kind."""
        if kind not in self._marks:
            self._marks[kind] = (marks_of(self.values, kind), *(marks_of(values, kind) for values, _ in self.past))
        return self._marks[kind]

    @cached_property
    def moved(self) -> dict[str, tuple[Marks, ...]]:
        """For each kind of parent column: the marks of neighbours of the values, one entry per way to move."""
        known = pl.concat([self.values, *(values for values, _ in self.past)]).unique(maintain_order=True)
        known = known.gather_every(max(1, known.len() // MOVED))
        return {"number": _moved_numbers(known), "text": _moved_texts(known.to_list())}


@dataclass(frozen=True)
class Offered:
    """A column of a parent table, after one pass over it.

    Args:
        table: how the table is called.
        column: its name.
        kind: "number" (whole numbers) or "text".
        rows: filled rows.
        distinct_share: 0..1, share of its values that are different.
        asked: marks that were looked for, in order.
        found: which of them stand there.
    """

    table: str
    column: str
    kind: str
    rows: int
    distinct_share: float
    asked: npt.NDArray[np.uint64]
    found: npt.NDArray[np.bool_]

    def has(self, marks: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        """Which of these marks, all of which were asked for, stand in the column."""
        if not len(self.asked):
            return np.zeros(len(marks), dtype=np.bool_)
        return self.found[np.minimum(np.searchsorted(self.asked, marks), len(self.asked) - 1)]


@dataclass(frozen=True)
class Reference:
    """A relation that is no accident.

    Args:
        referring: the column of the lot.
        offered: the key of the parent table.
        share: 0..1, share of the filled rows, in the past where there is one, whose key the parent has.
        accident: probability of so many common values if they had nothing to do with each other.
        named: whether the names say so too.
    """

    referring: Referring
    offered: Offered
    share: float
    accident: float
    named: bool

    def __str__(self) -> str:
        return f"{self.referring.name} -> {self.offered.table}.{self.offered.column}"


def referring(profile: Profile, past: Past) -> list[Referring]:
    """The columns that may name rows of another table: whole numbers, codes and names, not measures, times, flags or sentences."""
    found = []
    recent = past.profiles[-LOTS:]
    for name, nature in natures(profile).items():
        if nature.kind not in ("number", "category", "text", "identifier") or nature.meaning in ("free text", "percentage", "latitude", "longitude", "year"):
            continue
        moments = profile.of(name, Moments)
        if moments is not None and (not moments.n or moments.whole < ALWAYS * moments.n):
            continue
        if nature.distinct < 2:
            continue
        values, rows, exact = _most(tally(profile, name))
        before = tuple(_most(tally(one, name))[:2] for one in recent if name in one.columns)
        found.append(Referring(name, values, rows, exact, before))
    return found


def _most(values: Tally) -> tuple[pl.Series, npt.NDArray[np.int64], bool]:
    return values.values.head(MOST_VALUES), values.counts[:MOST_VALUES], values.exact and values.values.len() <= MOST_VALUES


def _moved_numbers(values: pl.Series) -> tuple[Marks, ...]:
    """Neighbours of numbers, in steps of their greatest common divisor: multiples of 100 have neighbours 100 away."""
    numbers = values.cast(pl.Float64, strict=False).drop_nulls()
    whole = numbers.filter((numbers == numbers.round(0)) & (numbers.abs() < 2.0**53)).cast(pl.Int64).to_numpy()
    if len(whole) < 2:
        return ()
    step = int(np.gcd.reduce(np.diff(np.sort(whole)))) or 1
    return tuple(marks_of(pl.Series(whole + away * step), "number") for away in (1, -1, 2, -2, 3, -3))


def _moved_texts(values: Texts) -> tuple[Marks, ...]:
    """Texts with one letter or digit raised by one: the last, the first, and the one before the last."""
    moved = []
    for place in (-1, 0, -2):
        texts = []
        for value in values:
            at = [i for i, sign in enumerate(value) if sign.isascii() and sign.isalnum()]
            if len(at) >= abs(place) and at:
                i = at[place]
                texts.append(value[:i] + _next(value[i]) + value[i + 1 :])
        moved.append(marks_of(pl.Series(texts, dtype=pl.String), "text"))
    return tuple(moved)


def _next(sign: str) -> str:
    first = "0" if sign.isdigit() else "a" if sign.islower() else "A"
    return chr(ord(first) + (ord(sign) - ord(first) + 1) % (10 if sign.isdigit() else 26))


def asked(columns: Sequence[Referring]) -> dict[str, npt.NDArray[np.uint64]]:
    """Every mark a parent has to be asked for, in order, by kind of the parent's column."""
    questions = {}
    for kind in ("number", "text"):
        marks = [one.marks for column in columns for one in (*column.marks(kind), *column.moved[kind])]
        questions[kind] = np.unique(np.concatenate(marks)) if marks else np.zeros(0, dtype=np.uint64)
    return questions


def references(columns: Sequence[Referring], offers: Sequence[Offered]) -> list[Reference]:
    """The relations that are no accident, at most one a column.

    Null hypothesis: the values of the column have nothing to do with the parent's; then their neighbours (a number one step up or
    down, a code with one letter raised) stand in the parent as often as they do. The number of common values is then binomial
    with the share of the neighbours that do. Numbers counted 1, 2, 3 in both tables are common by nature: for them the names must agree.

    Args:
        columns: of the lot.
        offers: of all parents.
    """
    keys = [one for one in offers if one.rows and one.distinct_share >= UNIQUE]
    limit = ACCIDENT / max(1, len(columns) * len(keys))
    found = []
    for column in columns:
        options = [one for one in (_related(column, offer, limit) for offer in keys) if one is not None]
        if options:
            found.append(max(options, key=lambda one: (one.named, round(one.share, 3), -one.accident)))
    return found


def _related(column: Referring, offer: Offered, limit: float) -> Reference | None:
    today, *before = column.marks(offer.kind)
    shares_of = [_share_of(offer, marks, rows) for marks, rows in zip((today, *before), (column.rows, *(rows for _, rows in column.past)), strict=True)]
    in_past = [share for share in shares_of[1:] if share is not None]
    share = float(np.median(in_past)) if in_past else shares_of[0]
    if share is None or share < MOSTLY:
        return None
    distinct = np.unique(np.concatenate([one.marks for one in (today, *before)]))
    hits = int(offer.has(distinct).sum())
    if len(distinct) < FEWEST or hits < FEWEST:
        return None
    # Laplace's rule for the share of the neighbours, the most favourable way to move: a bound from above, so that chance gets its due.
    chance = max(((int(offer.has(one.marks).sum()) + 1) / (len(one.marks) + 2) for one in column.moved[offer.kind] if len(one.marks)), default=1.0)
    accident = float(at_least(np.array([float(hits)]), np.array([float(len(distinct))]), np.array([min(1.0, chance)]))[0])
    named = named_alike(column.name, offer.column, offer.table)
    if (named and share >= MOSTLY) or (accident <= limit and share >= ALWAYS):
        return Reference(column, offer, share, accident, named)
    return None


def _share_of(offer: Offered, marks: Marks, rows: npt.NDArray[np.int64]) -> float | None:
    total = int(rows[marks.rows].sum())
    if not total:
        return None
    return float(rows[marks.rows][offer.has(marks.marks)].sum()) / total


def named_alike(column: str, key: str, table: str) -> bool:
    """Whether the name of a column says that it holds keys of a table.

    >>> named_alike("PULocationID", "LocationID", "zones.csv"), named_alike("customer_id", "id", "customers.csv")
    (True, True)
    >>> named_alike("order_id", "id", "customers.csv"), named_alike("id", "id", "a.csv"), named_alike("location_count", "id", "locations.csv")
    (False, False, False)
    """
    ours = _words(column)
    for theirs in (_words(key), _words(re.split(r"[\\/]", table.partition("?")[0])[-1].split(".")[0])):
        if theirs and ours and len(theirs) <= len(ours) and all(_same(one, other) for one, other in zip(ours[-len(theirs) :], theirs, strict=True)):
            return True
        if theirs and _words(key) == theirs:
            return False  # the key has a name of its own: what the table is called says no more
    return False


def _words(name: str) -> list[str]:
    words = [piece.lower() for piece in _PIECES.findall(name)]
    return [word for word in words if word not in _GENERIC]


def _same(one: str, other: str) -> bool:
    short_, long_ = sorted((_singular(one), _singular(other)), key=len)
    return short_ == long_ or (len(short_) >= 4 and long_.startswith(short_))


def _singular(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


class BrokenReferences:
    """Finds keys that neither the parent table nor the past has.

    Reads:    `values` or the row sample; the keys of the parent tables.
    Finds:    "fk_break" per column; evidence `rows_share`, `unknown_keys`, `accident`.
    Silent:   where the relation may be an accident, and where earlier lots had such keys in the same share.
    Source:   inclusion dependencies (De Marchi et al. 2009), accident by moved values, docs/detectors/fk_break.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> keys = pl.Series([f"C{n * n:05}" for n in range(100)])
    >>> lot = profile(pl.DataFrame({"customer": [*keys.to_list()[:40], "C99999"]}))
    >>> column, = referring(lot, Past())
    >>> question = asked([column])["text"]
    >>> offer = Offered("customers.csv", "code", "text", 100, 1.0, question, np.isin(question, marks_of(keys, "text").marks))
    >>> known = KeySet.of([marks_of(keys, "text").marks], 100)
    >>> [finding.rows for finding in BrokenReferences()(references([column], [offer]), [known], 0)]
    [1]
    """

    finds = ("fk_break",)

    def __call__(self, found: Sequence[Reference], keys: Sequence[KeySet], past_lots: int, /) -> list[Finding]:
        """The findings about some relations.

        Args:
            found: the relations.
            keys: all keys of the parent's column, for each of them.
            past_lots: how many earlier lots there were.
        """
        findings = (self._broken(one, known, past_lots) for one, known in zip(found, keys, strict=True))
        return [finding for finding in findings if finding is not None]

    def _broken(self, found: Reference, keys: KeySet, past_lots: int) -> Finding | None:
        column, offer = found.referring, found.offered
        today = column.marks(offer.kind)[0]
        seen = known_before(found)
        unknown = ~offer.has(today.marks) & ~np.isin(today.marks, seen)
        rows = column.rows[today.rows]
        count, total = int(rows[unknown].sum()), int(rows.sum())
        if not count:
            return None
        was, of = alone_before(found)
        usual = shares([count], [total], was[:, None], of[:, None]) if len(of) else None
        familiar = usual is not None and was.sum() > 0 and float(usual.more[0]) > ACCIDENT
        texts = column.values.gather(today.rows[unknown]).to_list()
        counts = rows[unknown].tolist()
        near = nearest(texts[:NAMED], column.values.gather(today.rows[~unknown]).to_list(), keys, offer.kind, offer.rows)
        never = len(of) >= FEWEST and was.sum() == 0
        severity = 0.2 if familiar else 0.65 if never or (not len(of) and count <= MUCH * total) else 0.55
        named = ", ".join(f"{short(text)} ({n:,}{', perhaps ' + short(near[text]) if text in near else ''})"
                          for text, n in list(zip(texts, counts, strict=True))[:3])  # fmt: skip
        more = f" and {len(texts) - 3:,} more" if len(texts) > 3 else ""
        of_what = f"{count:,} of {total:,} values" if column.exact else f"{percent(count / total)} of the values (seen in a sample)"
        before = "" if not len(of) else f" In {lots(len(of))} it was {percent(float(was.sum()) / max(1, int(of.sum())))}."
        return Finding(
            "fk_break", (column.name,),
            f"{of_what} of {column.name} are not in {offer.column} of {offer.table}{' nor in the past' if past_lots else ''}: {named}{more}.{before}",
            severity=severity, rows=count if column.exact else None, exact_rows=column.exact,
            evidence={"rows_share": count / total, "unknown_keys": len(texts), "usual_known_share": found.share, "accident": found.accident,
                      "parent": f"{offer.table}.{offer.column}"},
            suggestion="look whether the table these keys refer to is complete",
            locate=NotIn(column.name, offer.kind, keys, seen, tuple(sorted(near.items())), 0.9),
            picture={"kind": "share", "value": count / total, "usual": float(was.sum()) / max(1, int(of.sum())) if len(of) else 0.0},
        )  # fmt: skip


def known_before(found: Reference) -> npt.NDArray[np.uint64]:
    """The marks that some earlier lot had."""
    before = [one.marks for one in found.referring.marks(found.offered.kind)[1:]]
    return np.unique(np.concatenate(before)) if before else np.zeros(0, dtype=np.uint64)


def alone_before(found: Reference) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each earlier lot: rows whose key neither the parent nor any other lot had, and filled rows."""
    before = found.referring.marks(found.offered.kind)[1:]
    weights = [rows[one.rows] for one, (_, rows) in zip(before, found.referring.past, strict=True)]
    if not before:
        return np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64)
    every, times = np.unique(np.concatenate([np.unique(one.marks) for one in before]), return_counts=True)
    single = every[times == 1]
    was = [int(rows[~found.offered.has(one.marks) & np.isin(one.marks, single)].sum()) for one, rows in zip(before, weights, strict=True)]
    return np.array(was, dtype=np.int64), np.array([int(rows.sum()) for rows in weights], dtype=np.int64)


@dataclass(frozen=True)
class NotIn:
    """Accuses the cells of one column whose key is not known.

    Args:
        column: the column.
        kind: "number" or "text", as the parent's column is.
        keys: of the parent.
        seen: marks of the past, in order.
        near: (value, nearest key), in order.
        confidence: of each accusation.
    """

    column: str
    kind: str
    keys: KeySet
    seen: npt.NDArray[np.uint64]
    near: tuple[tuple[str, str], ...]
    confidence: float

    @property
    def columns(self) -> tuple[str, ...]:
        return (self.column,)

    def fresh(self) -> NotIn:
        return self

    def __call__(self, block: Block, /) -> Sequence[Cell]:
        column = block.column(self.column)
        found = column_marks(column, self.kind)
        unknown = ~self.keys.has(found.marks) & ~KeySet(self.seen, None).has(found.marks)
        return Accused(column.series, self.column, found.rows[unknown], block.start, self.confidence, dict(self.near).get)  # type: ignore[arg-type]  # a cell without a value is not accused
