"""Keeps workers answering: starts them, restarts those that die, gives all of them a new model at once, and ends them in order.

Capacity never falls below what was asked for: a new worker is ready before an old one is told to end.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from assayline.errors import MisuseError, Unreadable

from .front import Front, FrontLimits

LINE_BYTES = 16 << 20
FIRST_BACKOFF_SECONDS, MOST_BACKOFF_SECONDS = 0.1, 30.0
LIVED_SECONDS = 60.0  # a worker that lived for so long was no failed start
PING_SECONDS = 5.0
MODULE = "assayline.serving.worker"


@dataclass(frozen=True)
class ServingSettings:
    """How requests are answered.

    Args:
        kit: "module:function" that makes a `worker.Answering` of `settings` in each worker.
        settings: JSON values for it.
        host, port: where it listens; port 0 for any that is free.
        workers: processes; with one, there is no front before it.
        certificate, key: files of TLS; "" for none.
        hosts: names that a request may call the server by; empty for any. Checked by the front; a worker without one checks itself.
        grace_seconds: between "not ready" and the end of taking requests, so that a balancer notices.
        drain_seconds: for requests in hand, at the end.
        start_seconds: for a worker to start, and to prepare what it serves.
        silent_seconds: a worker that says nothing for so long is replaced.
        limits: of the front.
    """

    kit: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    host: str = "127.0.0.1"
    port: int = 8080
    workers: int = 1
    certificate: str = ""
    key: str = ""
    hosts: frozenset[str] = frozenset()
    grace_seconds: float = 0.0
    drain_seconds: float = 30.0
    start_seconds: float = 300.0
    silent_seconds: float = 30.0
    limits: FrontLimits = field(default_factory=FrontLimits)


Tell = Callable[..., None]


class Gone(Exception):
    """The worker ended before it answered."""


class Refusal(Exception):
    """The worker says why it did not."""


class _Process:
    """A worker as the supervisor sees it."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, address: str) -> None:
        self.name, self.process, self.address = name, process, address
        self.begun = time.monotonic()
        self.ready = self.leaving = False
        self.up: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.ended = asyncio.Event()
        self._number = 0
        self._asked: dict[int, asyncio.Future[Mapping[str, Any]]] = {}

    async def ask(self, do: str, seconds: float, **more: Any) -> tuple[int, Mapping[str, Any]]:
        """A command and what was said of it.

        Raises:
            Gone: it ended.
            Refusal: it says why not.
            TimeoutError: it said nothing.
        """
        self._number += 1
        number = self._number
        future: asyncio.Future[Mapping[str, Any]] = asyncio.get_running_loop().create_future()
        self._asked[number] = future
        assert self.process.stdin is not None
        if self.ended.is_set():
            raise Gone(self.name)
        with contextlib.suppress(OSError, RuntimeError):  # its end is noticed by who reads from it
            self.process.stdin.write(json.dumps({"number": number, "do": do, **more}).encode() + b"\n")
        try:
            return number, await asyncio.wait_for(future, seconds)
        finally:
            self._asked.pop(number, None)

    async def read(self, tell: Tell) -> None:
        """Everything it says, until it ends."""
        assert self.process.stdout is not None
        while line := await self.process.stdout.readline():
            with contextlib.suppress(ValueError):
                message = json.loads(line)
                if "re" in message:
                    future = self._asked.get(int(message["re"]))
                    if future is not None and not future.done():
                        if "error" in message:
                            future.set_exception(Refusal(str(message["error"])))
                        else:
                            future.set_result(message["said"])
                elif message.get("event") == "up" and not self.up.done():
                    self.up.set_result(None)
                elif message.get("event") == "failed" and not self.up.done():
                    self.up.set_exception(Refusal(str(message["error"])))
                elif message.get("event") not in ("up", "ended", "failed"):
                    tell(str(message.pop("event")), worker=self.name, **message)
        await self.process.wait()
        self.ended.set()
        for future in self._asked.values():
            if not future.done():
                future.set_exception(Gone(self.name))
        if not self.up.done():
            self.up.set_exception(Gone(self.name))
        self.up.exception()  # it is known: nobody has to have asked


class Supervisor:
    """Workers behind one address; everything of it runs in one event loop.

    Args:
        settings: how.
        tell: receives (event, level, **what) as `EventLog.tell` does.
    """

    def __init__(self, settings: ServingSettings, tell: Tell) -> None:
        self.settings, self._tell = settings, tell
        self.front: Front | None = Front(settings.limits, hosts=settings.hosts or None) if settings.workers > 1 else None
        self.address = ("", 0)
        self.restarts = 0
        self._processes: dict[str, _Process] = {}
        self._wanted: Mapping[str, Any] = {}
        self._wanted_number = 0
        self._swapping = asyncio.Lock()
        self._sock: socket.socket | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="assay-serve-", ignore_cleanup_errors=True)
        self._count = 0
        self._deaths = 0
        self._stopping = False
        self._tasks: set[asyncio.Task[Any]] = set()

    async def start(self, wanted: Mapping[str, Any]) -> None:
        """Listens, and returns when all workers answer what is wanted.

        Raises:
            MisuseError: the address cannot be used.
            Unreadable: a worker did not start, or refuses what is wanted; nothing is left running.
        """
        self._sock = self._bound()
        self.address = self._sock.getsockname()[:2]
        self._wanted = wanted
        try:
            first = await self._started()  # one after another: the first says at once what is wrong for all of them
            if first.leaving:
                raise Gone(first.name)
            await asyncio.gather(*(self._started() for _ in range(self.settings.workers - 1)))
        except (Gone, Refusal, TimeoutError) as error:
            await self.stop(quickly=True)
            said = str(error) if isinstance(error, Refusal) else "a worker did not start" + (" in time" if isinstance(error, TimeoutError) else "; what it wrote stands above")
            raise Unreadable("assay serve", said, next_step="nothing is served") from error
        if self.front is not None:
            await self.front.listen(self._sock, tls=self._tls())
        self._spawn(self._pinging())

    def _bound(self) -> socket.socket:
        host, port = self.settings.host, self.settings.port
        try:
            family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            sock = socket.socket(family[0], socket.SOCK_STREAM)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.bind(family[4])
            sock.listen(2048)
            sock.setblocking(False)
        except (OSError, OverflowError) as error:
            raise MisuseError(f"port {port} of {host} cannot be used: {getattr(error, 'strerror', None) or error}; choose another one with --port") from error
        return sock

    def _tls(self) -> ssl.SSLContext | None:
        if not self.settings.certificate:
            return None
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.load_cert_chain(self.settings.certificate, self.settings.key)
        return context

    @property
    def workers(self) -> dict[str, int]:
        """The workers that answer, and their process numbers."""
        return {name: one.process.pid for name, one in self._processes.items() if one.ready}

    async def serve(self, wanted: Mapping[str, Any]) -> str:
        """Gives all workers something new to answer with. They prepare it while they answer as before; when all are prepared, all switch.

        Returns:
            "" when it is done, or why not: then all of them go on as before.
        """
        async with self._swapping:
            begun = time.monotonic()
            prepared: dict[str, int] = {}
            why = ""
            asked = [one for one in self._processes.values() if one.ready and not one.leaving]
            for one, found in zip(asked, await asyncio.gather(*(self._prepare(one, wanted) for one in asked)), strict=True):
                if isinstance(found, int):
                    prepared[one.name] = found
                elif found:
                    why = found
            if why:
                for name, number in prepared.items():
                    self._spawn(self._dropped(self._processes.get(name), number))
                self._tell("refused", "error", why=why, outcome="what was served before is served on")
                return why
            self._wanted, self._wanted_number = wanted, self._wanted_number + 1
            await asyncio.gather(*(self._switch(one, prepared.get(one.name), wanted) for one in self._processes.values() if one.ready and not one.leaving))
            self._tell("switched", workers=len(asked), seconds=time.monotonic() - begun, **_named(wanted))
            return ""

    async def _prepare(self, one: _Process, wanted: Mapping[str, Any]) -> int | str:
        """The number under which it is prepared; why it cannot be; or "" for a worker that ended, whose successor gets what is wanted."""
        try:
            number, _ = await one.ask("prepare", self.settings.start_seconds, wanted=wanted)
        except Gone:
            return ""
        except Refusal as error:
            return str(error)
        except TimeoutError:
            return f"worker {one.name} did not prepare it within {self.settings.start_seconds:g} seconds"
        return number

    async def _switch(self, one: _Process, number: int | None, wanted: Mapping[str, Any]) -> None:
        """A worker that cannot switch is ended: its successor serves what is wanted."""
        try:
            if number is None:  # it became ready meanwhile
                number, _ = await one.ask("prepare", self.settings.start_seconds, wanted=wanted)
            await one.ask("switch", self.settings.silent_seconds, prepared=number)
        except Gone:
            pass
        except (Refusal, TimeoutError) as error:
            self._tell("replaced", "error", worker=one.name, why=str(error) or "it did not switch in time")
            self._kill(one)

    async def _dropped(self, one: _Process | None, number: int) -> None:
        if one is not None:
            with contextlib.suppress(Gone, Refusal, TimeoutError):
                await one.ask("drop", self.settings.silent_seconds, prepared=number)

    async def restart(self) -> None:
        """New workers in place of the old ones, one after another: each is ready before the one it stands for is told to end."""
        for old in [one for one in self._processes.values() if one.ready and not one.leaving]:
            try:
                await self._started()
            except (Gone, Refusal, TimeoutError) as error:
                self._tell("refused", "error", why=str(error) or "a new worker did not start", outcome="the old ones go on")
                return
            await self._ended(old)

    async def stop(self, *, quickly: bool = False) -> int:
        """Not ready, then a while, then no new requests, then the end; gives the number of requests that were not answered."""
        self._stopping = True
        left = 0
        if not quickly:
            if self.front is not None:
                self.front.leaving = True
            for one in list(self._processes.values()):
                with contextlib.suppress(Gone, Refusal, TimeoutError):
                    await one.ask("leave", 5.0)
            await asyncio.sleep(self.settings.grace_seconds)
            if self.front is not None:
                left = await self.front.drain(self.settings.drain_seconds)
        if self._sock is not None:
            self._sock.close()
        await asyncio.gather(*(self._ended(one) for one in list(self._processes.values())))
        for task in list(self._tasks):
            task.cancel()
        self._folder.cleanup()
        return left

    async def status(self) -> dict[str, Any]:
        """What each worker says of itself."""
        found: dict[str, Any] = {}
        for one in list(self._processes.values()):
            if one.ready:
                with contextlib.suppress(Gone, Refusal, TimeoutError):
                    found[one.name] = {"process": one.process.pid, **(await one.ask("status", 5.0))[1]}
        return found

    async def _started(self) -> _Process:
        """A new worker that answers what is wanted now.

        Raises:
            Gone, Refusal, TimeoutError: it does not.
        """
        one = await self._new()
        try:
            await asyncio.wait_for(asyncio.shield(one.up), self.settings.start_seconds)
            asked, listens = -1, False
            while not listens or asked != self._wanted_number:  # it may change meanwhile
                asked = self._wanted_number
                number, _ = await one.ask("prepare", self.settings.start_seconds, wanted=self._wanted)
                await one.ask("switch", self.settings.silent_seconds, prepared=number)
                if not listens:
                    await one.ask("listen", self.settings.start_seconds)
                    listens = True
        except BaseException:
            one.leaving = True
            self._kill(one)
            raise
        if one.ended.is_set():
            raise Gone(one.name)
        one.ready = True
        if self.front is not None:
            self.front.add(one.name, one.address)
        self._tell("ready", worker=one.name, process=one.process.pid, seconds=time.monotonic() - one.begun)
        return one

    async def _new(self) -> _Process:
        self._count += 1
        name = str(self._count)
        config: dict[str, Any] = {
            "name": name, "kit": self.settings.kit, "settings": {**self.settings.settings, "worker": name}, "front": self.front is not None, "drain_seconds": self.settings.drain_seconds,
        }  # fmt: skip
        passed: tuple[int, ...] = ()
        if self.front is not None:
            address = os.path.join(self._folder.name, f"{name}.sock")  # in a folder that nobody else may enter
            config["listen"] = {"path": address}
        else:
            assert self._sock is not None
            address = ""
            passed = (self._sock.fileno(),)
            config |= {"listen": {"fd": passed[0]}, "hosts": sorted(self.settings.hosts)}
            config["tls"] = {"certificate": self.settings.certificate, "key": self.settings.key} if self.settings.certificate else None
        environment = {"OMP_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1", **os.environ}  # one row at a time: threads cost more than they give
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", MODULE, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, pass_fds=passed, env=environment, start_new_session=True, limit=LINE_BYTES
        )  # fmt: skip
        assert process.stdin is not None
        process.stdin.write(json.dumps(config).encode() + b"\n")
        one = _Process(name, process, address)
        self._processes[name] = one
        self._spawn(self._watched(one))
        return one

    async def _watched(self, one: _Process) -> None:
        """Reads what a worker says; when it ends without having been told to, another one takes its place."""
        await one.read(self._tell)
        self._processes.pop(one.name, None)
        if self.front is not None:
            self.front.remove(one.name)
        if one.leaving or self._stopping or not one.ready:
            return
        code = one.process.returncode
        self._tell("died", "error", worker=one.name, process=one.process.pid, how=_how(code))
        self._deaths = 0 if time.monotonic() - one.begun > LIVED_SECONDS else self._deaths + 1
        while not self._stopping:
            await asyncio.sleep(min(MOST_BACKOFF_SECONDS, FIRST_BACKOFF_SECONDS * 2 ** min(10, max(0, self._deaths - 1))))
            if self._stopping:
                return
            self.restarts += 1
            try:
                await self._started()
                return
            except (Gone, Refusal, TimeoutError) as error:
                self._deaths += 1
                self._tell("failed", "error", why=str(error) if isinstance(error, Refusal) else "a new worker did not start", outcome="it is tried again")

    async def _ended(self, one: _Process) -> None:
        """Tells a worker to end, once the front gives it nothing more, and waits for it."""
        one.leaving = True
        if self.front is not None:
            self.front.remove(one.name)
            end = time.monotonic() + self.settings.drain_seconds
            while self.front.outstanding(one.name) and time.monotonic() < end:
                await asyncio.sleep(0.005)
        with contextlib.suppress(Gone, Refusal, TimeoutError):
            await one.ask("end", 5.0)
        try:
            await asyncio.wait_for(one.ended.wait(), self.settings.drain_seconds + 5.0)
        except TimeoutError:
            self._tell("killed", "warning", worker=one.name, why="it did not end in time")
            self._kill(one)
            await one.ended.wait()

    async def _pinging(self) -> None:
        """A worker whose event loop hangs is alive, and answers nobody: it is replaced."""
        while True:
            await asyncio.sleep(PING_SECONDS)
            await asyncio.gather(*(self._pinged(one) for one in self._processes.values() if one.ready and not one.leaving))

    async def _pinged(self, one: _Process) -> None:
        try:
            _, said = await one.ask("status", self.settings.silent_seconds)
            if said.get("problem"):
                self._tell("dropped", "error", worker=one.name, why=str(said["problem"]), outcome="requests are answered all the same")
        except TimeoutError:
            self._tell("killed", "error", worker=one.name, why=f"it said nothing for {self.settings.silent_seconds:g} seconds")
            self._kill(one)
        except (Gone, Refusal):
            pass

    def _kill(self, one: _Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            one.process.send_signal(signal.SIGKILL)

    def _spawn(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def _how(code: int | None) -> str:
    """How a process ended.

    >>> _how(-9), _how(3)
    ('signal 9', 'exit code 3')
    """
    return f"signal {-code}" if code is not None and code < 0 else f"exit code {code}"


def _named(wanted: Mapping[str, Any]) -> dict[str, str]:
    """What is served, in few words: {"churn": "churn:v7"}, or with the one on trial beside it."""
    found = {}
    for name, one in dict(wanted.get("models", {})).items():
        found[str(name)] = str(one.get("champion")) + (f" and {one['challenger']}" if one.get("challenger") else "")
    return {"models": ", ".join(f"{name}={one}" for name, one in found.items())} if found else {}
