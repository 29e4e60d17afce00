"""Captures of environments as lots: kept, judged against the last released one, held where a difference blocks."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from assayline.environments import Environment, Lock, Package
from assayline.errors import AssaylineError, MisuseError, NotFound, Unreadable
from assayline.ledger import records, verify
from assayline.line.adjudicating import reject_lot, release_lot
from assayline.line.captures import keep, named
from assayline.line.health import lot_document
from assayline.line.project import Project
from assayline.line.reading import batches


def environment(numpy: str = "2.3.5", **others: str) -> Environment:
    return Environment({"numpy": Package(numpy), **{name: Package(version) for name, version in others.items()}}, {"interpreter": {"version": "3.11.7"}})


def lots(project: Project) -> list[tuple[str, str, int]]:
    with project.ledger.read() as connection:
        return [(lot.verdict, lot.state, lot.deliveries) for lot in records.lots(connection, "env.prod")]


def test_a_note_is_released_a_warning_warns_and_what_blocks_is_held(project: Project) -> None:
    for one in (environment(), environment(tidy="1.0"), environment("2.4.0", tidy="1.0"), environment("3.0.0", tidy="1.0")):
        keep(project, "prod", one, "here")

    assert lots(project) == [("release", "released", 1), ("release", "released", 1), ("warn", "released", 1), ("hold", "held", 1)]
    with project.ledger.read() as connection:
        last = records.lots(connection, "env.prod")[-1]
    assert [(one["code"], one["columns"], one["sentence"]) for one in last.findings] == [
        ("environment_changed", ["numpy"], "numpy is 3.0.0 now and 2.4.0 in lot 3: another major version.")
    ]
    assert list(verify(project.ledger, project.store)) == []


def test_the_same_environment_again_is_recorded_and_taken_no_second_time(project: Project) -> None:
    keep(project, "prod", environment(), "here")

    outcome = keep(project, "env.prod", environment(), "there")

    assert outcome.document["duplicate_of"] == "1"
    assert lots(project) == [("release", "released", 2)]


def test_an_environment_that_came_back_is_the_newest_again(project: Project) -> None:
    for version in ("2.3.5", "2.4.0", "2.3.5"):
        keep(project, "prod", environment(version), "here")

    assert [verdict for verdict, _, _ in lots(project)] == ["release", "warn", "warn"]
    assert named(project, "prod") == environment("2.3.5")


def test_what_is_held_is_no_measure_until_somebody_releases_it(project: Project) -> None:
    for version in ("2.3.5", "3.0.0", "3.0.1"):
        keep(project, "prod", environment(version), "here")
    release_lot(project, 3, author="ann")

    outcome = keep(project, "prod", environment("3.0.2"), "here")

    assert [verdict for verdict, _, _ in lots(project)] == ["release", "hold", "hold", "warn"]
    assert "3.0.1 in lot 3" in outcome.document["findings"][0]["sentence"]


def test_a_rejected_capture_is_not_what_its_name_means(project: Project) -> None:
    keep(project, "prod", environment("2.3.5"), "here")
    keep(project, "prod", environment("3.0.0"), "here")

    reject_lot(project, 2, author="ann")

    assert named(project, "prod") == environment("2.3.5")
    assert named(project, "2") == environment("3.0.0")


def test_drift_from_the_lock_is_said_of_the_first_capture_too(project: Project) -> None:
    drifting = Environment({"numpy": Package("2.3.5")}, {}, {"uv.lock": Lock("sha256:00", {"numpy": ("2.3.4", "2.3.5")})})

    outcome = keep(project, "prod", drifting, "here")

    assert outcome.document["verdict"] == "warn"
    assert outcome.document["findings"][0]["sentence"] == "uv.lock pins numpy 2.3.4, but 2.3.5 is installed."


def test_what_is_not_used_holds_nothing(project: Project) -> None:
    keep(project, "prod", environment(tidy="1.0"), "here")

    outcome = keep(project, "prod", environment("3.0.0", tidy="1.0"), "here", relevant=["tidy"])

    assert outcome.document["verdict"] == "release"


def test_the_packages_can_be_read_like_any_rows(project: Project) -> None:
    keep(project, "prod", environment(tidy="1.0"), "here")

    with project.ledger.read() as connection:
        frame = pl.concat(batches(project, records.lots(connection, "env.prod")))

    assert frame.select("package", "version").rows() == [("numpy", "2.3.5"), ("tidy", "1.0")]


def test_a_page_of_a_capture_has_its_report(project: Project) -> None:
    keep(project, "prod", environment(), "/venv/bin/python")
    keep(project, "prod", environment("2.4.0"), "/venv/bin/python")

    document = lot_document(project, 2)

    assert document["report"]["input"]["rows"] == 1
    assert document["findings"][0]["suggestion"].startswith("install numpy==2.3.5")


@pytest.mark.parametrize(("name", "error"), [("nothing", NotFound), ("999", MisuseError), ("spoilt.json", Unreadable), ("../up", MisuseError)])
def test_what_is_no_capture_is_said_to_be_none(name: str, error: type[AssaylineError], project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "spoilt.json").write_text(json.dumps({"schema": 1}))

    with pytest.raises(error):
        named(project, name)
