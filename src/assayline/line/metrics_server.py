"""Answers Prometheus on this machine, and nobody else."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from assayline.errors import AssaylineError, MisuseError

from .metrics import CONTENT_TYPE

LOOPBACK = "127.0.0.1"
OURSELVES = ("127.0.0.1", "localhost")  # what a request may call us: a page in a browser that had its name point here calls us by that name
KEPT_SECONDS = 2.0  # however often it is asked, the ledger is read no more often
SLOW_SECONDS = 10.0


@contextlib.contextmanager
def serving(port: int, text: Callable[[], str]) -> Iterator[int]:
    """Answers GET /metrics on the loopback address meanwhile; gives the port.

    Args:
        port: where; 0 for any that is free.
        text: what to answer.

    Raises:
        MisuseError: the port is taken or not ours to take.
    """
    try:
        server = ThreadingHTTPServer((LOOPBACK, port), _handler(_kept(text)))
    except (OSError, OverflowError) as error:
        raise MisuseError(f"port {port} of {LOOPBACK} cannot be used: {getattr(error, 'strerror', None) or error}; choose another one") from error
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, name="assay-metrics", daemon=True)
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _kept(text: Callable[[], str]) -> Callable[[], str]:
    lock, kept, asked_at = threading.Lock(), "", -KEPT_SECONDS

    def answer() -> str:
        nonlocal kept, asked_at
        with lock:
            if time.monotonic() - asked_at >= KEPT_SECONDS:
                kept, asked_at = text(), time.monotonic()
            return kept

    return answer


def _handler(text: Callable[[], str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        server_version, sys_version, timeout = "assay", "", SLOW_SECONDS

        def do_GET(self) -> None:
            host = self.headers.get("Host", "").rpartition(":")[0] or self.headers.get("Host", "")
            if host not in OURSELVES:
                self._say(403, "ask for 127.0.0.1\n")
            elif self.path != "/metrics":
                self._say(404, "there is /metrics\n")
            else:
                try:
                    self._say(200, text())
                except AssaylineError as error:
                    self._say(500, f"{error}\n")

        def _say(self, code: int, words: str) -> None:
            body = words.encode("utf-8", "backslashreplace")
            self.send_response(code)
            self.send_header("Content-Type", CONTENT_TYPE if code == 200 else "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A question that is asked every fifteen seconds is no event."""

    return Handler
