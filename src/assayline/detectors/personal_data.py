"""Columns with personal data: e-mail addresses, telephone numbers, card numbers."""

from __future__ import annotations

import re
from collections.abc import Iterable

from assayline.core import Finding, Past, Profile
from assayline.measures import Moments, natures, tally

LEAST_SHARE = 0.5
LOOKED_AT = 256
SMALLEST_CARD = 1e12  # 13 digits
_CARD = re.compile(r"^[3-6]\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,7}$")
_SSN = re.compile(r"^(?!000|666|9\d\d)\d{3}-(?!00)\d{2}-(?!0000)\d{4}$")
_IBAN = re.compile(r"^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$")
_SAYS = {"email": "e-mail addresses", "phone": "telephone numbers", "ip address": "IP addresses"}


def is_card(text: str) -> bool:
    """Whether a text is a payment card number: 13 to 19 digits whose Luhn sum is right.

    >>> is_card("4111 1111 1111 1111"), is_card("4111 1111 1111 1112")
    (True, False)
    """
    if not _CARD.match(text):
        return False
    digits = [int(c) for c in text if c.isdigit()]
    if len(digits) < 13:
        return False
    doubled = [digit if i % 2 == 0 else digit * 2 - 9 * (digit > 4) for i, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0


def is_iban(text: str) -> bool:
    """Whether a text is a bank account number whose check digits are right (ISO 13616).

    >>> is_iban("DE89 3704 0044 0532 0130 00"), is_iban("DE88 3704 0044 0532 0130 00")
    (True, False)
    """
    plain = text.replace(" ", "").upper()
    if not _IBAN.match(plain):
        return False
    return int("".join(str(int(c, 36)) for c in plain[4:] + plain[:4])) % 97 == 1


class PersonalData:
    """Notes columns whose values identify people.

    Reads:    `values` or the row sample.
    Finds:    "personal_data" per column; evidence `values_share`, `what`.
    Silent:   where fewer than half of the values are of that kind; names are not recognised.
    Source:   Luhn 1960 (cards), ISO 13616 (IBAN), ranges of the Social Security Administration.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> [finding.evidence["what"] for finding in PersonalData()(profile(pl.DataFrame({"mail": ["a@x.org", "b@y.org"]})), Past())]
    ['e-mail addresses']
    """

    codes = ("personal_data",)

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]:
        for column, nature in natures(profile).items():
            what, share = _SAYS.get(nature.meaning or ""), 1.0
            if what is None and nature.kind in ("text", "category", "identifier", "number") and nature.meaning in (None, "code", "iban"):
                moments = profile.of(column, Moments)
                if moments is not None and (moments.whole < moments.n or moments.high < SMALLEST_CARD):
                    continue
                values = [value.strip() for value in tally(profile, column).values.head(LOOKED_AT).to_list()]
                if not values or max(map(len, values[:20])) < 9:
                    continue
                for name, test in (("payment card numbers", is_card), ("bank account numbers", is_iban), ("social security numbers", _SSN.match)):
                    share = sum(1 for value in values if test(value)) / len(values)
                    if share >= LEAST_SHARE:
                        what = name
                        break
            if what is None:
                continue
            yield Finding(
                "personal_data", (column,), f"{column} holds {what} ({share:.0%} of the values looked at).", severity=0.15,
                rows=nature.filled, exact_rows=True, evidence={"values_share": share, "what": what},
                suggestion="check who may see this column",
            )  # fmt: skip
