"""Whether an artefact carries what must not travel with it: keys, passwords, and personal data among the words it learned.

A rule for each kind of secret, no law of chance. What is found is never repeated: a sentence shows the first letters and the length.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from ..measures.standards import card, iban

MOST_BYTES = 64 * 2**20  # of a member; a model text of that size holds numbers


@dataclass(frozen=True)
class Secret:
    """One thing in an artefact that should not be there.

    Args:
        member: the file of the artefact.
        kind: "private key", "access key", "password", "token", "address with a password", "e-mail address", "card number", "bank account".
        place: byte at which it begins.
        sentence: for people, without the secret.
    """

    member: str
    kind: str
    place: int
    sentence: str


_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("private key", re.compile(r"-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----")),
    ("access key", re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b|\bAIza[0-9A-Za-z_-]{35}\b")),
    ("token", re.compile(r"\bgh[pousr]_[A-Za-z0-9]{36,}\b|\bxox[abprs]-[A-Za-z0-9-]{10,}|\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}|\bsk-[A-Za-z0-9_-]{20,}")),
    ("address with a password", re.compile(r"\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"']{1,80}:[^\s@/\"']{3,80}@[\w.-]+")),
    ("password", re.compile(r"(?i)[\"']?\b(?:password|passwd|secret|api[_-]?key|access[_-]?token)\b[\"']?\s*[:=]\s*[\"'](?!\s*[\"'])[^\"'\s]{6,200}[\"']")),
    ("e-mail address", re.compile(r"\b[\w.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){0,4}\.[A-Za-z]{2,24}\b")),
    ("bank account", re.compile(r"\b[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){3,7}(?: ?[A-Z0-9]{1,3})?\b")),
    ("card number", re.compile(r"(?<![\d.])\d{4}([ -]?)\d{4}\1\d{4}\1\d{1,7}(?![\d.])")),
)
_CHECKED = {"bank account": iban, "card number": card}
MOST_OF_A_KIND = 20


def secrets_in(members: Mapping[str, bytes]) -> tuple[Secret, ...]:
    """Looks for secrets and personal data in the files of an artefact; nothing is executed or decoded beyond text.

    Args:
        members: name of the file -> its bytes.

    >>> [found.kind for found in secrets_in({"plan.json": b'{"url": "postgresql://bob:hunter2@db/x", "cities": ["Bonn"]}'})]
    ['address with a password']
    """
    found = []
    for member, content in sorted(members.items()):
        text = content[:MOST_BYTES].decode("latin-1")
        for kind, pattern in _KINDS:
            count = 0
            for match in pattern.finditer(text):
                value = match.group()
                if kind in _CHECKED and not _CHECKED[kind](value):
                    continue
                if (count := count + 1) > MOST_OF_A_KIND:
                    break
                shown = f"{value[:3]}… ({len(value)} letters)"
                found.append(Secret(member, kind, match.start(), f"{member} holds what looks like {'an' if kind[0] in 'aeiou' else 'a'} {kind} at byte {match.start():,}: {shown}."))
    return tuple(found)
