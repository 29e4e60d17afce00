"""What an owner is told: one notice, as the ledger keeps it until it is delivered."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ..core import Finding, Verdict
from ..errors import MisuseError
from .inert import chat

_SAFE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:=-]{0,199}")
# The characters of RFC 3986 without those that end a link in a chat (brackets, quotes, bars, backslash, parentheses, asterisk).
_SAFE_LINK = re.compile(r"https?://[A-Za-z0-9.\-\[\]:]+(?:/[A-Za-z0-9._~!$&,;=:@%+/-]*)?(?:\?[A-Za-z0-9._~!$&,;=:@%+/?-]*)?(?:#[A-Za-z0-9._~%/-]*)?")


@dataclass(frozen=True)
class Notice:
    """What the gate decided about one lot, for the people who answer for its flow.

    Args:
        id: what a receiver tells repetitions apart by: the same at every attempt, for ever.
        flow: whose lot it is.
        subject: what happened, in one sentence; foreign text is allowed here and in all texts below.
        verdict: what was decided.
        at: when, with its time zone; kept in UTC.
        lines: more sentences.
        findings: what the verdict rests on, worst first.
        incident: what it belongs to; later notices of the same incident replace earlier ones that still wait.
        update: whether the incident has been told of before.
        link: where to read more: an http or https address that the program made, or None.
        parts: the notices this one gathers, when it is a digest.

    Raises:
        MisuseError: the time has no zone, or the link is no plain http(s) address.

    >>> Notice("lot-7", "sales", "412 rows in cents", Verdict.HOLD, datetime(2025, 3, 1, 8, tzinfo=UTC)).key
    'lot-7'
    """

    id: str
    flow: str
    subject: str
    verdict: Verdict
    at: datetime
    lines: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    incident: str | None = None
    update: bool = False
    link: str | None = None
    parts: tuple[Notice, ...] = ()

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise MisuseError(f"a notice needs a time with its zone, not {self.at!r}; write datetime.now(UTC)")
        if self.link is not None and not _SAFE_LINK.fullmatch(self.link):
            raise MisuseError(f"the link of a notice is a plain http(s) address, not {self.link!r}; percent-encode what is not")
        object.__setattr__(self, "at", self.at.astimezone(UTC))

    @property
    def key(self) -> str:
        """The id as it may stand in a header and in a chat: itself where it is inert, else its digest."""
        return _key(self.id)

    @property
    def incident_key(self) -> str | None:
        """The incident as it may stand in a header."""
        return None if self.incident is None else _key(self.incident)


def digest_of(notices: tuple[Notice, ...]) -> Notice:
    """One notice that gathers several; the same ones, in whatever order, give the same id.

    >>> at = datetime(2025, 3, 1, 8, tzinfo=UTC)
    >>> a, b = (Notice(id, "sales", "late", verdict, at) for id, verdict in [("a", Verdict.WARN), ("b", Verdict.HOLD)])
    >>> digest_of((a, b)).id == digest_of((b, a)).id, str(digest_of((a, b)).verdict)
    (True, 'hold')
    """
    ordered = tuple(sorted(notices, key=lambda one: (-one.verdict, one.flow, one.at, one.id)))
    flows = sorted({one.flow for one in ordered})
    verdict = Verdict.joined(one.verdict for one in ordered)
    identity = hashlib.sha256("\0".join(sorted(one.key for one in ordered)).encode()).hexdigest()
    subject = f"{len(ordered)} notices" + (f" about {len(flows)} flows" if len(flows) > 1 else "")
    flow = flows[0] if len(flows) == 1 else ", ".join(flows)
    return Notice(f"digest-{identity[:32]}", flow, subject, verdict, max(one.at for one in ordered), parts=ordered)


def notice_as_json(notice: Notice) -> dict[str, Any]:
    """The whole notice as plain JSON values, for keeping; examples and pictures of findings stay behind.

    >>> notice = Notice("lot-7", "sales", "late", Verdict.WARN, datetime(2025, 3, 1, 8, tzinfo=UTC))
    >>> notice_from_json(notice_as_json(notice)) == notice
    True
    """
    return {
        "id": notice.id,
        "flow": notice.flow,
        "subject": notice.subject,
        "verdict": str(notice.verdict),
        "at": notice.at.isoformat(),
        "lines": list(notice.lines),
        "findings": [
            {
                "code": one.code, "columns": list(one.columns), "sentence": one.sentence, "severity": one.severity, "layer": one.layer,
                "where": one.where, "rows": one.rows, "suggestion": one.suggestion,
            }
            for one in notice.findings
        ],
        "incident": notice.incident,
        "update": notice.update,
        "link": notice.link,
        "parts": [notice_as_json(one) for one in notice.parts],
    }  # fmt: skip


def notice_from_json(kept: Mapping[str, Any]) -> Notice:
    """The notice that `notice_as_json` kept."""
    findings = tuple(
        Finding(
            one["code"], tuple(one["columns"]), one["sentence"], one["severity"], one["layer"],
            one["where"], one["rows"], suggestion=one["suggestion"],
        )
        for one in kept["findings"]
    )  # fmt: skip
    return Notice(
        kept["id"], kept["flow"], kept["subject"], Verdict.named(kept["verdict"]), datetime.fromisoformat(kept["at"]),
        tuple(kept["lines"]), findings, kept["incident"], kept["update"], kept["link"], tuple(notice_from_json(one) for one in kept["parts"]),
    )  # fmt: skip


def _key(name: str) -> str:
    if _SAFE_ID.fullmatch(name) and chat(name, 200) == name:
        return name
    return "sha256:" + hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
