"""A server that answers by one version, and what Argo Rollouts is told by the server that knows the rollout."""

from __future__ import annotations

import json
import re
from types import SimpleNamespace
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types of its own, and nothing but safe_load is used

from assayline.errors import MisuseError
from assayline.line.delivery import rollouts
from assayline.line.delivery.online import Online, OnlineSettings
from assayline.line.delivery.status import status_document
from assayline.line.delivery.terms import Terms
from assayline.line.project import Project
from assayline.rollout.routing import argo

pytest.importorskip("uvicorn")


def served(project: Project, *models: str) -> dict[str, Any]:
    """What `/metadata` says of the model churn, by name as Argo asks for it."""
    found: dict[str, Any] = Online(project, OnlineSettings(models, sample=0.0), lambda *_, **__: None).check()["models"]["churn"]
    assert found["name"] == "churn"
    return found


def holds(condition: str, told: dict[str, Any], share: str = "") -> bool:
    """A condition of Argo (expr) on what was said, turned into Python."""
    result = json.loads(json.dumps(told), object_hook=lambda one: SimpleNamespace(**one))
    text = condition.replace("{{args.share}}", share)
    for theirs, ours in (("&&", " and "), ("||", " or "), ("nil", "None"), ("asFloat", "float")):
        text = text.replace(theirs, ours)
    return bool(eval(re.sub(r"!(?=\()", " not ", text), {"__builtins__": {}}, {"result": result, "float": float}))


def test_a_named_version_answers_alone_whatever_the_rollout_says(shop: Project) -> None:
    rollouts.start(shop, "churn", "v4", Terms("customer", ramp=(30.0, 100.0)), author="ann")
    for _ in range(2):
        rollouts.advance(shop, "churn", author="ann", reason="go on")

    alone, both = served(shop, "churn:v4"), served(shop, "churn")

    assert (alone["rollout"], [one["version"] for one in alone["models"]][:1]) == (None, ["churn:v4"])
    assert (both["rollout"]["challenger"], both["rollout"]["share"]) == ("churn:v4", 30.0)


@pytest.mark.parametrize("version", ["churn:v9", "churn:new", "else:v1"])
def test_a_version_that_is_not_there_is_refused(shop: Project, version: str) -> None:
    with pytest.raises(MisuseError):
        Online(shop, OnlineSettings((version,), sample=0.0), lambda *_, **__: None)


def test_argo_is_told_by_the_metadata_when_to_wait_to_go_on_and_to_go_back(shop: Project) -> None:
    rollouts.start(shop, "churn", "v4", Terms("customer", ramp=(30.0, 100.0)), author="ann")
    _, undone, reached = yaml.safe_load_all(argo(status_document(shop, "churn")))
    went, fails, is_there = undone["spec"]["metrics"][0]["successCondition"], undone["spec"]["metrics"][0]["failureCondition"], reached["spec"]["metrics"][0]["successCondition"]
    seen = []

    def looked() -> None:
        told = served(shop, "churn")
        assert holds(went, told) != holds(fails, told)
        seen.append((holds(fails, told), holds(is_there, told, "30"), holds(is_there, told, "100")))

    looked()
    for _ in range(2):
        rollouts.advance(shop, "churn", author="ann", reason="go on")
    looked()
    rollouts.advance(shop, "churn", author="ann", reason="go on")
    looked()
    rollouts.advance(shop, "churn", author="ann", reason="go on")
    looked()
    rollouts.rollback(shop, "churn", author="ann", reason="calls from Lyon")
    looked()

    assert seen == [(False, False, False), (False, True, False), (False, True, True), (False, True, True), (True, False, False)]
