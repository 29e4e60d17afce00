"""Files and answers of web servers, asked for politely and only taken when they are news."""

from __future__ import annotations

import hashlib
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.robotparser import RobotFileParser

from ..core import Source
from ..errors import InputError, NotFound, Refused
from .delivery import Delivery, Json
from .fetching import AGENT, Answer, Terms, fetch, origin_of
from .settings import address_of, duration, flag, headers_of, number, shown, text

ROBOTS_SECONDS = 86_400.0  # RFC 9309, 2.4: not longer than a day
ROBOTS_BYTES = 512 << 10  # RFC 9309, 2.5: at least 500 KiB are read
LONGEST_PAUSE_SECONDS = 10.0  # of a crawl-delay: we ask for one page at a look
EXTENSIONS = {
    "text/csv": ".csv", "application/json": ".json", "application/geo+json": ".geojson", "application/x-ndjson": ".ndjson", "text/tab-separated-values": ".tsv",
    "application/vnd.apache.parquet": ".parquet", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}  # fmt: skip
_robots: dict[str, tuple[float, RobotFileParser]] = {}


def poll_page(
    source: Source, position: Mapping[str, Json], folder: str, moment: datetime, sleep: Callable[[float], None] = time.sleep
) -> Iterator[Delivery]:
    """The page, when its server or its bytes say that it changed."""
    address, terms = address_of(source), _terms(source)
    if source.external:
        _ask_for_leave(source, address, terms, sleep)
    headers = dict(headers_of(source))
    for header, key in (("If-None-Match", "etag"), ("If-Modified-Since", "modified")):
        if isinstance(known := position.get(key), str) and known:
            headers[header] = known
    os.makedirs(folder, exist_ok=True)
    part = os.path.join(folder, f".{source.name}.part")
    digests: list[str] = []

    def take(blocks: Iterator[bytes]) -> None:
        state = hashlib.sha256()
        with open(part, "wb") as file:
            for block in blocks:
                state.update(block)
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
        digests[:] = [state.hexdigest()[:32]]

    try:
        answer = fetch(address, headers, take, terms, shown(source), sleep=sleep)
        if answer.status == 304 or not digests or digests[0] == position.get("digest"):
            return
        digest = digests[0]
        path = os.path.join(folder, f"{source.name}-{digest[:12]}{_extension(address, answer)}")
        os.replace(part, path)
    finally:
        Path(part).unlink(missing_ok=True)
    etag, modified = answer.headers.get("etag", ""), answer.headers.get("last-modified", "")
    facts = {
        "address": shown(source), "etag": etag, "modified": modified, "content_type": answer.headers.get("content-type", ""), "bytes": str(os.path.getsize(path)),
        "settled_at": moment.astimezone(UTC).isoformat(),
    }  # fmt: skip
    yield Delivery(path, {name: value for name, value in facts.items() if value}, {"etag": etag, "modified": modified, "digest": digest})


def _terms(source: Source) -> Terms:
    standard = Terms()
    return Terms(
        private=flag(source, "private"), most_bytes=number(source, "most_bytes", standard.most_bytes), seconds=duration(source, "timeout", standard.seconds),
        attempts=number(source, "attempts", standard.attempts), patience_seconds=duration(source, "patience", standard.patience_seconds), ca_file=text(source, "ca_file"),
    )  # fmt: skip


def _extension(address: str, answer: Answer) -> str:
    """What the file is called is what its reader looks at first; the bytes decide."""
    suffix = re.search(r"(\.[A-Za-z0-9]{1,8}){1,2}\Z", unquote(urlsplit(address).path).rpartition("/")[2])
    if suffix:
        return suffix[0].lower()
    return EXTENSIONS.get(answer.headers.get("content-type", "").partition(";")[0].strip().lower(), "")


def _ask_for_leave(source: Source, address: str, terms: Terms, sleep: Callable[[float], None]) -> None:
    """Somebody else's server is asked first whether it wants readers like us (RFC 9309)."""
    origin = origin_of(address)
    known = _robots.get(origin)
    if known is None or time.monotonic() - known[0] > ROBOTS_SECONDS:
        known = (time.monotonic(), _rules(source, origin, terms, sleep))
        _robots[origin] = known
        if pause := known[1].crawl_delay(AGENT):
            sleep(min(float(pause), LONGEST_PAUSE_SECONDS))
    if not known[1].can_fetch(AGENT, address):
        raise Refused(shown(source), "its robots.txt does not want to be read by machines here", next_step="ask its owner; without external = true it is not asked")


def _rules(source: Source, origin: str, terms: Terms, sleep: Callable[[float], None]) -> RobotFileParser:
    body = bytearray()

    def take(blocks: Iterator[bytes]) -> None:
        body.clear()
        for block in blocks:
            body.extend(block[: ROBOTS_BYTES - len(body)])

    rules = RobotFileParser()
    rules.modified()  # else it allows nothing, because it was never read
    try:
        fetch(f"{origin}/robots.txt", {}, take, terms, f"{origin}/robots.txt", sleep=sleep)
    except (NotFound, Refused) as error:
        if isinstance(error, Refused) and "answered" not in error.cause:
            raise
        return rules  # RFC 9309, 2.3.1.3: who has no such file, or does not show it, has no wishes
    except InputError as error:
        raise type(error)(shown(source), f"its robots.txt cannot be read: {error.cause}", next_step="the next look tries again") from None
    rules.parse(bytes(body).decode("utf-8", "replace").splitlines())
    return rules

