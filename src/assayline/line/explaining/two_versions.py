"""Which two versions of a model somebody means: `churn v7 v8`, `churn:v7 churn:v8`, `churn v7`, `churn`."""

from __future__ import annotations

import re

from assayline.errors import MisuseError
from assayline.ledger import records, trial_records
from assayline.ledger.records import LotRecord

from ..models.versions import ARTEFACT, check_model, label, version_of
from ..project import Project

NUMBER = re.compile(r"v?\d+")


def named(words: list[str]) -> tuple[str, str | None, str | None]:
    """The model and the versions that words on the command line name.

    Raises:
        MisuseError: they name two models, or more than two versions.

    >>> named(["churn", "v7", "v8"]), named(["churn:v7", "churn:v8"]), named(["churn:v8"]), named(["churn"])
    (('churn', 'v7', 'v8'), ('churn', 'v7', 'v8'), ('churn', None, 'v8'), ('churn', None, None))
    """
    model, _, version = words[0].partition(":")
    versions = [version] if version else []
    for word in words[1:]:
        other, colon, number = word.rpartition(":")
        if colon and other != model:
            raise MisuseError(f"{words[0]!r} and {word!r} are versions of two models; name two of one, such as: assay explain {model} v7 v8")
        versions.append(number)
    if len(versions) > 2:
        raise MisuseError(f"assay explain takes a model and up to two versions, not {len(versions)}; such as: assay explain {model} v7 v8")
    if not versions:
        return model, None, None
    if len(versions) == 1:  # `churn:v8` asks what came with v8; `churn v7` what changed since v7
        return (model, None, versions[0]) if version else (model, versions[0], None)
    return model, versions[0], versions[1]


def two_versions(project: Project, model: str, before: str | None, after: str | None) -> tuple[LotRecord, LotRecord]:
    """The two versions, opened ones both.

    Args:
        project: where.
        model: the name.
        before: "v7"; None for the one that the version after was held against, or else the one before it.
        after: "v8"; None for the version in force, or the newest where that is the version before.

    Raises:
        MisuseError: there is no such model or version, there is only one, or one could not be opened.
    """
    for text in (before, after):
        if text is not None and not NUMBER.fullmatch(text):
            raise MisuseError(f"{text!r} names no version; write v8, or {model}:v8")
    with project.ledger.read() as connection:
        check_model(connection, model)
        opened = [lot for lot in records.lots(connection, model) if ARTEFACT in lot.objects]
    first = None if before is None else version_of(project, f"{model}:{before}")
    second = version_of(project, model if after is None else f"{model}:{after}")
    if after is None and first is not None and second.lot == first.lot and opened:
        second = opened[-1]
    if first is None:
        first = _one_before(project, second, opened)
    if first.lot == second.lot:
        raise MisuseError(f"{label(first)} is both versions; name two that differ: assay explain {model} v{max(1, first.place - 1)} v{first.place}")
    for lot in (first, second):
        if ARTEFACT not in lot.objects:
            raise MisuseError(f"{label(lot)} could not be opened when it came, so nothing can be said of its answers")
    return first, second


def _one_before(project: Project, lot: LotRecord, opened: list[LotRecord]) -> LotRecord:
    with project.ledger.read() as connection:
        trial = trial_records.trial_of(connection, lot.lot)
    beaten = next((one for one in opened if trial is not None and one.lot == trial.champion), None)
    earlier = [one for one in opened if one.place < lot.place]
    if beaten is None and not earlier:
        raise MisuseError(f"{label(lot)} is the first version that could be opened, so nothing came before it; train another one, then ask again")
    return beaten or earlier[-1]
