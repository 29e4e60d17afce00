"""What a detector is: a callable that reads a profile and its past, and says what it finds suspicious."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterable
from typing import Protocol, runtime_checkable

from assayline import hooks
from assayline.core import Finding, Past, Profile
from assayline.errors import PluginError


@runtime_checkable
class Detector(Protocol):
    """Looks for one kind of badness.

    Called with the profile of a table and the past of its flow (empty on day one); yields findings. A finding about
    rows carries a `locate` (see `assayline.core.Locator` and `assayline.detectors.locating`), which is run only for
    findings that were raised; a finding that then locates no row is dropped. A detector reads values and gives values:
    no files, no clock, no randomness.

    Attributes:
        codes: the finding codes it can give (names of the catalogue).
    """

    codes: tuple[str, ...]

    def __call__(self, profile: Profile, past: Past, /) -> Iterable[Finding]: ...


def built_in() -> list[Detector]:
    """Every detector in this package: one class with `codes` per file, found by looking (hook `assayline.detectors`)."""
    import assayline.detectors as package

    found: list[Detector] = []
    for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda one: one.name):
        home = importlib.import_module(f"{package.__name__}.{module.name}")
        for thing in vars(home).values():
            if isinstance(thing, type) and thing.__module__ == home.__name__ and isinstance(getattr(thing, "codes", None), tuple):
                found.append(thing())
    return found


def installed() -> tuple[Detector, ...]:
    """Every detector that is plugged in, ours and strangers'.

    Raises:
        PluginError: something plugged in at `assayline.detectors` is not a detector.
    """
    found = []
    for plugin, thing in hooks.offered("assayline.detectors"):
        if not isinstance(thing, Detector):
            raise PluginError(f"the plug-in {plugin!r} offers {thing!r} as a detector; it lacks codes or cannot be called")
        found.append(thing)
    return tuple(found)
