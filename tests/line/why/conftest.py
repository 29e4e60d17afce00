"""One small project with three states of its last flow: well; warmer weather; other code, another parameter and another price. Made once, and copied by who changes it."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "workers"))

from small_line import HELPERS, LINE, deliver, ran, write

from assayline.line.project import Project, create_project, open_project


@pytest.fixture(scope="session")
def bikes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that is copied; nobody writes to it."""
    folder = tmp_path_factory.mktemp("why") / "bikes"
    with create_project(str(folder)) as project:
        write(folder)
        for week in range(2):
            deliver(folder, week)
        assert ran(project).problems == []
        deliver(folder, 2, warmer=40.0)
        assert ran(project).runs == {"hourly": 1, "scaled": 1, "daily": 1}
        write(folder, helpers=HELPERS.replace("* 2.0", "* 3.0"), line=LINE.replace("factor: float = 1.0", "factor: float = 1.5"), price=4.0)
        assert ran(project).runs == {"scaled": 3, "daily": 3}
    return folder


@pytest.fixture
def project(bikes: Path, tmp_path: Path) -> Iterator[Project]:
    """A copy of it."""
    shutil.copytree(bikes, tmp_path / "bikes")
    with open_project(str(tmp_path / "bikes")) as opened:
        yield opened
