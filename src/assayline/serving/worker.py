"""A process that answers requests: it listens, takes commands from its supervisor line by line, and ends in order when that is gone.

The first line of its input says what it is; each further one is a command with a number, and is answered with that number:

    {"number": 1, "do": "prepare", "wanted": {…}}   loads, verifies and warms in a thread, while requests are answered as before
    {"number": 2, "do": "switch", "prepared": 1}    from the next request on it answers so
    {"number": 3, "do": "drop", "prepared": 1}      forgets what was prepared
    {"number": 4, "do": "listen"}                   begins to take connections; not before it can answer
    {"number": 5, "do": "status"}                   what it has, and how much it did
    {"number": 6, "do": "leave"}                    it is not ready any more, and goes on answering
    {"number": 7, "do": "end"}                      answers what it was asked, and ends
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import Any, Protocol

from assayline.errors import AssaylineError, MissingExtra

Application = Callable[..., Awaitable[None]]
KEEP_ALIVE_SECONDS = 75
BEHIND_A_FRONT_SECONDS = 3600  # a connection of the front is not closed under a request
BACKLOG = 2048
LEAVE_SECONDS = 1.0
SETTLE_SECONDS = 0.1  # a connection that the loop has accepted is among the open ones a moment later


class Answering(Protocol):
    """What a worker needs of what it serves."""

    @property
    def application(self) -> Application:
        """The ASGI application."""
        ...

    def prepare(self, wanted: Mapping[str, Any]) -> Any:
        """Loads, verifies and warms what is wanted and not there yet; called in a thread, one call at a time.

        Raises:
            AssaylineError: something of it cannot be served; everything stays as it is.
        """
        ...

    def switch(self, prepared: Any) -> Mapping[str, Any]:
        """Answers so from now on; called in the event loop, and must not wait for anything."""
        ...

    def status(self) -> Mapping[str, Any]:
        """What it has and did, as JSON values."""
        ...

    def leave(self) -> None:
        """It is not ready any more."""
        ...

    def close(self) -> None:
        """Nothing is asked any more; what is kept in memory is written."""
        ...


def made(kit: str, settings: Mapping[str, Any]) -> Answering:
    """The service that a "module:function" makes of settings."""
    module, _, function = kit.partition(":")
    service: Answering = getattr(import_module(module), function)(settings)
    return service


class Worker:
    """One worker; `run` returns when it has ended.

    Args:
        config: the first line: "listen" ({"fd"} or {"path"}), "kit", "settings", "tls" (None, or {"certificate", "key"}), "front" (whether a front stands before it),
            "drain_seconds".
        tell: receives what the supervisor is told.
    """

    def __init__(self, config: Mapping[str, Any], tell: Callable[[Mapping[str, Any]], None]) -> None:
        self._config, self._tell = config, tell
        self._service = made(str(config["kit"]), config["settings"])
        self._prepared: dict[int, Any] = {}
        self._preparing = ThreadPoolExecutor(1, thread_name_prefix="assay-prepare")
        self._ending, self._listens, self._listening = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def run(self, commands: asyncio.Queue[Mapping[str, Any] | None]) -> None:
        """Takes commands, listens when it is told to, and returns when it has ended."""
        taking = asyncio.create_task(self._take(commands))
        self._tell({"event": "up", "process": os.getpid()})
        try:
            await _first(self._listens.wait(), self._ending.wait())
            if not self._ending.is_set():
                await self._serve()
        finally:
            taking.cancel()
            self._preparing.shutdown(wait=False, cancel_futures=True)
            self._service.close()
            self._tell({"event": "ended"})

    async def _serve(self) -> None:
        server = _server(self._service.application, self._config)
        serving = asyncio.create_task(server.serve(sockets=[_socket(self._config["listen"])]))
        while not server.started and not serving.done():
            await asyncio.sleep(0.002)
        if not serving.done():
            self._listening.set()
            await _first(asyncio.shield(serving), self._ending.wait())
        self._service.leave()
        if not serving.done():
            await _leave(server)
            server.should_exit = True
        await serving

    def end(self) -> None:
        """Answers what it was asked, and ends."""
        self._ending.set()

    async def _take(self, commands: asyncio.Queue[Mapping[str, Any] | None]) -> None:
        working: set[asyncio.Task[None]] = set()
        while True:
            command = await commands.get()
            if command is None:  # the supervisor is gone
                self.end()
                return
            if command["do"] == "prepare":  # takes its time: other commands, and requests, go on
                task = asyncio.create_task(self._carried_out(command))
                working.add(task)
                task.add_done_callback(working.discard)
            else:
                await self._carried_out(command)

    async def _carried_out(self, command: Mapping[str, Any]) -> None:
        number = command["number"]
        try:
            self._tell({"re": number, "said": await self._said(command)})
        except AssaylineError as error:
            self._tell({"re": number, "error": str(error), "kind": type(error).__name__})
        except Exception as error:  # noqa: BLE001 - whatever went wrong with one command, requests are answered as before
            self._tell({"re": number, "error": f"{type(error).__name__}: {error}", "kind": type(error).__name__})

    async def _said(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        do = command["do"]
        if do == "prepare":
            found = await asyncio.get_running_loop().run_in_executor(self._preparing, self._service.prepare, command["wanted"])
            self._prepared[int(command["number"])] = found
            return {}
        if do == "switch":
            return self._service.switch(self._prepared.pop(int(command["prepared"])))
        if do == "drop":
            self._prepared.pop(int(command["prepared"]), None)
            return {}
        if do == "status":
            return self._service.status()
        if do == "leave":
            self._service.leave()
            return {}
        if do == "listen":
            self._listens.set()
            await self._listening.wait()
            return {}
        if do == "end":
            self.end()
            return {}
        raise ValueError(f"there is no command {do!r}")


async def _first(*several: Awaitable[Any]) -> None:
    """Waits for the first of several."""
    tasks = [asyncio.ensure_future(one) for one in several]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in tasks:
        task.cancel()


def _server(application: Application, config: Mapping[str, Any]) -> Any:
    try:
        import uvicorn
    except ImportError as error:
        raise MissingExtra("assay serve", extra="serve", package="uvicorn") from error

    class Server(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:  # they are ours: a worker ends when its supervisor says so
            yield

    tls = config.get("tls") or {}
    return Server(
        uvicorn.Config(
            application, log_config=None, log_level="error", access_log=False, server_header=False, proxy_headers=False, interface="asgi3", lifespan="off", ws="none", backlog=BACKLOG,
            timeout_keep_alive=BEHIND_A_FRONT_SECONDS if config.get("front") else KEEP_ALIVE_SECONDS, timeout_graceful_shutdown=max(1, int(config.get("drain_seconds", 30))),
            ssl_certfile=tls.get("certificate"), ssl_keyfile=tls.get("key"),
        )
    )  # fmt: skip


async def _leave(server: Any) -> None:
    """Takes no new connection, and lets those that are open end after their next answer: one that was just taken has its request still on the way."""
    for one in server.servers:
        one.close()
    server.config.encoded_headers = [*server.config.encoded_headers, (b"connection", b"close")]
    server.server_state.default_headers = [*server.server_state.default_headers, (b"connection", b"close")]
    await asyncio.sleep(SETTLE_SECONDS)
    end = asyncio.get_running_loop().time() + LEAVE_SECONDS
    while server.server_state.connections and asyncio.get_running_loop().time() < end:
        await asyncio.sleep(0.01)


def _socket(listen: Mapping[str, Any]) -> socket.socket:
    if "fd" in listen:
        return socket.socket(fileno=int(listen["fd"]))
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.bind(str(listen["path"]))
    sock.listen(BACKLOG)
    return sock


def main() -> int:
    """Run a worker with the supervisor at its input and output."""
    channel = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)  # what a library prints must not stand among what the supervisor is told
    config = json.loads(sys.stdin.buffer.readline() or b"null")
    if config is None:
        return 0
    lock = threading.Lock()

    def tell(message: Mapping[str, Any]) -> None:
        with lock, contextlib.suppress(OSError, ValueError):  # nobody is left to hear it
            channel.write(json.dumps(message, ensure_ascii=True) + "\n")
            channel.flush()

    try:
        worker = Worker(config, tell)
    except AssaylineError as error:
        tell({"event": "failed", "error": str(error)})
        return 2
    _run(worker, _looped(worker))
    return 0


async def _looped(worker: Worker) -> None:
    loop = asyncio.get_running_loop()
    commands: asyncio.Queue[Mapping[str, Any] | None] = asyncio.Queue()

    def read() -> None:
        for line in sys.stdin.buffer:
            loop.call_soon_threadsafe(commands.put_nowait, json.loads(line))
        with contextlib.suppress(RuntimeError):  # the loop has ended
            loop.call_soon_threadsafe(commands.put_nowait, None)

    threading.Thread(target=read, name="assay-commands", daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the supervisor's
    with contextlib.suppress(NotImplementedError):  # Windows has no such signals
        loop.add_signal_handler(signal.SIGTERM, worker.end)
    await worker.run(commands)


def _run(worker: Worker, task: Any) -> None:
    try:
        import uvloop
    except ImportError:
        asyncio.run(task)
        return
    uvloop.run(task)


if __name__ == "__main__":
    code = main()
    sys.stderr.flush()
    os._exit(code)  # a thread that still prepares a model must not keep the process
