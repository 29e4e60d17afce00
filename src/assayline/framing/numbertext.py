"""Numbers as people write them: blanks, separators of thousands, decimal commas, currencies, units."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

# unit: {dimension: (factor to the base unit, offset)}. Base units: kg, m, s, l, °C, byte, W, Wh, V, A, Hz, Pa, m/s, m². Factors by definition
# (SI brochure; international yard and pound 1959; US liquid gallon). `m` alone may be metre, minute or million: the column decides.
UNITS: dict[str, dict[str, tuple[float, float]]] = {}


def _units(dimension: str, **factors: float) -> None:
    for name, factor in factors.items():
        UNITS.setdefault(name, {})[dimension] = (factor, 0.0)


_units("mass", kg=1.0, kgs=1.0, g=0.001, gr=0.001, mg=1e-6, t=1000.0, lb=0.45359237, lbs=0.45359237, oz=0.028349523125)
_units("length", m=1.0, cm=0.01, mm=0.001, km=1000.0, ft=0.3048, yd=0.9144, mi=1609.344, miles=1609.344, inch=0.0254)
UNITS["in"] = UNITS['"'] = {"length": (0.0254, 0.0)}
_units("time", s=1.0, sec=1.0, secs=1.0, ms=0.001, us=1e-6, µs=1e-6, ns=1e-9, min=60.0, mins=60.0, h=3600.0, hr=3600.0, hrs=3600.0, d=86400.0, day=86400.0, days=86400.0)
_units("time", weeks=604800.0, week=604800.0, hours=3600.0, hour=3600.0, minutes=60.0, minute=60.0, seconds=1.0, second=1.0)
_units("time", months=2629746.0, month=2629746.0, years=31556952.0, year=31556952.0, yrs=31556952.0, yr=31556952.0)  # the Gregorian mean year
_units("volume", l=1.0, ml=0.001, cl=0.01, dl=0.1, gal=3.785411784, cc=0.001)
_units("bytes", b=1.0, kb=1e3, mb=1e6, gb=1e9, tb=1e12, kib=1024.0, mib=1024.0**2, gib=1024.0**3)
_units("power", w=1.0, kw=1e3, mw=1e6, gw=1e9, hp=745.6998715822702)
_units("energy", wh=1.0, kwh=1e3, mwh=1e6)
_units("voltage", v=1.0, mv=0.001, kv=1e3)
_units("current", a=1.0, ma=0.001)
_units("frequency", hz=1.0, khz=1e3, mhz=1e6, ghz=1e9)
_units("pressure", pa=1.0, hpa=100.0, kpa=1e3, bar=1e5, mbar=100.0, psi=6894.757293168)
_units("area", m2=1.0, km2=1e6, sqm=1.0, sqft=0.09290304, ha=1e4)
UNITS["m²"] = UNITS["m2"]
UNITS["km/h"] = UNITS["kmh"] = UNITS["kph"] = {"speed": (1 / 3.6, 0.0)}
UNITS["m/s"] = {"speed": (1.0, 0.0)}
UNITS["mph"] = {"speed": (0.44704, 0.0)}
UNITS["°c"] = {"temperature": (1.0, 0.0)}
UNITS["c"] = {"temperature": (1.0, 0.0)}
UNITS["°f"] = UNITS["f"] = {"temperature": (5 / 9, -160 / 9)}
UNITS["k"] = {"temperature": (1.0, -273.15), "magnitude": (1e3, 0.0)}
for _name, _factor in (("m", 1e6), ("mm", 1e6), ("mn", 1e6), ("mio", 1e6), ("bn", 1e9), ("b", 1e9), ("tn", 1e12), ("million", 1e6), ("billion", 1e9)):
    UNITS.setdefault(_name, {})["magnitude"] = (_factor, 0.0)
UNITS["m"]["time"] = (60.0, 0.0)
UNITS["%"] = {"percent": (1.0, 0.0)}
UNITS["‰"] = {"percent": (0.1, 0.0)}

CURRENCIES = frozenset("$€£¥₹₽₩₺") | {"usd", "eur", "gbp", "chf", "jpy", "cad", "aud", "inr", "cny", "rs", "us$", "r$", "kr", "zł", "sek", "nok", "dkk", "pln", "brl"}

_TEXT = re.compile(
    r"^(?P<open>\()?(?P<sign>[+\-−]?)\s?(?P<before>[^\d\s.,+\-−()']{0,3})\s?(?P<sign2>[+\-−]?)"
    r"(?P<body>\d(?:[\d.,'_’ \u00a0\u202f]*\d)?|[.,]\d+)[.]?(?P<power>[eE][+\-]?\d+)?\s?(?P<after>[^\d\s.,()]{0,7}[23²]?)(?P<close>\))?\s*$"
)
_GROUPS = re.compile(r"^\d{1,3}(?:[ '_’\u00a0\u202f]\d{3})+(?![\d ])")
_COMMAS = re.compile(r"^\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d+)?$")
_ONE_COMMA = re.compile(r"^\d*,\d+$")
_PLAIN = re.compile(r"^\d*\.?\d*$")
PLAIN = r"^[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?$"  # what every engine reads alike
LEADING_ZERO = re.compile(r"^0\d")


def split_number(text: str, comma: bool = False) -> tuple[float, str] | None:
    """The number in a text and its unit ("" without one), or None when there is no number.

    Args:
        text: as it stands.
        comma: the decimal mark is a comma.

    >>> split_number("$1,200"), split_number(" 3.5e3 ms"), split_number("1.234,5", comma=True), split_number("12 Main St")
    ((1200.0, ''), (3500.0, 'ms'), (1234.5, ''), None)
    """
    short = text.strip().strip("'\"").strip()
    found = _TEXT.match(short) if len(short) <= 64 else None
    if found is None or bool(found["open"]) != bool(found["close"]) or (found["sign"] and found["sign2"]):
        return None
    before, after = found["before"].casefold(), found["after"].casefold()
    if before and before not in CURRENCIES:
        return None
    if after in CURRENCIES:
        after = ""
    if after and after not in UNITS:
        return None
    body = found["body"]
    if any(mark in body for mark in " '_’\u00a0\u202f"):
        if not _GROUPS.match(body):
            return None
        body = re.sub(r"[ '_’\u00a0\u202f]", "", body)
    if comma:
        body = body.replace(".", "").replace(",", ".")
    elif "," in body:
        if _COMMAS.match(body):
            body = body.replace(",", "")
        elif _ONE_COMMA.match(body):
            body = body.replace(",", ".")
        else:
            return None
    if not _PLAIN.match(body):
        return None
    number = float(body + (found["power"] or ""))
    negative = found["open"] or (found["sign"] or found["sign2"]) in ("-", "−")
    return (-number if negative else number), after


@dataclass(frozen=True)
class NumberStyle:
    """How the numbers of one column are written.

    Args:
        comma: the decimal mark is a comma.
        dimension: what the units measure, or "".
        factor: from a number without a unit to the base unit.
        offset: added after the factor.
        unit: the unit that a number without one is taken to be in, or "".
    """

    comma: bool = False
    dimension: str = ""
    factor: float = 1.0
    offset: float = 0.0
    unit: str = ""


NAN = float("nan")
PLAIN_NUMBERS = NumberStyle()


def number(value: object, style: NumberStyle) -> float:
    """One value as a number in the base unit of its column; NaN when it holds none.

    >>> number("12 g", NumberStyle(dimension="mass", unit="kg")), number(True, NumberStyle()), number("n/a", NumberStyle())
    (0.012, 1.0, nan)
    """
    if isinstance(value, str):
        if not style.comma:
            try:
                plain = float(value)
            except ValueError:
                pass
            else:
                return _finite(plain * style.factor + style.offset)
        read = split_number(value, style.comma)
        if read is None:
            return NAN
        amount, unit = read
        factor, offset = UNITS[unit].get(style.dimension, (1.0, 0.0)) if unit else (style.factor, style.offset)
        return _finite(amount * factor + offset)
    if isinstance(value, (int, float, Decimal)):
        try:
            return _finite(float(value) * style.factor + style.offset)
        except OverflowError:
            return NAN
    seconds = getattr(value, "total_seconds", None)
    return _finite(float(seconds())) if seconds is not None else NAN


def _finite(value: float) -> float:
    return value if math.isfinite(value) else NAN


def learned_style(texts: Iterable[tuple[str, int]]) -> NumberStyle:
    """How a column writes its numbers: by majority over its distinct texts, each with its count.

    >>> learned_style([("12 kg", 5), ("800 g", 2)])
    NumberStyle(comma=False, dimension='mass', factor=1.0, offset=0.0, unit='kg')
    """
    known = list(texts)
    commas = sum(count for text, count in known if _SAYS_COMMA.search(text))
    points = sum(count for text, count in known if _SAYS_POINT.search(text))
    comma = commas > points
    units: dict[str, int] = {}
    for text, count in known:
        read = split_number(text, comma)
        if read is not None and read[1]:
            units[read[1]] = units.get(read[1], 0) + count
    if not units:
        return NumberStyle(comma)
    support: dict[str, int] = {}
    for unit, count in units.items():
        for dimension in UNITS[unit]:
            support[dimension] = support.get(dimension, 0) + count
    dimension = max(support, key=lambda name: (support[name], -_ORDER.index(name) if name in _ORDER else -99))
    own = [unit for unit in units if dimension in UNITS[unit]]
    if dimension == "magnitude":  # 1.2k beside 900: a number without a suffix is itself
        return NumberStyle(comma, dimension)
    usual = max(own, key=lambda unit: (units[unit], unit))
    factor, offset = UNITS[usual][dimension]
    return NumberStyle(comma, dimension, factor, offset, usual)


# Which dimension wins when a column's units fit two equally well ("5 m"): the first.
_ORDER = ("mass", "length", "volume", "time", "temperature", "magnitude", "bytes")
_SAYS_COMMA = re.compile(r"\d\.\d{3},\d|^\D*\d+,(?:\d{1,2}|\d{4,})(?:\D|$)|^\D*0,\d")
_SAYS_POINT = re.compile(r"\d,\d{3}\.\d|^\D*\d+\.(?:\d{1,2}|\d{4,})(?:\D|$)|^\D*0\.\d")
