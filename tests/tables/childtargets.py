"""What the tests of the child process make it do."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

from assayline.errors import MissingExtra, Unreadable

Progress = Callable[[Mapping[str, Any]], None]


def echo(request: Mapping[str, Any], progress: Progress) -> Any:
    print("noise on stdout")
    progress({"rows": 1})
    progress({"rows": 2})
    return {"got": dict(request)}


def hang(request: Mapping[str, Any], progress: Progress) -> Any:
    pid = os.fork()
    if pid:
        progress({"pid": pid})
    time.sleep(60)


def eat(request: Mapping[str, Any], progress: Progress) -> Any:
    held = []
    while True:
        held.append(bytearray(os.urandom(1 << 20)) * 20)


def crash(request: Mapping[str, Any], progress: Progress) -> Any:
    ctypes.string_at(0)


def refuse(request: Mapping[str, Any], progress: Progress) -> Any:
    if request["kind"] == "extra":
        raise MissingExtra("reading s3:// addresses", extra="objects", package="fsspec")
    if request["kind"] == "bug":
        raise KeyError("a bug of ours")
    raise Unreadable("a.csv", "it is empty", place="byte 0", next_step="ask again")


def touch(request: Mapping[str, Any], progress: Progress) -> Any:
    done = {}
    for path in request["paths"]:
        try:
            with open(path, "w") as file:
                file.write("x")
            done[path] = True
        except OSError:
            done[path] = False
    return done


def connect(request: Mapping[str, Any], progress: Progress) -> Any:
    try:
        socket.create_connection(("127.0.0.1", request["port"]), 2).close()
    except PermissionError:
        return "denied"
    except OSError:
        return "failed"
    return "connected"


def where(request: Mapping[str, Any], progress: Progress) -> Any:
    return sys.path
