"""Pages are asked for politely, taken when they are news, and can neither flood us nor lead us to private places."""

from __future__ import annotations

import gzip
import http.server
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

from assayline.arrivals import Delivery, pages
from assayline.arrivals.delivery import Json
from assayline.arrivals.pages import poll_page
from assayline.core import Source
from assayline.errors import InputError, LimitExceeded, MisuseError, NotFound, Refused, Unreadable

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@dataclass
class Site:
    """What a web server has by path, what it was asked, and what it says before it behaves: statuses, "close" or "half"."""

    port: int = 0
    content: dict[str, bytes] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    trouble: list[int | str] = field(default_factory=list)
    moved: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def at(self, path: str) -> str:
        return f"http://127.0.0.1:{self.port}{path}"


@contextmanager
def running(site: Site) -> Iterator[Site]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
            trouble = site.trouble.pop(0) if site.trouble and self.path != "/robots.txt" else None
            body = site.content.get(self.path)
            if trouble == "close":
                self.connection.close()
                return
            if isinstance(trouble, int):
                self.answer(trouble, b"busy")
            elif self.path in site.moved:
                self.send_response(302)
                self.send_header("Location", site.moved[self.path])
                self.end_headers()
            elif body is None:
                self.answer(404, b"")
            elif site.headers.get("ETag") and self.headers.get("If-None-Match") == site.headers["ETag"]:
                self.answer(304, b"")
            else:
                self.answer(200, body, half=trouble == "half")

        def answer(self, status: int, body: bytes, *, half: bool = False) -> None:
            self.send_response(status)
            for name, value in site.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body[: len(body) // 2] if half else body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site.port = server.server_address[1]
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def site() -> Iterator[Site]:
    pages._robots.clear()
    with running(Site(content={"/prices.csv": b"a,b\n1,2\n"})) as one:
        yield one


@dataclass
class Asker:
    """Looks at one page again and again, keeps its position, and notes how long it would have slept."""

    address: str
    folder: Path
    options: Mapping[str, object] = field(default_factory=dict)
    external: bool = False
    position: Mapping[str, Json] = field(default_factory=dict)
    slept: list[float] = field(default_factory=list)

    def look(self) -> list[Delivery]:
        source = Source("prices", self.address, external=self.external, options={"private": True, **self.options})
        found = list(poll_page(source, self.position, str(self.folder), NOW, self.slept.append))
        if found:
            self.position = found[-1].position
        return found


def test_a_page_is_taken_and_next_time_only_asked_about(site: Site, tmp_path: Path) -> None:
    site.headers["ETag"] = '"v1"'
    asker = Asker(site.at("/prices.csv"), tmp_path)

    first, second = asker.look(), asker.look()

    assert Path(first[0].path).read_bytes() == b"a,b\n1,2\n"
    assert Path(first[0].path).suffix == ".csv"
    assert first[0].facts["etag"] == '"v1"'
    assert second == []
    assert site.asked[1][1]["if-none-match"] == '"v1"'


def test_a_server_without_etags_is_believed_by_its_bytes(site: Site, tmp_path: Path) -> None:
    asker = Asker(site.at("/prices.csv"), tmp_path)

    first, same = asker.look(), asker.look()
    site.content["/prices.csv"] = b"a,b\n1,3\n"
    changed = asker.look()

    assert (len(first), len(same), len(changed)) == (1, 0, 1)
    assert [path.name for path in tmp_path.glob(".*")] == []


def test_the_time_of_change_is_given_back(site: Site, tmp_path: Path) -> None:
    site.headers["Last-Modified"] = "Sun, 01 Mar 2026 00:00:00 GMT"
    asker = Asker(site.at("/prices.csv"), tmp_path)

    asker.look()
    asker.look()

    assert site.asked[1][1]["if-modified-since"] == "Sun, 01 Mar 2026 00:00:00 GMT"


@pytest.mark.parametrize("trouble", [503, 429, 500, "close", "half"])
def test_trouble_that_passes_is_waited_out(trouble: int | str, site: Site, tmp_path: Path) -> None:
    site.trouble = [trouble, trouble]
    asker = Asker(site.at("/prices.csv"), tmp_path)

    found = asker.look()

    assert Path(found[0].path).read_bytes() == b"a,b\n1,2\n"
    assert len(asker.slept) == 2
    assert 0.5 <= asker.slept[0] <= 1 <= asker.slept[1] <= 2


def test_trouble_that_stays_is_an_error(site: Site, tmp_path: Path) -> None:
    site.trouble = [503] * 9

    with pytest.raises(Unreadable, match="503 Service Unavailable, 4 times in a row"):
        Asker(site.at("/prices.csv"), tmp_path).look()


def test_a_server_says_how_long_to_wait(site: Site, tmp_path: Path) -> None:
    site.trouble, site.headers = [429], {"Retry-After": "7"}
    asker = Asker(site.at("/prices.csv"), tmp_path)

    asker.look()

    assert asker.slept == [7.0]


def test_a_wait_beyond_our_patience_is_an_error_and_no_wait(site: Site, tmp_path: Path) -> None:
    site.trouble, site.headers = [429], {"Retry-After": "86400"}
    asker = Asker(site.at("/prices.csv"), tmp_path)

    with pytest.raises(Unreadable, match="asks to wait 86400 seconds"):
        asker.look()
    assert asker.slept == []


@pytest.mark.parametrize(("status", "kind"), [(404, NotFound), (403, Refused), (401, Refused), (400, Unreadable)])
def test_a_refusal_is_final(status: int, kind: type[InputError], site: Site, tmp_path: Path) -> None:
    site.trouble = [status]

    with pytest.raises(kind, match=str(status)):
        Asker(site.at("/prices.csv"), tmp_path).look()
    assert len(site.asked) == 1


def test_private_addresses_are_refused_unless_allowed(site: Site, tmp_path: Path) -> None:
    with pytest.raises(Refused, match="no public address; if that is meant, set the option private"):
        Asker(site.at("/prices.csv"), tmp_path, {"private": False}).look()
    assert site.asked == []


def test_a_redirect_to_a_private_place_is_refused_and_secrets_stay_with_their_host(site: Site, tmp_path: Path) -> None:
    with running(Site(content={"/there.csv": b"a\n1\n"})) as other:
        site.moved["/prices.csv"] = other.at("/there.csv")

        found = Asker(site.at("/prices.csv"), tmp_path, {"headers": {"Authorization": "Bearer x"}}).look()

        assert len(found) == 1
        assert site.asked[0][1]["authorization"] == "Bearer x"
        assert "authorization" not in other.asked[0][1]


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/a", "//"])
def test_a_redirect_elsewhere_is_refused(target: str, site: Site, tmp_path: Path) -> None:
    site.moved["/prices.csv"] = target

    with pytest.raises((Refused, Unreadable)):
        Asker(site.at("/prices.csv"), tmp_path).look()


def test_redirects_in_a_circle_end(site: Site, tmp_path: Path) -> None:
    site.moved["/prices.csv"] = "/prices.csv"

    with pytest.raises(Unreadable, match="more than 5 times"):
        Asker(site.at("/prices.csv"), tmp_path).look()


def test_a_page_that_is_too_large_is_refused_and_leaves_nothing(site: Site, tmp_path: Path) -> None:
    site.content["/prices.csv"] = b"x" * 5000

    with pytest.raises(LimitExceeded, match="larger than 4096 bytes"):
        Asker(site.at("/prices.csv"), tmp_path, {"most_bytes": "4 kB"}).look()
    assert list(tmp_path.iterdir()) == []


def test_a_small_answer_that_inflates_without_end_is_stopped(site: Site, tmp_path: Path) -> None:
    site.content["/prices.csv"], site.headers = gzip.compress(b"0" * 50_000_000), {"Content-Encoding": "gzip"}

    with pytest.raises(LimitExceeded):
        Asker(site.at("/prices.csv"), tmp_path, {"most_bytes": "1 MB"}).look()


def test_a_compressed_answer_arrives_as_it_was(site: Site, tmp_path: Path) -> None:
    site.content["/prices.csv"], site.headers = gzip.compress(b"a\n1\n" * 100_000), {"Content-Encoding": "gzip"}

    assert Path(Asker(site.at("/prices.csv"), tmp_path).look()[0].path).read_bytes() == b"a\n1\n" * 100_000


def test_a_strangers_wishes_are_respected(site: Site, tmp_path: Path) -> None:
    site.content["/robots.txt"] = b"User-agent: *\nDisallow: /prices\n"
    asker = Asker(site.at("/prices.csv"), tmp_path, external=True)

    with pytest.raises(Refused, match=r"robots\.txt"):
        asker.look()
    assert [path for path, _ in site.asked] == ["/robots.txt"]


@pytest.mark.parametrize("rules", [None, b"User-agent: *\nDisallow: /other\nCrawl-delay: 3\n"])
def test_who_has_no_wish_against_us_is_asked_once_a_day_and_read(rules: bytes | None, site: Site, tmp_path: Path) -> None:
    if rules:
        site.content["/robots.txt"] = rules
    asker = Asker(site.at("/prices.csv"), tmp_path, external=True)

    found = asker.look()
    asker.look()

    assert len(found) == 1
    assert [path for path, _ in site.asked].count("/robots.txt") == 1
    assert asker.slept == ([3.0] if rules else [])


def test_secrets_come_from_the_environment_and_are_never_shown(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PRICES_TOKEN", "verysecret")
    site.content["/prices.csv?key=verysecret"] = b"a\n1\n"

    found = Asker(site.at("/prices.csv?key={env:PRICES_TOKEN}"), tmp_path, {"headers": {"X-Key": "{env:PRICES_TOKEN}"}}).look()[0]

    assert site.asked[0][1]["x-key"] == "verysecret"
    assert "verysecret" not in repr(found) + repr(dict(found.position))


def test_a_missing_secret_is_named(site: Site, tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="env:NO_SUCH_TOKEN is not set"):
        Asker(site.at("/prices.csv?key={env:NO_SUCH_TOKEN}"), tmp_path).look()


def test_an_option_that_makes_no_sense_is_named(site: Site, tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="most_bytes"):
        Asker(site.at("/prices.csv"), tmp_path, {"most_bytes": "lots"}).look()
