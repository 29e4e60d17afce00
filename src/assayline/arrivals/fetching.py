"""One page or file over HTTP: checked addresses only, bounded in bytes and in time, tried again with growing patience."""

from __future__ import annotations

import http.client
import random
import re
import ssl
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime
from urllib.parse import urljoin, urlsplit, urlunsplit

from ..errors import DeliveryError, LimitExceeded, NotFound, Refused, Unreadable
from ..tables.dialling import Deadline, dial, reason, trusting

AGENT = "assayline"
REDIRECTS = 5
BLOCK_BYTES = 1 << 16
FIRST_WAIT_SECONDS = 1.0
MOVED = {301, 302, 303, 307, 308}
AGAIN = {408, 425, 429, 500, 502, 503, 504}
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")


@dataclass(frozen=True)
class Terms:
    """What one request may cost, and whom it may reach.

    Args:
        private: addresses of this machine and of private networks may be connected to.
        most_bytes: of the body, after it was decompressed.
        seconds: for one attempt, from the name to the last byte.
        attempts: how often a busy or broken server is asked.
        patience_seconds: all waiting between attempts together, whatever `Retry-After` says.
        ca_file: authorities beside the system's, a PEM file.
    """

    private: bool = False
    most_bytes: int = 1 << 30
    seconds: float = 300.0
    attempts: int = 4
    patience_seconds: float = 60.0
    ca_file: str = ""


@dataclass(frozen=True)
class Answer:
    """A status, its headers, and where the body really came from; the body was given to `take` block by block."""

    status: int
    headers: Mapping[str, str]
    address: str


class _TryAgain(Exception):
    def __init__(self, cause: str, wait_seconds: float | None = None) -> None:
        self.cause, self.wait_seconds = cause, wait_seconds
        super().__init__(cause)


def fetch(
    address: str, headers: Mapping[str, str], take: Callable[[Iterator[bytes]], None], terms: Terms, shown: str, *,
    sleep: Callable[[float], None] = time.sleep, now: Callable[[], float] = time.time,
) -> Answer:  # fmt: skip
    """Asks for the address; the blocks of a good answer go to `take`, which may be called again from the start when an attempt breaks off.

    Args:
        shown: the address as errors may name it.

    Raises:
        InputError: there is no such page, policy forbids it, it is too large, or nobody answers within all attempts.
    """
    waited = 0.0
    for attempt in range(terms.attempts):
        try:
            return _followed(address, headers, take, terms, shown, now)
        except _TryAgain as problem:
            if attempt + 1 == terms.attempts:
                raise Unreadable(shown, f"{problem.cause}, {terms.attempts} times in a row", next_step="the next look tries again") from None
            # Full jitter: a thousand readers of one server that comes back must not come back at once.
            wait = problem.wait_seconds if problem.wait_seconds is not None else FIRST_WAIT_SECONDS * 2**attempt * (0.5 + random.random() / 2)
            waited += wait
            if waited > terms.patience_seconds:
                raise Unreadable(shown, f"{problem.cause} and asks to wait {wait:.0f} seconds", next_step="look again later; the option patience says how long to wait") from None
            sleep(wait)
    raise AssertionError("an attempt returns or raises")


def origin_of(address: str) -> str:
    """Scheme, host and port.

    >>> origin_of("https://example.com:8443/a/b?c")
    'https://example.com:8443'
    """
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _followed(address: str, headers: Mapping[str, str], take: Callable[[Iterator[bytes]], None], terms: Terms, shown: str, now: Callable[[], float]) -> Answer:
    for _ in range(REDIRECTS + 1):
        answer = _asked(address, headers, take, terms, shown, now)
        if answer.status not in MOVED:
            return answer
        target = urljoin(address, answer.headers.get("location", ""))
        if urlsplit(target).scheme not in ("http", "https") or (address.startswith("https:") and not target.startswith("https:")):
            raise Refused(shown, "it redirects to an address that is no https", next_step="give the address it leads to, if you trust it")
        if origin_of(target) != origin_of(address):
            headers = {name: value for name, value in headers.items() if name.lower() in ("accept", "if-none-match", "if-modified-since")}  # secrets were for the first host
        address = target
    raise Unreadable(shown, f"it redirects more than {REDIRECTS} times", next_step="check the address")


def _asked(address: str, headers: Mapping[str, str], take: Callable[[Iterator[bytes]], None], terms: Terms, shown: str, now: Callable[[], float]) -> Answer:
    parts = urlsplit(address)
    tls, host = parts.scheme == "https", parts.hostname or ""
    try:
        port = parts.port or (443 if tls else 80)
        target = urlunsplit(("", "", parts.path or "/", parts.query, ""))
    except ValueError:
        raise Unreadable(shown, "the address has no such port", next_step="check the address") from None
    if not host or not re.fullmatch(r"[!-~]+", target) or parts.username is not None:
        raise Unreadable(shown, "it is no address of a page", next_step="write https://host/path; blanks as %20, a name and a password in the option headers")
    try:
        with Deadline(terms.seconds) as deadline:
            try:
                line = dial(shown, host, port, deadline, private=terms.private, if_meant="set the option private of the source to true")
                try:
                    if tls:
                        line = trusting(shown, terms.ca_file, where="the option ca_file").wrap_socket(line, server_hostname=host)
                    talk = http.client.HTTPConnection(host, port)
                    talk.auto_open = 0  # it may never dial on its own, past our check
                    talk.sock = line
                    talk.putrequest("GET", target, skip_accept_encoding=True)
                    for name, value in {"User-Agent": AGENT, "Accept": "*/*", "Accept-Encoding": "gzip", "Connection": "close", **headers}.items():
                        talk.putheader(_name(name, shown), value)
                    talk.endheaders()
                    with talk.getresponse() as response:
                        return _judged(response, address, take, terms, shown, now)
                finally:
                    line.close()
            except (OSError, http.client.HTTPException, ValueError, zlib.error) as error:
                if deadline.passed or isinstance(error, TimeoutError):
                    raise _TryAgain(f"it did not answer completely within {terms.seconds:g} seconds") from None
                if isinstance(error, ssl.SSLCertVerificationError):
                    raise Unreadable(shown, reason(error), next_step="check the address, or name its authority with the option ca_file") from None
                kind = reason(error) if isinstance(error, OSError) else type(error).__name__
                raise _TryAgain(f"the connection broke ({kind})") from None
    except DeliveryError as error:
        if error.permanent:
            raise Refused(shown, error.cause, next_step=error.next_step) from None
        raise _TryAgain(error.cause) from None


def _name(name: str, shown: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise Unreadable(shown, f"{name!r} is no name of a header", next_step="check the option headers")
    return name


def _judged(response: http.client.HTTPResponse, address: str, take: Callable[[Iterator[bytes]], None], terms: Terms, shown: str, now: Callable[[], float]) -> Answer:
    headers = {name.lower(): value for name, value in response.getheaders()}
    status, said = response.status, f"it answered {response.status} {http.client.responses.get(response.status, '')}".rstrip()
    if status in AGAIN:
        raise _TryAgain(said, wait_seconds(headers.get("retry-after"), now()))
    if status in (404, 410):
        raise NotFound(shown, said, next_step="check the address")
    if status in (401, 403, 407):
        raise Refused(shown, said, next_step="check the option headers and the right to read it")
    if status not in MOVED and status not in (200, 304):
        raise Unreadable(shown, said, next_step="check the address")
    if status == 200:
        take(_blocks(response, headers, terms, shown))
    return Answer(status, headers, address)


def _blocks(response: http.client.HTTPResponse, headers: Mapping[str, str], terms: Terms, shown: str) -> Iterator[bytes]:
    """The body as its reader wants it. What the transport compressed is inflated here, piece by piece, so that no page can grow beyond the limit."""
    inflate = zlib.decompressobj(wbits=31) if headers.get("content-encoding", "").lower() in ("gzip", "x-gzip") else None
    total = 0
    while block := response.read(BLOCK_BYTES):
        while block:
            piece = inflate.decompress(block, BLOCK_BYTES * 16) if inflate else block
            block = inflate.unconsumed_tail if inflate else b""
            total += len(piece)
            if total > terms.most_bytes:
                raise LimitExceeded(shown, f"it is larger than {terms.most_bytes} bytes", next_step="raise the option most_bytes if it may be")
            if piece:
                yield piece
    if inflate and not inflate.eof:
        raise http.client.IncompleteRead(b"")
    if response.length:  # the server promised more
        raise http.client.IncompleteRead(b"")


def wait_seconds(header: str | None, now: float) -> float | None:
    """What `Retry-After` asks for: seconds, or a date.

    >>> wait_seconds("120", 0.0), wait_seconds("Thu, 01 Jan 1970 00:01:00 GMT", 0.0), wait_seconds("soon", 0.0)
    (120.0, 60.0, None)
    """
    if header is None:
        return None
    if re.fullmatch(r"[0-9]{1,9}", header.strip()):
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except (ValueError, OverflowError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(moment.timestamp() - now, 0.0)
