"""Where notices go: channels as text, the settings they need, and what of both may be shown.

A channel is stored and listed as the user wrote it, so it holds no secret: those are references (see `references`).

    mailto:ops@example.com                                  mail, through the server of the settings
    https://hooks.slack.com/{env:SLACK_PATH}                a webhook; the host says which messages it understands
    https://chat.example.com/hooks/{env:HOOK}?kind=slack    … or `kind` does: slack, teams or json
    apprise+tgram://{env:BOT}/{env:CHAT}                    any service of the package apprise (extra `notify`)
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

from ..errors import MisuseError
from ..tables.secret_references import PLACE, REFERENCE

ALLOW = "write allow_private = true under [notices] in assay.toml"
CA_FILE = "ca_file under [notices] in assay.toml"
KINDS = ("slack", "teams", "json")
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_HOST = rf"{_LABEL}(?:\.{_LABEL})*\.?"
# One address of plain letters: no quotes, no blanks, no comma, nothing that a header or a mail server could read as more than that.
ADDRESS = re.compile(rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~-]+)*@{_HOST}")
_WEBHOOK = re.compile(
    rf"(?P<scheme>https?)://(?P<host>{_HOST}|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{{1,5}}))?(?P<path>/[^?#]*)?(?:\?(?P<query>[^#]*))?"
)
_APPRISE = re.compile(r"apprise\+(?P<scheme>[a-z][a-z0-9]*)://(?P<rest>.*)")
_SERVER = re.compile(
    rf"(?P<scheme>smtps?)://(?:(?P<user>[^:@/\s]+):(?P<password>[^?]+)@)?(?P<host>{_HOST}|\[[0-9A-Fa-f:.]+\])(?::(?P<port>\d{{1,5}}))?/?(?:\?(?P<query>.*))?"
)
_IN_A_URL = re.compile(r"[!-~]*")
_KIND_OF_HOST = {
    "hooks.slack.com": "slack", "hooks.slack-gov.com": "slack",
    ".webhook.office.com": "teams", ".logic.azure.com": "teams", ".powerplatform.com": "teams",
}  # fmt: skip
# Their addresses are their passwords.
_SECRET_HOSTS = (*_KIND_OF_HOST, "discord.com", "discordapp.com", "chat.googleapis.com")
_SECRET_OPTIONS = {"token", "key", "apikey", "api_key", "secret", "sig", "signature", "password", "pass", "code", "auth", "access_token"}
# These send to any address that follows, as `https:` does, yet without its checks; and mail has a channel of its own.
_OUR_OWN = {
    "json": "https://…?kind=json", "jsons": "https://…?kind=json", "xml": "https://…", "xmls": "https://…", "form": "https://…",
    "forms": "https://…", "workflow": "https://…?kind=teams", "workflows": "https://…?kind=teams", "mailto": "mailto:…", "mailtos": "mailto:…",
}  # fmt: skip


@dataclass(frozen=True)
class Channel:
    """Where notices go.

    Args:
        text: as the user wrote it; with references, without secrets.
        kind: "mail", "slack", "teams", "json" or "apprise".
        name: what errors and lists show; tells channels of one host apart, and holds neither path nor options.
        host: of a webhook.
        port: of a webhook.
        target: path and options of a webhook without our own option; the address of a mail; what stands behind `apprise+`.
        tls: whether a webhook is https.
    """

    text: str
    kind: str
    name: str
    target: str
    host: str = ""
    port: int = 0
    tls: bool = True


@dataclass(frozen=True)
class MailServer:
    """Where mail is handed in; `password` is a reference.

    `tls` is "starttls" (refuses to go on without), "direct" (from the first byte) or "off".
    """

    host: str
    port: int
    tls: str = "starttls"
    user: str = ""
    password: str = ""
    sender: str = ""


@dataclass(frozen=True)
class Settings:
    """What a project says about sending; `Settings()` sends to public webhooks only.

    Args:
        mail_server: "smtp://user:env:NAME@host:587?starttls=required&from=assay@example.com", "smtps://…", or "" for none.
        allow_private: whether webhooks may be at loopback, link-local and private addresses, and there without TLS.
        ca_file: a PEM file with further certificate authorities to trust, or "".

    Raises:
        MisuseError: the mail server is malformed; the message says how it is written.
    """

    mail_server: str = ""
    allow_private: bool = False
    ca_file: str = ""

    def __post_init__(self) -> None:
        if self.mail_server:
            mail_server_of(self.mail_server)


def channel_of(text: str) -> Channel:
    """The channel that a text names.

    Raises:
        MisuseError: there is no such kind of channel, or it would store a secret. The message shows the kind of channel only,
            for what was written may hold a secret.

    >>> channel_of("https://hooks.slack.com/{env:SLACK_PATH}").kind
    'slack'
    >>> channel_of("https://ci.example.com/in?kind=json&team=a").target
    '/in?team=a'
    """
    if text.startswith("mailto:"):
        return _mail(text)
    if text.startswith(("https:", "http:")):
        return _webhook(text)
    if text.startswith("apprise+"):
        return _apprise(text)
    raise MisuseError("a channel starts with mailto:, https:// or apprise+SCHEME://; for example mailto:ops@example.com")


def mail_server_of(text: str) -> MailServer:
    """The mail server that a setting names.

    >>> mail_server_of("smtp://assay:env:SMTP_PASSWORD@mail.example.com")
    MailServer(host='mail.example.com', port=587, tls='starttls', user='assay', password='env:SMTP_PASSWORD', sender='assayline@mail.example.com')
    """
    found = _SERVER.fullmatch(text)
    if not found:
        raise MisuseError("a mail server is written smtp://user:env:NAME@host:587 or smtps://…, without blanks")
    user, password = unquote(found["user"] or ""), found["password"] or ""
    if password and not REFERENCE.fullmatch(password):
        raise MisuseError(f"the mail server {found['host']} holds a password: write env:NAME or file:/path in its place")
    if user and not (user.isascii() and user.isprintable()):
        raise MisuseError(f"the user name at the mail server {found['host']} is not printable ASCII")
    options = dict(parse_qsl(found["query"] or "", keep_blank_values=True))
    tls = "direct" if found["scheme"] == "smtps" else {"required": "starttls", "off": "off"}.get(options.get("starttls", "required"), "")
    if not tls or set(options) - {"starttls", "from"}:
        raise MisuseError("a mail server knows the options starttls=required or starttls=off, and from=ADDRESS")
    if tls == "off" and password:
        raise MisuseError(f"with starttls=off the password would cross the network to {found['host']} readable; leave one of them out")
    host = found["host"].strip("[]").rstrip(".")
    usual = f"assayline@{host}" if "." in host and re.fullmatch(_HOST, host) else "assayline@localhost"
    sender = options.get("from") or (user if ADDRESS.fullmatch(user) else usual)
    if not ADDRESS.fullmatch(sender):
        raise MisuseError(f"the sender {sender!r} is no mail address; write from=assayline@example.com")
    return MailServer(host, _port(found["port"], 465 if tls == "direct" else 587), tls, user, password, sender)


def _mail(text: str) -> Channel:
    address = text.removeprefix("mailto:")
    if not ADDRESS.fullmatch(address):
        raise MisuseError(f"{text[:200]!r} is no mail address; write mailto:NAME@HOST, one address to a channel, without options")
    return Channel(text, "mail", text, address)


def _webhook(text: str) -> Channel:
    places = PLACE.sub("", text)
    found = _WEBHOOK.fullmatch(text)
    if not found or not _IN_A_URL.fullmatch(places) or "{" in places or "}" in places or "@" in places.partition("//")[2].partition("/")[0]:
        raise MisuseError(
            "a webhook is written https://HOST/PATH, in ASCII, without user, password and fragment; secrets in its path or options are {env:NAME}"
            " or {file:/path}"
        )
    host = found["host"].lower().rstrip(".")
    kept = [option for option in (found["query"] or "").split("&") if option and not option.startswith("kind=")]
    kinds = [option.partition("=")[2] for option in (found["query"] or "").split("&") if option.startswith("kind=")]
    if len(kinds) > 1 or any(kind not in KINDS for kind in kinds):
        raise MisuseError(f"the kind of a webhook is one of {', '.join(KINDS)}")
    whole_is_secret = any(_is_host(host, one) for one in _SECRET_HOSTS) and not PLACE.search(text)
    stored = [option for option in kept if option.partition("=")[0].lower() in _SECRET_OPTIONS and not PLACE.search(option)]
    if whole_is_secret or stored:
        raise MisuseError(f"the address of a webhook at {host} is a secret: write https://{host}/{{env:NAME}}, and put the rest into the variable")
    kind = kinds[0] if kinds else next((kind for one, kind in _KIND_OF_HOST.items() if _is_host(host, one)), "json")
    target = (found["path"] or "/") + ("?" + "&".join(kept) if kept else "")
    tls = found["scheme"] == "https"
    name = f"{found['scheme']}://{found['host']}/…#{_mark(text)}"
    return Channel(text, kind, name, target, host.strip("[]"), _port(found["port"], 443 if tls else 80), tls)


def _apprise(text: str) -> Channel:
    found = _APPRISE.fullmatch(text)
    places = PLACE.sub("", text)
    if not found or not _IN_A_URL.fullmatch(places) or "{" in places or "}" in places:
        raise MisuseError("a channel of apprise is written apprise+SCHEME://…, in ASCII; secrets in it are {env:NAME} or {file:/path}")
    scheme = found["scheme"]
    if scheme in _OUR_OWN:
        raise MisuseError(f"instead of apprise+{scheme}:// write {_OUR_OWN[scheme]}")
    if not PLACE.search(found["rest"]):
        raise MisuseError(f"the address of a service is its password: write apprise+{scheme}://{{env:NAME}}, and put the rest into the variable")
    return Channel(text, "apprise", f"apprise+{scheme}://…#{_mark(text)}", text.removeprefix("apprise+"))


def _is_host(host: str, one: str) -> bool:
    return host.endswith(one) if one.startswith(".") else host == one


def _port(text: str | None, usual: int) -> int:
    port = int(text) if text else usual
    if not 0 < port < 65536:
        raise MisuseError(f"there is no port {port}; the usual one is {usual}")
    return port


def _mark(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:6]
