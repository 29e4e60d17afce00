"""The append-only, hash-chained record of everything that was judged and decided."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

FIRST = "0" * 64


@dataclass(frozen=True)
class Entry:
    """One line of the ledger; `chain` is the SHA-256 of the previous chain value and this content."""

    number: int
    event: str
    body: Mapping[str, Any]
    chain: str


@dataclass(frozen=True)
class Ledger:
    """A chain of entries. Appending gives a new ledger; nothing is ever edited.

    >>> ledger = Ledger().append("lot", {"flow": "sales"}).append("report", {"verdict": "release"})
    >>> ledger.broken() is None
    True
    """

    entries: tuple[Entry, ...] = ()

    def append(self, event: str, body: Mapping[str, Any]) -> Ledger:
        """This ledger and one more entry. `body` holds JSON values only."""
        before = self.entries[-1].chain if self.entries else FIRST
        number = len(self.entries)
        frozen = MappingProxyType(dict(body))
        entry = Entry(number, event, frozen, chained(before, number, event, frozen))
        return Ledger((*self.entries, entry))

    def broken(self) -> int | None:
        """The number of the first entry that was edited, moved or removed, or None."""
        before = FIRST
        for number, entry in enumerate(self.entries):
            expected = chained(before, number, entry.event, entry.body)
            if entry.number != number or entry.chain != expected:
                return number
            before = entry.chain
        return None


def chained(before: str, number: int, event: str, body: Mapping[str, Any]) -> str:
    """The chain value of an entry: SHA-256 over the chain value before it and its own number, event and body."""
    content = json.dumps([before, number, event, dict(body)], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()
