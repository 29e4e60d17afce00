"""Messages that were taken before and come again, because we were gone before the broker heard that we took them.

Where a broker counts its messages, the numbers of those that were taken are remembered, as ranges. Where it does not, the fingerprints of those are
remembered that it may not have heard of; a message that it calls redelivered, and that is among them, was taken. Each of them stands for one message:
the same reading sent twice is two readings.
"""

from __future__ import annotations

import base64
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Mapping

from .delivery import Json
from .subscription import Message

FINGERPRINT_BYTES = 8


class Marks:
    """A set of numbers that has few holes.

    >>> marks = Marks("1-4 9")
    >>> marks.add(5, 7)
    >>> str(marks), 8 in marks, 9 in marks
    ('1-7 9', False, True)
    """

    def __init__(self, text: str = "") -> None:
        pairs = [piece.partition("-") for piece in text.split()]
        self.lows = [int(low) for low, _, _ in pairs]
        self.highs = [int(high or low) for low, _, high in pairs]

    def __str__(self) -> str:
        return " ".join(str(low) if low == high else f"{low}-{high}" for low, high in zip(self.lows, self.highs, strict=True))

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self.lows, number) - 1
        return at >= 0 and number <= self.highs[at]

    def add(self, low: int, high: int) -> None:
        """Adds all numbers from `low` to `high`."""
        if self.highs and self.lows[-1] <= low <= self.highs[-1] + 1:  # nearly always: what comes next
            self.highs[-1] = max(self.highs[-1], high)
            return
        begin = bisect_right(self.highs, low - 2)  # the first range that touches the new one
        end = bisect_right(self.lows, high + 1)
        if begin < end:
            low, high = min(low, self.lows[begin]), max(high, self.highs[end - 1])
        self.lows[begin:end], self.highs[begin:end] = [low], [high]


class Repeats:
    """What was taken already, as far as a broker may not know it yet.

    Args:
        position: of the last delivery that was taken.
        settled: what the broker surely knows to be taken, for logs that count (`Subscription.settled`).
        all_settled: the broker knows of everything in the position, though the position does not say so.
    """

    def __init__(self, position: Mapping[str, Json], settled: Mapping[str, int], *, all_settled: bool = False) -> None:
        marks, unsettled = position.get("marks", {}), "" if all_settled else position.get("unsettled", "")
        self._marks = {log: Marks(str(text)) for log, text in marks.items()} if isinstance(marks, dict) else {}
        for log, number in settled.items():
            if number >= 0:
                self._marks.setdefault(log, Marks()).add(0, number)
        packed = base64.b64decode(unsettled) if isinstance(unsettled, str) else b""
        self._unsettled = Counter(packed[n : n + FINGERPRINT_BYTES] for n in range(0, len(packed), FINGERPRINT_BYTES))
        self._awaited = Counter(self._unsettled)  # these can come again over this connection, each as often as it is counted
        self._fresh = False

    def was_taken(self, message: Message) -> bool:
        """Whether this message was taken before; asked once for each message that comes."""
        if message.place is not None:
            marks = self._marks.get(message.place.log)
            return marks is not None and message.place.number in marks
        if not message.redelivered:
            self._fresh = True
            if not message.mark:  # nothing else tells it from what was taken, so what did not come by now must not be waited for any longer
                self._all_came()
        if not (message.redelivered or message.id):
            return False
        print_ = message.fingerprint
        if self._awaited[print_] > 0:
            self._awaited[print_] -= 1
            return True
        return bool(message.id) and self._unsettled[print_] > 0

    def with_taken(self, messages: Iterable[Message]) -> dict[str, Json]:
        """The position once these messages are taken."""
        marks = {log: Marks(str(one)) for log, one in self._marks.items()}
        _add(marks, messages)
        unsettled = self._unsettled + Counter(message.fingerprint for message in messages if message.place is None)
        packed = b"".join(sorted(unsettled.elements()))
        return {"marks": {log: str(one) for log, one in sorted(marks.items())}, "unsettled": base64.b64encode(packed).decode()}

    def taken(self, messages: Iterable[Message]) -> None:
        """These messages are taken."""
        _add(self._marks, messages)
        self._unsettled.update(message.fingerprint for message in messages if message.place is None)

    def settled(self, messages: Iterable[Message]) -> None:
        """The broker surely knows that these are taken; they never come again."""
        self._unsettled.subtract(message.fingerprint for message in messages if message.place is None)
        self._unsettled = +self._unsettled
        if self._fresh:
            self._all_came()

    @property
    def all_settled(self) -> bool:
        """Whether the broker surely knows of everything that was taken, as far as it does not count."""
        return not self._unsettled

    def _all_came(self) -> None:
        """Brokers begin with what they give again: what has not come by now, they knew of."""
        self._unsettled -= +self._awaited
        self._awaited.clear()


def _add(marks: dict[str, Marks], messages: Iterable[Message]) -> None:
    for message in messages:
        if message.place is not None:
            marks.setdefault(message.place.log, Marks()).add(message.place.after + 1, message.place.number)
