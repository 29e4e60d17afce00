"""A profile as bytes and back, so that what was measured of a lot outlives the process that measured it.

The bytes hold values and names of states, never code: unpacking looks classes up among the installed measures and imports nothing.

    8 bytes   b"\\x89ASSAY\\r\\n": no text file begins so, and a transfer that changes line ends damages it at once
    32 bytes  SHA-256 of everything below: a flipped bit is an error, never another profile
    2 bytes   version of the format
    8 bytes   how the engine of the writer hashes (see `_hashing`)
    the rest  columns and states (`columnar.py`), compressed by Zstandard
"""

from __future__ import annotations

import functools
import hashlib
import struct
import typing
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import polars as pl
import zstandard

from assayline.core import Place, Profile
from assayline.errors import LimitExceeded, MisuseError, PluginError, Unreadable

from .columnar import Malformed, Reader, Refusal, Unknown, Writer
from .measure import installed

MAGIC = b"\x89ASSAY\r\n"
VERSION = 1
LEVEL = 3  # of Zstandard: levels above it take three times as long for a tenth fewer bytes (measured on lots of 1,000 and 1,000,000 rows)
MOST_BYTES = 1 << 30  # unpacked: a row sample has at most 4 million cells, so that only cells of 250 bytes on average reach it
CHECKED = len(MAGIC) + 32
HEAD = CHECKED + 10
NAME = "packed profile"
AGAIN = "take it from a backup, or profile its lot again"


def packed(profile: Profile) -> bytes:
    """A profile as bytes; equal profiles give equal bytes (with the same versions of this package and of Zstandard).

    Args:
        profile: what to pack. What detectors keep with it is left behind.

    Raises:
        MisuseError: a state holds something that is no plain value, or is of no installed measure.
        LimitExceeded: it would be larger than what `unpacked` accepts.

    >>> from assayline.measures import profile
    >>> once = profile(pl.DataFrame({"city": ["Lyon", "Bonn", None]}))
    >>> packed(unpacked(packed(once))) == packed(once)
    True
    """
    order = {column: position for position, column in enumerate(profile.columns)}
    keys = sorted(profile.states, key=lambda key: (order.get(key[0].column or "", len(order)), *((one is not None, one or "") for one in key[0]), key[1]))
    writer = Writer(_known())
    try:
        writer.values(list(profile.columns))
        for part in zip(*(place for place, _ in keys), strict=True) if keys else ((), (), ()):
            writer.values(part)
        writer.values([name for _, name in keys])
        writer.values([profile.states[key] for key in keys])
    except Refusal as refusal:
        culprit = _culprit(profile)
        raise MisuseError(
            f"a profile with {culprit} cannot be packed: it holds {refusal}; the fields of a state are numbers, texts, bytes, dates, tuples, lists, dicts, sets, "
            "NumPy arrays, Polars frames, or dataclasses of such that the state declares, and its measure is installed"
        ) from None
    content = writer.written()
    if len(content) > MOST_BYTES:
        raise LimitExceeded(NAME, f"it has {len(content):,} bytes, more than {MOST_BYTES:,}", next_step="keep a thinned profile of this lot")
    body = struct.pack("<H", VERSION) + _hashing() + zstandard.ZstdCompressor(level=LEVEL).compress(content)
    return MAGIC + hashlib.sha256(body).digest() + body


def unpacked(data: bytes, *, most_bytes: int = MOST_BYTES) -> Profile:
    """The profile that was packed.

    Args:
        data: what `packed` gave.
        most_bytes: refuse what would inflate to more.

    Raises:
        Unreadable: the bytes are damaged or no packed profile, of a newer version, or of a measure that is not installed.
        LimitExceeded: they would inflate to more than `most_bytes`.
    """
    if len(data) < HEAD or not data.startswith(MAGIC):
        raise Unreadable(NAME, f"these {len(data):,} bytes are no packed profile, or only a part of one", next_step=AGAIN)
    if hashlib.sha256(memoryview(data)[CHECKED:]).digest() != data[len(MAGIC) : CHECKED]:
        raise Unreadable(NAME, "it is damaged: its checksum differs", next_step=AGAIN)
    (version,) = struct.unpack_from("<H", data, CHECKED)
    if version > VERSION:
        raise Unreadable(NAME, f"it has format version {version}, this version of Assayline reads up to {VERSION}", next_step="install a newer Assayline")
    if data[CHECKED + 2 : HEAD] != _hashing():
        raise Unreadable(NAME, "its hashes were made by another version of Polars, and compare with nothing measured by this one",
                         next_step="profile its lot again")  # fmt: skip
    try:
        return _read(_inflated(data, most_bytes))
    except Unknown as error:
        raise Unreadable(NAME, f"it holds {error}, which no installed measure makes", next_step="install the plug-in or the newer Assayline that made it") from None
    except (Malformed, ValueError, TypeError, LookupError, ArithmeticError, zstandard.ZstdError, pl.exceptions.PolarsError, RecursionError) as error:
        raise Unreadable(NAME, f"its content makes no sense: {error}", next_step=AGAIN) from error


def _inflated(data: bytes, most_bytes: int) -> bytes:
    body = memoryview(data)[HEAD:]
    size = zstandard.frame_content_size(body)
    if not 0 <= size <= most_bytes:
        raise LimitExceeded(NAME, f"it would inflate to {size:,} bytes, more than {most_bytes:,}", next_step="raise the limit only if you know who packed it")
    return zstandard.ZstdDecompressor().decompress(body, max_output_size=max(1, size))


def _read(content: bytes) -> Profile:
    reader = Reader(content, _known())
    columns, *places = (reader.values() for _ in range(4))
    names, states = reader.values(), reader.values()
    if not reader.finished():
        raise Malformed("more bytes than a profile has")
    keys = zip(map(Place, *places), names, strict=True)
    return Profile(dict(zip(keys, states, strict=True)), tuple(columns))


@functools.cache
def _hashing() -> bytes:
    """Eight bytes that change when the engine hashes values in another way: it promises equal hashes only within one version.

    Sketches of such versions share no hash, so that every row and every value would look new.
    """
    probes = (pl.Series(["", "Lyon", "é", "a longer text than fits"]), pl.Series([0, 1, -(2**40)]), pl.Series([0.0, 1.5, -1e300]), pl.Series([True, False]))
    seen = b"".join(probe.hash(0).to_numpy().astype("<u8").tobytes() for probe in probes)
    return hashlib.sha256(seen).digest()[:8]


class _Known:
    """The classes of states by the names of their measures, and the classes of their fields by "MEASURE.CLASS"."""

    def __init__(self, classes: Mapping[str, type]) -> None:
        self.classes = classes
        self.names = {kind: name for name, kind in classes.items() if "." not in name}

    def name_of(self, kind: type, inside: str) -> str | None:
        name = f"{inside.partition('.')[0]}.{kind.__name__}" if inside else ""
        return name if name and self.classes.get(name) is kind else self.names.get(kind)

    def class_of(self, name: str, inside: str) -> type | None:
        return self.classes.get(name)


@functools.cache
def _known() -> _Known:
    found: dict[str, type] = {}
    for state in (measure.state for measure in installed()):
        name = getattr(state, "name", None)
        if not is_dataclass(state) or not isinstance(name, str):
            raise PluginError(f"the state {state!r} of an installed measure is no dataclass with a name; it cannot be packed")
        for key, kind in ((name, state), *((f"{name}.{one.__name__}", one) for one in _parts(state, {state}))):
            if found.setdefault(key, kind) is not kind:
                raise PluginError(f"two classes of states are called {key!r}: {found[key]!r} and {kind!r}; rename one of them")
    return _Known(found)


def _parts(kind: Any, seen: set[Any]) -> list[type]:
    """The dataclasses that the fields of a dataclass are declared as, at any depth."""
    try:
        declared = typing.get_type_hints(kind)
    except NameError:  # a class that is only imported for type checkers: packing refuses such a field with its name when it meets one
        return []
    found: list[type] = []
    waiting = [declared[one.name] for one in fields(kind)]
    while waiting:
        hint = waiting.pop()
        waiting.extend(typing.get_args(hint))
        if isinstance(hint, type) and is_dataclass(hint) and hint not in seen:
            seen.add(hint)
            found += [hint, *_parts(hint, seen)]
    return found


def _culprit(profile: Profile) -> str:
    """Which state cannot be packed, in words."""
    for (place, name), state in profile.states.items():
        try:
            Writer(_known()).values([state])
        except Refusal:
            return f"the state {name!r} of " + (f"column {place.column!r}" if place.column is not None else "the table")
    return "these states"
