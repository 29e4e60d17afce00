"""Messages of a broker that wants to hear of them in the order in which it gave them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from .subscription import Message


class InOrder:
    """Holds acknowledgements back until everything that came before is taken too.

    >>> line, (a, b, c) = InOrder(), [Message(text, "t") for text in (b"a", b"b", b"c")]
    >>> line.given([a, b, c])
    >>> [one.body for one in line.taken([b])], [one.body for one in line.taken([a])], len(line)
    ([], [b'a', b'b'], 1)
    """

    def __init__(self) -> None:
        self._given: deque[Message] = deque()
        self._taken: set[int] = set()

    def __len__(self) -> int:
        return len(self._given)

    def given(self, messages: Iterable[Message]) -> None:
        """These came, in this order."""
        self._given.extend(messages)

    def taken(self, messages: Iterable[Message]) -> list[Message]:
        """These are taken; gives those that can be acknowledged now."""
        self._taken.update(id(message) for message in messages)
        free: list[Message] = []
        while self._given and id(self._given[0]) in self._taken:
            free.append(self._given.popleft())
            self._taken.remove(id(free[-1]))
        return free
