"""Secrets in artefacts are found, and not told."""

from __future__ import annotations

import pytest

from assayline.trials import secrets_in

KEY = "AKIA" + "IOSFODNN7EXAMPLE"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"key={KEY}", "access key"),
        ("-----BEGIN RSA " + "PRIVATE KEY-----", "private key"),
        ("ghp_" + "a1B2" * 9, "token"),
        ("postgresql://bob:" + "hunter2@db.example.com/x", "address with a password"),
        ('"password": "' + 'correct-horse"', "password"),
        ('["ann@example.org"]', "e-mail address"),
        ('"DE89 3704 0044 0532 0130 00"', "bank account"),
        ('"4111 1111 1111 1111"', "card number"),
    ],
)
def test_what_must_not_travel_is_found_and_not_repeated(text: str, kind: str) -> None:
    found = secrets_in({"plan.json": text.encode()})

    assert kind in [one.kind for one in found]
    assert all(text[8:] not in one.sentence and "plan.json" in one.sentence for one in found)


def test_numbers_and_words_of_a_model_are_no_secrets() -> None:
    model = b"threshold=4.111111111111111 0.4111111111111111 DE89 3704 split_gain=1234567890123456 leaf_value=-0.5 feature_names=password secret token @ x:y"

    assert secrets_in({"model.txt": model * 50}) == ()


def test_a_kind_that_fills_a_file_is_counted_only_so_far() -> None:
    words = b" ".join(b"user%d@example.org" % place for place in range(500))

    assert len(secrets_in({"words.json": words})) == 20
