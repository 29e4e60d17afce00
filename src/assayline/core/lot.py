"""One version of anything on its way to production."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

KINDS = ("table", "model", "code", "environment")


@dataclass(frozen=True)
class Lot:
    """One version of something, known by what it is and never by what it contains.

    Args:
        kind: "table", "model", "code" or "environment".
        flow: name of the flow the lot belongs to, such as "sales".
        digest: "sha256:" and 64 hexadecimal digits of its bytes.
        parents: digests of the lots it was made from.
        facts: what is known about its arrival (source, time, size), as short texts.

    >>> Lot("table", "sales", "sha256:00").parents
    ()
    """

    kind: str
    flow: str
    digest: str
    parents: tuple[str, ...] = ()
    facts: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a lot is one of {', '.join(KINDS)}, not {self.kind!r}")
        object.__setattr__(self, "facts", MappingProxyType(dict(self.facts)))

    def __hash__(self) -> int:
        return hash((self.kind, self.flow, self.digest, self.parents))
