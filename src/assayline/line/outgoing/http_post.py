"""An HTTP endpoint that takes messages: one POST each, under a key by which it can drop repetitions."""

from __future__ import annotations

import http.client
from collections.abc import Sequence
from urllib.parse import urlsplit

from assayline.arrivals.settings import address_of, duration, password_of, shown, text
from assayline.core import Source
from assayline.errors import MisuseError, TargetError
from assayline.tables.dialling import Deadline, dial, trusting

from .sending import Outgoing, Reached, headers_of

PIECE_SECONDS = 300.0  # for all messages that go over one connection


def sender(source: Source) -> HttpSender:
    """Looks at the address; the first message connects."""
    return HttpSender(source)


class HttpSender:
    """One address. Plain http goes to private addresses only: it can be read on the way."""

    def __init__(self, source: Source) -> None:
        self._shown = shown(source)
        parts = urlsplit(address_of(source))
        if not parts.hostname:
            raise MisuseError(f"{self._shown} names no host; write https://host/path")
        self._host, self._tls = parts.hostname, parts.scheme.lower() == "https"
        self._port = parts.port or (443 if self._tls else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._seconds = duration(source, "timeout", PIECE_SECONDS)
        self._secret = password_of(source, "authorization")
        self._context = trusting(self._shown, text(source, "ca_file")) if self._tls else None

    def reached(self, push: str) -> Reached | None:
        return None

    def send(self, push: str, messages: Sequence[Outgoing]) -> None:
        with Deadline(self._seconds) as deadline:
            talk: http.client.HTTPConnection | None = None
            try:
                for one in messages:
                    talk = talk or self._opened(deadline)
                    if not self._post(talk, push, one):
                        talk.close()
                        talk = None
            except (OSError, http.client.HTTPException) as error:
                # The texts of these errors may repeat the address, hence only their kinds.
                cause = f"no answer within {self._seconds:g} seconds" if deadline.passed or isinstance(error, TimeoutError) else f"the connection broke ({type(error).__name__})"
                raise TargetError(self._shown, cause, next_step="the next push goes on") from None
            finally:
                if talk is not None:
                    talk.close()

    def _opened(self, deadline: Deadline) -> http.client.HTTPConnection:
        line = dial(self._shown, self._host, self._port, deadline, private=True, public=self._tls)
        if self._context is not None:
            line = self._context.wrap_socket(line, server_hostname=self._host)
        talk = http.client.HTTPConnection(self._host, self._port)
        talk.auto_open = 0  # it may never dial on its own, past our check
        talk.sock = line
        return talk

    def _post(self, talk: http.client.HTTPConnection, push: str, one: Outgoing) -> bool:
        """Whether the connection can take another one."""
        headers = {"Content-Type": "application/json; charset=utf-8", "Idempotency-Key": one.id, "User-Agent": "assayline", **headers_of(push, one)}
        talk.request("POST", self._path, one.body, headers | ({"Authorization": self._secret} if self._secret else {}))
        answer = talk.getresponse()
        answer.read()
        if not 200 <= answer.status < 300:
            said = f"it answered {answer.status} {http.client.responses.get(answer.status, '')}".rstrip()
            raise TargetError(self._shown, f"message {one.id}: {said}", next_step="nothing after this message was sent; the next push goes on with it")
        return not answer.will_close

    def close(self) -> None:
        """Each piece has its own connection, which is closed."""
