"""HTTP/1.1 as bytes: where a message ends, and what of it may be handed on. No I/O.

Whoever stands between a client and a server must not understand a message otherwise than the server does (RFC 9112, section 11.2: request smuggling). So what can be
understood in two ways is refused, and what is handed on is written anew with one length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

FIRST = re.compile(rb"([A-Z]{1,20}) (/[!-~]*|\*) HTTP/1\.([01])")
NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
SIZE = re.compile(rb"[0-9a-fA-F]{1,8}")
END = b"\r\n\r\n"
# Of one connection, not of the message (RFC 9110, section 7.6.1); the length is written anew.
HOP = frozenset([b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"expect", b"content-length"])
REASONS = {
    400: "Bad Request", 403: "Forbidden", 408: "Request Timeout", 413: "Content Too Large", 431: "Request Header Fields Too Large", 501: "Not Implemented",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout", 200: "OK",
}  # fmt: skip


class Broken(Exception):
    """A message that is not handed on: the status it is answered with, and why."""

    def __init__(self, status: int, why: str) -> None:
        self.status, self.why = status, why
        super().__init__(why)


@dataclass(frozen=True, slots=True)
class RequestHead:
    """What the head of a request says.

    Args:
        method: "GET", "POST", …
        target: path and query.
        kept: the first line and the fields that are handed on, each with its line end.
        length: bytes of the body; -1 where it comes in chunks.
        close: whether the client wants the connection closed afterwards.
        waits: whether the client waits for "100 Continue" before it sends the body.
        old: HTTP/1.0.
    """

    method: bytes
    target: bytes
    kept: bytes
    length: int
    close: bool
    waits: bool
    old: bool

    @property
    def path(self) -> bytes:
        """The target without its query."""
        return self.target.partition(b"?")[0]

    def written(self, body: bytes | bytearray) -> bytes:
        """The request as it is handed on: with one length, and on a connection that stays."""
        if body or self.method not in (b"GET", b"HEAD"):
            return b"%scontent-length: %d\r\n\r\n%s" % (self.kept, len(body), body)
        return self.kept + b"\r\n"


def request_head(raw: bytes) -> RequestHead:
    """The head of a request, read.

    Args:
        raw: everything before the empty line, which is not part of it.

    Raises:
        Broken: it is no HTTP/1.1, or can be understood in two ways.

    >>> head = request_head(b"POST /models/churn HTTP/1.1\\r\\nHost: a\\r\\nContent-Length: 2\\r\\nConnection: close")
    >>> head.length, head.close, head.kept
    (2, True, b'POST /models/churn HTTP/1.1\\r\\nHost: a\\r\\n')
    """
    lines = raw.split(b"\r\n")
    if raw.count(b"\r") != len(lines) - 1 or raw.count(b"\n") != len(lines) - 1 or b"\0" in raw:
        raise Broken(400, "a line of the head does not end as lines do")
    first = FIRST.fullmatch(lines[0])
    if first is None:
        raise Broken(400, "the first line is not that of an HTTP/1.1 request")
    old = first[3] == b"0"
    length: int | None = None
    chunked, close, waits, hosts = False, old, False, 0
    kept, dropped = [lines[0]], frozenset[bytes]()
    names = []
    for line in lines[1:]:
        name, colon, value = line.partition(b":")
        if not colon or NAME.fullmatch(name) is None:
            raise Broken(400, "a line of the head is no field")
        lower = name.lower()
        if lower not in HOP:
            hosts += lower == b"host"
            kept.append(line)
            names.append(lower)
            continue
        value = value.strip(b" \t")
        if lower == b"content-length":
            if length is not None or not value.isdigit() or len(value) > 15:
                raise Broken(400, "the length of the body is not one number")
            length = int(value)
        elif lower == b"transfer-encoding":
            if chunked or value.lower() != b"chunked" or old:
                raise Broken(501 if not chunked and not old else 400, "the only transfer encoding that is taken is chunked")
            chunked = True
        elif lower == b"connection":
            words = frozenset(word.strip().lower() for word in value.split(b","))
            close = (close or b"close" in words) and b"keep-alive" not in words
            dropped |= words
        elif lower == b"expect":
            if value.lower() != b"100-continue":
                raise Broken(400, "nothing but 100-continue can be expected")
            waits = True
    if chunked and length is not None:
        raise Broken(400, "the body has a length and comes in chunks too")
    if hosts > 1 or (hosts == 0 and not old):
        raise Broken(400, "a request names one host")
    if not dropped.isdisjoint(names):
        kept = [kept[0], *(line for line, name in zip(kept[1:], names, strict=True) if name not in dropped or name == b"host")]
    return RequestHead(first[1], first[2], b"\r\n".join(kept) + b"\r\n", -1 if chunked else length or 0, close, waits, old)


@dataclass(frozen=True, slots=True)
class AnswerHead:
    """What the head of an answer says: its status, bytes of the body (-1: in chunks, -2: until the connection ends), whether the connection ends, and the bytes to hand on."""

    status: int
    length: int
    close: bool
    kept: bytes


def answer_head(raw: bytes, *, bodiless: bool = False) -> AnswerHead:
    """The head of a worker's answer, read.

    Args:
        raw: everything before the empty line.
        bodiless: whether the request was one whose answer has no body (HEAD).

    Raises:
        Broken: it is no HTTP/1.1.

    >>> answer_head(b"HTTP/1.1 200 OK\\r\\ncontent-length: 5\\r\\nx-model-version: churn:v7").length
    5
    """
    if not raw.startswith(b"HTTP/1.") or len(raw) < 12 or not raw[9:12].isdigit():
        raise Broken(502, "the worker did not answer in HTTP")
    status = int(raw[9:12])
    length, close, kept = -2, False, []
    for line in raw.split(b"\r\n"):
        name, _, value = line.partition(b":")
        lower = name.lower()
        if lower not in HOP:
            kept.append(line)
        elif lower == b"content-length":
            value = value.strip()
            if not value.isdigit():
                raise Broken(502, "the worker's answer has no length")
            length = int(value)
        elif lower == b"transfer-encoding":
            length = -1
        elif lower == b"connection":
            close = b"close" in value.lower()
    shown = length
    if bodiless or status < 200 or status in (204, 304):
        length = 0
    if shown >= 0:
        kept.append(b"content-length: %d" % shown)
    return AnswerHead(status, length, close or length == -2, b"\r\n".join(kept) + b"\r\n")


class Chunks:
    """A body that comes in chunks, put together as its bytes arrive.

    Args:
        most: bytes it may have.

    >>> chunks, buffer = Chunks(100), bytearray(b"5\\r\\nhello\\r\\n0\\r\\n\\r\\nGET")
    >>> chunks.take(buffer), bytes(chunks.body), bytes(buffer)
    (True, b'hello', b'GET')
    """

    def __init__(self, most: int) -> None:
        self.body = bytearray()
        self._most = most
        self._left = -1  # bytes of the chunk that are still to come; -1: its size is; -2: the trailer is
        self._trailer = 0

    def take(self, buffer: bytearray) -> bool:
        """Takes what belongs to the body from the front of a buffer; whether the body is whole now.

        Raises:
            Broken: it is not in chunks, or too large.
        """
        while True:
            if self._left >= 0:
                taken = min(self._left, len(buffer))
                self.body += buffer[:taken]
                del buffer[:taken]
                self._left -= taken
                if self._left or len(buffer) < 2:
                    return False
                if buffer[:2] != b"\r\n":
                    raise Broken(400, "a chunk of the body does not end where it said")
                del buffer[:2]
                self._left = -1
            end = buffer.find(b"\r\n")
            if end < 0:
                if len(buffer) > 1024:
                    raise Broken(400, "the size of a chunk is too long")
                return False
            line = bytes(buffer[:end])
            del buffer[: end + 2]
            if self._left == -2:
                if not line:
                    return True
                self._trailer += len(line)
                if self._trailer > 8192:
                    raise Broken(431, "what follows the body is too long")
                continue
            size = line.partition(b";")[0].rstrip(b" \t")
            if SIZE.fullmatch(size) is None or b"\n" in line or b"\r" in line:
                raise Broken(400, "the size of a chunk is no number")
            self._left = int(size, 16)
            if len(self.body) + self._left > self._most:
                raise Broken(413, f"the body is larger than {self._most:,} bytes")
            if not self._left:
                self._left = -2


def answer(status: int, why: str, *, close: bool = False, more: str = "", kind: str = "application/json") -> bytes:
    """An answer of our own: why, as JSON {"error": …}, or as it is for another kind.

    >>> answer(503, "no worker is ready").splitlines()[-1]
    b'{"error": "no worker is ready"}'
    """
    import json

    body = json.dumps({"error": why}).encode() if kind == "application/json" else why.encode("utf-8", "backslashreplace")
    head = f"HTTP/1.1 {status} {REASONS.get(status, 'Error')}\r\ncontent-type: {kind}\r\ncontent-length: {len(body)}\r\n{more}{'connection: close' + chr(13) + chr(10) if close else ''}\r\n"
    return head.encode("ascii") + body
