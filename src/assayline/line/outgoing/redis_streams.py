"""Redis streams, on the way out: messages and how far the push came are written in one transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from assayline.arrivals.settings import text
from assayline.arrivals.subscription import client_of, endpoint, talking
from assayline.core import Source

from .sending import Outgoing, Reached, headers_of

ANSWER_SECONDS = 30.0


def sender(source: Source, library: Any) -> RedisSender:
    """Connects."""
    return RedisSender(source, library)


class RedisSender:
    """One stream. Beside it stands the key `assay-position:{STREAM}:NAME`: what the last transaction of ours wrote."""

    def __init__(self, source: Source, library: Any) -> None:
        place = endpoint(source)
        database, slash, stream = place.rest.partition("/")
        if not (slash and database.isdecimal()):
            database, stream = "0", place.rest
        self._shown, self._stream, self._library = place.shown, unquote(stream), library
        # In curly brackets: a cluster keeps both keys on one server, and a transaction can hold them.
        self._position = f"assay-position:{{{self._stream}}}:{client_of(source)}"
        host, port = place.host_and_port(6379)
        tls = {"ssl": True, "ssl_ca_certs": text(source, "ca_file") or None} if place.tls else {}
        # No second attempt inside the client: a transaction whose answer was lost may have been carried out.
        never = library.retry.Retry(library.backoff.NoBackoff(), 0)
        self._client = library.Redis(
            retry=never, host=host, port=port, db=int(database), username=place.user or None, password=place.password or None, client_name=client_of(source),
            socket_connect_timeout=10, socket_timeout=ANSWER_SECONDS, **tls,
        )  # fmt: skip
        with self._talking():
            self._client.ping()

    def reached(self, push: str) -> Reached | None:
        with self._talking():
            known = self._client.get(self._position)
        position = json.loads(known) if known else {}
        return Reached(int(position["below"])) if position.get("push") == push else Reached(0)

    def send(self, push: str, messages: Sequence[Outgoing]) -> None:
        with self._talking():
            piece = self._client.pipeline(transaction=True)
            for one in messages:
                piece.xadd(self._stream, {"data": one.body, **headers_of(push, one)})
            piece.set(self._position, json.dumps({"push": push, "below": messages[-1].number + 1}))
            piece.execute()

    def close(self) -> None:
        self._client.close()

    def _talking(self) -> Any:
        return talking(self._shown, self._library.exceptions.RedisError)
