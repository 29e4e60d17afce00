"""Trials that people write: one that crashes, hangs or eats memory has failed, and everything else goes on."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

pytest.importorskip("lightgbm")
pytest.importorskip("assayline.trials")
pytest.importorskip("assayline.artefacts")

from customers import Make, customers

from assayline.errors import MisuseError
from assayline.line.models.showing import model_document
from assayline.line.models.test_sets import add_set
from assayline.line.models.trying import TrialSettings, Trying
from assayline.line.project import Project

SUITE = '''
import os, time
from assayline import trial

@trial
def most_are_right(scores):
    """Three of four."""
    assert scores["accuracy"] > 0.75

@trial
def nobody_leaves(predictions, rows):
    print("looking at", rows.height)
    assert (predictions < 0.5).all(), "somebody leaves"

@trial
def crashes(rows):
    os.abort()

@trial(timeout_seconds=1)
def never_ends(rows):
    while True:
        pass

@trial
def breaks(rows):
    rows["no such column"]

@trial
def old_customers_in_lyon(bench):
    lyon = bench.where(bench.rows["city"] == "Lyon")
    assert lyon.score("auc") > 0.6
'''


@pytest.fixture
def hosted(project: Project, tmp_path: Path) -> Project:
    customers(99).write_parquet(tmp_path / "q1.parquet")
    assert add_set(project, "churn", str(tmp_path / "q1.parquet"), "q1").error is None
    return project


def test_a_trial_that_crashes_or_never_ends_has_failed_and_the_others_are_run(hosted: Project, make: Make) -> None:
    (Path(hosted.folder) / "trials.py").write_text(SUITE)

    with Trying(hosted, aspects=()) as trying:
        outcome = trying.take(str(make("v1")))
        again = trying.take(str(make("v2", seed=5)))

    document = model_document(hosted, "churn:v1")
    said = {one["name"].removesuffix(" on q1"): one["outcome"] for one in document["trial"]["suite"]}
    assert said == {
        "most_are_right": "passed", "nobody_leaves": "failed", "crashes": "crashed", "never_ends": "timeout", "breaks": "error", "old_customers_in_lyon": "passed",
    }  # fmt: skip
    assert "looking at 1500" in next(one["output"] for one in document["trial"]["suite"] if one["name"].startswith("nobody"))
    assert outcome.lot is not None
    assert again.lot is not None
    assert (outcome.lot.state, again.lot.state) == ("held", "held")


def test_a_suite_that_cannot_be_loaded_fails_and_says_why(hosted: Project, make: Make) -> None:
    (Path(hosted.folder) / "trials.py").write_text("import no_such_module\n")

    with Trying(hosted, aspects=()) as trying:
        trying.take(str(make("v1")))

    [said] = model_document(hosted, "churn:v1")["trial"]["suite"]
    assert said["name"] == "trials.py"
    assert "no_such_module" in said["said"]


def test_a_ci_reads_what_failed_and_what_a_user_wrote(hosted: Project, make: Make) -> None:
    from assayline.line.models.ci import badge_of, junit_of

    with Trying(hosted, aspects=()) as trying:
        trying.take(str(make("v1")))
        (Path(hosted.folder) / "trials.py").write_text("from assayline import trial\n@trial\ndef sound(y):\n    assert len(y) & 1, '<never> & \"never\"'\n")
        trying.take(str(make("v2", seed=2, spoiled=0.35)))
    document = model_document(hosted, "churn:v2")

    root = ElementTree.fromstring(junit_of(document))

    failed = {case.get("name") for case in root.iter("testcase") if case.find("failure") is not None}
    assert failed == {"against churn:v1", "sound on q1"}
    assert "hold" in badge_of(document)


def test_settings_that_make_no_sense_are_refused_by_name(project: Project) -> None:
    from dataclasses import replace

    with pytest.raises(MisuseError, match="knows no 'second'"):
        TrialSettings.of(replace(project, settings={"trials": {"second": 3}}))
    with pytest.raises(MisuseError, match="not of the right type"):
        TrialSettings.of(replace(project, settings={"trials": {"seconds": "3"}}))

    assert TrialSettings.of(replace(project, settings={"trials": {"protected": ["sex"]}})).protected == ("sex",)


def test_all_aspects_are_looked_at_and_say_something(hosted: Project, make: Make) -> None:
    from dataclasses import replace

    project = replace(hosted, settings={"trials": {"protected": ["city"], "size_mib": 0.001}})
    with Trying(hosted, aspects=()) as trying:
        trying.take(str(make("v1")))
    with Trying(project) as trying:
        trying.take(str(make("v2", seed=4)))

    document = model_document(project, "churn:v2")
    [tried] = document["trial"]["sets"]
    assert {"slices", "flips", "fairness", "robustness", "importance", "privacy", "security", "scalability", "labels"} <= set(tried["aspects"])
    assert [one["code"] for one in document["trial"]["report"]["findings"] if one["severity"] >= 0.8] == ["large_model"]
    assert not [one for one in document["trial"]["report"]["findings"] if one["code"] == "failed_trial"]
