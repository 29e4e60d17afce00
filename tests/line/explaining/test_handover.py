"""The hand-over file of a model: what it says is so, and what it tells people to type works."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "workers"))

pytest.importorskip("lightgbm")
pytest.importorskip("sklearn")
pytest.importorskip("assayline.training")
pytest.importorskip("assayline.trials")
pytest.importorskip("assayline.rollout")
cli = pytest.importorskip("assayline.cli")

from customers import customers  # noqa: E402 - after the check that its packages are there

from assayline.errors import LedgerError, MisuseError, NotFound, Unreadable  # noqa: E402
from assayline.ledger import records  # noqa: E402
from assayline.line.definition import load_line  # noqa: E402
from assayline.line.delivery.in_service import serving_of  # noqa: E402
from assayline.line.explaining.handover import card_document  # noqa: E402
from assayline.line.explaining.kept_cards import changes, form, keep, keep_cards  # noqa: E402
from assayline.line.project import create_project, open_project  # noqa: E402
from assayline.line.running import Ran, run_line  # noqa: E402

TEXT = '''
import assayline
from assayline import Table
import polars as pl

line = assayline.Line("shop")
orders = line.source("orders", "orders-*.parquet", key="customer", owner="orders@example.com", every="H 6 * * *", settle_seconds=0)
daily = line.source("daily", "daily-*.parquet", key="customer", owner="crm@example.com", settle_seconds=0)

@line.step
def adults(orders: Table) -> Table:
    """Customers of age."""
    return orders.filter(pl.col("age") >= 18)

class Churn(assayline.Model):
    """Who leaves; "soon"."""
    target, key, owner, drop = "churned", "customer", "ana@example.com", ("city",)

churn = line.model(Churn, data=adults, budget="1s", cost=assayline.cost_matrix(("no", "yes"), {("yes", "no"): 100.5, ("no", "yes"): 10.0}), seed=3)
scores = line.score(churn, daily, name="scores", otherwise="no")

@line.step(takes={"scores": "each"})
def callers(scores: Table) -> Table:
    """Whom to call."""
    return scores.filter(pl.col("prediction") == "yes")
'''


def run(folder: Path, **only: Any) -> Ran:
    line = load_line(str(folder))
    sys.path.remove(str(folder))
    with open_project(str(folder)) as project:
        return run_line(project, line, str(folder / "line.py"), **only)


def card(folder: Path, version: str = "churn") -> dict[str, Any]:
    line = load_line(str(folder))
    sys.path.remove(str(folder))
    with open_project(str(folder)) as project:
        return card_document(project, version, line)


def text(folder: Path, name: str = "model_card") -> str:
    return form(name)(card(folder))


def typed(command: str) -> int:
    """What a command of the card gives, typed in the folder of the project."""
    words = shlex.split(command.replace("TEXT", "'it is odd'"))
    assert words[0] == "assay"
    code: int = cli.main(words[1:])
    return code


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A line with a model that scores each day; nobody writes to it."""
    folder = tmp_path_factory.mktemp("handover") / "shop"
    with create_project(str(folder)):
        pass
    (folder / "line.py").write_text(TEXT, encoding="utf-8")
    customers(1, 500).write_parquet(folder / "orders-1.parquet")
    customers(5, 300).drop("churned").write_parquet(folder / "daily-1.parquet")
    ran = run(folder)
    assert ran.problems == []
    return folder


@pytest.fixture
def shop(template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(template, tmp_path / "shop")
    monkeypatch.chdir(tmp_path / "shop")
    return tmp_path / "shop"


def test_a_card_says_who_reads_the_model_what_it_rests_on_and_whom_to_ask(template: Path) -> None:
    told = card(template)["handover"]

    assert told["answers"][0].startswith("churn:v1 answers")
    assert [(one["flow"], one["kind"], one["reads"], one["then"], one["command"]) for one in told["readers"]] == [("scores", "line", "daily", ["callers"], "assay run --step scores")]
    assert {one["flow"]: (one["kind"], one["owner"], one["use"]) for one in told["upstream"]} == {
        "adults": ("step", "", "training"), "orders": ("source", "orders@example.com", "training"), "daily": ("source", "crm@example.com", "scoring"),
    }  # fmt: skip
    assert {one["who"]: one["role"] for one in told["people"]} == {
        "ana@example.com": "owner of the model churn", "orders@example.com": "owner of orders", "crm@example.com": "owner of daily",
    }  # fmt: skip
    assert any("then the value 'no'" in one and "what it had to beat (dummy" in one for one in told["fails"])
    assert told["open"] == []
    assert "assay why scores" in [one["command"] for one in told["cause"]]


def test_a_healthy_batch_changes_no_card_and_a_finding_upstream_does(shop: Path) -> None:
    before = text(shop)
    customers(6, 300).drop("churned").write_parquet(shop / "daily-2.parquet")
    assert run(shop).runs["scores"] == 1

    same = text(shop)
    frame = customers(7, 300).drop("churned")
    frame.with_columns(city=pl.when(pl.int_range(pl.len()) < 20).then(pl.lit("N/A")).otherwise("city")).write_parquet(shop / "daily-3.parquet")
    run(shop, steps=[])
    found = card(shop)["handover"]["open"]

    assert same == before
    assert {one["flow"] for one in found} == {"daily"}
    assert all(one["command"].startswith(("assay why incident ", "assay quarantine list daily")) for one in found)


@pytest.mark.slow  # it trains, and goes all the way of two rollouts
def test_what_the_card_tells_people_to_type_works_from_the_next_version_to_the_way_back(shop: Path) -> None:
    first = card(shop)
    line, at_once, look = (one["command"] for one in first["handover"]["retrain"])
    assert (line, look) == ("assay run --step churn", "assay model show churn")

    assert typed(line) == 0
    with open_project(str(shop)) as project, project.ledger.read() as connection:
        assert len(records.lots(connection, "churn")) == 1, "nothing changed, so the line trains nothing"
    assert typed(at_once) == 0
    second = card(shop, "churn:v2")
    assert typed(look) == 0

    for name in ("owner", "purpose", "cost", "target", "key"):
        assert second["about"][name] == first["about"][name], name
    assert second["retrain"] == first["retrain"] == at_once
    assert second["about"]["features"] == first["about"]["features"] == 2
    _back_and_back_again(shop)


def _back_and_back_again(shop: Path) -> None:
    start, advance, pinned = (one["command"] for one in card(shop)["handover"]["back"])
    assert pinned == "assay run --step scores"
    assert typed(start) == 0
    for _ in range(4):
        if _answering() == "v1":
            break
        assert typed(advance) == 0
    assert _answering() == "v1"
    told = card(shop, "churn:v1")["handover"]
    assert told["answers"][0].startswith("churn:v1 is promoted")
    assert told["rollouts"][-1]["reason"] == "it is odd"

    back = told["back"][0]["command"]
    assert back == "assay rollout rollback churn --reason TEXT"
    assert typed(back) == 0
    assert _answering() == "v2"


def _answering() -> str:
    with open_project() as project, project.ledger.read() as connection:
        serving = serving_of(connection, "churn")
        chosen = serving.challenger if serving.rollout is not None and serving.rollout.state == "promoted" and serving.challenger is not None else serving.champion
        return f"v{chosen.place}"


def test_a_kept_card_is_checked_section_by_section(shop: Path, tmp_path: Path) -> None:
    for name, view in (("card.md", "model_card"), ("card.html", "model_card_html")):
        path = tmp_path / name
        fresh = text(shop, view)
        assert keep(str(path), fresh)
        assert not keep(str(path), fresh), "the same is not written again"
        assert changes(str(path), fresh) == []

        document = card(shop)
        document["handover"]["people"].append({"who": "<b>new@example.com</b>", "role": "owner of something"})
        assert [one for one in changes(str(path), form(view)(document)) if "new@" in one and one.startswith("Who answers: new: ")]
        path.write_text(fresh.replace("ana@example.com", "eve@example.com"), encoding="utf-8")
        assert any(one.startswith("Who answers: no longer: ") and "eve@" in one for one in changes(str(path), fresh))


def test_what_is_no_card_is_refused_by_name(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "picture.md").write_bytes(b"\xff\xfe\x00")
    fresh = text(shop)

    with pytest.raises(NotFound, match="there is no such file"):
        changes(str(tmp_path / "gone.md"), fresh)
    with pytest.raises(Unreadable, match="no text"):
        changes(str(tmp_path / "picture.md"), fresh)
    with pytest.raises(LedgerError, match="choose another place"):
        keep(str(tmp_path / "nowhere" / "card.md"), fresh)
    with pytest.raises(MisuseError, match=r"ends in \.md or \.html"):
        changes(str(tmp_path / "card.pdf"), fresh)


def test_a_run_keeps_the_cards_of_the_project_up_to_date_and_writes_only_what_changed(shop: Path) -> None:
    with open(shop / "assay.toml", "a", encoding="utf-8") as settings:
        settings.write('\n[cards]\nfolder = "docs/models"\n')
    kept = shop / "docs" / "models" / "churn.md"

    assert run(shop).problems == []
    first = kept.stat().st_mtime_ns
    assert kept.read_text(encoding="utf-8") == text(shop)
    run(shop)
    again = kept.stat().st_mtime_ns
    kept.write_text("half a", encoding="utf-8")
    run(shop)

    assert again == first
    assert kept.read_text(encoding="utf-8") == text(shop)
    assert [one.name for one in kept.parent.iterdir()] == ["churn.md"]


def test_cards_that_cannot_be_kept_are_a_problem_of_the_run_and_stop_nothing(shop: Path) -> None:
    (shop / "docs").write_text("a file", encoding="utf-8")
    with open(shop / "assay.toml", "a", encoding="utf-8") as settings:
        settings.write('\n[cards]\nfolder = "docs/models"\n')
    customers(8, 300).drop("churned").write_parquet(shop / "daily-2.parquet")

    ran = run(shop)

    assert ran.runs["scores"] == 1
    assert len(ran.problems) == 1
    assert "docs" in ran.problems[0]
    assert "[cards]" in ran.problems[0]


def test_a_card_without_a_line_says_what_the_ledger_knows(template: Path) -> None:
    with open_project(str(template)) as project:
        told = card_document(project, "churn")["handover"]
        assert keep_cards(project, None) == []

    assert [(one["flow"], one["kind"]) for one in told["readers"]] == [("scores", "by hand")]
    assert told["readers"][0]["command"] == "assay score churn --input flow:daily --flow scores --otherwise no"
    assert {one["flow"]: one["kind"] for one in told["upstream"]} == {"adults": "step", "orders": "flow", "daily": "flow"}
    json.dumps(told)
