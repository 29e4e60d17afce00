"""What tests of several parts need: a PostgreSQL.

The server is the one that ASSAY_POSTGRES names, else the one on this machine, else a private one that is started from Debian's binaries and
thrown away.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import uuid
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path

import coverage
import pytest

# Folders with modules that tests share: whoever imports one finds it, whichever folder is tested.
MADE = ("artefacts/made", "trials/made", "framing/made", "serving/made", "rollout/made", "report/made", "arrivals", "line/why/laboratory")
sys.path[:0] = [str(Path(__file__).parent / folder) for folder in MADE]

LOCAL = "postgresql://postgres@127.0.0.1:5432/postgres"


def programs() -> Path | None:
    """Where initdb and pg_ctl are; the newest version wins."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name) if path.parent.name.isdigit() else 0)
    found = shutil.which("initdb")
    return next((place for place in [*reversed(places), *([Path(found).resolve().parent] if found else [])] if (place / "pg_ctl").exists()), None)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def started(bin: Path, folder: Path) -> str:
    """Starts a server with a password in this folder; gives the address of its administrator."""
    as_user: list[str] = []
    if os.geteuid() == 0:  # PostgreSQL refuses to run as root
        shutil.chown(folder, "nobody")
        as_user = ["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups"]
    secret = folder / "password"
    secret.write_text("right one")
    if as_user:
        shutil.chown(secret, "nobody")
    port, data = free_port(), folder / "data"
    run = {"check": True, "capture_output": True, "timeout": 60, "cwd": "/"}
    subprocess.run([*as_user, str(bin / "initdb"), "-D", str(data), "-U", "admin", "-A", "scram-sha-256", "--pwfile", str(secret), "-N"], **run)  # type: ignore[call-overload]  # options in a dict
    options = f"-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off"
    log = str(folder / "log")
    subprocess.run([*as_user, str(bin / "pg_ctl"), "-D", str(data), "-w", "-l", log, "-o", options, "start"], **run | {"capture_output": False})  # type: ignore[call-overload]  # options in a dict
    return f"postgresql://admin:right%20one@127.0.0.1:{port}/postgres"


@pytest.fixture(scope="session")
def private_postgres() -> Iterator[str]:
    """A server that asks for a password."""
    bin = programs()
    if bin is None or sys.platform != "linux":
        pytest.skip("POSTGRESQL IS NOT TESTED WITH A PASSWORD: its server programs are not installed (apt-get install postgresql)")
    folder = Path(tempfile.mkdtemp(prefix="assay-pg-"))  # not below pytest's own folder, into which only its owner may look
    folder.chmod(0o755)
    try:
        yield started(bin, folder)
    finally:
        stop = [str(bin / "pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "stop"]
        subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", *stop] if os.geteuid() == 0 else stop, check=False, capture_output=True, cwd="/")
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres(request: pytest.FixtureRequest) -> str:
    """The address of somebody who may make databases."""
    psycopg = pytest.importorskip("psycopg", reason="psycopg is not installed: pip install 'assayline[postgres]'")
    named = os.environ.get("ASSAY_POSTGRES", "")
    for address in [named] if named else [LOCAL]:
        try:
            psycopg.connect(address, connect_timeout=3).close()
        except psycopg.Error as error:
            if named:
                raise AssertionError(f"ASSAY_POSTGRES names a server that cannot be reached: {error}") from error
        else:
            return address
    if programs() is None:
        warnings.warn("POSTGRESQL IS NOT TESTED: no server and no server programs; apt-get install postgresql or set ASSAY_POSTGRES", stacklevel=1)
    return str(request.getfixturevalue("private_postgres"))


@pytest.fixture
def new_database(postgres: str) -> Iterator[str]:
    """The address of a database that is made for one test."""
    psycopg = pytest.importorskip("psycopg")
    name = f"assay_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield postgres.rpartition("/")[0] + "/" + name
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (name,))
        connection.execute(f'DROP DATABASE "{name}"')


WHOLE_RUN = 500  # tests: whoever asks for fewer wants these
# Tests that go through whole programs for minutes are not traced in a whole run: tracing doubles their time, and what they reach other tests reach too. The coverage that is reported
# is so a lower bound.
LONG = (
    "docs/test_pages.py", "line/why/test_laboratory.py", "line/test_killsweep.py", "line/test_damage.py", "line/test_thinning.py", "line/test_slots.py", "line/test_machine.py",
    "line/test_together.py", "line/test_full_disk.py", "line/test_same_everywhere.py", "line/delivery/test_killed.py", "line/delivery/test_scoring_killed.py",
    "tables/test_hostile.py", "arrivals/test_killed.py",
    "rollout/test_simulated.py", "certificate/test_certify.py", "detectors/history/test_false_alarms.py", "structure/test_deletion.py", "trials/test_slicing.py", "environments/test_probe.py",
)  # fmt: skip


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Lets the long tests of a whole run go untraced, with all that they start; `make test-full` traces them all."""
    tracer = coverage.Coverage.current()
    if tracer is None or not _untraced(item):
        return (yield)
    hidden = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith(("COV_", "COVERAGE_"))}
    marked = item.get_closest_marker("no_cover") is not None  # those are stopped and started by pytest-cov
    if not marked:
        tracer.stop()
    try:
        return (yield)
    finally:
        if not marked:
            tracer.start()
        os.environ.update(hidden)


def _untraced(item: pytest.Item) -> bool:
    if item.get_closest_marker("no_cover") is not None:
        return True
    return not _full(item.config) and item.session.testscollected >= WHOLE_RUN and item.path.as_posix().endswith(LONG)


def _full(config: pytest.Config) -> bool:
    return "slow" in str(config.option.markexpr).replace("not slow", "")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Of the tests of a line that are the same on both ledgers, `make test` runs every other one on PostgreSQL too, and each target on SQLite; `make test-full` runs all on both."""
    if len(items) < WHOLE_RUN or _full(config):
        return
    left = [item for item in items if _for_the_full_run(item)]
    config.hook.pytest_deselected(items=left)
    items[:] = [item for item in items if not _for_the_full_run(item)]


def _for_the_full_run(item: pytest.Item) -> bool:
    given = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
    if given.get("ledger_url") != "postgresql":
        return False
    if item.get_closest_marker("one_ledger") is not None:
        return True
    if "place" in given:
        return bool(given["place"] != "postgresql")
    return zlib.crc32(item.nodeid.partition("[")[0].encode()) % 2 == 1
