"""Owners are told once of each cause, at least once of each notice, and a dead receiver never stands in the way."""

from __future__ import annotations

import dataclasses
import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assayline.errors import MisuseError
from assayline.ledger import verify
from assayline.line.api import gate
from assayline.line.project import Project
from assayline.line.telling import add_channel, channels_document, pending, remove_channel, tell


class _Receiver(http.server.BaseHTTPRequestHandler):
    got: list[dict[str, Any]]
    status = 200

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        type(self).got.append({"id": self.headers.get("Idempotency-Key"), "body": json.loads(body)})
        self.send_response(type(self).status)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def receiver() -> Iterator[tuple[str, type[_Receiver]]]:
    handler = type("Handler", (_Receiver,), {"got": [], "status": 200})
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/in", handler
        server.shutdown()


def near(project: Project) -> Project:
    return dataclasses.replace(project, settings={"notices": {"allow_private": True}})


def bad(seed: int) -> pl.DataFrame:
    return pl.DataFrame({"id": [seed * 1_000 + row for row in range(200)], "town": ["KÃ¶ln" if row < 4 else ("Köln", "Lund", "Bonn")[row % 3] for row in range(200)]})


def test_a_new_cause_is_told_once_and_then_kept_up_to_date(project: Project, receiver: tuple[str, type[_Receiver]]) -> None:
    address, handler = receiver
    add_channel(near(project), "towns", address)

    for seed in range(1, 9):
        gate("towns", bad(seed), project=project)
        tell(near(project))

    assert len(handler.got) == 4  # in the 1st, 2nd, 4th and 8th lot
    assert len({one["id"] for one in handler.got}) == 4
    assert pending(project) == []
    assert list(verify(project.ledger, project.store)) == []


def test_what_was_not_taken_is_told_again_with_the_same_id(project: Project, receiver: tuple[str, type[_Receiver]], monkeypatch: pytest.MonkeyPatch) -> None:
    address, handler = receiver
    handler.status = 500
    add_channel(near(project), "towns", address)
    gate("towns", bad(1), project=project)

    first = tell(near(project))
    handler.status = 200
    waiting = pending(project)
    monkeypatch.setattr("assayline.line.telling.pending", lambda _: [dataclasses.replace(one, not_before=None) for one in waiting])
    second = tell(near(project))

    assert (first.failed, second.delivered) == (1, 1)
    assert len({one["id"] for one in handler.got}) == 1
    assert list(verify(project.ledger, project.store)) == []


def test_a_receiver_that_is_gone_changes_nothing_about_the_gate(project: Project) -> None:
    add_channel(near(project), "towns", "http://127.0.0.1:9/in")

    good = gate("towns", bad(1), project=project)
    done = tell(near(project), budget_seconds=5)

    assert good.height == 196
    assert done.failed == 1
    assert channels_document(project)[0]["waiting"] == 1


def test_a_channel_is_told_nothing_from_before_it_was_added_or_after_it_was_removed(project: Project, receiver: tuple[str, type[_Receiver]]) -> None:
    address, handler = receiver
    gate("towns", bad(1), project=project)
    add_channel(near(project), "*", address)
    assert tell(near(project)).delivered == 0
    remove_channel(project, "*", address)
    gate("shops", bad(1), project=project)

    assert tell(near(project)).delivered == 0
    assert handler.got == []
    with pytest.raises(MisuseError, match="no channel"):
        remove_channel(project, "*", address)


def test_what_is_no_channel_is_refused(project: Project, tmp_path: Path) -> None:
    for channel in ("ops@example.com", "ftp://x", "mailto:", str(tmp_path)):
        with pytest.raises(MisuseError):
            add_channel(project, "towns", channel)
    assert channels_document(project) == []
