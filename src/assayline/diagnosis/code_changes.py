"""What changed between two states of a project's code, definition by definition, and one of the two with some definitions as they were in the other."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from .definitions import SQL, WHOLE, Piece, is_python, pieces_of

CHANGED, ADDED, REMOVED = "changed", "added", "removed"


@dataclass(frozen=True)
class Changed:
    """A definition that is not what it was.

    Args:
        file: its path below the project.
        name: of a function, a class, a variable; of several that one statement binds together "a, b"; "sql" for a query; "<content>" for a file that is no Python.
        change: "changed", "added", "removed".
        diff: unified, of its text.
        lines: first and last line in the file as it is now; as it was where it was removed.
    """

    file: str
    name: str
    change: str
    diff: str
    lines: tuple[int, int]

    @property
    def key(self) -> tuple[str, str]:
        """As `put_back` takes it."""
        return self.file, self.name


def changed(before: Mapping[str, str], now: Mapping[str, str]) -> list[Changed]:
    """The definitions whose meaning changed, in the order of the files and of their places in them.

    Imports count where a name is bound by another one; those that only came or went follow what needs them. What a module does at its top level without binding
    a name is not told apart.

    Args:
        before: texts by their paths below the project.
        now: the same, later.

    >>> [(one.name, one.change) for one in changed({"line.py": "RATE = 2\\ndef f(): return RATE"}, {"line.py": "RATE = 3  # more\\ndef f():\\n    return RATE"})]
    [('RATE', 'changed')]
    """
    return [one for file in sorted(before.keys() | now.keys()) for one in _changed_in(file, before.get(file), now.get(file))]


def put_back(now: Mapping[str, str], before: Mapping[str, str], names: Collection[tuple[str, str]]) -> dict[str, str]:
    """The files as they are now, with some definitions as they were.

    What was added is taken out; what was removed comes back where it stood. Imports and removed definitions that a definition needs which is put back come with it.

    Args:
        now: texts by their paths.
        before: the same, earlier.
        names: pairs of file and name, as `Changed.key` gives them; "<content>" for a whole file.

    Returns:
        All files; those without a name in `names` are as they are now, to the letter.

    >>> put_back({"line.py": "RATE = 3\\nBASE = 1\\n"}, {"line.py": "RATE = 2\\nBASE = 0\\n"}, [("line.py", "RATE")])
    {'line.py': 'RATE = 2\\nBASE = 1\\n'}
    """
    found = dict(now)
    for file in dict.fromkeys(file for file, _ in names):
        wanted = {name for one, name in names if one == file}
        pieces = _both(file, before.get(file), now.get(file))
        if pieces is None or WHOLE in wanted:
            if file in before:
                found[file] = before[file]
            else:
                found.pop(file, None)
        else:
            found[file] = _Mending(now.get(file, ""), *pieces, wanted).text()
    return found


def _both(file: str, before: str | None, now: str | None) -> tuple[Sequence[Piece], Sequence[Piece]] | None:
    """The pieces of a file before and now; None where it is one definition."""
    if not is_python(file):
        return None
    old, new = pieces_of(before or ""), pieces_of(now or "")
    return None if old is None or new is None else (old, new)


def _changed_in(file: str, before: str | None, now: str | None) -> Iterator[Changed]:
    if before == now:
        return
    pieces = _both(file, before, now)
    if pieces is None:
        change = ADDED if before is None else REMOVED if now is None else CHANGED
        name = SQL if file.endswith(".sql") and "/" not in file else WHOLE
        yield Changed(file, name, change, _diff(file, before or "", now or ""), (1, (now if now is not None else before or "").count("\n") + 1))
        return
    old, new = pieces
    groups = _groups([*new, *old])
    for name in dict.fromkeys(groups.values()):
        was, is_now = ([piece for piece in some if piece.names and groups[piece.names[0]] == name] for some in (old, new))
        if [one.meaning for one in was] == [one.meaning for one in is_now]:
            continue
        if not (was and is_now) and all(one.is_import for one in (*was, *is_now)):
            continue
        change = ADDED if not was else REMOVED if not is_now else CHANGED
        there = is_now or was
        texts = ("".join(one.text for one in several).lstrip("\n") for several in (was, is_now))
        yield Changed(file, name, change, _diff(file, *texts), (there[0].lines[0], there[-1].lines[1]))


def _groups(pieces: Sequence[Piece]) -> dict[str, str]:
    """Name → the definition it is part of: names that one statement binds together are one, called by all of them."""
    first: dict[str, str] = {}

    def root(name: str) -> str:
        while first.setdefault(name, name) != name:
            first[name] = first[first[name]]
            name = first[name]
        return name

    for piece in pieces:
        for name in piece.names:
            first[root(name)] = root(piece.names[0])
    members: dict[str, list[str]] = {}
    for name in dict.fromkeys(name for piece in pieces for name in piece.names):
        members.setdefault(root(name), []).append(name)
    return {name: ", ".join(several) for several in members.values() for name in several}


def _diff(file: str, before: str, now: str) -> str:
    lines = difflib.unified_diff(before.splitlines(), now.splitlines(), f"{file} (before)", f"{file} (now)", lineterm="")
    return "\n".join(lines)


class _Mending:
    """One file on its way back: its pieces of now, some of them replaced by those of before."""

    def __init__(self, now: str, old: Sequence[Piece], new: Sequence[Piece], wanted: set[str]) -> None:
        self.now, self.old, self.new = now, old, new
        self.groups = _groups([*new, *old])
        names = {part for name in wanted for part in (name, *name.split(", "))}
        self.wanted = {self.groups[name] for name in names if name in self.groups}

    def text(self) -> str:
        if not self.wanted:
            return self.now
        made = self._replaced()
        self._bring_along(made)
        written, at = [], 0
        made = _in_order(made)
        shares = {number: [one for one in self.new if one.statement == number] for number in {one.statement for one in self.new}}
        while at < len(made):
            together = shares.get(made[at].statement, [])
            if len(together) > 1 and all(one is other for one, other in zip(together, made[at:], strict=False)) and len(made) - at >= len(together):
                written.append(made[at].whole)
                at += len(together)
            else:
                written.append(made[at].text)
                at += 1
        return "".join(written) + self._tail()

    def _replaced(self) -> list[Piece]:
        """The pieces of now, those that are put back replaced one by one."""
        waiting = {name: self._of(self.old, name) for name in self.wanted}
        made: list[Piece] = []
        for piece in self.new:
            name = self._group(piece)
            if name not in self.wanted:
                made.append(piece)
            elif waiting[name]:
                made.append(waiting[name].pop(0))
        for piece in self.old:
            if any(piece is one for several in waiting.values() for one in several):
                self._insert(made, piece)
        return made

    def _bring_along(self, made: list[Piece]) -> None:
        """What a definition that is put back needs, and what is not there any more, comes back with it."""
        mine = {id(piece) for piece in self.old}
        while True:
            bound = {name for piece in made for name in piece.names}
            needed = {name for piece in made if id(piece) in mine for name in piece.needs} - bound
            lacking = [piece for piece in self.old if needed & set(piece.names)]
            if not lacking:
                return
            for name in dict.fromkeys(self._group(piece) for piece in lacking):
                for piece in self._of(self.old, name):
                    self._insert(made, piece)

    def _insert(self, made: list[Piece], piece: Piece) -> None:
        """Puts a piece behind the nearest one that stood before it and is still there."""
        place = next(at for at, one in enumerate(self.old) if one is piece)
        for earlier in reversed(self.old[:place]):
            name = self._group(earlier)
            ends = [at for at, one in enumerate(made) if one is earlier or (name and self._group(one) == name)]
            if ends:
                made.insert(ends[-1] + 1, piece)
                return
        made.insert(sum(one.leads for one in made), piece)

    def _of(self, pieces: Sequence[Piece], name: str) -> list[Piece]:
        return [piece for piece in pieces if self._group(piece) == name]

    def _group(self, piece: Piece) -> str:
        return self.groups[piece.names[0]] if piece.names else ""

    def _tail(self) -> str:
        """What stands below the last statement."""
        whole = "".join({piece.statement: piece.whole for piece in self.new}.values())
        return self.now[len(whole) :] if self.now.startswith(whole) else ""


def _in_order(pieces: list[Piece]) -> list[Piece]:
    """The pieces in their order, but none before what it needs while the file is loaded."""
    first: dict[str, int] = {}
    last: dict[str, int] = {}
    after: list[set[int]] = []
    for at, piece in enumerate(pieces):
        for name in piece.names:
            first.setdefault(name, at)
    for at, piece in enumerate(pieces):
        after.append({first[name] for name in piece.needs_first if name in first and first[name] != at} | {last[name] for name in piece.names if name in last})
        last.update(dict.fromkeys(piece.names, at))
    made: list[int] = []
    waiting = list(range(len(pieces)))
    while waiting:
        ready = next((at for at in waiting if after[at] <= set(made)), waiting[0])  # in a circle as it stands
        made.append(ready)
        waiting.remove(ready)
    return [pieces[at] for at in made]
