"""What is wrong with a flow is seen, with the lot it began in and the state to hold it against; and nothing is seen where nothing is wrong."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "workers"))

from town import built, loaded

from assayline.errors import MisuseError
from assayline.ledger import records
from assayline.line.project import Project, open_project
from assayline.line.why.asked import Asked, Healthy, Seen
from assayline.line.why.symptoms import symptom_of, upstream


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project in which all is well; nobody changes it."""
    return built(tmp_path_factory.getbasetemp())


@pytest.fixture
def project(town: Path) -> Iterator[Project]:
    """It, open."""
    with open_project(str(town)) as opened:
        yield opened


def seen(project: Project, asked: Asked) -> Seen | Healthy:
    line, file = loaded(Path(project.folder))
    return symptom_of(project, line, file, asked)


def newest(project: Project, flow: str, back: int = 0) -> int:
    with project.ledger.read() as connection:
        return records.lots(connection, flow, most=back + 1, newest_first=True)[-1].lot


def test_a_flow_with_which_nothing_is_wrong_is_said_to_be_healthy_whatever_is_asked_of_it(project: Project) -> None:
    for asked in (
        Asked("hourly"), Asked("daily"), Asked("weather"), Asked("hourly", since="2020-01-01"), Asked("hourly", lot=newest(project, "hourly", 1)),
        Asked("hourly", metric="mae(expected, rentals)"),
        Asked("hourly", rows="station = 3 and hour = 2026-03-07"), Asked("hourly", rows="station = 3 and hour = 2026-03-07", metric="mean(rentals)"),
    ):  # fmt: skip
        found = seen(project, asked)

        assert isinstance(found, Healthy), asked
        assert "\n" not in found.sentence


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (Asked("nothing"), "there is nothing known of a flow 'nothing'"), (Asked("hourly", lot=1), "lot 1 is none of the last"), (Asked(incident=99), "there is no incident 99"),
        (Asked("hourly", metric="mean(nothing)"), "there is no column 'nothing'"), (Asked("hourly", rows="nothing = 3"), "there is no column 'nothing'"),
        (Asked("hourly", rows="station = 17"), "no row of the last 7 lots"), (Asked("hourly", rows="station = 3 and hour = 2026-03-02"), "only 1 earlier lots"),
    ],
)  # fmt: skip
def test_a_question_that_makes_no_sense_is_refused_with_the_reason(project: Project, asked: Asked, said: str) -> None:
    with pytest.raises(MisuseError, match=said):
        seen(project, asked)


def test_a_question_about_two_things_is_refused() -> None:
    for more in ({"incident": 3}, {"model": "churn:v8"}, {"most": 0}, {"seconds": 0.0}):
        with pytest.raises(MisuseError):
            Asked("hourly", **more)


def test_what_is_upstream_comes_nearest_first(town: Path) -> None:
    line, _ = loaded(town)

    assert upstream(line, "daily") == ["hourly", "rides", "weather"]
    assert upstream(line, "rides") == []
