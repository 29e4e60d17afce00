"""What a program runs on: packages, interpreter, numeric libraries, behaviour; captured, compared, and judged by what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .capturing import capture, fingerprint
from .comparing import Difference, Severity, compare, drifted
from .fingerprint import Environment, Lock, Package, environment_from_json
from .identity import identity

if TYPE_CHECKING:
    from .probe import Deviation, Probe, ProbeVerdict, check, probe_from_json, probe_in, record, settled

__all__ = [
    "Deviation", "Difference", "Environment", "Lock", "Package", "Probe", "ProbeVerdict", "Severity", "capture", "check", "compare", "drifted", "environment_from_json",
    "fingerprint", "identity", "probe_from_json", "probe_in", "record", "settled",
]  # fmt: skip

_OF_PROBES = frozenset({"Deviation", "Probe", "ProbeVerdict", "check", "probe_from_json", "probe_in", "record", "settled"})


def __getattr__(name: str) -> Any:
    # Loaded on first use: probes need an engine of tables, and who only asks what something runs on does not.
    if name in _OF_PROBES:
        from . import probe

        return getattr(probe, name)
    raise AttributeError(f"module 'assayline.environments' has no attribute {name!r}")
