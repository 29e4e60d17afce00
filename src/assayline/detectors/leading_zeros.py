"""Codes that look like numbers and would be damaged if they were read as numbers."""

from __future__ import annotations

from collections.abc import Iterable

from assayline.core import Finding, Past, Profile
from assayline.measures import Characters, natures, tally

from .recognising.screening import has_shape

LEAST = 2  # codes with a leading zero: one may be a slip
_ZEROS = r"^0\d+$"
_EXPONENT = r"^\d+[eE]\d+$"  # 1E5 is a part number, a spreadsheet makes it 100000
_CODE = r"^[A-Za-z0-9]+$"


class LeadingZeros:
    """Notes columns of digits with leading zeros; warns where codes look like numbers with an exponent.

    Reads:    `values` or the row sample.
    Finds:    "leading_zeros" per column; evidence `leading_zero_rows`, `exponent_rows`.
    Silent:   on columns of real numbers.
    Source:   definition of a number; Ziemann et al. 2016 on gene names in spreadsheets.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> [round(finding.severity, 1) for finding in LeadingZeros()(profile(pl.DataFrame({"zip": ["01234", "00501", "98765"]}), text=True), Past())]
    [0.1]
    """

    codes = ("leading_zeros",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, nature in natures(profile).items():
            if profile.of(column, Characters) is None or nature.kind in ("time", "number", "boolean", "empty"):
                continue
            if not has_shape(profile, column, lambda shape: shape in ("9", "9A9", "9a9")):
                continue
            found = tally(profile, column)
            if not found.values.len() or not found.values.str.contains(_CODE).mean() > 0.9:  # type: ignore[operator]  # the mean of booleans or lengths is a number
                continue
            zeros = int(found.counts[found.values.str.contains(_ZEROS).to_numpy()].sum())
            exponents = int(found.counts[found.values.str.contains(_EXPONENT).to_numpy()].sum())
            digits = int(found.counts[found.values.str.contains(r"^\d+$").to_numpy()].sum())
            if zeros >= LEAST and digits > 0.5 * found.total:
                yield Finding(
                    "leading_zeros", (column,), f"{zeros:,} of {found.total:,} values of {column} begin with a zero: they are codes and were kept as text.",
                    severity=0.1, rows=zeros, evidence={"leading_zero_rows": zeros, "digits_rows": digits}, suggestion="do not convert them to numbers",
                )  # fmt: skip
            elif exponents >= LEAST and exponents < found.total:
                yield Finding(
                    "leading_zeros", (column,),
                    f"{exponents:,} of {found.total:,} values of {column} read as a number with an exponent, the others do not: spreadsheets turn 1E5 into 100000.",
                    severity=0.3, rows=exponents, evidence={"exponent_rows": exponents}, suggestion="keep this column as text",
                )  # fmt: skip
