"""Certificates: faults of our own in good lots, to learn what a gate notices on this very data and what it does not."""

from .certificate import Case, Certificate, FalseAlarms, Judged, Row
from .certify import certify
from .faults import Fault, Strength, faults
from .interval import interval

__all__ = ["Case", "Certificate", "FalseAlarms", "Fault", "Judged", "Row", "Strength", "certify", "faults", "interval"]
