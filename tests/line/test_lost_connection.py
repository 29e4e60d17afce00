"""The connection to PostgreSQL breaks at the worst moment, when nobody knows whether the transaction was published."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy.engine import make_url

from assayline.errors import LedgerError
from assayline.ledger import records, verify
from assayline.line.api import gate
from assayline.line.project import create_project, open_project
from assayline.line.reading import read_frame


class Proxy:
    """Hands bytes on to a server, and breaks the connection at a COMMIT.

    Args:
        host, port: of the server.
        forwarded: whether the server gets the COMMIT (its answer is lost) or not.
    """

    def __init__(self, host: str, port: int, *, forwarded: bool) -> None:
        self.target, self.forwarded = (host, port), forwarded
        self.until = 0  # the how manyth COMMIT from now breaks the connection; 0 for none
        self.broken = 0
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.server.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.server.accept()
                upstream = socket.create_connection(self.target)
                mute, answered = threading.Event(), threading.Event()
                threading.Thread(target=self._ask, args=(client, upstream, mute, answered), daemon=True).start()
                threading.Thread(target=self._answer, args=(upstream, client, mute, answered), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, mute: threading.Event, answered: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while block := client.recv(1 << 16):
                if self.until and b"COMMIT" in block:
                    self.until -= 1
                    if not self.until:
                        self.broken += 1
                        mute.set()
                        if self.forwarded:
                            server.sendall(block)
                            answered.wait(10)
                        break
                server.sendall(block)
        _end(client, server)

    def _answer(self, server: socket.socket, client: socket.socket, mute: threading.Event, answered: threading.Event) -> None:
        with contextlib.suppress(OSError):
            while block := server.recv(1 << 16):
                if mute.is_set():
                    answered.set()
                else:
                    client.sendall(block)
        _end(client, server)


def _end(*connections: socket.socket) -> None:
    for one in connections:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


def frame(seed: int) -> pl.DataFrame:
    return pl.DataFrame({"order": range(seed * 100, seed * 100 + 30), "city": [("Malmö", "Lyon", "Köln")[one % 3] for one in range(30)]})


@pytest.fixture(params=[True, False], ids=["the server got it", "the server never got it"])
def proxy(request: pytest.FixtureRequest, new_database: str) -> Iterator[Proxy]:
    url = make_url(new_database)
    made = Proxy(str(url.host), url.port or 5432, forwarded=request.param)
    yield made
    made.server.close()


@pytest.mark.parametrize("commit", [1, 2, 3])  # of the lease, of the lot, of letting go
def test_a_lot_is_taken_once_when_the_connection_breaks_at_a_commit(
    proxy: Proxy, new_database: str, tmp_path: Path, commit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASSAY_STALE_SECONDS", "36000")  # no heartbeat commits on the way, however slow the machine is
    url = make_url(new_database).set(host="127.0.0.1", port=proxy.port).update_query_dict({"sslmode": "disable"})
    create_project(str(tmp_path / "shop"), ledger=url.render_as_string(hide_password=False)).ledger.close()
    with open_project(str(tmp_path / "shop")) as project:
        gate("sales", frame(1), project=project)
        proxy.until = commit
        with contextlib.ExitStack() as stack:
            if commit < 3:
                said = stack.enter_context(pytest.raises(LedgerError, match="run the same command again"))
            gate("sales", frame(2), project=project)
        if commit < 3:
            assert "\n" not in str(said.value)
    assert proxy.broken == 1

    monkeypatch.setenv("ASSAY_STALE_SECONDS", "0.5")  # this process goes on, so that nobody sees that its lease is nobody's
    with open_project(str(tmp_path / "shop")) as project:
        assert gate("sales", frame(2), project=project).equals(frame(2))
        with project.ledger.read() as connection:
            lots = records.lots(connection)
        assert [lot.place for lot in lots] == [1, 2]
        assert read_frame(project, "sales").height == 60
        assert list(verify(project.ledger, project.store)) == []
