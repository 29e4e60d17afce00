"""Takes windows of a source and commits rows and position in one transaction, as the line does, into a SQLite file; may be told to die on the way.

    python taker.py SOURCE.json LEDGER FOLDER [DIE]

DIE: `given:N` before the N-th commit, `committed:N` after it and before anything is acknowledged, `acknowledging:N:SECONDS` so long after it.
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import sys
import threading
import time

from assayline.arrivals import Window, Windows, open_subscription
from assayline.core import Source
from assayline.errors import InputError


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def opened(path: str) -> sqlite3.Connection:
    ledger = sqlite3.connect(path, isolation_level=None, timeout=30)
    ledger.execute("PRAGMA journal_mode = WAL")
    ledger.execute("CREATE TABLE IF NOT EXISTS lots (lot INTEGER PRIMARY KEY, facts TEXT, position TEXT)")
    ledger.execute("CREATE TABLE IF NOT EXISTS rows (lot INTEGER, row TEXT)")
    return ledger


def position_in(ledger: sqlite3.Connection) -> dict[str, object] | None:
    found = ledger.execute("SELECT position FROM lots ORDER BY lot DESC LIMIT 1").fetchone()
    return json.loads(found[0]) if found else None


def commit(ledger: sqlite3.Connection, window: Window) -> None:
    ledger.execute("BEGIN IMMEDIATE")
    lot = ledger.execute("INSERT INTO lots (facts, position) VALUES (?, ?)", (json.dumps(dict(window.delivery.facts)), json.dumps(dict(window.delivery.position)))).lastrowid
    with open(window.delivery.path, encoding="utf-8") as file:
        ledger.executemany("INSERT INTO rows VALUES (?, ?)", ((lot, line) for line in file))
    ledger.execute("COMMIT")


def main(source_json: str, path: str, folder: str, how: str = "") -> None:
    told = json.loads(source_json)
    idle = told.pop("idle")
    source = Source(**told)
    ledger = opened(path)
    kind, _, rest = how.partition(":")
    nth, _, after = rest.partition(":")
    subscription = open_subscription(source, folder=folder)
    windows = Windows(source, subscription, position_in(ledger), folder=folder)  # type: ignore[arg-type]  # JSON as it was written
    count = 0
    while (window := windows.next(idle, closing=True)) is not None:
        count += 1
        last = count == int(nth or 0)
        if last and kind == "given":
            die()
        commit(ledger, window)
        if last and kind == "committed":
            die()
        if last and kind == "acknowledging":
            threading.Timer(float(after), die).start()
        windows.committed(window)
    subscription.close()
    if kind:
        sys.exit(f"nothing was left to die on: {how}")


if __name__ == "__main__":
    for attempt in range(20):
        try:
            main(*sys.argv[1:])
            break
        except InputError as error:
            print(error, file=sys.stderr, flush=True)
            time.sleep(0.5 if attempt < 19 else 0)
    else:
        sys.exit(1)
