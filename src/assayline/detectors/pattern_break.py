"""Values that do not have the form the others of their column have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import polars as pl

from assayline.core import Finding, Past, Profile
from assayline.measures import Column, Shapes, collapsed, shape_of, tally

from .expectations import with_expectation
from .locating import Where
from .recognising import odd_values
from .recognising.odd import Odd
from .recognising.speaking import about_values


class PatternBreak:
    """Finds values whose sequence of letters, digits and signs is rare in a column that has a fixed form.

    Reads:    `values` or the row sample.
    Finds:    "pattern_break" per column; evidence `rows_share`, `values`.
    Silent:   with fewer than 20 rows, where the few usual forms do not cover nine of ten rows, and where the form has no
              digits, signs or fixed length (names, free text).
    Source:   pattern profiles as in Potter's Wheel (Raman and Hellerstein 2001); docs/detectors/pattern_break.md.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"code": [f"AB-{n:04}" for n in range(80)] + ["AB-17x9"]})
    >>> [finding.rows for finding in PatternBreak()(profile(frame), Past())]
    [1]
    """

    codes = ("pattern_break",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, odds in odd_values(profile).items():
            odd = odds.get("pattern_break")
            if odd:
                found = about_values(
                    profile, "pattern_break", column, odd, "do not have the form of the others",
                    severity=0.4, suggestion="look at these cells",
                )  # fmt: skip
                yield found if tally(profile, column).exact else _everywhere(profile, column, odd, found)


def _everywhere(profile: Profile, column: str, odd: Sequence[Odd], found: Finding) -> Finding:
    """The same finding about the whole table, where only a sample of the values was seen: by form, which is counted for every value.

    As it is when values of the sample that are not odd have the same forms.
    """
    shapes = profile.of(column, Shapes)
    values = tally(profile, column).values
    is_odd = values.is_in([one.value for one in odd])
    for short in (True, False):
        counted = None if shapes is None else shapes.counts if short else shapes.full
        if shapes is None or not counted or not (shapes.complete if short else shapes.full_complete):
            continue
        forms = shape_of(values)
        forms = collapsed(forms) if short else forms
        wrong = set(forms.filter(is_odd).to_list()) - set(forms.filter(~is_odd).to_list())
        if set(forms.filter(is_odd).to_list()) <= wrong:
            rows = sum(counted.get(form, 0) for form in wrong)
            total = sum(counted.values())
            examples = found.sentence.partition(": ")[2]
            return found.but(
                sentence=f"{rows:,} of {total:,} values of {column} do not have the form of the others: {examples}",
                rows=rows, exact_rows=True, evidence={**found.evidence, "rows_share": rows / total},
                locate=with_expectation(profile, column, Where(column, _of_form(frozenset(wrong), short), max(one.confidence for one in odd))),
            )  # fmt: skip
    return found


def _of_form(forms: frozenset[str], short: bool) -> Callable[[Column], pl.Series]:
    def test(column: Column) -> pl.Series:
        seen = shape_of(column.series)
        return (collapsed(seen) if short else seen).is_in(sorted(forms))

    return test
