"""What can be wrong: one kind of badness per file."""

from __future__ import annotations

from .detector import Detector, installed

__all__ = ["Detector", "detectors", "installed"]


def detectors() -> list[Detector]:
    """The built-in detectors (hook `assayline.detectors`)."""
    from .detector import built_in

    return built_in()
