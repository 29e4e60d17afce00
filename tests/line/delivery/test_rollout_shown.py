"""A rollout that the judge took back, as its commands show and export it: from the ledger to the page, the picture, the terminal and the manifests."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import yaml  # type: ignore[import-untyped]  # it has no types of its own, and nothing but safe_load is used
from churn_batches import batch_scored

from assayline.ledger import rollout_records
from assayline.line.ahead import Judges
from assayline.line.delivery import rollouts
from assayline.line.delivery.status import status_document
from assayline.line.delivery.terms import Terms, Watched
from assayline.line.project import Project

main = pytest.importorskip("assayline.cli", reason="there is no command line without its part").main


@pytest.fixture
def taken_back(shop: Project, judges: Judges) -> Project:
    """A canary that was fine for two days and decided otherwise on a third of the customers on the third."""
    terms = Terms("customer", ramp=(30.0, 60.0, 100.0), guards=(Watched("flip_rate", "", 0.05),), control=30.0)
    rollouts.start(shop, "churn", "v4", terms, author="ann", reason="the new features")
    for _ in range(2):
        rollouts.advance(shop, "churn", author="ann", reason="go on")
    for day, flips in ((1, 0.0), (2, 0.01), (3, 0.3)):
        batch_scored(shop, day, rows=900, flips=flips, judges=judges)
        with shop.ledger.read() as connection:
            scoring = rollout_records.scorings(connection, model="churn", most=1)[0]
        assert rollouts.after_batch(shop, scoring) == []
    return shop


def test_a_rollout_that_went_wrong_is_told_from_the_ledger_to_the_reader(taken_back: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--project", str(Path(taken_back.folder))]
    document = status_document(taken_back, "churn")
    page, picture = tmp_path / "rollout.html", tmp_path / "rollout.svg"

    shown = main(["rollout", "status", "churn", *where])
    said = " ".join(capsys.readouterr().out.split())
    drawn = main(["rollout", "status", "churn", "--html", str(page), "--svg", str(picture), *where])

    assert (shown, drawn) == (1, 1)
    [guard] = [one for one in document["guards"] if not one["segment"] and one["guard"] == "flip_rate"]
    assert (document["state"], guard["state"]) == ("rolled_back", "broken")
    assert [look["batch"] for look in guard["history"]] == ["customers 1", "customers 2", "customers 3"]
    assert guard["history"][-1]["log_e"] == guard["log_e"] >= guard["needed"] > guard["history"][0]["log_e"]
    assert "ROLLED BACK churn:v4 against churn:v3" in said
    assert "What was put right" in said
    repaired = sum(one["rows"] for one in document["repairs"])
    assert repaired > 0
    html = page.read_text(encoding="utf-8")
    assert f"<dt>Predictions replaced</dt><dd><strong>{repaired:,}</strong>" in html
    assert "rolled back from" not in html  # that is the terminal's word; the page draws it
    assert html.count('class="al-stop"') >= 2  # on the evidence of the third day, in both sizes
    assert "".join(ET.fromstring(picture.read_text(encoding="utf-8")).itertext()).count("rolled back") >= 2


def test_the_routing_is_exported_for_others_to_apply(shop: Project, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--project", str(Path(shop.folder))]
    file = tmp_path / "churn.yaml"
    rollouts.start(shop, "churn", "v4", Terms("customer", ramp=(30.0, 60.0, 100.0)), author="ann")
    for _ in range(2):
        rollouts.advance(shop, "churn", author="ann", reason="go on")

    codes = [
        main(["rollout", "export", "churn", "--kserve", "--image", "registry/churn:2", *where]), main(["rollout", "export", "churn", "--argo", "-o", str(file), *where]),
        main(["rollout", "export", "churn", "--argo", "--json", *where]),
    ]  # fmt: skip
    out = capsys.readouterr().out

    manifest, rest = out.split("Written to ")
    predictor = yaml.safe_load(manifest)["spec"]["predictor"]
    assert codes == [0, 0, 0]
    assert (predictor["containers"][0]["image"], predictor["containers"][0]["args"][1]) == ("registry/churn:2", "churn:v4")
    assert predictor["canaryTrafficPercent"] == 30
    steps = next(yaml.safe_load_all(file.read_text(encoding="utf-8")))["spec"]["strategy"]["canary"]["steps"]
    assert [one["setWeight"] for one in steps if "setWeight" in one] == [30, 60, 100]
    assert json.loads(rest.splitlines()[-1])["text"] == file.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["export", "churn"], "say for whom: assay rollout export churn --kserve or --argo"), (["status", "churn", "--kserve"], "--kserve, --argo and --out go with"),
     (["hold", "churn", "--html", "x.html"], "--html and --svg go with"), (["status", "churn", "--html", "/nowhere/at/all/x.html"], "nowhere")],
)  # fmt: skip
def test_what_does_not_go_together_is_refused_before_anything_is_done(shop: Project, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["rollout", *arguments, "--project", str(Path(shop.folder))])

    assert code == 2
    assert re.search(re.escape(said), capsys.readouterr().err)
    with shop.ledger.read() as connection:
        assert rollout_records.rollouts(connection) == []
