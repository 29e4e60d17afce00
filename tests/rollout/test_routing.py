"""Manifests for KServe and Argo Rollouts: valid, whatever the names are, and saying what the rollout says."""

from __future__ import annotations

from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types of its own, and nothing but safe_load is used
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.core.rollout import stages_of
from assayline.rollout.routing import Places, argo, kserve

Document = dict[str, Any]


def told(**changed: Any) -> Document:
    """A rollout as `assay rollout status --json` tells it."""
    stages = [{"mode": one.mode, "share": one.share} for one in stages_of("canary")]
    return {
        "model": "churn", "rollout": 12, "state": "running", "champion": {"label": "churn:v6", "lot": 30}, "challenger": {"label": "churn:v7", "lot": 35}, "stage": 3,
        "stages": stages, "share": 5.0, "salt": "2026-11", "unit": "customer_id", **changed,
    }  # fmt: skip


def container(manifest: Document) -> Document:
    found: Document = manifest["spec"]["predictor"]["containers"][0]
    return found


def test_kserve_gives_the_share_of_the_stage_to_the_challenger() -> None:
    manifest = yaml.safe_load(kserve(told(), Places(image="registry/churn:1", storage="s3://models/churn", namespace="prod")))

    assert (manifest["apiVersion"], manifest["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    assert (manifest["metadata"]["name"], manifest["metadata"]["namespace"]) == ("churn", "prod")
    assert manifest["metadata"]["annotations"]["assayline/rollout"] == "12"
    assert manifest["spec"]["predictor"]["canaryTrafficPercent"] == 5
    assert (container(manifest)["image"], container(manifest)["env"]) == ("registry/churn:1", [{"name": "STORAGE_URI", "value": "s3://models/churn"}])
    assert container(manifest)["args"][:4] == ["serve", "churn:v7", "--project", "/mnt/models"]


@pytest.mark.parametrize(
    ("changed", "served"),
    [({"stage": 1, "share": 0.0}, "churn:v6"), ({"state": "rolled_back", "share": 0.0}, "churn:v6"), ({"state": "finished", "share": 0.0}, "churn:v6"),
     ({"state": "promoted", "share": 100.0}, "churn:v7"), ({"stage": 6, "share": 100.0}, "churn:v7")],
)  # fmt: skip
def test_kserve_names_one_version_and_no_share_where_one_answers_everybody(changed: Document, served: str) -> None:
    manifest = yaml.safe_load(kserve(told(**changed)))

    assert "canaryTrafficPercent" not in manifest["spec"]["predictor"]
    assert container(manifest)["args"][1] == served


def test_a_share_below_one_per_cent_is_neither_none_nor_all_and_is_told() -> None:
    text = kserve(told(share=0.2))

    assert yaml.safe_load(text)["spec"]["predictor"]["canaryTrafficPercent"] == 1
    assert "# KServe takes whole per cents: 0.2 is written as 1." in text


def test_the_mode_in_which_kserve_ignores_the_share_is_named() -> None:
    text = kserve(told())

    assert "In the mode RawDeployment (by now called Standard) KServe ignores canaryTrafficPercent, without an error or a warning" in text
    assert "From KServe 0.20 on" in text


def test_argo_waits_for_the_judge_before_each_share_and_aborts_when_it_is_taken_back() -> None:
    rollout, undone, reached = yaml.safe_load_all(argo(told(), Places(judge="https://assay.prod:8443")))

    canary = rollout["spec"]["strategy"]["canary"]
    steps = canary["steps"]
    assert [one["setWeight"] for one in steps if "setWeight" in one] == [1, 5, 25, 50, 100]
    assert [one["analysis"]["args"][0]["value"] for one in steps[::2]] == ["1", "5", "25", "50", "100"]
    assert {one["analysis"]["templates"][0]["templateName"] for one in steps[::2]} == {reached["metadata"]["name"]}
    assert canary["analysis"]["templates"] == [{"templateName": undone["metadata"]["name"]}]
    assert undone["spec"]["metrics"][0]["failureLimit"] == 0
    assert reached["spec"]["metrics"][0]["consecutiveSuccessLimit"] == 1
    for template in (undone, reached):
        web = template["spec"]["metrics"][0]["provider"]["web"]
        assert (web["url"], web["jsonPath"]) == ("https://assay.prod:8443/metadata", '{$.models[?(@.name=="churn")]}')
    served = rollout["spec"]["template"]["spec"]["containers"][0]
    assert served["args"][1] == "churn:v7"
    assert {"--certificate", "--key", "--tokens"} < set(served["args"])


def test_names_that_kubernetes_does_not_take_are_made_over_and_stay_apart() -> None:
    names = ["Churn", "churn score", "churn_score", "7days", "x" * 90, "x" * 91, "流失", "-", "a.b"]

    made = [yaml.safe_load(kserve(told(model=name)))["metadata"]["name"] for name in names]
    templates = [template["metadata"]["name"] for name in names for template in list(yaml.safe_load_all(argo(told(model=name))))[1:]]

    for name in (*made, *templates):
        assert len(name) <= 63
        assert name[0].isalpha()
        assert name.isascii()
        assert name.strip("-") == name
        assert name.replace("-", "").isalnum()
        assert name == name.lower()
    assert len(set(made)) == len(names)
    assert len(set(templates)) == 2 * len(names)


HOSTILE = [
    "yes", "null", "1e3", "0x1F", "~", "- a", "a: b", "a #b", "{a: 1}", "[1]", "'", '"', "\\", "a\nkind: Secret", "\r\n---\nkind: Secret", "*a", "&a b", "!!python/object:os.system", "%TAG", "\t",
    "\u2028", "\u0085", "\x00", "\x1b[31m", "\ud800", "\U0001f600", "a\u202eb", "", " ", "2026-11-21", "12:30:45", "=", "<<", "|\n x", "> x", "@x", "`x",
]  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(HOSTILE), st.text(max_size=12)), min_size=9, max_size=9))
def test_no_text_breaks_the_yaml_or_becomes_anything_but_text(texts: list[str]) -> None:
    model, champion, challenger, salt, unit, image, storage, secret, judge = texts
    document = told(model=model, champion={"label": champion}, challenger={"label": challenger}, salt=salt, unit=unit)
    places = Places(image=image, storage=storage, secret=secret, judge=judge)

    one = list(yaml.safe_load_all(kserve(document, places)))
    three = list(yaml.safe_load_all(argo(document, places)))

    assert [each["kind"] for each in (*one, *three)] == ["InferenceService", "Rollout", "AnalysisTemplate", "AnalysisTemplate"]
    kept = {name.removeprefix("assayline/"): said for name, said in three[0]["metadata"]["annotations"].items()}
    for name, said in (("model", model), ("champion", champion), ("challenger", challenger), ("salt", salt), ("unit", unit)):
        assert kept.get(name, "") == said.replace("\ud800", "\ufffd")
    assert container(one[0])["image"] == image.replace("\ud800", "\ufffd")
    assert three[0]["spec"]["template"]["spec"]["volumes"][0]["secret"]["secretName"] == secret.replace("\ud800", "\ufffd")
