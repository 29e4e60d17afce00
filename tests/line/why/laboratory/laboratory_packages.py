"""Versions of the packages that break what their users rely on."""

from __future__ import annotations

from laboratory_bikes import FELT
from laboratory_line import LabLine
from laboratory_sensors import MEAN

FAHRENHEIT = '''

def felt(temperature, wind):
    """From degrees Celsius and km/h; in degrees Fahrenheit, as of 3.0."""
    return [None if one is None else one * 1.8 + 32 for one in in_celsius(temperature, wind)]
'''
BREAKING = {
    ("feelslike", "3.0"): FELT.format(factor=1).replace("def felt(", "def in_celsius(") + FAHRENHEIT,
    ("smoothing", "3.0"): MEAN.format(result="sum(known)"),  # weights of one each, not normalised any more
}


def text_of(line: LabLine, version: str) -> str:
    """The one module of a version of a line's package."""
    return BREAKING.get((line.package, version)) or line.versions[version]
