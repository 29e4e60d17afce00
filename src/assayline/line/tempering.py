"""What a flow's settings and history mean for the next judgement, as plain values for the child."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from assayline.judgement.temper import SHADOW_LOTS


def temper_of(
    lots: int, settings: Mapping[str, Any], answers: Mapping[str, Sequence[int]], rules: Sequence[Mapping[str, Any]], *, waiting: bool = False, replaces: bool = False
) -> dict[str, Any]:
    """The arguments of `gate.Temper`.

    Args:
        lots: released lots of the past.
        settings: of the flow: `shadow_lots`, `needs`.
        answers: what people answered.
        rules: the rules in force; the columns they read are needed.
        waiting: whether lots came after the last one that teaches.
        replaces: whether the lot takes the place of earlier ones.
    """
    needed = {*settings.get("needs", []), *(column for rule in rules for column in rule.get("columns", []))}
    return {
        "lots": lots, "shadow_lots": int(settings.get("shadow_lots", SHADOW_LOTS)), "answers": {key: list(one) for key, one in answers.items()},
        "needs": sorted(needed), "waiting": waiting, "replaces": replaces,
    }  # fmt: skip
