"""Channels and mail servers as text: what is understood, and that no secret is stored or shown."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assayline.errors import MisuseError
from assayline.notices import Settings, channel_of, mail_server_of


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("mailto:ops@example.com", "mail"),
        ("mailto:ops+sales@sub.example.com", "mail"),
        ("https://hooks.slack.com/{env:PATH_OF_SLACK}", "slack"),
        ("https://acme.webhook.office.com/{file:/run/secrets/teams}", "teams"),
        ("https://prod-1.westeurope.logic.azure.com:443/workflows/x?sig={env:SIG}", "teams"),
        ("https://ci.example.com/in", "json"),
        ("https://chat.example.com/hooks/{env:HOOK}?kind=slack", "slack"),
        ("https://[2606:4700::1111]:8443/in", "json"),
        ("apprise+tgram://{env:BOT}/{env:CHAT}", "apprise"),
    ],
)
def test_the_text_says_what_kind_of_channel_it_is(text: str, kind: str) -> None:
    assert channel_of(text).kind == kind


def test_our_own_option_is_stripped_and_the_others_stay_in_order() -> None:
    assert channel_of("https://ci.example.com/in?b=2&kind=slack&a=1%20x").target == "/in?b=2&a=1%20x"


@pytest.mark.parametrize(
    "text",
    [
        "", "ops@example.com", "ftp://example.com", "file:///etc/passwd", "mailto:", "mailto:a b@example.com", "mailto:a@example.com,b@example.com",
        "mailto:a@example.com?subject=x", "mailto:a@example.com\r\nBcc: b@example.com", "mailto:\"a\"@example.com", "mailto:a@exa mple.com",
        "mailto:-oQ/tmp@", "https://", "https:///in", "https://user:pw@example.com/in", "https://example.com/in#part", "https://example.com/a b",
        "https://example.com/\r\nX: 1", "https://exämple.com/in", "https://example.com/{env:}", "https://example.com/{HOME}", "https://{env:HOST}/in",
        "https://example.com:99999/in", "https://example.com:0/in", "https://example.com/in?kind=xml", "https://example.com/?kind=slack&kind=json",
        "https://example.com/{file:relative}", "https://ex_ample..com/in", "apprise+tgram://plain/token", "apprise+json://{env:HOST}",
        "apprise+mailto://{env:A}", "apprise+tgram://{env:A}\n", "apprise+://{env:A}", "HTTPS://EXAMPLE.COM/in",
    ],
)  # fmt: skip
def test_a_malformed_channel_is_refused(text: str) -> None:
    with pytest.raises(MisuseError):
        channel_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "https://hooks.slack.com/services/T00/B00/verysecret", "https://acme.webhook.office.com/webhookb2/verysecret",
        "https://x.logic.azure.com/workflows/verysecret", "https://discord.com/api/webhooks/1/verysecret", "https://example.com/in?token=verysecret",
        "https://example.com/in?sig=verysecret&a={env:A}", "https://example.com/in?API_KEY=verysecret", "https://user:verysecret@example.com/in",
        "apprise+slack://verysecret/b/c", "gopher://verysecret", "https://example.com/verysecret#x", "https://example.com/verysecret {env:A}",
    ],
)  # fmt: skip
def test_a_channel_that_would_store_a_secret_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(MisuseError) as caught:
        channel_of(text)

    assert "verysecret" not in str(caught.value)


def test_the_name_of_a_channel_shows_its_host_and_tells_two_of_one_host_apart() -> None:
    one, two = (channel_of(f"https://ci.example.com/verysecret/{n}") for n in "ab")

    assert one.name.startswith("https://ci.example.com/…#")
    assert one.name != two.name
    assert "verysecret" not in one.name


@given(st.text())
def test_any_text_is_a_channel_or_a_misuse(text: str) -> None:
    for start in ("", "mailto:", "https://", "apprise+tgram://"):
        try:
            channel = channel_of(start + text)
        except MisuseError:
            continue
        assert channel.text == start + text
        assert channel.name.isprintable()


@pytest.mark.parametrize(
    ("text", "host", "port", "tls", "user", "password", "sender"),
    [
        ("smtp://mail.example.com", "mail.example.com", 587, "starttls", "", "", "assayline@mail.example.com"),
        ("smtp://localhost:25?starttls=off", "localhost", 25, "off", "", "", "assayline@localhost"),
        ("smtps://assay:env:PW@mail.example.com/", "mail.example.com", 465, "direct", "assay", "env:PW", "assayline@mail.example.com"),
        ("smtp://a%40example.com:file:/run/secrets/pw@mail.example.com:2525?starttls=required", "mail.example.com", 2525, "starttls", "a@example.com",
         "file:/run/secrets/pw", "a@example.com"),
        ("smtp://u:env:PW@mail.example.com?from=gate@example.com", "mail.example.com", 587, "starttls", "u", "env:PW", "gate@example.com"),
    ],
)  # fmt: skip
def test_a_mail_server_is_read_from_its_setting(text: str, host: str, port: int, tls: str, user: str, password: str, sender: str) -> None:
    server = mail_server_of(text)

    assert (server.host, server.port, server.tls, server.user, server.password, server.sender) == (host, port, tls, user, password, sender)


@pytest.mark.parametrize(
    "text",
    [
        "smtp://assay:verysecret@mail.example.com", "smtp://assay:very:secret@mail.example.com", "smtp://a:verysecret@x@mail.example.com",
        "smtp://assay:env:PW@mail.example.com?starttls=off", "smtp://mail.example.com?starttls=maybe", "smtp://mail.example.com?verify=no",
        "smtp://mail.example.com?from=no", "smtp://mail.example.com?from=a@example.com%0d%0aBcc:b@example.com", "mail.example.com", "http://mail.example.com",
        "smtp://a%0d%0aRSET:env:PW@mail.example.com", "smtp://mail.example.com:0", "smtp://mail example.com",
    ],
)  # fmt: skip
def test_a_mail_server_that_is_malformed_or_holds_a_secret_is_refused(text: str) -> None:
    with pytest.raises(MisuseError) as caught:
        Settings(mail_server=text)

    assert "verysecret" not in str(caught.value)
