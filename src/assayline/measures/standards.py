"""Standards a value can be checked against: check digits, code lists, fixed forms; and which of them a column follows."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from types import MappingProxyType

import numpy as np

from assayline.core import Profile

from . import codes
from .moments import Moments
from .nature import Nature, kept, natures, tally
from .plan import MISSING_WORDS

LOOKED_AT = 4_096  # different values checked, the most frequent ones
GLANCED_AT = 16  # … of which these first
FEWEST = 5  # different values; four right ones may be chance whatever they are
VALID = 0.95  # share of the different values that must be right
ACCIDENT = 1e-6  # probability that so many are right by chance; columns of a table are few hundreds, tables are many
ACCIDENT_NAMED = 1e-2  # … where the name of the column says what it holds


@dataclass(frozen=True)
class Standard:
    """One standard.

    Args:
        meaning: what a column that follows it holds; goes into the report.
        says: what is the matter with a wrong value, as a sentence says it ("fail the Luhn check of card numbers (ISO/IEC 7812-1)").
        form: what a value looks like; a column is looked at only where half of its values do.
        valid: whether a value (without blanks around it) is right.
        chance: share of the texts of that form that are right by accident.
        named: a column's name that says so.
        tolerated: values that are not right and yet no errors.
        listed: the standard is a list of codes.
    """

    meaning: str
    says: str
    form: re.Pattern[str]
    valid: Callable[[str], bool]
    chance: float
    named: re.Pattern[str]
    tolerated: frozenset[str] = frozenset()
    listed: bool = False


@dataclass(frozen=True)
class Followed:
    """The standard a column follows.

    Args:
        standard: which.
        right, checked: different values.
        wrong: the values that do not follow it, with their rows.
    """

    standard: Standard
    right: int
    checked: int
    wrong: Mapping[str, int]


def _digits(text: str) -> list[int]:
    return [ord(sign) - 48 for sign in text if "0" <= sign <= "9"]


def luhn(text: str) -> bool:
    """Whether the Luhn sum of the digits is right (Luhn 1960, ISO/IEC 7812-1 annex B).

    >>> luhn("4111 1111 1111 1111"), luhn("4111 1111 1111 1112")
    (True, False)
    """
    digits = _digits(text)[::-1]
    return bool(digits) and (sum(digits[::2]) + sum(2 * one - 9 * (one > 4) for one in digits[1::2])) % 10 == 0


def gs1(text: str) -> bool:
    """Whether the check digit of an article number is right (GS1 General Specifications 7.9: weights 3, 1 from the right).

    >>> gs1("4006381333931"), gs1("4006381333932")
    (True, False)
    """
    digits = _digits(text)[::-1]
    return bool(digits) and (sum(digits[::2]) + 3 * sum(digits[1::2])) % 10 == 0


def mod97(text: str) -> bool:
    """Whether the check digits of ISO 7064 MOD 97-10 are right.

    >>> mod97("5493001KJTIIGC8Y1R12"), mod97("5493001KJTIIGC8Y1R13")
    (True, False)
    """
    return int("".join(str(int(sign, 36)) for sign in text)) % 97 == 1


def iban(text: str) -> bool:
    """Whether a bank account number is right (ISO 13616).

    >>> iban("DE89 3704 0044 0532 0130 00"), iban("DE88 3704 0044 0532 0130 00")
    (True, False)
    """
    plain = text.replace(" ", "").upper()
    return _IBAN.match(plain) is not None and mod97(plain[4:] + plain[:4])


def isbn(text: str) -> bool:
    """Whether a book number of ten or thirteen signs is right (ISO 2108).

    >>> isbn("0-306-40615-2"), isbn("978-0-306-40615-7"), isbn("978-0-306-40615-8")
    (True, True, False)
    """
    plain = re.sub(r"[ -]", "", text).upper()
    if len(plain) == 10 and plain[:9].isdigit():
        last = 10 if plain[9] == "X" else int(plain[9]) if plain[9].isdigit() else -1
        return last >= 0 and (sum((10 - i) * int(sign) for i, sign in enumerate(plain[:9])) + last) % 11 == 0
    return len(plain) == 13 and plain.isdigit() and plain[:3] in ("978", "979") and gs1(plain)


def issn(text: str) -> bool:
    """Whether the number of a journal is right (ISO 3297).

    >>> issn("0378-5955"), issn("0378-5954")
    (True, False)
    """
    plain = text.replace("-", "").upper()
    if len(plain) != 8 or not plain[:7].isdigit() or not (plain[7].isdigit() or plain[7] == "X"):
        return False
    last = 10 if plain[7] == "X" else int(plain[7])
    return (sum((8 - i) * int(sign) for i, sign in enumerate(plain[:7])) + last) % 11 == 0


def isin(text: str) -> bool:
    """Whether the number of a security is right (ISO 6166: letters as 10 to 35, then Luhn).

    >>> isin("US0378331005"), isin("US0378331006")
    (True, False)
    """
    plain = text.upper()
    return _ISIN.match(plain) is not None and luhn("".join(str(int(sign, 36)) for sign in plain))


def orcid(text: str) -> bool:
    """Whether the identifier of a researcher is right (ISO 27729, ISO 7064 MOD 11-2).

    >>> orcid("0000-0002-1825-0097"), orcid("0000-0002-1825-0098")
    (True, False)
    """
    plain = re.sub(r"^https?://orcid\.org/", "", text).replace("-", "").upper()
    if len(plain) != 16 or not plain[:15].isdigit():
        return False
    total = 0
    for sign in plain[:15]:
        total = (total + int(sign)) * 2
    return plain[15] == "0123456789X"[(12 - total % 11) % 11]


def card(text: str) -> bool:
    """Whether a text is a payment card number: 12 to 19 digits, the beginning of an issuer, and the Luhn sum; 15 digits are American Express's.

    >>> card("4111 1111 1111 1111"), card("378282246310005"), card("490154203237518")
    (True, True, False)
    """
    digits = re.sub(r"[ -]", "", text)
    issuer = digits[:2] in ("34", "37") if len(digits) == 15 else digits[:1] in ("2", "3", "4", "5", "6")
    return 12 <= len(digits) <= 19 and digits.isdigit() and issuer and luhn(digits)


def bic(text: str) -> bool:
    """Whether a text is a business identifier code of a known country (ISO 9362).

    >>> bic("DEUTDEFF500"), bic("DEUTXQFF")
    (True, False)
    """
    return _BIC.match(text) is not None and text[4:6].upper() in codes.COUNTRIES_2 | {"XK"}


def coordinates(text: str) -> bool:
    """Whether a text is a latitude up to 90 and a longitude up to 180 degrees (ISO 6709, EPSG:4326).

    >>> coordinates("(48.137, 11.575)"), coordinates("98.137, 11.575")
    (True, False)
    """
    match = _PAIR.match(text)
    return match is not None and abs(float(match.group(1))) <= 90 and abs(float(match.group(2))) <= 180


_IBAN = re.compile(r"^[A-Z]{2}\d{2}[A-Z0-9]{11,30}$")
_ISIN = re.compile(r"^[A-Z]{2}[A-Z0-9]{9}\d$")
_BIC = re.compile(r"^[A-Z]{4}[A-Z]{2}[A-Z0-9]{2}([A-Z0-9]{3})?$")
_PAIR = re.compile(r"^\(?(-?\d{1,3}\.\d{2,}),\s*(-?\d{1,3}\.\d{2,})\)?$")


def _matching(pattern: str) -> tuple[re.Pattern[str], Callable[[str], bool]]:
    form = re.compile(pattern, re.IGNORECASE)
    return form, lambda text: form.match(text) is not None


def _listed(meaning: str, says: str, length: int, listed: frozenset[str], tolerated: frozenset[str], named: str, upper: bool = True) -> Standard:
    letter = "A-Z" if upper else "a-z"
    share = len(listed) / 26.0**length
    return Standard(meaning, says, re.compile(rf"^[{letter}]{{{length}}}$"), lambda text: text in listed, share, re.compile(named, re.IGNORECASE), tolerated, True)


def _checked(meaning: str, says: str, form: str, valid: Callable[[str], bool], chance: float, named: str) -> Standard:
    return Standard(meaning, says, re.compile(form, re.IGNORECASE), valid, chance, re.compile(named, re.IGNORECASE))


def _formed(meaning: str, says: str, pattern: str, named: str) -> Standard:
    form, valid = _matching(pattern)
    return Standard(meaning, says, form, valid, 1e-6, re.compile(named, re.IGNORECASE))


_COUNTRY = r"country|nation|\bland\b|pays|pais|origin"


@cache
def standards() -> tuple[Standard, ...]:
    """All of them; where two fit as well, the one named first is meant."""
    return (
        _checked("iban", "fail the check digits of bank account numbers (IBAN, ISO 13616)", r"^[A-Z]{2}\d{2}[A-Z0-9 ]{11,40}$", iban, 1 / 97, r"iban|account|konto"),
        _checked("legal entity", "fail the check digits of legal entity identifiers (LEI, ISO 17442)", r"^[A-Z0-9]{18}\d{2}$", lambda text: len(text) == 20 and mod97(text.upper()),
                 1 / 97, r"\blei\b|entity"),
        _checked("orcid", "fail the check sign of ORCID iDs (ISO 27729)", r"^(https?://orcid\.org/)?\d{4}-\d{4}-\d{4}-\d{3}[\dX]$", orcid, 1 / 11, r"orcid|author"),
        _checked("isbn", "fail the check digit of book numbers (ISBN, ISO 2108)", r"^(97[89][ -]?)?\d[\d -]{8,11}[\dX]$", isbn, 1 / 10, r"isbn|book"),
        _checked("issn", "fail the check digit of journal numbers (ISSN, ISO 3297)", r"^\d{4}-\d{3}[\dX]$", issn, 1 / 11, r"issn|journal"),
        _checked("isin", "fail the check digit of securities (ISIN, ISO 6166)", r"^[A-Z]{2}[A-Z0-9]{9}\d$", isin, 1 / 10, r"isin|security|instrument"),
        _checked("imei", "fail the Luhn check of device identities (IMEI, 3GPP TS 23.003)", r"^(?!3[47])\d{15}$", lambda text: len(text) == 15 and text.isdigit() and luhn(text), 1 / 10,
                 r"imei"),
        _checked("ean", "fail the check digit of article numbers (EAN, UPC, GTIN; GS1)", r"^(\d{8}|\d{12,14})$", lambda text: len(text) in (8, 12, 13, 14) and text.isdigit() and gs1(text),
                 1 / 10, r"ean|gtin|upc|barcode"),
        _checked("card number", "fail the Luhn check of card numbers (ISO/IEC 7812-1)", r"^[2-6]\d{3}[ -]?\d{4}[ -]?\d{4}[ -]?\d{1,7}$", card, 1 / 10, r"card|\bpan\b|cc_?n"),
        _formed("mac address", "do not have the form of MAC addresses (IEEE 802)", r"^([0-9a-f]{2}[:-]){5}[0-9a-f]{2}$", r"\bmac\b|hwaddr"),
        _formed("doi", "do not have the form of digital object identifiers (ISO 26324)", r"^(https?://(dx\.)?doi\.org/|doi:)?10\.\d{4,9}/\S+$", r"\bdoi\b"),
        _checked("bic", "do not have the form and country of business identifier codes (BIC, ISO 9362)", _BIC.pattern, bic, 0.37, r"\bbic\b|swift"),
        _checked("coordinates", "are outside the range of coordinates (latitude ±90°, longitude ±180°)", _PAIR.pattern, coordinates, 0.4, r"coord|position|location|geo|point|lat"),
        _listed("currency", "are not in the list of currency codes (ISO 4217)", 3, codes.CURRENCIES, codes.CURRENCIES_TOLERATED, r"curr|ccy|money|devise|waehrung|währung"),
        _listed("country", "are not in the list of country codes (ISO 3166-1 alpha-3)", 3, codes.COUNTRIES_3, codes.COUNTRIES_3_TOLERATED, _COUNTRY),
        _listed("state", "are not in the list of US states (USPS Publication 28)", 2, codes.US_STATES, frozenset(), r"state|province|region|\bst\b"),
        _listed("country", "are not in the list of country codes (ISO 3166-1 alpha-2)", 2, codes.COUNTRIES_2, codes.COUNTRIES_2_TOLERATED, _COUNTRY),
        _listed("language", "are not in the list of language codes (ISO 639-1)", 2, codes.LANGUAGES, codes.LANGUAGES_TOLERATED, r"lang|locale|sprache|langue", upper=False),
    )  # fmt: skip


def followed(profile: Profile) -> Mapping[str, Followed]:
    """The standard that each column follows, where one does.

    Null hypothesis: the values have the form of the standard and nothing else; then each is right with a known chance (1 in 10 for a
    check digit, 1 in 97 for two, the share of the listed among all codes of that length). A column follows the standard that most
    of its different values meet, at least 95 % of them, when so many would come by chance once in a million columns.

    >>> import polars as pl
    >>> from assayline.measures import profile
    >>> cards = pl.DataFrame({"n": [f"{stem}{next(d for d in range(10) if luhn(f'{stem}{d}'))}" for stem in range(411111111111100, 411111111111140)]})
    >>> followed(profile(cards))["n"].standard.meaning
    'card number'
    """
    return kept(profile, "standards", lambda: MappingProxyType(dict(_followed(profile))))


def _followed(profile: Profile) -> list[tuple[str, Followed]]:
    found = []
    for column, nature in natures(profile).items():
        if nature.distinct < FEWEST or not _may_follow(profile, column, nature):
            continue
        values = tally(profile, column)
        rows = {}
        for value, count in zip(values.values.head(LOOKED_AT).to_list(), values.counts.tolist(), strict=False):
            plain = value.strip()
            if plain and plain.lower() not in MISSING_WORDS:
                rows[value] = count
        best = _best(column, rows)
        if best is not None:
            found.append((column, best))
    return found


def _may_follow(profile: Profile, column: str, nature: Nature) -> bool:
    if nature.kind in ("text", "category", "identifier") and nature.meaning not in ("free text", "email", "url", "date", "time of day", "uuid", "percentage", "file path"):
        moments = profile.of(column, Moments)
        if moments is None:
            return nature.arrives_as_text
    moments = profile.of(column, Moments)
    # Numbers of eight to nineteen digits: Float64 keeps sixteen of them, the texts of a file all.
    return nature.kind in ("number", "identifier") and moments is not None and moments.n > 0 and moments.whole == moments.n and moments.low >= 0 and moments.high >= 1e7


def _best(column: str, rows: Mapping[str, int]) -> Followed | None:
    values = list(rows)
    plain = [value.strip() for value in values]
    if len(plain) < FEWEST:
        return None
    glance = plain[:: max(1, len(plain) // GLANCED_AT)][:GLANCED_AT]
    best: tuple[tuple[float, bool], Followed] | None = None
    for standard in standards():
        if sum(standard.form.match(value) is not None for value in glance) < 0.5 * len(glance):
            continue
        right = np.fromiter((standard.valid(value) for value in plain), dtype=np.bool_, count=len(plain))
        known = right | np.fromiter((value in standard.tolerated for value in plain), dtype=np.bool_, count=len(plain))
        share, named = float(known.mean()), standard.named.search(column) is not None
        if share < VALID or accident(int(right.sum()), len(plain), standard.chance) > (ACCIDENT_NAMED if named else ACCIDENT):
            continue
        if best is None or (share, named) > best[0]:
            wrong = {values[i]: rows[values[i]] for i in np.flatnonzero(~known).tolist()}
            best = (share, named), Followed(standard, int(right.sum()), len(plain), MappingProxyType(wrong))
    return best[1] if best is not None else None


def accident(right: int, checked: int, chance: float) -> float:
    """Probability of at least so many right values among those checked, each right with this chance (binomial; Chernoff's bound).

    >>> accident(20, 20, 0.1) < 1e-19, accident(1, 10, 0.1)
    (True, 1.0)
    """
    share = right / checked if checked else 0.0
    if share <= chance:
        return 1.0
    divergence = share * math.log(share / chance) + ((1 - share) * math.log((1 - share) / (1 - chance)) if share < 1 else 0.0)
    return math.exp(-checked * divergence)


