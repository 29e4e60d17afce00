"""What reaches a receiver, and what is said when it does not: over real connections."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from assayline.core import Finding, Verdict
from assayline.errors import DeliveryError, MissingExtra
from assayline.notices import Notice, Settings, send

sys.path.insert(0, str(Path(__file__).parent))
from servers import CERTIFICATE, mail_server, web_server

AT = datetime(2025, 3, 1, 8, 0, 5, tzinfo=UTC)
FINDING = Finding("unit_change", ("amount",), "The median of amount rose from 12.5 to 1,250.", 0.9, rows=412, suggestion="divide by 100")
NOTICE = Notice("lot-7:held", "sales", "412 rows look like cents", Verdict.HOLD, AT, findings=(FINDING,), incident="inc-3", link="https://assay.example.com/lots/7")
INSIDE = Settings(allow_private=True)
NOT_PUBLIC = [
    "127.0.0.1", "localhost", "[::1]", "10.0.0.1", "192.168.1.1", "169.254.169.254", "0.0.0.0", "[::ffff:127.0.0.1]", "2130706433", "127.1",
]  # fmt: skip


def failure(channel: str, settings: Settings = INSIDE, timeout_seconds: float = 5.0) -> DeliveryError:
    with pytest.raises(DeliveryError) as caught:
        send(channel, NOTICE, settings, timeout_seconds)
    return caught.value


def mail_settings(port: int, more: str = "", **settings: Any) -> Settings:
    return Settings(mail_server=f"smtp://localhost:{port}?starttls=off&from=assay@example.com{more}", **settings)


def test_a_webhook_gets_the_notice_with_its_id_in_body_and_header() -> None:
    with web_server() as hook:
        send(hook.url("/in?team=a&kind=json"), NOTICE, INSIDE)

    (post,) = hook.posts
    assert post.path == "/in?team=a"
    assert post.headers["Idempotency-Key"] == json.loads(post.body)["id"] == "lot-7:held"
    assert post.headers["Content-Type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("kind", ["slack", "teams"])
def test_the_kind_of_a_webhook_decides_what_it_gets(kind: str) -> None:
    with web_server() as hook:
        send(hook.url(f"/in?kind={kind}"), NOTICE, INSIDE)

    document = json.loads(hook.posts[0].body)
    assert ("blocks" in document) is (kind == "slack")
    assert ("attachments" in document) is (kind == "teams")


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 425, 429])
def test_a_webhook_in_trouble_is_tried_again(status: int) -> None:
    with web_server(answer=status, headers={"Retry-After": "120"}) as hook:
        error = failure(hook.url())

    assert not error.permanent
    assert error.retry_after_seconds == 120
    assert error.unreachable is (status != 500)
    assert str(status) in error.cause


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422])
def test_a_refusal_of_a_webhook_is_for_good(status: int) -> None:
    with web_server(answer=status) as hook:
        error = failure(hook.url())

    assert error.permanent
    assert str(status) in str(error)
    assert "assay notify test" in error.next_step


def test_an_absurd_wish_to_wait_is_cut_to_a_day() -> None:
    with web_server(answer=429, headers={"Retry-After": "999999999"}) as hook:
        error = failure(hook.url())

    assert error.retry_after_seconds == 86_400


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(status: int) -> None:
    with web_server() as inner, web_server(answer=status, headers={"Location": inner.url("/admin")}) as hook:
        error = failure(hook.url())

    assert error.permanent
    assert "redirect" in error.cause
    assert inner.posts == []
    assert "/admin" not in str(error)


@pytest.mark.parametrize("answer", ["hang", "drip"])
def test_a_webhook_that_does_not_end_is_left_at_the_deadline(answer: str) -> None:
    with web_server(answer=answer) as hook:
        started = time.monotonic()

        error = failure(hook.url(), timeout_seconds=0.6)

    assert time.monotonic() - started < 3
    assert (error.permanent, error.unreachable) == (False, True)
    assert "within 0.6 seconds" in error.cause


@pytest.mark.parametrize("answer", ["close", "half", "noise"])
def test_a_webhook_that_breaks_off_is_tried_again(answer: str) -> None:
    with web_server(answer=answer) as hook:
        error = failure(hook.url())

    assert (error.permanent, error.unreachable) == (False, True)


def test_a_port_where_nobody_listens_is_said_so() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        error = failure(f"http://127.0.0.1:{taken.getsockname()[1]}/in")

    assert "cannot be reached" in error.cause
    assert error.unreachable


@pytest.mark.parametrize("host", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_not_connected_to(host: str) -> None:
    with web_server() as hook:
        error = failure(f"https://{host}:{hook.port}/in", Settings())

    # Where a machine has no IPv6, its addresses do not resolve.
    assert error.permanent or "no host" in error.cause
    assert hook.posts == []


def test_a_name_with_one_private_address_among_public_ones_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [("203.0.114.1", 443), ("127.0.0.1", 443)]
    asked: list[str] = []

    def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in answers]

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    error = failure("https://rebinding.example/in", Settings())

    assert error.permanent
    assert "127.0.0.1" in error.cause
    assert asked == ["rebinding.example"]


def test_the_checked_address_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    with web_server() as hook:
        answers = iter([[("127.0.0.1", hook.port)], [("127.0.0.2", 1)]])

        def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", address) for address in next(answers)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        send(f"http://flip.example:{hook.port}/in", NOTICE, INSIDE)

    assert hook.posts[0].headers["Host"] == f"flip.example:{hook.port}"


def test_http_to_a_public_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("203.0.114.1", 80))]
    )

    error = failure("http://hooks.example.com/in")

    assert error.permanent
    assert "https" in error.next_step


def test_a_certificate_nobody_vouches_for_is_refused_and_one_of_ours_is_taken() -> None:
    with web_server(tls=True) as hook:
        error = failure(hook.url())
        send(hook.url(), NOTICE, replace(INSIDE, ca_file=str(CERTIFICATE)))

    assert "certificate" in error.cause
    assert len(hook.posts) == 1


def test_a_certificate_for_another_name_is_refused() -> None:
    with web_server(tls=True) as hook:
        error = failure(f"https://127.0.0.1:{hook.port}/in", replace(INSIDE, ca_file=str(CERTIFICATE)))

    assert "certificate" in error.cause
    assert hook.posts == []


def test_the_secret_of_a_webhook_is_sent_and_never_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOOK_PATH", "T00/B00/verysecret")
    (tmp_path / "sig").write_text("alsosecret\n")
    with web_server(answer=403) as hook:
        error = failure(hook.url(f"/{{env:HOOK_PATH}}?sig={{file:{tmp_path}/sig}}"))

    assert hook.posts[0].path == "/T00/B00/verysecret?sig=alsosecret"
    shown = f"{error} {error!r} {error.__cause__} {error.__context__}"
    assert "secret" not in shown.replace("secrets", "")


@pytest.mark.parametrize("value", [None, "", "two\nlines", "bad\r\nX-Evil: 1", "ü"])
def test_a_secret_that_cannot_be_used_is_named_and_not_shown(value: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("HOOK_PATH", raising=False)
    if value is not None:
        monkeypatch.setenv("HOOK_PATH", value)
    with web_server() as hook:
        error = failure(hook.url("/{env:HOOK_PATH}"))

    assert "env:HOOK_PATH" in error.cause
    assert not error.permanent
    assert "Evil" not in str(error)
    assert hook.posts == []


def test_a_secret_that_is_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    error = failure(f"https://203.0.114.1/{{file:{tmp_path}/pipe}}")

    assert "no regular file" in error.cause


def test_a_mail_arrives_with_an_id_made_from_the_notice_and_threads_by_incident() -> None:
    with mail_server() as box:
        settings = mail_settings(box.port)
        send("mailto:ops@example.com", NOTICE, settings)
        send("mailto:ops@example.com", NOTICE, settings)
        send("mailto:ops@example.com", replace(NOTICE, id="lot-8:held", update=True), settings)

    first, again, update = box.letters
    assert first["Message-ID"] == again["Message-ID"] != update["Message-ID"]
    assert first["References"] == update["References"] == update["In-Reply-To"]
    assert first.as_bytes() == again.as_bytes()
    assert box.recipients[0].endswith("TO:<ops@example.com>")
    assert first["Subject"] == "hold: sales: 412 rows look like cents"
    assert "divide by 100" in first.get_content()
    assert "https://assay.example.com/lots/7" in first.get_content()
    assert "Notice lot-7:held" in first.get_content()


def test_the_password_goes_over_tls_only_and_is_never_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "verysecret")
    with mail_server(offers_tls=True) as box:
        server = f"smtp://assay:env:SMTP_PASSWORD@localhost:{box.port}?from=assay@example.com"
        send("mailto:ops@example.com", NOTICE, Settings(server, ca_file=str(CERTIFICATE)))
        untrusted = failure("mailto:ops@example.com", Settings(server))
    with mail_server(offers_tls=False) as bare:
        downgraded = failure("mailto:ops@example.com", Settings(server.replace(str(box.port), str(bare.port)), ca_file=str(CERTIFICATE)))

    assert box.logins == ["assay verysecret"]
    assert "certificate" in untrusted.cause
    assert "offers no TLS" in downgraded.cause
    assert bare.logins == []
    assert len(box.letters) == 1


def test_a_refused_password_is_the_operators_to_mend_and_loses_no_message(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMTP_PASSWORD", "verysecret")
    with mail_server(direct_tls=True, refuse={"AUTH": "535 no verysecret here"}) as box:
        error = failure("mailto:ops@example.com", Settings(f"smtps://assay:env:SMTP_PASSWORD@localhost:{box.port}", ca_file=str(CERTIFICATE)))

    assert (error.permanent, error.unreachable) == (False, True)
    assert "535" in error.cause
    assert "verysecret" not in f"{error} {error.__cause__}"


@pytest.mark.parametrize(
    ("refuse", "permanent"),
    [
        ({"RCPT": "550 no such user"}, True), ({"RCPT": "450 later"}, False), ({"DONE": "554 spam"}, True), ({"DONE": "451 later"}, False),
        ({"MAIL": "530 log in"}, False), ({"DATA": "close"}, False), ({"EHLO": "close"}, False),
    ],
)  # fmt: skip
def test_what_a_mail_server_refuses_for_good_is_not_tried_again(refuse: dict[str, str], permanent: bool) -> None:
    with mail_server(refuse=refuse) as box:
        error = failure("mailto:ops@example.com", mail_settings(box.port))

    assert error.permanent is permanent
    assert box.letters == []


@pytest.mark.parametrize("command", ["EHLO", "RCPT", "DONE"])
def test_a_mail_server_that_hangs_is_left_at_the_deadline(command: str) -> None:
    with mail_server(refuse={command: "hang"}) as box:
        started = time.monotonic()

        error = failure("mailto:ops@example.com", mail_settings(box.port), timeout_seconds=0.6)

    assert time.monotonic() - started < 3
    assert "within 0.6 seconds" in error.cause
    assert error.unreachable


@contextmanager
def silent() -> Iterator[int]:
    """A server that accepts and says nothing, not even a TLS handshake."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


@pytest.mark.parametrize("channel", ["https://localhost:{port}/in", "mailto:ops@example.com"])
def test_a_server_that_never_says_a_word_is_left_at_the_deadline(channel: str) -> None:
    with silent() as port:
        started = time.monotonic()

        error = failure(channel.format(port=port), replace(INSIDE, mail_server=f"smtps://localhost:{port}"), timeout_seconds=0.6)

    assert time.monotonic() - started < 3
    assert "0.6 seconds" in error.cause


def test_no_thread_stays_behind_after_a_delivery() -> None:
    with web_server() as hook:
        before = {thread for thread in threading.enumerate() if type(thread) is threading.Timer}
        send(hook.url(), NOTICE, INSIDE)
        after = {thread for thread in threading.enumerate() if type(thread) is threading.Timer}

    assert after <= before


def test_without_a_mail_server_the_setting_is_named() -> None:
    error = failure("mailto:ops@example.com", Settings())

    assert "[mail]" in error.next_step
    assert not error.permanent


def test_a_service_of_apprise_gets_the_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPIC", "verysecrettopic")
    with web_server() as hook:
        send(f"apprise+ntfy://127.0.0.1:{hook.port}/{{env:TOPIC}}", NOTICE, INSIDE)

    assert len(hook.posts) == 1
    assert b"Notice lot-7:held" in hook.posts[0].body
    assert b"divide by 100" in hook.posts[0].body


@pytest.mark.parametrize(
    ("settings", "more", "cause"),
    [(Settings(), "", "not public"), (INSIDE, "?verify=no", "certificates"), (INSIDE, "?redirect=yes", "redirects")],
)
def test_a_service_of_apprise_does_not_get_round_the_rules(settings: Settings, more: str, cause: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPIC", "verysecrettopic" + more)
    with web_server() as hook:
        error = failure(f"apprise+ntfy://127.0.0.1:{hook.port}/{{env:TOPIC}}", settings)

    assert error.permanent
    assert cause in error.cause
    assert hook.posts == []


@pytest.mark.parametrize("answer", [500, 302, "hang"])
def test_a_service_of_apprise_that_fails_is_tried_again_and_its_secret_not_said(answer: int | str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOPIC", "verysecrettopic")
    with web_server(answer=answer, headers={"Location": "http://127.0.0.1:1/"}) as hook:
        error = failure(f"apprise+ntfy://127.0.0.1:{hook.port}/{{env:TOPIC}}", timeout_seconds=3)

    assert not error.permanent
    assert "verysecrettopic" not in f"{error} {error.__cause__}"


def test_without_apprise_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apprise", None)

    with pytest.raises(MissingExtra, match=r"assayline\[notify\]"):
        send("apprise+tgram://{env:BOT}/1", NOTICE, Settings())
