"""Real brokers: the one on its standard port where that will do, else one that is started from Debian's binary and thrown away."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

PLACES = "/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"


def listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@contextmanager
def started(program: str, arguments: list[str], port: int, package: str) -> Iterator[int]:
    """A broker of our own; skips loudly where its program is not installed."""
    binary = shutil.which(program) or shutil.which(program, path=PLACES)
    if binary is None:
        warnings.warn(f"{program.upper()} IS NOT TESTED: it is not installed; apt-get install {package}", stacklevel=3)
        pytest.skip(f"{program} is not installed (apt-get install {package})")
    process = subprocess.Popen([binary, *arguments], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        end = time.monotonic() + 30
        while not listens(port):
            assert process.poll() is None, f"{program} ended with {process.returncode}"
            assert time.monotonic() < end, f"{program} does not listen"
            time.sleep(0.05)
        yield port
    finally:
        process.kill()
        process.wait()


@contextmanager
def mosquitto() -> Iterator[int]:
    """Always our own: as Debian configures it, Mosquitto throws away what it has queued beyond 1,000 messages."""
    port = free_port()
    with tempfile.TemporaryDirectory(prefix="assay-mosquitto-") as folder:
        Path(folder).chmod(0o755)  # it may give up its rights
        config = Path(folder) / "mosquitto.conf"
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\npersistence false\n")
        with started("mosquitto", ["-c", str(config)], port, "mosquitto") as found:
            yield found


@contextmanager
def nats_server() -> Iterator[int]:
    """Always our own: streams of tests would stay on the disk of another."""
    port = free_port()
    with (
        tempfile.TemporaryDirectory(prefix="assay-nats-") as folder,
        started("nats-server", ["-a", "127.0.0.1", "-p", str(port), "-js", "-sd", folder], port, "nats-server") as found,
    ):
        yield found


@contextmanager
def redis_server() -> Iterator[int]:
    if listens(6379):
        yield 6379
        return
    port = free_port()
    with started("redis-server", ["--bind", "127.0.0.1", "--port", str(port), "--save", ""], port, "redis-server") as found:
        yield found


@contextmanager
def rabbitmq() -> Iterator[int]:
    """The one on its standard port: it takes a node of Erlang to start another."""
    if not listens(5672):
        warnings.warn("RABBITMQ IS NOT TESTED: nothing listens on port 5672; apt-get install rabbitmq-server, and start it", stacklevel=2)
        pytest.skip("no RabbitMQ on port 5672 (apt-get install rabbitmq-server)")
    yield 5672


@contextmanager
def cutting_proxy(port: int, lengths: Iterator[int]) -> Iterator[int]:
    """A line to a broker that is cut, without a word to either side, after so many bytes from the broker; each connection gets the next length."""
    ended = threading.Event()

    def pump(source: socket.socket, target: socket.socket, most: float) -> None:
        try:
            while most > 0 and (block := source.recv(4096)):
                target.sendall(block[: int(min(most, 4096))])
                most -= len(block)
        except OSError:
            pass  # the other direction was cut
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def serve(server: socket.socket) -> None:
        while not ended.is_set():
            try:
                near, _ = server.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", port))
            threading.Thread(target=pump, args=(near, far, float("inf")), daemon=True).start()
            threading.Thread(target=pump, args=(far, near, next(lengths)), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        yield int(server.getsockname()[1])
        ended.set()
        server.shutdown(socket.SHUT_RDWR)
