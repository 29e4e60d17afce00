"""What the values of each column mean: a standard they follow, a thing they name, a moment, a place, a unit."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

import numpy as np
import polars as pl

from assayline.core import Profile

from .block import Block
from .codes import COUNTRY_NAMES, UNITS
from .moments import Moments
from .nature import Nature, kept, named_as_key, natures, tally
from .plan import MISSING_WORDS, Plan
from .rows import Sample
from .standards import VALID, followed

LOOKED_AT = 512  # different values: a share of 0.95 is then sure to ±0.02 in 95 of 100 columns
FEWEST = 5
FEW_UNITS = 2
GLOBE = {"latitude": 90.0, "longitude": 180.0}
_ARRIVAL = re.compile(r"(?i)(ingest|load|arriv|receiv|insert|creat|updat|process|export|etl|import|modif|write|written|sync)")
_NO_EVENT = re.compile(r"(?i)(birth|dob|expir|valid|until|due)")
_UNIT = re.compile(r"(?i)(^|[_\W])(unit|uom|einheit|unite)s?([_\W]|$)")
_NAME = re.compile(r"(?i)(name|nom$|titel|title)")
_PERCENT = re.compile(r"(?i)(percent|pct|prozent|%)")
_NAMES = re.compile(r"^[^\W\d_][\w.'’-]*( [\w.'’&-]+){0,6}$")
_LATITUDE = re.compile(r"(?i)(^|[_\W])(lat|latitude|lat[_ ]?deg|y[_ ]?coord)([_\W]|$)|[a-z]Lat(itude)?$|^lat")
_LONGITUDE = re.compile(r"(?i)(^|[_\W])(lon|lng|long|longitude|x[_ ]?coord)([_\W]|$)|[a-z](Lon|Lng|Long|Longitude)$|^lon(g|gitude)?([_\W]|$)")


def meanings(profile: Profile, plan: Plan) -> dict[str, str | None]:
    """What each column means, in column order; None where nothing fits.

    Content comes first: at least 95 % of the different values must fit. The name decides only between meanings that the values allow.

    Args:
        profile: of the table.
        plan: how it was read; names the column of devices.

    >>> from assayline.measures import profile
    >>> frame = pl.DataFrame({"c": "DE FR IT ES PT NL BE LU AT CH PL CZ SK HU SI".split(), "d": ["kg", "m", "kg"] * 5})
    >>> meanings(profile(frame), Plan.of(frame))
    {'c': 'country', 'd': 'unit'}
    """
    standards, globe, moments = followed(profile), globe_columns(profile), _moments(profile, plan)
    found: dict[str, str | None] = {}
    for column, nature in natures(profile).items():
        if column in standards:
            found[column] = standards[column].standard.meaning
        elif column in globe:
            found[column] = globe[column][0]
        elif column in moments:
            found[column] = moments[column]
        elif nature.meaning not in (None, "code"):
            found[column] = nature.meaning
        else:
            found[column] = _of_values(profile, column, nature, plan)
    return found


def _of_values(profile: Profile, column: str, nature: Nature, plan: Plan) -> str | None:
    if plan.key == column and nature.kind != "boolean":
        return "device"
    if nature.kind == "number":
        moments = profile.of(column, Moments)
        if _PERCENT.search(column) and moments is not None and moments.n and moments.low >= 0 and moments.high <= 100:
            return "percentage"
        return "entity" if named_as_key(column) and nature.repeating else nature.meaning
    if nature.kind == "identifier":
        return "key"
    if nature.kind not in ("text", "category") or not nature.arrives_as_text:
        return nature.meaning
    values = [value.strip() for value in tally(profile, column).values.head(LOOKED_AT).to_list()]
    values = [value for value in values if value and value.lower() not in MISSING_WORDS]
    if not values:
        return nature.meaning
    if _share(values, lambda value: value.lower() in UNITS) and (len(values) >= FEW_UNITS or _UNIT.search(column)) and not _single_letters(values, column):
        return "unit"
    if len(values) >= FEWEST and _share(values, lambda value: re.sub(r"[-_ ]+", " ", value.lower()) in COUNTRY_NAMES):
        return "country"
    if len(values) >= FEWEST and all(":" in value for value in values[:8]) and _share(values, _is_ip):
        return "ip address"
    if nature.meaning is None and _share(values, lambda value: _NAMES.match(value) is not None) and (_NAME.search(column) or not nature.repeating):
        return "name" if sum(value[:1].isupper() and not value.isupper() for value in values) > len(values) / 2 else None
    if named_as_key(column) and nature.repeating:
        return "entity"
    return nature.meaning


def _single_letters(values: list[str], column: str) -> bool:
    """Whether all are single letters, which are units only where the name says so: M and F are none."""
    return not _UNIT.search(column) and all(len(value) == 1 and value.isalpha() for value in values)


def _share(values: list[str], fits: Callable[[str], bool]) -> bool:
    return sum(1 for value in values if fits(value)) >= VALID * len(values)


def _is_ip(value: str) -> bool:
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def globe_columns(profile: Profile) -> dict[str, tuple[str, float]]:
    """The columns of latitudes and longitudes with their limits in degrees; empty unless the table has both.

    Whole degrees and projected coordinates are left out: nearly all different values must lie within the limits and some must have decimals.
    """
    return kept(profile, "globe", lambda: _globe(profile))


def _globe(profile: Profile) -> dict[str, tuple[str, float]]:
    found: dict[str, tuple[str, float]] = {}
    for column, nature in natures(profile).items():
        moments = profile.of(column, Moments)
        what = "latitude" if _LATITUDE.search(column) else "longitude" if _LONGITUDE.search(column) else ""
        if not what or nature.kind != "number" or moments is None or not moments.n or moments.whole == moments.n:
            continue
        numbers = tally(profile, column).values.cast(pl.Float64, strict=False).drop_nulls().to_numpy()
        if len(numbers) and float((np.abs(numbers) <= GLOBE[what]).mean()) >= VALID:
            found[column] = what, GLOBE[what]
    return found if {what for what, _ in found.values()} == set(GLOBE) else {}


def _moments(profile: Profile, plan: Plan) -> dict[str, str]:
    """Which columns of times tell when something happened, and which when it was written down.

    A column is an arrival when its name says so and its times are not before those of the first other column in 95 of 100 rows.
    """
    times = [name for name in plan.times if name in profile.columns]
    sample = profile.of(None, Sample)
    events = [name for name in times if not _ARRIVAL.search(name) and not _NO_EVENT.search(name)]
    found = dict.fromkeys(events[:1], "event time")
    if not events or sample is None:
        return found
    for name in times:
        if _ARRIVAL.search(name) and _not_before(sample.frame, name, events[0], plan):
            found[name] = "arrival time"
    return found


def _not_before(frame: pl.DataFrame, late: str, early: str, plan: Plan) -> bool:
    block = Block(frame.select([late, early]), plan)
    after = (block.column(late).typed >= block.column(early).typed).drop_nulls()
    return after.len() > 0 and float(after.sum()) >= VALID * after.len()
