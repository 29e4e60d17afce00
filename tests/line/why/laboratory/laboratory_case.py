"""A case of the laboratory: a line, a seed, what happens, and what is to be blamed for it."""

from __future__ import annotations

from dataclasses import dataclass

from laboratory_changes import Change

KINDS = ("source", "schema", "code", "parameter", "package", "model", "arrival", "two", "none", "world")
SILENT = ("none", "world")  # where nobody is to be blamed


@dataclass(frozen=True)
class Case:
    """One case.

    Args:
        line: its name.
        seed: of everything in it.
        kind: one of `KINDS`.
        changes: what happens on the day that is asked about.
        besides: harmless things that happen on the same day.
    """

    line: str
    seed: int
    kind: str
    changes: tuple[Change, ...]
    besides: tuple[Change, ...] = ()

    @property
    def name(self) -> str:
        """What it is called: the same in every table."""
        said = " + ".join(map(str, self.changes)) + (f" (besides {', '.join(map(str, self.besides))})" if self.besides else "")
        return f"{self.line}-{self.seed} {self.kind}: {said}"

    @property
    def guilty(self) -> tuple[frozenset[str], ...]:
        """For each fault the keys that count as its name; `*` stands for anything."""
        return tuple(found for change in self.changes if (found := change.truth()))

