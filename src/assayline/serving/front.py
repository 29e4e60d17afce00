"""One address before several workers: each request goes, as bytes, to the worker with the least to do, and one that was with a worker that died is asked again of another.

    client ──▶ front ──▶ worker 1          A request is kept until its answer is whole. Asking twice is harmless: answering changes nothing.
                    └──▶ worker 2          A request that killed two workers is not given a third.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import cast

from .http1 import END, Broken, Chunks, RequestHead, answer, answer_head, request_head

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
READY_PATHS = (b"/ready", b"/v2/health/ready")
METRICS_PATH = b"/metrics"
SWEEP_SECONDS = 0.5


@dataclass(frozen=True)
class FrontLimits:
    """What a client may cost.

    Args:
        head_bytes: of the first line and the fields.
        body_bytes: of a request.
        answer_bytes: of an answer.
        connections: open at once.
        head_seconds: from the first byte of a request until its head is whole.
        body_seconds: from then until its body is whole.
        idle_seconds: between two requests on a connection.
        write_seconds: for a client to read what it was sent.
        answer_seconds: for a worker to answer.
        patience_seconds: that a request waits while no worker is there.
        retries: how often a request is asked again after a worker died with it.
    """

    head_bytes: int = 64 << 10
    body_bytes: int = 64 << 20
    answer_bytes: int = 256 << 20
    connections: int = 4096
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    idle_seconds: float = 75.0
    write_seconds: float = 30.0
    answer_seconds: float = 60.0
    patience_seconds: float = 10.0
    retries: int = 1


class Backend:
    """A worker as the front sees it: where it listens, the connections to it that are free, and how many requests it has."""

    def __init__(self, name: str, address: str) -> None:
        self.name, self.address = name, address
        self.free: list[_Upstream] = []
        self.outstanding = 0
        self.taking = True


class _Exchange:
    """One request on its way: its bytes, and who waits for the answer."""

    __slots__ = ("backend", "bodiless", "deadline", "done", "pinned", "raw", "tries", "upstream")

    def __init__(self, raw: bytes, bodiless: bool, done: Callable[[bytes, int], None], deadline: float, pinned: Backend | None = None) -> None:
        self.raw, self.bodiless, self.done, self.deadline, self.pinned = raw, bodiless, done, deadline, pinned
        self.tries = 0
        self.backend: Backend | None = None
        self.upstream: _Upstream | None = None


class Front:
    """Takes requests and hands them to workers; everything of it runs in one event loop.

    Args:
        limits: what a client may cost.
        hosts: names that a request may call this server by (lower case, without port); any when None. A page in a browser that had its name point here calls us by that name.
        clock: seconds.

    `counts` counts what happened: requests, retried, refused by status, answers by status, connections.
    """

    def __init__(self, limits: FrontLimits | None = None, *, hosts: frozenset[str] | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self.limits, self.hosts, self.clock = limits or FrontLimits(), hosts, clock
        self.counts: Counter[str] = Counter()
        self.leaving = False
        self.in_flight = 0
        self._backends: dict[str, Backend] = {}
        self._waiting: deque[_Exchange] = deque()
        self._asked: set[_Exchange] = set()
        self._clients: set[_Client] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []
        self._sweeper: asyncio.Task[None] | None = None

    async def listen(self, sock: socket.socket, *, tls: ssl.SSLContext | None = None) -> None:
        """Takes connections of a socket that is bound."""
        loop = asyncio.get_running_loop()
        self._servers.append(await loop.create_server(lambda: _Client(self), sock=sock, ssl=tls, backlog=2048))
        self._sweeper = self._sweeper or loop.create_task(self._sweep())

    def add(self, name: str, address: str) -> None:
        """A worker is ready: at a path of a Unix socket, or HOST:PORT."""
        self._backends[name] = Backend(name, address)
        waiting, self._waiting = self._waiting, deque()
        for exchange in waiting:
            self._dispatch(exchange)

    def remove(self, name: str) -> None:
        """A worker gets no further request; those that it has, it answers."""
        backend = self._backends.pop(name, None)
        if backend is not None:
            backend.taking = False
            for upstream in backend.free:
                upstream.close()
            backend.free.clear()

    @property
    def workers(self) -> tuple[str, ...]:
        """Names of the workers that get requests."""
        return tuple(self._backends)

    def outstanding(self, name: str) -> int:
        """Requests that a worker has and has not answered, also after it was removed."""
        return sum(1 for one in self._asked if one.backend is not None and one.backend.name == name)

    async def drain(self, seconds: float) -> int:
        """Takes no further connection, answers what was asked, and closes; gives the number of requests that were not answered in time."""
        self.leaving = True
        for server in self._servers:
            server.close()
        for client in list(self._clients):
            client.leave()
        end = self.clock() + seconds
        while any(client.engaged for client in self._clients) and self.clock() < end:
            await asyncio.sleep(0.01)
        left = self.in_flight
        for client in list(self._clients):
            if client.busy:
                client.abort()
            else:
                client.close()
        for name in list(self._backends):
            self.remove(name)
        if self._sweeper is not None:
            self._sweeper.cancel()
        await asyncio.sleep(0)
        return left

    def metrics_text(self) -> str:
        """Its own counts, as Prometheus reads them."""
        lines = [
            "# HELP assay_front_total What happened at the front, by kind: requests, retried on another worker, answers and refusals by status.", "# TYPE assay_front_total counter",
            *(f'assay_front_total{{event="{name}"}} {count}' for name, count in sorted(self.counts.items())),
            "# HELP assay_front_in_flight Requests that wait for an answer.", "# TYPE assay_front_in_flight gauge", f"assay_front_in_flight {self.in_flight}",
            "# HELP assay_front_workers Workers that get requests.", "# TYPE assay_front_workers gauge", f"assay_front_workers {len(self._backends)}",
        ]  # fmt: skip
        return "".join(line + "\n" for line in lines)

    def ask(self, raw: bytes, done: Callable[[bytes, int], None], *, bodiless: bool = False, pinned: Backend | None = None) -> _Exchange:
        """Gives a request to a worker; `done` receives the answer and its status."""
        exchange = _Exchange(raw, bodiless, done, self.clock() + self.limits.patience_seconds, pinned)
        self._dispatch(exchange)
        return exchange

    def _dispatch(self, exchange: _Exchange) -> None:
        backend = exchange.pinned
        if backend is None or not backend.taking:
            if backend is not None:
                self._answered(exchange, answer(503, "the worker has gone"), 503)
                return
            backend = min(self._backends.values(), key=_load, default=None)
            if backend is None:
                self._waiting.append(exchange)
                return
        exchange.backend = backend
        exchange.deadline = self.clock() + self.limits.answer_seconds
        backend.outstanding += 1
        self._asked.add(exchange)
        while backend.free:
            upstream = backend.free.pop()
            if upstream.open:
                upstream.send(exchange)
                return
        task = asyncio.get_running_loop().create_task(self._connected(exchange, backend))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connected(self, exchange: _Exchange, backend: Backend) -> None:
        loop = asyncio.get_running_loop()
        try:
            if backend.address.startswith("/"):
                _, upstream = await loop.create_unix_connection(lambda: _Upstream(self, backend), backend.address)
            else:
                host, _, port = backend.address.rpartition(":")
                _, upstream = await loop.create_connection(lambda: _Upstream(self, backend), host, int(port))
        except OSError:
            self._given_back(exchange)
            if self._backends.get(backend.name) is backend:
                self.remove(backend.name)  # nobody listens there: it was never asked, so that this costs no retry
            self.counts["unreachable"] += 1
            exchange.deadline = self.clock() + self.limits.patience_seconds
            self._dispatch(exchange)
            return
        if exchange in self._asked:
            upstream.send(exchange)
        else:  # it was given up meanwhile
            backend.free.append(upstream)

    def _given_back(self, exchange: _Exchange) -> None:
        if exchange in self._asked:
            self._asked.remove(exchange)
            assert exchange.backend is not None
            exchange.backend.outstanding -= 1
        exchange.upstream = None

    def _answered(self, exchange: _Exchange, raw: bytes, status: int) -> None:
        self._given_back(exchange)
        exchange.done(raw, status)

    def _lost(self, exchange: _Exchange, why: str) -> None:
        """The connection to a worker ended before its answer was whole."""
        self._given_back(exchange)
        if exchange.tries >= self.limits.retries or exchange.pinned is not None:
            self.counts["lost"] += 1
            exchange.done(answer(502, f"{why}; the request was asked {exchange.tries + 1} times"), 502)
            return
        exchange.tries += 1
        self.counts["retried"] += 1
        backend = exchange.backend
        if backend is not None and self._backends.get(backend.name) is backend and len(self._backends) > 1:
            self._dispatch_elsewhere(exchange, backend)
        else:
            exchange.deadline = self.clock() + self.limits.patience_seconds
            self._dispatch(exchange)

    def _dispatch_elsewhere(self, exchange: _Exchange, backend: Backend) -> None:
        backend.outstanding += 1 << 20  # for this one choice, so that another one is the least busy
        try:
            self._dispatch(exchange)
        finally:
            backend.outstanding -= 1 << 20

    async def _sweep(self) -> None:
        """Ends what takes too long; one look at all of them instead of a timer for each."""
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            now = self.clock()
            for client in [one for one in self._clients if one.deadline < now]:
                client.late()
            for exchange in [one for one in self._asked if one.deadline < now]:
                upstream = exchange.upstream
                self.counts["too_slow"] += 1
                self._answered(exchange, answer(504, f"the worker did not answer within {self.limits.answer_seconds:g} seconds"), 504)
                if upstream is not None:
                    upstream.close()
            while self._waiting and self._waiting[0].deadline < now:
                self.counts["no_worker"] += 1
                self._waiting.popleft().done(answer(503, "no worker is ready", more="retry-after: 1\r\n"), 503)

    async def _told(self, raw: bytes, backend: Backend) -> tuple[bytes, int]:
        """What one worker answers."""
        future: asyncio.Future[tuple[bytes, int]] = asyncio.get_running_loop().create_future()

        def done(found: bytes, status: int) -> None:
            if not future.done():
                future.set_result((found, status))

        self.ask(raw, done, pinned=backend)
        return await future

    async def metrics(self, raw: bytes) -> tuple[bytes, int]:
        """The numbers of all workers, each with the label of its worker, and our own; what a worker refuses is refused."""
        texts: list[tuple[str, str]] = []
        for backend in list(self._backends.values()):
            found, status = await self._told(raw, backend)
            if status in (502, 503, 504):
                continue
            if status != 200:
                return found, status
            texts.append((backend.name, found.partition(END)[2].decode("utf-8", "replace")))
        if not texts:
            return answer(503, "no worker is ready", more="retry-after: 1\r\n"), 503
        return answer(200, merged(texts) + self.metrics_text(), kind="text/plain; version=0.0.4; charset=utf-8"), 200


def merged(texts: Iterable[tuple[str, str]]) -> str:
    """Expositions of several workers as one: what describes a metric once, each sample with the label of its worker.

    >>> print(merged([("1", "# TYPE a counter\\na 1\\n"), ("2", '# TYPE a counter\\na{b="c"} 2\\n')]), end="")
    # TYPE a counter
    a{worker="1"} 1
    a{worker="2",b="c"} 2
    """
    found: dict[str, list[str]] = {}
    for worker, text in texts:
        family = ""
        for line in text.splitlines():
            if line.startswith("# "):
                words = line.split(" ", 3)
                family = words[2] if len(words) > 2 else ""
                known = found.setdefault(family, [])
                if not any(one.startswith(f"# {words[1]} {family}") for one in known):
                    known.append(line)
                continue
            if not line.strip():
                continue
            at = min((place for place in (line.find("{"), line.find(" ")) if place >= 0), default=len(line))
            name, rest = line[:at], line[at:]
            inside = rest[1:] if rest.startswith("{") else None
            sample = f'{name}{{worker="{worker}"}}{rest}' if inside is None else f'{name}{{worker="{worker}"{"" if inside.startswith("}") else ","}{inside}'
            found.setdefault(family if name.startswith(family) and family else name, []).append(sample)
    return "".join(line + "\n" for lines in found.values() for line in lines)


def _load(backend: Backend) -> int:
    return backend.outstanding


class _Upstream(asyncio.Protocol):
    """A connection to a worker: one request at a time."""

    def __init__(self, front: Front, backend: Backend) -> None:
        self._front, self._backend = front, backend
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._exchange: _Exchange | None = None
        self._head: bytes | None = None
        self._status, self._length, self._close = 0, 0, False
        self._chunks: Chunks | None = None
        self.open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # of uvloop it is one by its methods only

    def send(self, exchange: _Exchange) -> None:
        exchange.upstream = self
        self._exchange = exchange
        if not self.open or self._transport is None:
            self._exchange = None
            self._front._lost(exchange, "the worker ended before it was asked")
            return
        self._transport.write(exchange.raw)

    def data_received(self, data: bytes) -> None:
        exchange = self._exchange
        if exchange is None:  # an answer that nobody waits for any more
            self.close()
            return
        self._buffer += data
        try:
            whole = self._whole(exchange)
        except Broken as error:
            self._exchange = None
            self.close()
            self._front._lost(exchange, error.why)
            return
        if whole is not None:
            self._finish(exchange, whole)
        elif len(self._buffer) > self._front.limits.answer_bytes:
            self._exchange = None
            self.close()
            self._front._answered(exchange, answer(502, f"the answer is larger than {self._front.limits.answer_bytes:,} bytes"), 502)

    def _whole(self, exchange: _Exchange) -> bytes | None:
        """The answer to hand on, as soon as all of it is there."""
        if self._head is None:
            at = self._buffer.find(END)
            if at < 0:
                return None
            head = answer_head(bytes(self._buffer[:at]), bodiless=exchange.bodiless)
            del self._buffer[: at + 4]
            if head.status < 200:
                return self._whole(exchange)
            self._head, self._status, self._length, self._close = head.kept, head.status, head.length, head.close
            self._chunks = Chunks(self._front.limits.answer_bytes) if head.length == -1 else None
        if self._chunks is not None:
            if not self._chunks.take(self._buffer):
                return None
            body = bytes(self._chunks.body)
            return b"%scontent-length: %d\r\n\r\n%s" % (self._head, len(body), body)
        if self._length < 0 or len(self._buffer) < self._length:
            return None
        return b"%s\r\n%s" % (self._head, bytes(self._buffer[: self._length]))

    def _finish(self, exchange: _Exchange, whole: bytes) -> None:
        status, rest = self._status, len(self._buffer) - (self._length if self._chunks is None else 0)
        self._buffer.clear()
        self._head, self._chunks, self._exchange = None, None, None
        if self._close or rest > 0 or not self._backend.taking:
            self.close()
        else:
            self._backend.free.append(self)
        self._front._answered(exchange, whole, status)

    def connection_lost(self, error: Exception | None) -> None:
        self.open = False
        with contextlib.suppress(ValueError):
            self._backend.free.remove(self)
        exchange, self._exchange = self._exchange, None
        if exchange is None or exchange.upstream is not self:
            return
        if error is None and self._head is not None and self._length == -2:  # its end is the end of the connection
            self._front._answered(exchange, b"%scontent-length: %d\r\n\r\n%s" % (self._head, len(self._buffer), bytes(self._buffer)), self._status)
        else:
            self._front._lost(exchange, "the worker ended while it had the request")

    def close(self) -> None:
        self.open = False
        if self._transport is not None:
            self._transport.close()


class _Client(asyncio.Protocol):
    """A connection of a client: one request at a time, in the order they come."""

    def __init__(self, front: Front) -> None:
        self._front, self._limits = front, front.limits
        self._transport: asyncio.Transport | None = None
        self._buffer = bytearray()
        self._head: RequestHead | None = None
        self._chunks: Chunks | None = None
        self._closing = self._last = False  # it is closed; it is closed after the request in hand
        self._paused = self._stopped = self._begun = False
        self.busy = False
        self.deadline = front.clock() + front.limits.head_seconds

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # of uvloop it is one by its methods only
        front = self._front
        front.counts["connections"] += 1
        if len(front._clients) >= self._limits.connections or front.leaving:
            front.counts["refused_503"] += 1
            self._transport.write(answer(503, "too many connections", close=True, more="retry-after: 1\r\n"))
            transport.close()
            return
        front._clients.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._front._clients.discard(self)
        self._transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self.busy:
            if len(self._buffer) > self._limits.head_bytes and not self._stopped and self._transport is not None:
                self._stopped = True
                self._transport.pause_reading()
            return
        self._advance()

    def eof_received(self) -> bool:
        self._closing = True
        return self.busy  # who has asked and says nothing more still gets its answer

    def _advance(self) -> None:
        if self.busy or self._closing or self._transport is None:
            return
        try:
            self._read()
        except Broken as error:
            self._refuse(error.status, error.why)

    def _read(self) -> None:
        if self._head is None:
            while self._buffer.startswith(b"\r\n"):  # RFC 9112, section 2.2
                del self._buffer[:2]
            at = self._buffer.find(END, 0, self._limits.head_bytes + 4)
            if at < 0:
                if len(self._buffer) > self._limits.head_bytes:
                    raise Broken(431, f"the head is larger than {self._limits.head_bytes:,} bytes")
                if self._buffer and not self._begun:
                    self._begun = True
                    self.deadline = self._front.clock() + self._limits.head_seconds
                return
            head = request_head(bytes(self._buffer[:at]))
            del self._buffer[: at + 4]
            if head.length > self._limits.body_bytes:
                raise Broken(413, f"the body is larger than {self._limits.body_bytes:,} bytes")
            if self._front.hosts is not None:
                self._check_host(head)
            self._head = head
            self.deadline = self._front.clock() + self._limits.body_seconds
            self._chunks = Chunks(self._limits.body_bytes) if head.length < 0 else None
            if head.waits and self._transport is not None and len(self._buffer) < max(1, head.length):
                self._transport.write(CONTINUE)
        head = self._head
        if self._chunks is not None:
            if not self._chunks.take(self._buffer):
                return
            body: bytes | bytearray = self._chunks.body
        elif len(self._buffer) < head.length:
            return
        else:
            body = bytes(self._buffer[: head.length])
            del self._buffer[: head.length]
        self._ask(head, body)

    def _check_host(self, head: RequestHead) -> None:
        assert self._front.hosts is not None
        line = next((one for one in head.kept.split(b"\r\n")[1:] if one[:5].lower() == b"host:"), b"host:")
        host = line[5:].strip().decode("latin-1").lower()
        name = host.partition("]")[0].lstrip("[") if host.startswith("[") else host.partition(":")[0]
        if name not in self._front.hosts:
            raise Broken(403, f"this server is asked for as {', '.join(sorted(self._front.hosts))}")

    def _ask(self, head: RequestHead, body: bytes | bytearray) -> None:
        front = self._front
        self.busy = True
        self.deadline = float("inf")  # the time is the worker's now
        front.in_flight += 1
        front.counts["requests"] += 1
        if front.leaving and head.path in READY_PATHS:
            self._done(answer(503, "this server is about to end"), 503)
        elif head.path == METRICS_PATH and head.method == b"GET":
            task = asyncio.get_running_loop().create_task(self._metrics(head.written(b"")))
            front._tasks.add(task)
            task.add_done_callback(front._tasks.discard)
        else:
            front.ask(head.written(body), self._done, bodiless=head.method == b"HEAD")

    async def _metrics(self, raw: bytes) -> None:
        self._done(*await self._front.metrics(raw))

    def _done(self, raw: bytes, status: int) -> None:
        front, head = self._front, self._head
        front.in_flight -= 1
        front.counts[f"answers_{status}"] += 1
        self.busy, self._head, self._chunks = False, None, None
        if self._transport is None or head is None:
            return
        close = head.close or self._closing or self._last
        if close or head.old:
            at = raw.find(b"\r\n") + 2
            raw = b"%sconnection: %s\r\n%s" % (raw[:at], b"close" if close else b"keep-alive", raw[at:])
        self._transport.write(raw)
        if close:
            self.close()
            return
        if not self._paused:
            self._next()

    def _next(self) -> None:
        self._begun = False
        self.deadline = self._front.clock() + self._limits.idle_seconds
        if self._stopped and self._transport is not None:
            self._stopped = False
            self._transport.resume_reading()
        if self._buffer:
            asyncio.get_running_loop().call_soon(self._advance)

    def _refuse(self, status: int, why: str) -> None:
        self._front.counts[f"refused_{status}"] += 1
        if self._transport is not None:
            self._transport.write(answer(status, why, close=True))
            self.close()

    def pause_writing(self) -> None:
        self._paused = True
        self.deadline = self._front.clock() + self._limits.write_seconds

    def resume_writing(self) -> None:
        self._paused = False
        if not self.busy:
            self._next()

    def late(self) -> None:
        """Its time is over."""
        if self.busy or self._transport is None:
            self.deadline = float("inf")
            return
        if self._paused or self._closing:
            self._front.counts["slow_readers"] += 1
            self.abort()
        elif self._head is None and not self._buffer:
            self.close()  # nothing was begun: that is no error
        else:
            self._refuse(408, "the request did not come in time")

    def leave(self) -> None:
        """Closes the connection, at once where nothing was asked, else after the answer."""
        self._last = True
        if not self.engaged:
            self.close()

    @property
    def engaged(self) -> bool:
        """Whether a request is in hand, or on its way in."""
        return self.busy or self._head is not None or bool(self._buffer)

    def close(self) -> None:
        self._closing = True
        self.deadline = self._front.clock() + self._limits.write_seconds
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()
