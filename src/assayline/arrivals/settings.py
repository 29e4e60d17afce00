"""The options of a source as values: durations, sizes, yes and no, secrets by reference; what they may not be is said by name."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from ..core import Source
from ..errors import DeliveryError, MisuseError, Unreadable
from ..tables.secret_references import PLACE, REFERENCE, filled, resolved
from ..tables.source import without_password

T = TypeVar("T")
UNITS = {"": 1.0, "s": 1.0, "sec": 1.0, "second": 1.0, "min": 60.0, "minute": 60.0, "h": 3600.0, "hour": 3600.0, "d": 86400.0, "day": 86400.0, "week": 604800.0, "ms": 0.001}
SIZES = {"": 1, "b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}


def seconds_of(text: str | float, of: str) -> float:
    """A duration in seconds.

    >>> seconds_of("5 min", "window"), seconds_of("1.5 hours", "window"), seconds_of(30, "lateness")
    (300.0, 5400.0, 30.0)
    """
    found = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-z]*)\s*", str(text).lower())
    unit = found[2] if found and found[2] in UNITS else found[2].rstrip("s") if found else None
    if found is None or unit not in UNITS:
        raise MisuseError(f"{of} is a duration such as '5 min', '30 s' or '1 hour', not {text!r}")
    return float(found[1]) * UNITS[unit]


def duration(source: Source, name: str, default: float) -> float:
    """An option that is a duration, in seconds."""
    value = source.options.get(name, default)
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise MisuseError(f"the option {name} of {source.name} is a duration such as '5 min', not {value!r}")
    return seconds_of(value, f"the option {name} of {source.name}")


def number(source: Source, name: str, default: int) -> int:
    """An option that is a whole number above 0, or a size such as "64 MB".

    >>> number(Source("rides", "mqtt://localhost/rides", options={"most_bytes": "2 MB"}), "most_bytes", 1)
    2097152
    """
    value = source.options.get(name, default)
    found = re.fullmatch(r"\s*([0-9]+)\s*([a-z]*)\s*", str(value).lower())
    if isinstance(value, bool) or found is None or found[2] not in SIZES or int(found[1]) == 0:
        raise MisuseError(f"the option {name} of {source.name} is a whole number above 0, or a size such as '64 MB', not {value!r}")
    return int(found[1]) * SIZES[found[2]]


def flag(source: Source, name: str) -> bool:
    """An option that is true or false."""
    value = source.options.get(name, False)
    if not isinstance(value, bool):
        raise MisuseError(f"the option {name} of {source.name} is true or false, not {value!r}")
    return value


def text(source: Source, name: str, default: str = "") -> str:
    """An option that is text."""
    value = source.options.get(name, default)
    if not isinstance(value, str):
        raise MisuseError(f"the option {name} of {source.name} is text, not {value!r}")
    return value


def address_of(source: Source) -> str:
    """The address with its secrets in place; only for connecting."""
    return _secret(source, lambda: filled(source.address, source.name)) if PLACE.search(source.address) else source.address


def shown(source: Source) -> str:
    """The address as it may be shown, stored and sent: secrets stay references, passwords are hidden."""
    return without_password(source.address)


def password_of(source: Source, name: str = "password") -> str:
    """What the option names (`env:NAME`, `file:/path`), or ""."""
    reference = text(source, name)
    if reference and not REFERENCE.fullmatch(reference):
        raise MisuseError(f"the option {name} of {source.name} names where the secret stands: env:NAME or file:/path")
    return _secret(source, lambda: resolved(reference, source.name)) if reference else ""


def headers_of(source: Source) -> Mapping[str, str]:
    """The option `headers`, with its secrets in place."""
    given = source.options.get("headers", {})
    if not isinstance(given, Mapping) or not all(isinstance(value, str) for value in given.values()):
        raise MisuseError(f"the option headers of {source.name} is a table of names and texts")
    return _secret(source, lambda: {str(name): filled(str(value), source.name) for name, value in given.items()})


def _secret(source: Source, ask: Callable[[], T]) -> T:
    try:
        return ask()
    except DeliveryError as error:
        raise Unreadable(shown(source), error.cause, next_step=error.next_step) from None
