"""Asks a source that is polled for what is new: files, pages, rows of a database."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime

from ..core import Source
from ..errors import MisuseError
from .delivery import Delivery, Json
from .files import poll_files
from .pages import poll_page
from .queries import SCHEMES, poll_query
from .subscription import is_stream


def poll(source: Source, position: Mapping[str, Json] | None, *, folder: str, moment: datetime) -> Iterator[Delivery]:
    """What the source has that is not in the position yet, oldest first; nothing new gives nothing.

    Args:
        source: a folder, a pattern, a file, objects in a store, a table or query of a database, or a page.
        position: of the last delivery that was taken, or None.
        folder: where what has to be fetched is put, to be removed by whoever took it; files of the source itself stay where they are.
        moment: now, with its zone.

    Raises:
        InputError: the source cannot be read, with what to do about it.
        MisuseError: an option makes no sense, or the source streams (see `open_subscription`).
    """
    address = source.address.lower()
    if is_stream(source):
        raise MisuseError(f"{source.name} streams; it is subscribed to and not polled")
    if moment.tzinfo is None:
        raise MisuseError("the moment of a look has a time zone")
    before = dict(position or {})
    if address.startswith(("http://", "https://")):
        yield from poll_page(source, before, folder, moment)
    elif address.startswith(SCHEMES):
        yield from poll_query(source, before, moment)
    else:
        yield from poll_files(source, before, moment)
