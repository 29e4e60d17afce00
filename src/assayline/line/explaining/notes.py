"""A short note to the users of a model, to be sent before or after it changes: what changes for whom, since when, and whom to ask."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from assayline.errors import MisuseError

WHEN = ("before", "after")
WIDE = 78
MOST_GROUPS = 3


def note(document: Mapping[str, Any], when: str = "after") -> str:
    """The note as plain text, its first line the subject.

    Args:
        document: of `explain_document`.
        when: "before" the change, or "after" it.

    Raises:
        MisuseError: `when` is neither.
    """
    if when not in WHEN:
        raise MisuseError(f"a note is sent 'before' or 'after' a change, not {when!r}")
    model, new = str(document["model"]), str(document["after"]["version"]).rpartition(":")[2]
    day = str(document["after"]["at"])[:10]
    subject = f"Subject: {model} {'will be' if when == 'before' else 'was'} changed to version {new}"
    start = f"{model} {'will soon answer' if when == 'before' else 'answers'} with a new version ({new}, made on {day}; before: {str(document['before']['version']).rpartition(':')[2]})."
    purpose = f" It is for: {_ended(str(document['purpose']))}" if document.get("purpose") else ""
    paragraphs = [start + purpose, f"What {'will change' if when == 'before' else 'changed'}"]
    points = [*_what(document), *_whom(document), *_why(document)]
    contact = str(document.get("contact") or "")
    ends = [
        "If an answer looks wrong to you, tell us which one and when: single rows are looked into.",
        f"Questions: {contact}" if contact else "Questions: the owner of the model (none is named yet).",
    ]
    body = [*(textwrap.fill(one, WIDE) for one in paragraphs), *(textwrap.fill(one, WIDE, initial_indent="- ", subsequent_indent="  ") for one in points)]
    return "\n".join([subject, "", body[0], "", body[1], *body[2:], "", *ends]) + "\n"


def _what(document: Mapping[str, Any]) -> list[str]:
    if document.get("identical"):
        return ["Nothing for you: both versions give the same answers."]
    flips = document.get("flips") or {}
    said = [str(one) for one in document.get("sentences", ())]
    if flips.get("rows"):
        share = flips["changed"] / flips["rows"]
        said.insert(0, f"About {share:.0%} of the answers are other ones than before." if share >= 0.005 else "Fewer than one answer in two hundred is another one than before.")
    return said


def _whom(document: Mapping[str, Any]) -> list[str]:
    segments = document.get("segments") or {}
    if document.get("identical") or not segments:
        return []
    said = [f"Worse off: {_ended(str(one['sentence']))}" for one in segments["lost"][:MOST_GROUPS]] + [f"Better off: {_ended(str(one['sentence']))}" for one in segments["gained"][:MOST_GROUPS]]
    return said or [str(segments["sentence"])]


def _why(document: Mapping[str, Any]) -> list[str]:
    made = document.get("made_from") or {}
    said = [str(made["data"]["sentence"])] if made.get("data") and made["data"].get("new") else []
    features = [str(one["sentence"]) for one in (made.get("features") or {}).get("changed", ()) if one["change"] != "treated otherwise"]
    return [f"Why: {' '.join([*said, *features[:MOST_GROUPS]])}"] if said or features else []


def _ended(said: str) -> str:
    return said if said.endswith((".", "!", "?")) else f"{said}."
