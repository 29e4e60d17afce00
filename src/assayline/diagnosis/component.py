"""What may be responsible: one thing upstream of a symptom that is not what it was when all was well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

SOURCE, ARRIVAL, CODE, PARAMETER, PACKAGE, MODEL, ARM = "source", "arrival", "code", "parameter", "package", "model", "arm"
KINDS = (SOURCE, ARRIVAL, CODE, PARAMETER, PACKAGE, MODEL, ARM)


@dataclass(frozen=True)
class Component:
    """One thing that differs between the last good and the first bad state, and that a replay can put back.

    Args:
        kind: "source" (lots that came from outside, reference tables too), "arrival" (a lot that was late or is missing), "code" (one definition of a file),
            "parameter", "package", "model" (its version), "arm" (who was answered by a challenger).
        name: the flow; "line.py: hourly"; "hourly.window"; the package; the model; the model of a rollout.
        before: what it was, for people: "lot 11", "3", "1.2.0", "v7"; "" where there was none.
        now: what it is.
        owner: whom to ask, or "".
        evidence: 0 to 1, what speaks for it before anything is replayed: how bad the gate found it, and that it changed just then.
        why_not: why it cannot be replayed; "" where it can.
        findings: what the gate said of it, as JSON: code, columns, severity, sentence, lot.
        detail: by kind, JSON values: `lots`, `before_lots` (source, arrival, model), `steps` (code, parameter, package), `diff` (code), `change` ("changed", "added", "removed").

    >>> Component(CODE, "line.py: hourly", "sha256:1", "sha256:2").key
    'code line.py: hourly'
    """

    kind: str
    name: str
    before: str
    now: str
    owner: str = ""
    evidence: float = 0.0
    why_not: str = ""
    findings: tuple[Mapping[str, Any], ...] = ()
    detail: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"a component is one of {', '.join(KINDS)}, not {self.kind!r}")
        object.__setattr__(self, "detail", MappingProxyType(dict(self.detail)))

    def __hash__(self) -> int:
        return hash((self.kind, self.name))

    @property
    def key(self) -> str:
        """What it is called in sets of components and in documents."""
        return f"{self.kind} {self.name}"
