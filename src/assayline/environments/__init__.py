"""What a program runs on: packages, interpreter, numeric libraries, behaviour; captured, compared, and judged by what it does."""

from .capturing import capture, fingerprint
from .comparing import Difference, Severity, compare, drifted
from .fingerprint import Environment, Lock, Package, environment_from_json
from .identity import identity
from .probe import Deviation, Probe, ProbeVerdict, check, probe_from_json, probe_in, record, settled

__all__ = [
    "Deviation", "Difference", "Environment", "Lock", "Package", "Probe", "ProbeVerdict", "Severity", "capture", "check", "compare", "drifted", "environment_from_json",
    "fingerprint", "identity", "probe_from_json", "probe_in", "record", "settled",
]  # fmt: skip
