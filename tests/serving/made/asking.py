"""Clients that keep their connections, ask as fast as they are answered, and keep what they were told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count, takewhile
from typing import Any


@dataclass
class Answers:
    """What clients were told: how many answers, what was wrong with some, and which versions answered."""

    count: int = 0
    wrong: list[str] = field(default_factory=list)
    versions: set[str] = field(default_factory=set)


async def ask(stream: tuple[asyncio.StreamReader, asyncio.StreamWriter], path: str, body: bytes = b"", *, method: str = "POST", more: str = "") -> tuple[int, dict[str, str], bytes]:
    """One request on an open connection."""
    reader, writer = stream
    writer.write(f"{method} {path} HTTP/1.1\r\nhost: localhost\r\n{more}content-length: {len(body)}\r\n\r\n".encode() + body)
    return await read(reader)


async def read(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """One answer."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
    return int(head[0].split()[1]), fields, await reader.readexactly(int(fields["content-length"]))


async def asked(
    address: tuple[str, int],
    requests: int,
    clients: int,
    path: str,
    body: Callable[[int], Any],
    check: Callable[[int, dict[str, str], Any], str],
    enough: Callable[[], bool] = lambda: True,
) -> Answers:
    """Asks at least so many requests over so many connections, and goes on until it is `enough`; `check` says what is wrong with an answer, or ""."""
    found, numbers = Answers(), takewhile(lambda number: number < requests or not enough(), count())

    async def one() -> None:
        stream = await asyncio.open_connection(*address)
        for number in numbers:
            status, fields, said = await ask(stream, path, json.dumps(body(number)).encode(), more="content-type: application/json\r\n")
            wrong = f"{status}: {said[:200]!r}" if status != 200 else check(number, fields, json.loads(said))
            found.count += 1
            found.versions.add(fields.get("x-model-version", ""))
            if wrong:
                found.wrong.append(f"request {number}: {wrong}")
        stream[1].close()

    await asyncio.gather(*(one() for _ in range(clients)))
    return found
