"""How a notice looks to its reader: as mail, as JSON, in Slack, in Teams, as one short line.

Every text of a notice is foreign: it passes through `inert` on its way into any of these. The same notice gives the same
bytes at every attempt, and all of them carry its id.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

from ..core import Finding
from .inert import chat, inert, plain
from .message import Notice

SCHEMA = 1
HEADLINE = 200  # characters of a subject; mail programs show less
SENTENCE = 400
NAME = 100
FINDINGS = 10  # the report has them all
MAIL_FINDINGS = 50
PARTS = 20
LINES = 20
_CHAT_BYTES = 24_000  # Teams refuses above 28 KB; Slack's own limits (50 blocks, 3,000 characters each) are kept by the counts above
_JSON_BYTES = 256_000

Text = Callable[[str, int], str]


def short(notice: Notice) -> str:
    """The notice as one line, for places that have no more room.

    >>> from datetime import UTC, datetime
    >>> from assayline.core import Verdict
    >>> short(Notice("lot-7", "sales", "412 rows in cents", Verdict.HOLD, datetime(2025, 3, 1, 8, tzinfo=UTC)))
    'hold: sales: 412 rows in cents'
    """
    return _headline(notice, chat)


def mail(notice: Notice, *, sender: str, recipient: str) -> EmailMessage:
    """The notice as plain text mail.

    Its Message-ID is made from the id of the notice; every mail of an incident refers to the same root, so that mail programs
    show them as one conversation.

    Args:
        sender: an address that was checked, as is `recipient`; both stand in headers.
    """
    message = EmailMessage(policy=SMTP)
    domain = sender.rsplit("@", 1)[1]
    message["From"] = f"Assayline <{sender}>"
    message["To"] = recipient
    message["Subject"] = _headline(notice, inert)
    message["Date"] = notice.at
    message["Message-ID"] = _message_id("notice", notice.key, domain)
    if notice.incident_key is not None:
        root = _message_id("incident", notice.incident_key, domain)
        message["In-Reply-To"] = root
        message["References"] = root
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no out-of-office answers
    message["X-Assayline-Notice"] = notice.key
    message.set_content(text_of(notice), cte="quoted-printable")
    return message


def text_of(notice: Notice) -> str:
    """The notice as plain text of several lines: the body of a mail."""
    lines = [f"Verdict: {notice.verdict}", f"Flow: {inert(notice.flow, NAME)}", f"When: {notice.at:%Y-%m-%d %H:%M:%S} UTC"]
    if notice.incident is not None:
        lines.append(f"Incident: {inert(notice.incident, NAME)}" + (" (update)" if notice.update else ""))
    lines += ["", inert(notice.subject, SENTENCE)]
    lines += [inert(line, SENTENCE) for line in notice.lines[:LINES]]
    if notice.findings:
        lines += ["", *_findings_as_text(notice.findings, MAIL_FINDINGS, inert)]
    for part in notice.parts:
        lines += ["", f"* {_headline(part, inert)}", f"  {part.at:%Y-%m-%d %H:%M:%S} UTC"]
        lines += [f"  {inert(line, SENTENCE)}" for line in part.lines[:LINES]]
        lines += [f"  {line}" for line in _findings_as_text(part.findings, FINDINGS, inert)]
        lines += [f"  {part.link}"] if part.link else []
        lines += [f"  Notice {part.key}"]
    if notice.link:
        lines += ["", notice.link]
    return "\n".join([*lines, "", "-- ", f"Notice {notice.key}", ""])


def service_text(notice: Notice) -> str:
    """The notice as plain text for services whose markup is unknown."""
    link = [notice.link] if notice.link else []
    return "\n".join([*_paragraphs(notice, FINDINGS)[1:], *link, f"Notice {notice.key}"])


def json_body(notice: Notice) -> bytes:
    """The notice as JSON, for programs: texts are cut and printable, otherwise as they are."""
    return _fitting(lambda most: _as_json(notice, most), _JSON_BYTES, MAIL_FINDINGS)


def slack_body(notice: Notice) -> bytes:
    """The notice as a message of Slack, and of chats that understand the same (`text` is enough for them)."""
    return _fitting(lambda most: _as_slack(notice, most), _CHAT_BYTES, FINDINGS)


def teams_body(notice: Notice) -> bytes:
    """The notice as a message of Microsoft Teams: an adaptive card, in blocks that know no markup."""
    return _fitting(lambda most: _as_teams(notice, most), _CHAT_BYTES, FINDINGS)


def _as_json(notice: Notice, most: int) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "id": notice.key,
        "flow": plain(notice.flow, NAME),
        "verdict": str(notice.verdict),
        "subject": plain(notice.subject, SENTENCE),
        "at": notice.at.isoformat(timespec="seconds"),
        "incident": None if notice.incident is None else plain(notice.incident, NAME),
        "update": notice.update,
        "link": notice.link,
        "lines": [plain(line, SENTENCE) for line in notice.lines[:LINES]],
        "findings": [
            {
                "code": plain(one.code, NAME), "columns": [plain(column, NAME) for column in one.columns[:FINDINGS]], "severity": one.severity,
                "rows": one.rows, "sentence": plain(one.sentence, SENTENCE), "suggestion": plain(one.suggestion, SENTENCE),
            }
            for one in notice.findings[:most]
        ],
        "findings_left_out": max(len(notice.findings) - most, 0),
        "notices": [_as_json(part, min(most, FINDINGS)) for part in notice.parts[: 4 * most]],
        "notices_left_out": max(len(notice.parts) - 4 * most, 0),
    }  # fmt: skip


def _as_slack(notice: Notice, most: int) -> dict[str, Any]:
    def section(text: str) -> dict[str, Any]:
        return {"type": "section", "text": {"type": "plain_text", "text": text, "emoji": False}}

    blocks = [section(text) for text in _paragraphs(notice, most)]
    if notice.link:
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"<{notice.link.replace('&', '&amp;')}|Read more>"}})
    mark = {"type": "plain_text", "text": f"Notice {notice.key}", "emoji": False}
    blocks.append({"type": "context", "block_id": f"notice-{_digest(notice.key)}", "elements": [mark]})
    return {"text": short(notice), "mrkdwn": False, "unfurl_links": False, "unfurl_media": False, "blocks": blocks}


def _as_teams(notice: Notice, most: int) -> dict[str, Any]:
    # Text runs know no markup, other than text blocks (https://adaptivecards.io/explorer/TextRun.html).
    def rich(text: str, **more: Any) -> dict[str, Any]:
        return {"type": "RichTextBlock", "inlines": [{"type": "TextRun", "text": text, **more}]}

    first, *rest = _paragraphs(notice, most)
    body = [rich(first, weight="Bolder"), *(rich(text) for text in rest), rich(f"Notice {notice.key}", size="Small", isSubtle=True)]
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "id": f"notice-{_digest(notice.key)}",
        "fallbackText": short(notice),
        "msteams": {"width": "Full"},
        "body": body,
    }
    if notice.link:
        card["actions"] = [{"type": "Action.OpenUrl", "title": "Read more", "url": notice.link}]
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return {"type": "message", "summary": short(notice), "attachments": [attachment]}


def _paragraphs(notice: Notice, most: int) -> list[str]:
    """The notice for a chat: the headline, then one text per finding or gathered notice, each below 3,000 characters."""
    told = [_headline(notice, chat)]
    about = f"{notice.at:%Y-%m-%d %H:%M:%S} UTC"
    if notice.incident is not None:
        about += f", incident {chat(notice.incident, NAME)}" + (" (update)" if notice.update else "")
    told.append(about)
    told += [chat(line, SENTENCE) for line in notice.lines[:most]]
    told += _findings_as_text(notice.findings, most, chat)
    for part in notice.parts[: 2 * most]:
        told.append("\n".join([_headline(part, chat), *_findings_as_text(part.findings, 3, chat)]))
    if len(notice.parts) > 2 * most:
        told.append(f"… and {len(notice.parts) - 2 * most} more notices")
    return told


def _headline(notice: Notice, text: Text) -> str:
    update = "update: " if notice.update else ""
    return f"{notice.verdict}: {update}{text(notice.flow, NAME)}: {text(notice.subject, HEADLINE)}"


def _findings_as_text(findings: tuple[Finding, ...], most: int, text: Text) -> list[str]:
    lines = []
    for one in findings[:most]:
        columns = ", ".join(text(column, NAME) for column in one.columns[:3])
        about = f" ({columns})" if columns else ""
        line = f"- {text(one.code, NAME)}{about}: {text(one.sentence, SENTENCE)}"
        lines.append(line + (f" To do: {text(one.suggestion, SENTENCE)}" if one.suggestion else ""))
    if len(findings) > most:
        lines.append(f"… and {len(findings) - most} more findings")
    return lines


def _fitting(make: Callable[[int], dict[str, Any]], most_bytes: int, most: int) -> bytes:
    """The fullest of the messages with at most so many findings that is not too long for its receiver."""
    while True:
        # As in HTML: the receiver may show the body on a page; in JSON the escapes mean the same letters.
        text = json.dumps(make(most)).replace("<", "\\u003c").replace(">", "\\u003e")
        if len(text) <= most_bytes or most == 0:
            return text.encode("ascii")
        most //= 2


def _message_id(what: str, key: str, domain: str) -> str:
    return f"<{what}.{_digest(key)}@{domain}>"


def _digest(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:32]
