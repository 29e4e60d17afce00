"""A broker or an HTTP endpoint as target: rows go out as messages, and what was superseded is put right by further ones."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from assayline.errors import MisuseError
from assayline.tables.source import without_password

from .outgoing.sending import Outgoing, Reached, Sender, check_options, kind_of, open_sender
from .rows_out import Letters
from .shipment import Shipment, Withdrawal

PIECE = 500  # messages that are confirmed together
NOTE_SECONDS = 1.0  # between two notes of how far a push came: so much, and a piece, is sent again after a kill where the broker cannot tell
MOST_BLOCK = 10_000


@dataclass(frozen=True)
class Begun:
    """A push that goes on, or begins.

    Args:
        push: its name, for ever.
        began: a number that rises from push to push.
        done: so many messages of it were confirmed.
        sent: of the lots it takes the place of, those that receivers have, or may have.
        unsure: some of these were sent in part only.
    """

    push: str
    began: int
    done: int
    sent: tuple[int, ...]
    unsure: bool


class Progress(Protocol):
    """What the ledger knows of a target that cannot be asked."""

    def has(self, lot: int) -> bool:
        """Whether the whole lot was sent, and not taken back."""

    def begin(self, lot: int, replaced: Sequence[int]) -> Begun:
        """Takes up the push of a lot (0: only the taking back of others) where it was left, or writes down that it begins."""

    def reached(self, begun: Begun, done: int) -> None:
        """So many messages of it are confirmed."""


class MessageTarget:
    """Each row, or each block of rows, as one JSON message.

    Every message has an id that is the same however often it is sent: `run:row:revision` for predictions, `lot:row` for other rows. A push that was cut off
    goes on where the broker says, or where the ledger says: then some messages are sent twice, under the same ids.

    Args:
        address: of a broker (kafka, mqtt, nats, amqp, redis; with an s for TLS), or http(s).
        key: columns that say what a row is about.
        block: rows in one message.
        options: of the connection, as sources have them.
        progress: what the ledger knows; None where nothing will be sent.

    Raises:
        MisuseError: there can be no such target.
        MissingExtra: a package is missing.
    """

    def __init__(self, address: str, *, key: Sequence[str] = (), block: int = 1, options: Mapping[str, str] | None = None, progress: Progress | None = None) -> None:
        self.name, self.address, self.options, self._progress = without_password(address), address, dict(options or {}), progress
        if not 1 <= block <= MOST_BLOCK:
            raise MisuseError(f"{self.name}: a block has 1 to {MOST_BLOCK:,} rows, not {block}")
        check_options(address, self.options)
        if kind_of(address) != "http_post" and not address.partition("://")[2].partition("/")[2]:
            raise MisuseError(f"{self.name}: name the topic, subject, queue or stream: {self.name.rstrip('/')}/NAME")
        self.key, self.block = tuple(key), block

    def take(self, shipment: Shipment) -> bool:
        """Sends the lot; False if it was sent."""
        return self.replace(shipment, ())

    def replace(self, shipment: Shipment, replaced: Sequence[int]) -> bool:
        """Sends the rows that differ from those of the lots it stands for, and word of those that are no longer."""
        progress = self._known()
        if progress.has(shipment.lot):
            if any(progress.has(lot) for lot in replaced):
                return self.withdraw(Withdrawal(shipment.source, shipment.flow, tuple(replaced), shipment.replaced))
            return False
        begun = progress.begin(shipment.lot, replaced)
        letters = Letters(self.key, self.block, begun.began)
        earlier = [one for one in shipment.replaced() if one.lot in begun.sent]
        messages = letters.instead(shipment, earlier, self.name, differing=not begun.unsure) if earlier else letters.of(shipment, self.name)
        self._bring(begun, messages)
        return True

    def withdraw(self, withdrawal: Withdrawal) -> bool:
        """Sends word of the rows that are no longer."""
        begun = self._known().begin(0, withdrawal.lots)
        earlier = [one for one in withdrawal.replaced() if one.lot in begun.sent]
        if earlier:
            self._bring(begun, Letters(self.key, self.block, begun.began).gone(earlier, self.name))
        return bool(earlier)

    def _known(self) -> Progress:
        assert self._progress is not None, "only a push sends"
        return self._progress

    def _bring(self, begun: Begun, messages: Iterator[Outgoing]) -> None:
        with contextlib.closing(open_sender(begun.push.rpartition(":")[0], self.address, self.options)) as sender:
            there = self._there(sender, begun)
            noted = time.monotonic()
            for piece in _pieces(one for one in messages if one.number >= there.below and one.number not in there.also):
                sender.send(begun.push, piece)
                if time.monotonic() - noted > NOTE_SECONDS:
                    self._known().reached(begun, piece[-1].number + 1)
                    noted = time.monotonic()

    def _there(self, sender: Sender, begun: Begun) -> Reached:
        """What need not be sent again. A push that has just begun is nowhere, and one whose broker cannot tell is where the ledger says."""
        said = sender.reached(begun.push)
        return Reached(begun.done) if said is None else Reached(max(said.below, begun.done), said.also)


def _pieces(messages: Iterable[Outgoing]) -> Iterator[list[Outgoing]]:
    piece: list[Outgoing] = []
    for one in messages:
        piece.append(one)
        if len(piece) == PIECE:
            yield piece
            piece = []
    if piece:
        yield piece


def takes_messages(address: str) -> bool:
    """Whether rows go to such an address as messages."""
    return bool(kind_of(address))
