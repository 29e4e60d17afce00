"""Bytes between clients and workers: what is handed on, what is refused, and what a client may cost."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest
from asking import ask, read

from assayline.serving.front import FrontLimits
from assayline.serving.http1 import Broken, Chunks, request_head
from assayline.serving.supervisor import ServingSettings, Supervisor

LIMITS = FrontLimits(head_bytes=2_000, body_bytes=10_000, head_seconds=0.3, body_seconds=0.3, idle_seconds=0.6, patience_seconds=0.3, answer_seconds=1.0)
REFUSED = {
    "two lengths": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", 400),
    "a length and chunks": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    "a length with a sign": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\na", 400),
    "another encoding": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "a folded field": (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400),
    "a space before the colon": (b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length : 3\r\n\r\nabc", 400),
    "a bare line feed": (b"GET / HTTP/1.1\r\nHost: a\r\nX: b\nContent-Length: 3\r\n\r\nabc", 400),
    "no host": (b"GET / HTTP/1.1\r\n\r\n", 400),
    "two hosts": (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    "another protocol": (b"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400),
    "an address for a target": (b"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    "a chunk that is no number": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n", 400),
    "a chunk longer than it says": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhello\r\n0\r\n\r\n", 400),
    "a large head": (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"b" * 2_000 + b"\r\n\r\n", 431),
    "a large body": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10001\r\n\r\n", 413),
    "a large body in chunks": (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nffff\r\n", 413),
    "a head that does not end": (b"GET / HTTP/1.1\r\nHost:", 408),
    "a body that does not come": (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab", 408),
}  # fmt: skip


@asynccontextmanager
async def served(hosts: frozenset[str] = frozenset()) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(ServingSettings(kit="tiny:tiny", port=0, workers=2, limits=LIMITS, hosts=hosts), lambda *_, **__: None)
    await supervisor.start({"version": "v1", "factor": 1.0})
    try:
        yield supervisor
    finally:
        await supervisor.stop()


def test_what_could_be_understood_in_two_ways_or_costs_too_much_is_refused_and_never_handed_on() -> None:
    async def work() -> tuple[dict[str, int], int]:
        async with served() as supervisor:
            assert supervisor.front is not None

            async def one(raw: bytes) -> int:
                reader, writer = await asyncio.open_connection(*supervisor.address)
                writer.write(raw)
                status, fields, _ = await read(reader)
                assert fields["connection"] == "close"
                assert await reader.read() == b""
                writer.close()
                return status

            said = dict(zip(REFUSED, await asyncio.gather(*(one(raw) for raw, _ in REFUSED.values())), strict=True))
            return said, supervisor.front.counts["requests"]

    said, handed_on = asyncio.run(work())

    assert said == {name: status for name, (_, status) in REFUSED.items()}
    assert handed_on == 0


def test_whatever_way_a_request_comes_it_is_answered_whole() -> None:
    async def work() -> None:
        async with served() as supervisor:
            address = supervisor.address
            stream = await asyncio.open_connection(*address)
            reader, writer = stream
            chunked = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n"
            for part in (chunked[:40], chunked[40:], b"2\r\nde\r\n0\r\nTrailer: x\r\n", b"\r\n"):
                writer.write(part)
                await asyncio.sleep(0.02)
            assert (await read(reader))[2] == b"abcde"
            writer.write(b"".join(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n%d" % number for number in range(5)))  # one after another, unasked
            assert [(await read(reader))[2] for _ in range(5)] == [b"0", b"1", b"2", b"3", b"4"]
            writer.write(b"POST /echo HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"ok")
            assert (await read(reader))[2] == b"ok"
            assert (await ask(stream, "/chunks"))[2] == b"part part part end"
            writer.write(b"HEAD /echo HTTP/1.1\r\nHost: a\r\n\r\n")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200")
            assert (await ask(stream, "/echo", b"x" * 10_000))[2] == b"x" * 10_000
            old = await asyncio.open_connection(*address)
            old[1].write(b"POST /echo HTTP/1.0\r\nContent-Length: 3\r\n\r\nold")
            assert (await read(old[0]))[2] == b"old"
            assert await old[0].read() == b""
            half = await asyncio.open_connection(*address)
            half[1].write(b"POST /slow HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n0.2")
            half[1].write_eof()  # says nothing more, and still waits
            assert (await read(half[0]))[2] == b"slow"

    asyncio.run(work())


def test_a_slow_worker_costs_its_own_clients_only_and_is_given_up_after_a_while() -> None:
    async def work() -> tuple[int, int]:
        async with served() as supervisor:
            slow, other = await asyncio.open_connection(*supervisor.address), await asyncio.open_connection(*supervisor.address)
            asking = asyncio.create_task(ask(slow, "/slow", b"1.6"))
            await asyncio.sleep(0.05)
            quick = [(await ask(other, "/x", b'{"x": 1}'))[0] for _ in range(20)]
            return (await asking)[0], max(quick)

    assert asyncio.run(work()) == (504, 200)


def test_a_client_that_does_not_read_is_cut_off_and_takes_no_memory() -> None:
    async def work() -> int:
        async with served() as supervisor:
            assert supervisor.front is not None
            supervisor.front.limits = FrontLimits(write_seconds=0.2)
            _, writer = await asyncio.open_connection(*supervisor.address)
            body = b"x" * (16 << 20)
            writer.write(b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            assert isinstance(writer.transport, asyncio.Transport)
            writer.transport.pause_reading()
            for _ in range(1_000):
                await asyncio.sleep(0.02)
                if supervisor.front.counts["slow_readers"]:
                    break
            writer.transport.abort()
            return supervisor.front.counts["slow_readers"]

    assert asyncio.run(work()) == 1


def test_without_a_worker_a_request_waits_a_while_and_is_then_told_to_come_again() -> None:
    async def work() -> tuple[int, dict[str, str], int]:
        async with served() as supervisor:
            assert supervisor.front is not None
            there = {name: supervisor.front._backends[name].address for name in supervisor.front.workers}
            for name in there:
                supervisor.front.remove(name)
            stream = await asyncio.open_connection(*supervisor.address)
            status, fields, _ = await ask(stream, "/x", b'{"x": 1}')
            asking = asyncio.create_task(ask(stream, "/x", b'{"x": 1}'))
            await asyncio.sleep(0.05)
            for name, address in there.items():
                supervisor.front.add(name, address)
            return status, fields, (await asking)[0]

    status, fields, later = asyncio.run(work())

    assert (status, fields["retry-after"], later) == (503, "1", 200)


def test_numbers_of_all_workers_stand_on_one_page() -> None:
    async def work() -> str:
        async with served() as supervisor:
            stream = await asyncio.open_connection(*supervisor.address)
            for _ in range(6):
                await ask(stream, "/x", b'{"x": 1}')
            return (await ask(stream, "/metrics", method="GET"))[2].decode()

    text = asyncio.run(work())
    asked = [float(line.split()[-1]) for line in text.splitlines() if line.startswith("tiny_asked{worker=")]

    assert len(asked) == 2
    assert sum(asked) == 6
    assert text.count("# TYPE tiny_asked counter") == 1
    assert 'assay_front_total{event="requests"} 7' in text


def test_a_page_that_had_its_name_point_here_is_turned_away() -> None:
    async def work() -> list[int]:
        async with served(hosts=frozenset({"localhost", "127.0.0.1", "::1"})) as supervisor:
            said = []
            for host in ("localhost:80", "LOCALHOST", "127.0.0.1:1", "[::1]:80", "evil.example", "localhost.evil.example", "127.0.0.1@evil.example"):
                reader, writer = await asyncio.open_connection(*supervisor.address)
                writer.write(f"POST /echo HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\n\r\n".encode())
                said.append((await read(reader))[0])
                writer.close()
            return said

    assert asyncio.run(work()) == [200, 200, 200, 200, 403, 403, 403]


@pytest.mark.parametrize("cut", [1, 3, 7])
def test_chunks_are_put_together_wherever_the_network_cuts_them(cut: int) -> None:
    raw = b"5\r\nhello\r\n1\r\n \r\n5;a=b\r\nworld\r\n0\r\nA: b\r\n\r\nGET / HTTP"
    chunks, buffer, whole = Chunks(100), bytearray(), False
    for at in range(0, len(raw), cut):
        buffer += raw[at : at + cut]
        if not whole:
            whole = chunks.take(buffer)

    assert bytes(chunks.body) == b"hello world"
    assert bytes(buffer) == b"GET / HTTP"


def test_fields_of_the_connection_are_not_handed_on() -> None:
    head = request_head(b"GET /a?b HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, X-Mine\r\nX-Mine: 1\r\nUpgrade: h2c\r\nX-Other: 2")

    assert head.written(b"") == b"GET /a?b HTTP/1.1\r\nHost: a\r\nX-Other: 2\r\n\r\n"
    assert head.path == b"/a"


def test_no_bytes_make_the_reading_of_heads_fail_otherwise_than_by_refusing() -> None:
    import random

    rng = random.Random(7)
    parts: list[Callable[[], bytes]] = [
        lambda: b"POST / HTTP/1.1", lambda: b"\r\n", lambda: b"Host: a", lambda: b"Content-Length: 5", lambda: b"Transfer-Encoding: chunked", lambda: b":", lambda: b"\0",
        lambda: bytes(rng.randrange(256) for _ in range(rng.randrange(6))),
    ]  # fmt: skip
    refused = 0
    for _ in range(3_000):
        try:
            request_head(b"".join(rng.choice(parts)() for _ in range(rng.randrange(8))))
        except Broken as error:
            refused += 400 <= error.status < 600

    assert 1_000 < refused <= 3_000
