"""A worker's service that takes no time to load: what it answers is known, so that every answer can be checked."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from typing import Any

from assayline.errors import Unreadable


class Tiny:
    """Answers {"x": 3} with 3 times the factor of its version, which it names."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.settings = settings
        self.serving: tuple[str, float] | None = None
        self.ready, self.asked = True, 0

    async def application(self, scope: Any, receive: Any, send: Any) -> None:
        serving = self.serving
        parts = []
        while True:
            message = await receive()
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        body = b"".join(parts)
        path = scope["path"]
        if path == "/metrics":
            await self._say(send, 200, f"# TYPE tiny_asked counter\ntiny_asked {self.asked}\n".encode())
        elif path == "/ready":
            await self._say(send, 200 if serving and self.ready else 503, b"{}")
        elif path == "/die":
            os._exit(3)
        elif path == "/slow":
            import asyncio

            await asyncio.sleep(float(body or b"0.3"))
            await self._say(send, 200, b"slow")
        elif path == "/chunks":
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(3):
                await send({"type": "http.response.body", "body": b"part ", "more_body": True})
            await send({"type": "http.response.body", "body": b"end"})
        elif path == "/echo":
            await self._say(send, 200, body)
        elif serving is None:
            await self._say(send, 503, b"{}")
        else:
            self.asked += 1
            said = json.dumps({"version": serving[0], "y": json.loads(body)["x"] * serving[1]}).encode()
            await self._say(send, 200, said, [(b"x-model-version", serving[0].encode())])

    async def _say(self, send: Any, status: int, body: bytes, more: Any = ()) -> None:
        await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", str(len(body)).encode()), *more]})
        await send({"type": "http.response.body", "body": body})

    def prepare(self, wanted: Mapping[str, Any]) -> tuple[str, float]:
        if wanted.get("bad"):
            raise Unreadable(wanted["version"], "it fails to verify", next_step="mend it")
        time.sleep(float(wanted.get("seconds", 0)))
        return str(wanted["version"]), float(wanted["factor"])

    def switch(self, prepared: tuple[str, float]) -> Mapping[str, Any]:
        self.serving = prepared
        return {"version": prepared[0]}

    def status(self) -> Mapping[str, Any]:
        return {"asked": self.asked}

    def leave(self) -> None:
        self.ready = False

    def close(self) -> None:
        if "closed" in self.settings:
            with open(self.settings["closed"], "a", encoding="utf-8") as file:
                file.write("closed\n")


def tiny(settings: Mapping[str, Any]) -> Tiny:
    return Tiny(settings)
