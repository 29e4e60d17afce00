"""The ASGI application: requests for answers are served before any framework sees them, everything else by Starlette."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from itertools import count
from time import perf_counter
from typing import Any

from assayline._version import VERSION
from assayline.errors import MissingExtra

from .batching import Collector
from .chain import Answer, Chain
from .counting import exposition
from .desk import ASKED, Desk, Header, Post, Record, Standing, headers_of
from .guard import Declined
from .protocol import EXTENSIONS, LENGTH_HEADER, Malformed, Template, encode, metadata_of, one_row_of, request_of, response_of, rows_of

try:
    import msgspec
    from starlette.applications import Starlette
    from starlette.exceptions import HTTPException
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route
except ImportError as error:
    raise MissingExtra("serving models", extra="serve", package="starlette") from error

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

JSON, OCTETS, PLAIN = b"application/json", b"application/octet-stream", b"text/plain; version=0.0.4; charset=utf-8"
JSON_TYPE: Header = (b"content-type", JSON)
NOSNIFF: Header = (b"x-content-type-options", b"nosniff")
OPEN = frozenset({"/health", "/ready", "/v2/health/live", "/v2/health/ready"})  # what a load balancer asks, without a token; they tell nothing but yes or no
MOST_HEADERS = 100
MOST_ID = 128
UNKNOWN = "none of the columns is one that the model reads; GET /metadata lists them"

log = logging.getLogger("assayline.serving")
_decode = msgspec.json.Decoder().decode


class Refusal(Exception):
    """A request that is not answered.

    Args:
        status: of HTTP.
        sentence: for the caller; repeats nothing of what was sent.
    """

    def __init__(self, status: int, sentence: str) -> None:
        self.status, self.sentence = status, sentence
        super().__init__(sentence)


def application(desk: Desk) -> Application:
    """The application of a desk; what stands there may change at any time.

    Args:
        desk: who answers what.

    Raises:
        MissingExtra: the extra `serve` is not installed.
    """
    hot = _Hot(desk)
    rest = _rest(desk)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await rest(scope, receive, send)
            return
        if scope["method"] == "POST":
            found = hot.paths().get(scope["path"])
            if found is not None:
                await found[0](found[1], scope, receive, send)
                return
        headers = dict(scope["headers"])
        try:
            _admit(desk, headers, scope["path"] not in OPEN)
            standing, version = hot.versioned(scope)
            if standing is not None:
                await hot.infer(standing, scope, receive, send, version)
                return
        except Refusal as refusal:
            await _refuse(desk, refusal, b"", send)
            return
        await rest(scope, receive, send)

    return app


class _Hot:
    """The two ways to ask for answers."""

    def __init__(self, desk: Desk) -> None:
        self.desk = desk
        self._standing: Mapping[str, Standing] | None = None
        self._paths: dict[str, tuple[Callable[..., Awaitable[None]], Standing]] = {}
        self._collectors: dict[Chain, Collector] = {}
        self._templates: dict[Post, Template | None] = {}
        self._prefix = f"{os.urandom(6).hex()}-".encode()
        self._next = count(1).__next__

    def paths(self) -> Mapping[str, tuple[Callable[..., Awaitable[None]], Standing]]:
        """What stands at each address; made again when the desk has changed."""
        standing = self.desk.standing
        if standing is not self._standing:
            self._paths = {f"/models/{name}": (self.plain, one) for name, one in standing.items()}
            self._paths |= {f"/v2/models/{name}/infer": (self.infer, one) for name, one in standing.items()}
            alive = {chain for one in standing.values() for chain in one.service.chains()}
            self._collectors = {chain: one for chain, one in self._collectors.items() if chain in alive}
            self._templates = {post: one for post, one in self._templates.items() if any(post in each.posts.values() for each in standing.values())}
            self._standing = standing
        return self._paths

    def versioned(self, scope: Scope) -> tuple[Standing | None, str]:
        """What is asked by `/v2/models/NAME/versions/VERSION/infer`."""
        parts = scope["path"].split("/")
        if scope["method"] == "POST" and len(parts) == 7 and parts[1:3] == ["v2", "models"] and parts[4] == "versions" and parts[6] == "infer":
            return self.desk.standing.get(parts[3]), parts[5]
        return None, ""

    async def plain(self, standing: Standing, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /models/NAME`: a row, or {"rows": [...]}. Each step that another way shares is written out here: a call is a third of a microsecond."""
        desk, headers = self.desk, dict(scope["headers"])
        request = b""
        try:
            request = self._id(headers) if b"x-request-id" in headers else b"%b%x" % (self._prefix, self._next())
            _admit(desk, headers, True)
            if headers.get(b"content-type", JSON) != JSON or b"content-encoding" in headers:
                _check_type(headers, (JSON,))
            body = await _body(desk, headers, receive)
            if body is None:
                return
            begun = perf_counter()
            try:
                row = _decode(body)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
                raise Refusal(400, "the body is no JSON") from None
            if type(row) is not dict:
                raise Refusal(400, 'send one row as an object {"column": value, …}, or {"rows": [row, …]}')
            if b"[" in body or body.count(b"{") > 1:
                rows = row.get("rows")
                if type(rows) is list and len(row) == 1:
                    await self._plain_rows(standing, rows, headers, request, begun, send)
                    return
                _check_depth(row, desk.limits.depth)
            if standing.columns.isdisjoint(row) and not standing.knows(row):
                raise Refusal(422, UNKNOWN)
            text = request.decode()
            post, key, compared = standing.post(row, headers, text)
            answer = post.chain.at_once(row) if desk.batching is None else None
            if type(answer) is not Answer:
                answer = await self._later(post.chain, row, answer if isinstance(answer, Declined) else None)
            content = encode(_document(answer, post.arm))
        except Refusal as refusal:
            await _refuse(desk, refusal, request, send)
            return
        except Exception:  # noqa: BLE001 -- logged with its place, answered without
            await self._broke(request, send)
            return
        more = post.headers if not answer.fallback else headers_of(answer.version, post.arm, answer.fallback)
        await send({"type": "http.response.start", "status": 200, "headers": (JSON_TYPE, (b"content-length", b"%d" % len(content)), (b"x-request-id", request), *more)})
        await send({"type": "http.response.body", "body": content})
        self._kept(standing, row, answer, post, key, compared, text, begun)

    async def _sent(self, content: bytes, answer: Answer, post: Post, request: bytes, send: Send) -> None:
        more = post.headers if not answer.fallback else headers_of(answer.version, post.arm, answer.fallback)
        await send({"type": "http.response.start", "status": 200, "headers": (JSON_TYPE, (b"content-length", b"%d" % len(content)), (b"x-request-id", request), *more)})
        await send({"type": "http.response.body", "body": content})

    def _kept(self, standing: Standing, row: Mapping[str, Any], answer: Answer, post: Post, key: str, compared: bool, request: str, begun: float) -> None:
        desk, seconds = self.desk, perf_counter() - begun
        post.tally.count(seconds, answer.fallback)
        if desk.recorder is not None and desk.is_sampled():
            desk.record(Record(standing.service.name, request, time.time(), row, key, post.arm, compared, post.chain.first.label, answer, seconds))

    def _template(self, standing: Standing, post: Post) -> Template | None:
        if post not in self._templates:
            model = post.chain.first
            self._templates[post] = Template(standing.service.name, model) if len(model.classes) < 3 else None
        return self._templates[post]

    async def _plain_rows(self, standing: Standing, rows: list[Any], headers: Mapping[bytes, bytes], request: bytes, begun: float, send: Send) -> None:
        desk = self.desk
        if not 0 < len(rows) <= desk.limits.rows:
            raise Refusal(413 if rows else 400, f"a request has 1 to {desk.limits.rows:,} rows")
        if not all(type(row) is dict for row in rows):
            raise Refusal(400, "each row is an object {column: value, …}")
        for row in rows:
            _check_depth(row, desk.limits.depth)
        if not all(map(standing.knows, rows)):
            raise Refusal(422, UNKNOWN)
        found = await self._many(standing, rows, headers, request.decode())
        content = encode({"rows": [_document(answer, post.arm) for answer, post, _, _ in found]})
        await _send(send, 200, content, JSON, (*_several(found), (b"x-request-id", request)))
        self._keep(standing, rows, found, request.decode(), begun)

    async def infer(self, standing: Standing, scope: Scope, receive: Receive, send: Send, version: str = "") -> None:
        """`POST /v2/models/NAME/infer`, and with a version."""
        desk, headers = self.desk, dict(scope["headers"])
        request = b""
        try:
            request = self._id(headers) if b"x-request-id" in headers else b"%b%x" % (self._prefix, self._next())
            _admit(desk, headers, True)
            if headers.get(b"content-type", JSON) != JSON or b"content-encoding" in headers:
                _check_type(headers, (JSON, OCTETS))
            chain = standing.service.version(version) if version else standing.service.champion
            if chain is None:
                raise Refusal(404, "this version of the model is not loaded")
            body = await _body(desk, headers, receive)
            if body is None:
                return
            begun = perf_counter()
            length = headers.get(LENGTH_HEADER)
            asked, binary = request_of(body, None if length is None else int(length) if length.isdigit() and len(length) < 12 else -1)
            text = request.decode()
            if not version and length is None and (row := one_row_of(asked, chain.first.columns)) is not None:
                post, key, compared = standing.post(row, headers, text)
                answer = post.chain.at_once(row) if desk.batching is None else None
                if type(answer) is Answer and (template := self._template(standing, post)) is not None:
                    await self._sent(template.filled(answer, asked.id), answer, post, request, send)
                    self._kept(standing, row, answer, post, key, compared, text, begun)
                    return
                if type(answer) is not Answer:
                    answer = await self._later(post.chain, row, answer if isinstance(answer, Declined) else None)
                rows: list[dict[str, Any]] = [row]
                found = [(answer, post, key, compared)]
            else:
                rows = rows_of(asked, binary, chain.first.columns, desk.limits.rows)
                if not all(map(standing.knows, rows)):
                    raise Refusal(422, UNKNOWN)
                found = await (self._asked(standing, chain, rows, text) if version else self._many(standing, rows, headers, text))
            who = found[0][0].version or found[0][1].chain.first.label
            content, head = response_of(asked, standing.service.name, who.split(":", 1)[-1], chain.first, [(answer, post.arm) for answer, post, _, _ in found])
        except Refusal as refusal:
            await _refuse(desk, refusal, request, send)
            return
        except Malformed as error:
            await _refuse(desk, Refusal(400, str(error)), request, send)
            return
        except Exception:  # noqa: BLE001 -- logged with its place, answered without
            await self._broke(request, send)
            return
        more = (*_several(found), (b"x-request-id", request), *(((LENGTH_HEADER, b"%d" % head),) if head is not None else ()))
        await _send(send, 200, content, JSON if head is None else OCTETS, more)
        self._keep(standing, rows, found, text, begun)

    async def _later(self, chain: Chain, row: Mapping[str, Any], why: Declined | None) -> Answer:
        if self.desk.batching is not None and chain.first.inline:
            collector = self._collectors.get(chain)
            if collector is None:
                collector = self._collectors[chain] = Collector(chain.first, self.desk.batching)
            return await collector.answer(chain, row)
        return await chain.later(row, why)

    async def _asked(self, standing: Standing, chain: Chain, rows: Sequence[Mapping[str, Any]], request: str) -> list[tuple[Answer, Post, str, bool]]:
        """The answers of a version that the caller names."""
        post = Post(chain, ASKED, self.desk.tally(standing.service.name, chain.first.label, ASKED))
        return [(answer, post, request, False) for answer in await self._of_chain(chain, rows)]

    async def _of_chain(self, chain: Chain, rows: Sequence[Mapping[str, Any]]) -> list[Answer]:
        if len(rows) > 1:
            return await chain.many(rows)
        found = chain.at_once(rows[0]) if self.desk.batching is None else None
        return [found if isinstance(found, Answer) else await self._later(chain, rows[0], found)]

    async def _many(self, standing: Standing, rows: Sequence[Mapping[str, Any]], headers: Mapping[bytes, bytes], request: str) -> list[tuple[Answer, Post, str, bool]]:
        places = [standing.post(row, headers, request) for row in rows]
        answers: list[Answer | None] = [None] * len(rows)
        for arm in dict.fromkeys(post.arm for post, _, _ in places):
            own = [at for at, (post, _, _) in enumerate(places) if post.arm == arm]
            for at, answer in zip(own, await self._of_chain(places[own[0]][0].chain, [rows[at] for at in own]), strict=True):
                answers[at] = answer
        return [(answer, *place) for answer, place in zip(answers, places, strict=True) if answer is not None]

    def _keep(self, standing: Standing, rows: Sequence[Mapping[str, Any]], found: Sequence[tuple[Answer, Post, str, bool]], request: str, begun: float) -> None:
        seconds, now, desk = perf_counter() - begun, time.time(), self.desk
        for row, (answer, post, key, compared) in zip(rows, found, strict=True):
            post.tally.count(seconds, answer.fallback)
            if desk.recorder is not None and desk.is_sampled():
                desk.record(Record(standing.service.name, request, now, row, key, post.arm, compared, post.chain.first.label, answer, seconds))

    def _id(self, headers: Mapping[bytes, bytes]) -> bytes:
        given = headers.get(b"x-request-id")
        if not given:
            return b"%b%x" % (self._prefix, self._next())
        if len(given) > MOST_ID or not given.isascii() or not given.decode("ascii").isprintable():
            raise Refusal(400, f"x-request-id has at most {MOST_ID} printable characters of ASCII")
        return given

    async def _broke(self, request: bytes, send: Send) -> None:
        # Where it happened is for the log of the server alone; the caller gets the id that stands there.
        log.exception("request %s failed", request.decode())
        await _refuse(self.desk, Refusal(500, "something went wrong here; the log of the server has it under the request's id"), request, send)


def _document(answer: Answer, arm: str) -> dict[str, Any]:
    document = {"prediction": answer.prediction, "score": answer.score, "version": answer.version, "arm": arm, "fallback": answer.fallback}
    if answer.probabilities is not None:
        document["probabilities"] = answer.probabilities
    if answer.fallback:
        document["why"] = answer.why
    return document


def _several(found: Sequence[tuple[Answer, Post, str, bool]]) -> tuple[Header, ...]:
    """The headers of an answer of one or many rows: each version, arm and reason once."""
    if len(found) == 1 and not found[0][0].fallback:
        return found[0][1].headers
    versions, arms, reasons = (",".join(dict.fromkeys(one for one in each if one)) for each in zip(*((answer.version, post.arm, answer.fallback) for answer, post, _, _ in found), strict=True))
    return headers_of(versions, arms, reasons)


def _admit(desk: Desk, headers: Mapping[bytes, bytes], token: bool) -> None:
    if len(headers) > MOST_HEADERS or sum(map(len, headers.values())) > desk.limits.header_bytes:
        raise Refusal(431, f"the headers have at most {desk.limits.header_bytes:,} bytes")
    if token and desk.tokens and not desk.admits(headers.get(b"authorization")):
        raise Refusal(401, "send a token: Authorization: Bearer …")


def _check_type(headers: Mapping[bytes, bytes], allowed: Sequence[bytes]) -> None:
    kind = headers.get(b"content-type", JSON).split(b";", 1)[0].strip().lower()
    if kind not in allowed:
        raise Refusal(415, "send application/json")
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        raise Refusal(415, "send the body without a content encoding")


def _check_depth(value: Any, most: int) -> None:
    """Refuses what is nested deeper than anything that a model reads; level by level, so that no depth can exhaust the stack."""
    level = [value]
    for _ in range(most + 1):
        level = [one for each in level for one in (each.values() if type(each) is dict else each) if type(one) in (dict, list)]
        if not level:
            return
    raise Refusal(400, f"values are nested at most {most} deep")


async def _body(desk: Desk, headers: Mapping[bytes, bytes], receive: Receive) -> bytes | None:
    """The body, or None when the caller is gone."""
    most = desk.limits.body_bytes
    length = headers.get(b"content-length")
    if length is not None and (len(length) > 12 or int(length) > most):
        raise Refusal(413, f"a body has at most {most:,} bytes")
    message = await receive()
    body: bytes = message.get("body", b"")
    if body and not message.get("more_body"):
        if len(body) > most:
            raise Refusal(413, f"a body has at most {most:,} bytes")
        return body
    if message["type"] != "http.request":
        return None
    if not message.get("more_body"):
        return body
    try:
        return await asyncio.wait_for(_rest_of_body(body, most, receive), desk.limits.body_seconds)
    except TimeoutError:
        raise Refusal(408, f"a body has to arrive within {desk.limits.body_seconds:g} seconds") from None


async def _rest_of_body(begin: bytes, most: int, receive: Receive) -> bytes | None:
    parts, size, more = [begin], len(begin), True
    while more:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > most:
            raise Refusal(413, f"a body has at most {most:,} bytes")
        more = message.get("more_body", False)
    return b"".join(parts)


async def _send(send: Send, status: int, content: bytes, kind: bytes, more: Sequence[Header] = ()) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", kind), (b"content-length", b"%d" % len(content)), *more]})
    await send({"type": "http.response.body", "body": content})


async def _refuse(desk: Desk, refusal: Refusal, request: bytes, send: Send) -> None:
    desk.refused[refusal.status] = desk.refused.get(refusal.status, 0) + 1
    more = [NOSNIFF, *([(b"x-request-id", request)] if request else []), *([(b"www-authenticate", b"Bearer")] if refusal.status == 401 else [])]
    if refusal.status in (408, 413):
        more.append((b"connection", b"close"))  # what is still coming of the body is nothing that anybody reads
    await _send(send, refusal.status, encode({"error": refusal.sentence}), JSON, more)


# ---- everything that is not an answer


def _rest(desk: Desk) -> Application:
    def said(document: Any, status: int = 200, kind: bytes = JSON) -> Response:
        content = document if isinstance(document, bytes) else encode(document)
        return Response(content, status, headers={"content-type": kind.decode(), "x-content-type-options": "nosniff"})

    def ready() -> bool:
        return desk.ready and bool(desk.standing)

    async def live(_: Request) -> Response:
        return said({"live": True})

    async def is_ready(_: Request) -> Response:
        return said({"ready": ready()}, 200 if ready() else 503)

    async def metrics(_: Request) -> Response:
        open_breakers = sum(not step.breaker.closed for one in desk.standing.values() for chain in one.service.chains() for step in chain.steps)
        gauges = {
            "assay_ready": int(ready()), "assay_models": len(desk.standing), "assay_breakers_open": open_breakers, "assay_records_total": desk.recorded,
            "assay_records_dropped_total": desk.dropped,
        }  # fmt: skip
        return said(exposition(desk.tallies, desk.refused, gauges, desk.worker).encode(), kind=PLAIN)

    async def metadata(_: Request) -> Response:
        return said({"server": "assayline", "version": VERSION, "models": [one.service.to_json() for _, one in sorted(desk.standing.items())]})

    async def server(_: Request) -> Response:
        return said({"name": "assayline", "version": VERSION, "extensions": EXTENSIONS})

    def chain_of(request: Request) -> tuple[str, Chain]:
        standing = desk.standing.get(request.path_params["name"])
        version = request.path_params.get("version", "")
        chain = None if standing is None else standing.service.version(version) if version else standing.service.champion
        if standing is None or chain is None:
            raise HTTPException(404)
        return standing.service.name, chain

    async def model(request: Request) -> Response:
        name, chain = chain_of(request)
        standing = desk.standing[name]
        versions = [one.first.label.split(":", 1)[-1] for one in standing.service.chains()]
        return said(metadata_of(name, chain.first, versions if "version" not in request.path_params else [chain.first.label.split(":", 1)[-1]]))

    async def model_ready(request: Request) -> Response:
        name, _ = chain_of(request)
        return said({"name": name, "ready": True})

    async def refused(_: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        desk.refused[status] = desk.refused.get(status, 0) + 1
        sentence = {404: "there is nothing at this address", 405: "this address does not take this method"}.get(status, "something went wrong here; the log of the server has it")
        return said({"error": sentence}, status)

    at = "/v2/models/{name}"
    routes = [
        Route("/health", live), Route("/ready", is_ready), Route("/metrics", metrics), Route("/metadata", metadata), Route("/v2", server), Route("/v2/health/live", live),
        Route("/v2/health/ready", is_ready), Route(at, model), Route(f"{at}/ready", model_ready), Route(f"{at}/versions/{{version}}", model),
        Route(f"{at}/versions/{{version}}/ready", model_ready),
    ]  # fmt: skip
    app = Starlette(routes=routes, exception_handlers={HTTPException: refused, Exception: refused})
    app.router.redirect_slashes = False
    return app
