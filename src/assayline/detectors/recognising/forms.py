"""Values that do not have the form the others have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from assayline.measures import Nature, Tally, collapsed, shape_of
from assayline.measures.nature import FEW_TEXTS, HALF, MEANINGS
from assayline.measures.texts import CLASSES

from .odd import Odd

# Meanings whose form is fixed by a standard: a value without it is not one of them.
STANDARD = frozenset({"email", "url", "uuid", "ip address", "coordinates", "time of day", "percentage", "iban"})
_PARTS = {
    name: re.compile(r"(?<!\w)(?:" + pattern.replace("(?i)", "").removeprefix("^").removesuffix("$") + r")(?!\w)", re.IGNORECASE)
    for name, pattern in MEANINGS if name in STANDARD
}  # fmt: skip
FEWEST = 20  # rows below which three equal forms may be chance
COVERED = 0.8  # share of the rows the usual forms must have; honest variety would have forms of its own among the rest
COVERED_FEW, MANY = 0.9, 100  # in fewer rows than that the share is known too badly for less
USUAL = 0.03  # share of the rows from which a form is one of the usual ones
RARE = 0.01  # share of the rows below which a form is rare
BETWEEN = 0.05  # share of the rows whose form is neither usual nor rare
SHARED = 0.6  # share of the different values that have a usual form
SHARED_LETTERS = 0.8  # … where the form is nothing but a number of letters, and the table is short
FULL_FORMS, SHORT_FORMS = 3, 5  # more usual forms than these are variety
MOST_FORMS = 2_048  # different forms above which there is none
_RUNS, _NUMBERS = re.compile(r"A{2,}|a{2,}|9{2,}|u{2,}| {2,}"), re.compile(r"9+")
REPEATED = 3  # a value that stands in three rows was meant
LONGEST = 64
_STRUCTURE = re.compile(r"[^Aau ]")
_LETTER_CODE = re.compile(r"^(A{1,4}|a{1,4})$")
_TWO_WORDS = re.compile(r"[Aau]+[^Aau9]* [^Aau9]*[Aau]+[^Aau9]*|[Aau]{2,}.* .*[Aau]{2,}")
_MARKED = re.compile(r"[^*#?!~\s][ ]?([*]{2,}|[#]{2,}|[?]{2,}|[~]{2,})$")
_MARK = re.compile(r"[ ]?([*]{2,}|[#]{2,}|[?]{2,}|[~]{2,})$")
_SIGN = re.compile(r"^([^A-Za-z0-9]?)[-+](?=9)")
_COUNTER = re.compile(r"9+$")
# A capital after the first letter of a word that starts small (eRgional), at the end of one (SantaC), or a small letter among capitals.
_SLIPPED = re.compile(r"\b[a-z][A-Z][a-z]+\b|\b[A-Z]?[a-z]{2,}[A-Z]\b")
_SMALL_AMONG_CAPITALS = re.compile(r"\b(?!Mc)[A-Z]+[a-z][A-Z]+\b|\b[a-z][A-Z]{2,}\b|\b[A-Z]{2,}[a-z]\b")
_SMALL, _UPWARD, _CHANGE = re.compile(r"[a-z]"), re.compile(r"[a-z][A-Z]"), re.compile(r"[a-z][A-Z]|[A-Z][a-z]")
_WORDS = re.compile(r"[A-Za-z]{3,}")
LEAST_WORDS = 50


def broken_forms(tally: Tally, nature: Nature) -> list[Odd]:
    """Values without the form that nearly all others have.

    A form counts only if it has structure: a fixed length, digits or punctuation. Names and sentences have none.

    >>> import numpy
    >>> codes = Tally(pl.Series([f"A-{n:03}" for n in range(60)] + ["A0-1x"]), numpy.ones(61, dtype=numpy.int64), True)
    >>> [one.value for one in broken_forms(codes, Nature("identifier", "code"))]
    ['A0-1x']
    """
    if not tally.values.len() or tally.total < FEWEST:
        return []
    if nature.meaning in STANDARD:
        fits = tally.values.str.strip_chars().str.contains(dict(MEANINGS)[nature.meaning]).to_numpy()
        if tally.counts[fits].sum() > HALF * tally.total:
            whole = set(collapsed(shape_of(tally.values.filter(pl.Series(fits)).str.strip_chars())).to_list())
            return [Odd(one.value, one.rows, one.confidence, _inside(one.value, nature.meaning, whole)) for one in _odd(tally, ~fits, 0.85)]
        return []
    if nature.meaning == "free text" or tally.values.head(200).str.len_bytes().mean() > LONGEST:  # type: ignore[operator]  # a mean of lengths is a number
        return []
    # Different values share few forms, or the column has no form.
    forms: dict[str, list[int]] = {}
    if tally.values.len() <= FEW_TEXTS:
        full = [value.encode("utf-8", "surrogatepass").translate(CLASSES).decode("latin-1") for value in tally.values.to_list()]
        for shape, rows in zip(full, tally.counts.tolist(), strict=True):
            entry = forms.setdefault(shape, [0, 0])
            entry[0] += rows
            entry[1] += 1
        shapes = pl.Series("s", full, dtype=pl.String)
    else:
        shapes = shape_of(tally.values)
        table = pl.DataFrame({"s": shapes, "n": tally.counts}).group_by("s").agg(pl.col("n").sum(), pl.len().alias("values"))
        if table.height > MOST_FORMS:
            return []
        forms = {shape: [rows, values] for shape, rows, values in table.sort("s").iter_rows()}
    short = {shape: _RUNS.sub(lambda match: match.group()[0], shape) for shape in forms}
    by_short: dict[str, list[int]] = {}
    for shape, (rows, values) in forms.items():
        entry = by_short.setdefault(short[shape], [0, 0])
        entry[0] += rows
        entry[1] += values
    for table_of, most, structured in ((forms, FULL_FORMS, False), (by_short, SHORT_FORMS, True)):
        rare = _rare(table_of, tally.total, most, structured)
        if rare is None:
            continue
        wanted = [shape for shape in forms if (short[shape] if structured else shape) in rare]
        mask = shapes.is_in(wanted).to_numpy() & (tally.counts < REPEATED)
        if mask.sum() < (1 - COVERED) * 2 * len(mask):
            return _odd(tally, mask, 0.8 if not structured else 0.7)
    return []


def _inside(value: str, meaning: str, forms: set[str]) -> str | None:
    """The one part of a value that is written like the column's other values: 6:55 a.m. in "12/02/2011 6:55 a.m."."""
    pattern = _PARTS[meaning]
    parts = {match.group(0).strip() for match in pattern.finditer(value)}
    alike = [part for part in sorted(parts) if collapsed(shape_of(pl.Series([part]))).item() in forms]
    return alike[0] if len(alike) == 1 else None


def _rare(forms: Mapping[str, Sequence[int]], total: int, most: int, structured: bool) -> set[str] | None:
    """The forms that are rare; None when the column has no form of its own.

    Args:
        forms: form -> its rows, its different values.
        total: rows.
        most: most forms that may be usual.
        structured: the forms have no lengths, so each must have digits or signs.
    """
    usual = {shape: (rows, values) for shape, (rows, values) in forms.items() if rows >= max(2.0, USUAL * total)}
    if not 1 <= len(usual) <= most or sum(rows for rows, _ in usual.values()) < (COVERED if total >= MANY else COVERED_FEW) * total:
        return None
    if sum(values for _, values in usual.values()) < SHARED * sum(values for rows, values in forms.values() if rows > RARE * total):
        return None  # a frequent value has its form alone; a form is one that many different values have
    if any(_TWO_WORDS.search(shape) for shape in usual):
        return None  # names, streets, sentences
    spoken = any(_STRUCTURE.search(shape) for shape in usual)
    if not spoken and total < MANY and sum(values for _, values in usual.values()) < SHARED_LETTERS * sum(values for _, values in forms.values()):
        return None  # a handful of codes in a short table, some of them longer
    limit = max(1.0, RARE * total)
    if sum(rows for rows, _ in forms.values() if limit < rows < max(2.0, USUAL * total)) > BETWEEN * total:
        return None
    if structured and not all(_STRUCTURE.search(shape) for shape in usual):
        return None
    if not structured:
        # Words have their lengths by accident; a word that is frequent by itself has no say.
        formed = [shape for shape in usual if _STRUCTURE.search(shape) or _LETTER_CODE.match(shape)]
        if not formed or any(values > 2 for shape, (_, values) in usual.items() if shape not in formed):
            return None
        if sum(usual[shape][1] for shape in formed) < 5 and not any(_STRUCTURE.search(shape) for shape in formed):
            return None
    plain = {shape: _SIGN.sub(r"\1", shape) for shape in forms}
    known = {_COUNTER.sub("9", plain[shape]) for shape in usual}
    # Where two usual forms differ by the length of a number, its length says nothing.
    loose = {_NUMBERS.sub("9", plain[shape]) for shape in usual}
    counting = len(loose) < len(usual)
    return {
        shape for shape, (rows, _) in forms.items()
        if rows <= limit and not (_COUNTER.search(shape) and _COUNTER.sub("9", plain[shape]) in known)
        and not (counting and _NUMBERS.sub("9", plain[shape]) in loose)
    }  # fmt: skip


def _odd(tally: Tally, mask: np.ndarray, confidence: float) -> list[Odd]:
    values = tally.values.filter(pl.Series(mask)).to_list()
    return [Odd(value, int(rows), confidence) for value, rows in zip(values, tally.counts[mask].tolist(), strict=True)]


def attached_marks(tally: Tally) -> list[Odd]:
    """Values with a repeated mark at the end (Bonn***) whose plain form stands in the column too, or that are few.

    >>> import numpy
    >>> [one.suggestion for one in attached_marks(Tally(pl.Series(["Bonn", "Bonn***"]), numpy.array([9, 1]), True))]
    ['Bonn']
    """
    marked = tally.matching(_MARKED)
    if not marked.any():
        return []
    rows = int(tally.counts[marked].sum())
    if rows > 0.2 * tally.total:
        return []
    plain = set(tally.values.filter(pl.Series(~marked)).to_list())
    few = rows <= 0.05 * tally.total and tally.total >= FEWEST
    found = []
    for value, n in zip(tally.values.filter(pl.Series(marked)).to_list(), tally.counts[marked].tolist(), strict=True):
        bare = _MARK.sub("", value)
        if bare.strip() in plain or bare in plain:
            found.append(Odd(value, n, 0.9, bare.strip()))
        elif few and n < REPEATED:
            found.append(Odd(value, n, 0.7, bare.strip()))
    return found


def broken_capitals(tally: Tally) -> list[Odd]:
    """Values with a capital inside a word (BEAcH, eRgional) where such words do not otherwise occur.

    Words of that kind that repeat (iPhone, JavaScript) show that the column has them; then nothing is said.

    >>> import numpy
    >>> names = Tally(pl.Series([f"Regional Center {c}" for c in "ABCDEFGHIJKLMNOPQRSTUVWXYZ"] + ["eRgional Center"]), numpy.ones(27, dtype=numpy.int64), True)
    >>> [one.value for one in broken_capitals(names)]
    ['eRgional Center']
    """
    looked = tally.values.head(2_000).to_list()
    upper = sum(1 for value in looked if _SMALL.search(value)) < 0.1 * len(looked)
    form = _SMALL_AMONG_CAPITALS if upper else _SLIPPED
    odd = tally.matching(_CHANGE if upper else _UPWARD)
    if not odd.any():
        return []
    words = 0
    for text in looked:
        words += len(_WORDS.findall(text))
    if words < LEAST_WORDS:
        return []
    picked = tally.values.filter(pl.Series(odd)).to_list()
    rows = tally.counts[odd].tolist()
    seen: Counter[str] = Counter()
    where: list[tuple[str, int, list[str]]] = []
    for value, n in zip(picked, rows, strict=True):
        found = [match.group(0) for match in form.finditer(value)]
        for word in set(found):
            seen[word] += n
        if found:
            where.append((value, n, found))
    honest = sum(1 for n in seen.values() if n >= REPEATED)
    single = sum(1 for n in seen.values() if n < REPEATED)
    if not single or honest * 5 > single or len(where) > 0.2 * tally.values.len():
        return []
    return [Odd(value, n, 0.75) for value, n, found in where if any(seen[word] < REPEATED for word in found)]
