"""Foreign text in messages: readable, and nothing else."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from email import message_from_bytes
from email.policy import default
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.core import Finding, Verdict
from assayline.errors import MisuseError
from assayline.notices import (
    Notice,
    digest_of,
    json_body,
    mail,
    notice_as_json,
    notice_from_json,
    short,
    slack_body,
    teams_body,
    text_of,
)
from assayline.notices.rendering import service_text

AT = datetime(2025, 3, 1, 8, tzinfo=UTC)
LINK = "https://assay.example.com/lots/7?a=1&b=2"
# What has been a header, a mention, a link or markup somewhere.
EVIL = [
    "x\r\nBcc: all@evil.example", "x\nSubject: other", "x\x00y", "\u2028Bcc: a", "\x1b[31mred", "ad\u200bmin \u202egnp.exe", "\ud800",
    "<!channel>", "<!here|x>", "<@U123>", "@channel", "@here", "@everyone", "<at>Ann</at>", "<!subteam^S1>", "＠channel", "<@&123>",
    "https://evil.example/x", "HTTP://EVIL.EXAMPLE", "www.evil.example", "evil.zip", "evil。example", "mailto:a@evil.example", "javascript:alert(1)",
    "\\\\evil\\share", "//evil.example", "ann@evil.example", "[x](https://evil.example)", "![x](//evil.example/a.png)", "<https://evil.example|bank>",
    "*bold* _it_ ~no~ `code`", "<b>x</b><script>alert(1)</script>", "{{DATE(2020-01-01T00:00:00Z)}}", "${secret}", "#{secret}", "&lt;!channel&gt;",
    "a" * 5_000, "é" * 5_000, "<" * 5_000, "@" * 5_000, "{{{{{{", "]]((((",
]  # fmt: skip
evil = st.one_of(st.sampled_from(EVIL), st.text(), st.lists(st.sampled_from(EVIL[:36]), max_size=4).map("".join))


def notice_of(text: str, *, link: str | None = None) -> Notice:
    """The same foreign text at every place of a notice."""
    finding = Finding("unit_change", (text, "amount"), text, 0.9, suggestion=text)
    part = Notice(text, text, text, Verdict.WARN, AT, (text,), (finding,))
    return Notice(text, text, text, Verdict.HOLD, AT, (text,), (finding,), incident=text, update=True, link=link, parts=(part,))


def texts_of(document: object) -> list[str]:
    """All texts of a JSON document, keys left out."""
    if isinstance(document, dict):
        return [text for value in document.values() for text in texts_of(value)]
    if isinstance(document, list):
        return [text for value in document for text in texts_of(value)]
    return [document] if isinstance(document, str) else []


def is_inert(text: str) -> bool:
    """No control characters, mentions or links: asked with other means than those that took them away."""
    links = re.compile(r"://|@|＠|\bwww\.|[\w-][.。．｡](example|zip|exe)\b|\b(mailto|javascript):\S", re.I)
    return all(char.isprintable() or char == "\n" for char in text) and not links.search(text)


@given(evil)
def test_in_mail_a_foreign_text_makes_no_header_no_second_recipient_and_no_link(text: str) -> None:
    letter = mail(notice_of(text), sender="assay@example.com", recipient="ops@example.com").as_bytes()
    read: Any = message_from_bytes(letter, policy=default)

    assert sorted(read.keys()) == sorted([
        "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted", "X-Assayline-Notice", "MIME-Version",
        "Content-Type", "Content-Transfer-Encoding",
    ])  # fmt: skip
    assert [address.addr_spec for address in read["To"].addresses] == ["ops@example.com"]
    assert read.get_content_type() == "text/plain"
    assert is_inert(str(read["Subject"]))
    assert is_inert(read.get_content().replace("\r\n", "\n"))
    assert max(len(line) for line in letter.split(b"\r\n")) <= 998


@given(evil)
def test_in_slack_a_foreign_text_is_plain_text_without_mention_or_link(text: str) -> None:
    document = json.loads(slack_body(notice_of(text)))

    assert all(is_inert(one) and not re.search(r"[<>*`~|&]|\]\(|(?<!\w)_|_(?!\w)", one) for one in texts_of(document))
    assert {block["text"]["type"] for block in document["blocks"] if "text" in block} == {"plain_text"}
    assert len(document["blocks"]) <= 50
    assert all(len(one) <= 3000 for one in texts_of(document))


@given(evil)
def test_in_teams_a_foreign_text_stands_in_runs_that_know_no_markup(text: str) -> None:
    (attachment,) = json.loads(teams_body(notice_of(text)))["attachments"]
    card = attachment["content"]

    assert {block["type"] for block in card["body"]} == {"RichTextBlock"}
    assert all(is_inert(one) and not re.search(r"[<>*`]|\{\{|\$\{", one) for one in [*texts_of(card["body"]), card["fallbackText"]])
    assert "entities" not in card.get("msteams", {})


@given(evil)
def test_in_json_a_foreign_text_stays_one_printable_line_and_the_body_is_plain_ascii(text: str) -> None:
    body = json_body(notice_of(text))

    assert body.isascii()
    assert b"<" not in body
    assert all(one.isprintable() and len(one) <= 400 for one in texts_of(json.loads(body)))


@settings(deadline=None, max_examples=25)
@given(evil)
def test_no_message_is_longer_than_its_receiver_takes(text: str) -> None:
    many = Notice("a", text, text, Verdict.HOLD, AT, (text,) * 50, (Finding("typo", (text,) * 9, text, 0.5, suggestion=text),) * 200, parts=(notice_of(text),) * 200)

    assert len(slack_body(many)) <= 24_000
    assert len(teams_body(many)) <= 24_000
    assert len(json_body(many)) <= 256_000
    assert len(short(many)) <= 320


@given(evil)
def test_short_lines_and_texts_for_other_services_are_inert(text: str) -> None:
    notice = notice_of(text)

    assert is_inert(short(notice))
    assert "\n" not in short(notice)
    assert is_inert(service_text(notice))
    assert is_inert(text_of(notice))


@pytest.mark.parametrize("render", [json_body, slack_body, teams_body])
@given(text=evil)
def test_every_message_carries_its_id_and_is_the_same_at_every_attempt(render: Any, text: str) -> None:
    notice = notice_of(text)

    assert render(notice) == render(notice_from_json(json.loads(json.dumps(notice_as_json(notice)))))
    assert notice.key in "".join(texts_of(json.loads(render(notice))))


def test_our_own_link_is_the_only_one() -> None:
    notice = notice_of("https://evil.example", link=LINK)

    assert [one for one in texts_of(json.loads(slack_body(notice))) if "://" in one] == ["<https://assay.example.com/lots/7?a=1&amp;b=2|Read more>"]
    assert json.loads(teams_body(notice))["attachments"][0]["content"]["actions"][0]["url"] == LINK
    assert re.findall(r"https?://\S+", text_of(notice)) == [LINK]


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://a.example/x|y", "https://a.example/<b>", "https://a.example/ x", "https://u:p@a.example/",
                                  "https://a.example/x\r\nBcc: b", "https://a.example/x)", ""])  # fmt: skip
def test_a_link_that_could_break_out_is_refused(link: str) -> None:
    with pytest.raises(MisuseError, match="link"):
        Notice("a", "sales", "late", Verdict.WARN, AT, link=link)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(MisuseError, match="zone"):
        Notice("a", "sales", "late", Verdict.WARN, datetime(2025, 3, 1))


def test_an_id_that_could_break_a_header_is_replaced_by_its_digest() -> None:
    odd, other = (Notice(id, "sales", "late", Verdict.WARN, AT) for id in ("försäljning\r\nX: 1", "försäljning\r\nX: 2"))

    assert re.fullmatch(r"sha256:[0-9a-f]{64}", odd.key)
    assert odd.key != other.key


def test_names_of_files_and_columns_stay_as_they_are() -> None:
    notice = Notice("a", "sales", "orders.csv: unit_price of 1.5 kg, e.g. line 3.", Verdict.WARN, AT)

    assert short(notice) == "warn: sales: orders.csv: unit_price of 1.5 kg, e.g. line 3."


def test_a_digest_shows_each_of_its_notices_with_its_own_id() -> None:
    parts = tuple(Notice(f"n{n}", f"flow{n}", "late", Verdict.WARN, AT) for n in range(3))

    digest = digest_of(parts)

    assert [one["id"] for one in json.loads(json_body(digest))["notices"]] == ["n0", "n1", "n2"]
    assert all(f"Notice n{n}" in text_of(digest) for n in range(3))
    assert short(digest) == "warn: flow0, flow1, flow2: 3 notices about 3 flows"


def test_stacks_of_marks_are_written_out_and_ordinary_accents_are_not() -> None:
    stacked, accented = (short(Notice("a", "sales", text, Verdict.WARN, AT)) for text in ("e" + "\u0301" * 50, "Nguye\u0302\u0303n"))

    assert stacked.count("\u0301") == 4
    assert accented == "warn: sales: Nguye\u0302\u0303n"
