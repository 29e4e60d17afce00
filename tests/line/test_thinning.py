"""Thinning: the long past takes less room, the judgement of the next lot does not change, and a crash leaves nothing behind."""

from __future__ import annotations

import math
import shutil
import tracemalloc
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assayline.core import Profile
from assayline.errors import MisuseError
from assayline.ledger import FolderStore, Staged, Writing, back_up, create_ledger, held, records, restore, verify
from assayline.line.api import gate
from assayline.line.gating import ensure_flow, gate_paths
from assayline.line.project import Project, create_project, open_project
from assayline.line.put_back import put_back
from assayline.line.quarantine import decide
from assayline.line.thinning import Thinning, thin, thin_if_due
from assayline.measures import profile
from assayline.measures.packing import packed, unpacked
from assayline.measures.thinning import thinned

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
POLICY = Thinning(keep_lots=60, days=20)


def hour(number: int, rows: int = 50) -> pl.DataFrame:
    """One lot of an hourly flow."""
    noise = pl.Series(range(rows)).hash(number).to_list()
    return pl.DataFrame(
        {
            "order": [number * 10_000 + row for row in range(rows)], "amount": [round(20 + value % 9_973 / 100, 2) for value in noise],
            "city": [("Lyon", "Bonn", "Gent")[value % 3] for value in noise],
        }
    )  # fmt: skip


def history(project: Project, count: int, *, hours: float = 12, odd: Sequence[int] = (), first: int = 1) -> None:
    """So many lots that end now, as the gate would have published them, without the time it takes to judge them."""
    with project.store.staging() as folder, project.ledger.write() as writing:
        ensure_flow(writing, "sales")
        for number in range(first, first + count):
            frame = hour(number)
            Path(folder, "profile").write_bytes(packed(profile(frame)))
            frame.write_parquet(Path(folder, "released"))
            digests = project.store.put([Staged(f"{folder}/profile"), Staged(f"{folder}/released", ".parquet")])
            at = NOW - timedelta(hours=hours * (first + count - 1 - number))
            writing.append(
                "lot",
                {
                    "lot": number, "flow": "sales", "place": number, "digest": f"rows:{number}", "input": f"{number}.parquet", "verdict": "release", "state": "released",
                    "teaches": number not in odd, "adopted": [], "rows": {"taken": 50, "released": 50, "quarantined": 0, "held": 0, "unparseable": 0},
                    "objects": dict(zip(("profile", "released"), digests, strict=True)), "parents": [], "findings": [], "codes": [], "figures": {"columns_now": frame.columns},
                    "cases": [], "incidents": [], "notices": [], "settles": [], "at": at.isoformat(timespec="microseconds"),
                },
            )  # fmt: skip


@pytest.fixture
def movable(tmp_path: Path) -> Iterator[Project]:
    """A project whose ledger is in its folder, so that a copy of the folder is a project of its own."""
    with create_project(str(tmp_path / "movable")) as made:
        yield made


def objects(project: Project) -> set[str]:
    return set(project.store.objects())


def pasts(project: Project) -> list[tuple[str, int, int]]:
    with project.ledger.read() as connection:
        return [(row.period, int(row.first), int(row.last)) for row in records.merged_pasts(connection, "sales")]


def test_lots_of_long_ago_share_a_profile_by_day_and_longer_ago_by_month(project: Project) -> None:
    history(project, 140)

    done = thin(project, "sales", Thinning(keep_lots=60, days=40), NOW)

    found = pasts(project)
    assert (done["lots"], done["merged"], done["left"]) == (80, len(found), 0)
    assert [period for period, _, _ in found] == ["2026-04", "2026-05", *(f"2026-05-{day}" for day in range(22, 32)), "2026-06-01"]
    assert [first for _, first, _ in found] == [1, *(last + 1 for _, _, last in found[:-1])]
    assert found[-1][2] == 80
    assert done["deleted"] == 80
    assert list(verify(project.ledger, project.store)) == []


def test_a_second_run_without_news_changes_nothing(project: Project) -> None:
    history(project, 140)
    thin(project, "sales", POLICY, NOW)
    before = [entry.chain for entry in project.ledger.entries()]

    done = thin(project, "sales", POLICY, NOW)

    assert (done["lots"], done["merged"], done["deleted"]) == (0, 0, 0)
    assert [entry.chain for entry in project.ledger.entries()] == before


@pytest.mark.parametrize("steps", [1, 2, 5])
def test_what_is_merged_is_the_profile_of_all_rows_however_often_it_was_thinned(project: Project, steps: int) -> None:
    count, each = 90, 30 // steps
    for step in range(steps):
        history(project, each if step else count - 30 + each, hours=0.01, first=1 if not step else count - 30 + each * step + 1)
        thin(project, "sales", POLICY, NOW + timedelta(days=300))

    with project.ledger.read() as connection:
        (past,) = records.merged_pasts(connection, "sales")
    whole = unpacked(Path(project.store.path(past.profile)).read_bytes())
    together = thinned(profile(pl.concat([hour(number) for number in range(1, 31)])))
    assert (past.first, past.last) == (1, 30)
    different = [name for name, state in shown(together).items() if not close(shown(whole)[name], state)]
    assert different == []


def shown(whole: Profile) -> dict[str, Any]:
    return {f"{place} {name}": state.as_json() for (place, name), state in whole.states.items()}


def close(a: Any, b: Any, scale: float = 1.0) -> bool:
    """Equality but for the last bits of sums, by the size of the largest number of a state."""
    if isinstance(a, dict):
        size = max((abs(one) for one in a.values() if isinstance(one, float) and math.isfinite(one)), default=1.0)
        return a.keys() == b.keys() and all(close(a[key], b[key], max(scale, size)) for key in a)
    if isinstance(a, float):
        return bool(a == b) or math.isclose(a, b, rel_tol=1e-7, abs_tol=1e-7 * scale)
    return bool(a == b)


class Killed(BaseException):
    """The process ends here."""


@pytest.mark.parametrize("moment", ["merging", "transaction", "deleting", "in the middle of deleting", "writing down"])
def test_a_crash_anywhere_is_made_good_by_the_next_run(movable: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    project = movable
    history(project, 140)
    shutil.copytree(project.folder, tmp_path / "calm")
    with open_project(str(tmp_path / "calm")) as calm:
        thin(calm, "sales", POLICY, NOW)
        wanted, wanted_pasts = objects(calm), pasts(calm)
    append, put, delete = Writing.append, FolderStore.put, FolderStore.delete
    calls = {"put": 0, "delete": 0}

    def appending(writing: Writing, event: str, body: Any) -> Any:
        if (moment == "transaction" and body.get("lots")) or (moment == "writing down" and body.get("gone")):
            raise Killed
        return append(writing, event, body)

    def putting(store: FolderStore, files: Any) -> list[str]:
        calls["put"] += 1
        if moment == "merging" and calls["put"] == 2:
            raise Killed
        return put(store, files)

    def deleting(store: FolderStore, digest: str) -> None:
        calls["delete"] += 1
        if moment == "deleting" or (moment == "in the middle of deleting" and calls["delete"] == 20):
            raise Killed
        delete(store, digest)

    with monkeypatch.context() as patch:
        patch.setattr(Writing, "append", appending)
        patch.setattr(FolderStore, "put", putting)
        patch.setattr(FolderStore, "delete", deleting)
        with pytest.raises(Killed):
            thin(project, "sales", POLICY, NOW)

    assert list(verify(project.ledger, project.store)) == []
    thin(project, "sales", POLICY, NOW)
    assert pasts(project) == wanted_pasts
    assert objects(project) == wanted
    assert list(verify(project.ledger, project.store)) == []


def test_the_next_lot_is_judged_the_same_and_its_report_is_the_same(movable: Project, tmp_path: Path) -> None:
    project = movable
    history(project, 125)
    shutil.copytree(project.folder, tmp_path / "thick")
    odd = hour(200).with_columns(amount=pl.col("amount") * 3, city=pl.Series(["KÃ¶ln"] * 3 + ["Oslo"] * 47))
    odd.write_parquet(tmp_path / "odd.parquet")

    thin(project, "sales", POLICY, NOW)

    reports = []
    with open_project(str(tmp_path / "thick")) as thick:
        for one in (project, thick):
            document = next(iter(gate_paths(one, "sales", [str(tmp_path / "odd.parquet")]))).document
            reports.append({name: document[name] for name in ("verdict", "state", "rows", "findings")})
    assert reports[0]["findings"]
    assert reports[0] == reports[1]


def test_a_profile_that_another_lot_has_too_stays(project: Project) -> None:
    history(project, 140)
    with project.ledger.read() as connection:
        shared = records.lot_of(connection, 5).objects["profile"]
    with project.ledger.write() as writing:
        lot = records.lot_of(writing.connection, 5)
        ensure_flow(writing, "copy")
        writing.append(
            "lot",
            {
                "lot": 1_000, "flow": "copy", "place": 1, "digest": lot.digest, "input": "", "verdict": "release", "state": "released", "teaches": True, "adopted": [],
                "rows": dict(lot.rows), "objects": dict(lot.objects), "parents": [], "findings": [], "codes": [], "figures": {}, "cases": [], "incidents": [], "notices": [],
            },
        )  # fmt: skip

    thin(project, "sales", POLICY, NOW)

    assert project.store.has(shared)
    assert list(verify(project.ledger, project.store)) == []


def test_lots_that_teach_nothing_lose_their_profile_and_held_ones_keep_it(project: Project, tmp_path: Path) -> None:
    gate("sales", hour(1).with_columns(city=pl.Series(["KÃ¶ln"] * 40 + ["Bonn"] * 10)), project=project, on_hold="empty")
    history(project, 139, first=2, odd=(3, 4))

    thin(project, "sales", POLICY, NOW)

    with project.ledger.read() as connection:
        has = ["profile" in records.lot_of(connection, number).objects for number in (1, 2, 3, 4, 80, 140)]
        assert records.lot_of(connection, 1).state == "held"
    assert has == [True, False, False, False, False, True]


def test_rows_of_a_lot_of_long_ago_can_still_be_put_back(project: Project) -> None:
    broken = hour(1, 200).with_columns(city=pl.Series(["KÃ¶ln"] * 4 + ["Bonn", "Gent"] * 98))
    gate("sales", broken, project=project)
    history(project, 139, first=2)
    thin(project, "sales", POLICY, NOW)
    decide(project, 1, "fix", suggested=True, author="ann")

    (outcome,) = put_back(project, "sales")

    assert outcome.document["rows"]["taken"] == 4
    assert outcome.document["rows"]["released"] == 4
    assert list(verify(project.ledger, project.store)) == []


def test_a_backup_of_a_thinned_project_is_whole(project: Project, tmp_path: Path) -> None:
    history(project, 140)
    thin(project, "sales", POLICY, NOW)
    back_up(project.ledger, project.store, str(tmp_path / "kept.tar"))

    with create_ledger(f"sqlite:///{tmp_path}/again.db") as ledger:
        store = FolderStore(str(tmp_path / "again"))
        restore(str(tmp_path / "kept.tar"), ledger, store)
        assert list(verify(ledger, store)) == []


def test_a_backup_that_meets_a_thinning_is_begun_again(project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    history(project, 140)
    has = FolderStore.has
    met: list[str] = []

    def thinning_meanwhile(store: FolderStore, digest: str) -> bool:
        if not met:
            met.append(digest)
            thin(project, "sales", POLICY, NOW)
        return has(store, digest)

    with monkeypatch.context() as patch:
        patch.setattr(FolderStore, "has", thinning_meanwhile)
        back_up(project.ledger, project.store, str(tmp_path / "kept.tar"))

    with create_ledger(f"sqlite:///{tmp_path}/again.db") as ledger:
        store = FolderStore(str(tmp_path / "again"))
        restore(str(tmp_path / "kept.tar"), ledger, store)
        assert list(verify(ledger, store)) == []


def test_the_gate_thins_at_every_fiftieth_lot(project: Project) -> None:
    history(project, 149)
    with held(project.ledger, "sales") as lease:
        assert thin_if_due(project, "sales", lease, POLICY, NOW) is None

        history(project, 1, first=150)
        done = thin_if_due(project, "sales", lease, POLICY, NOW)

    assert done is not None
    assert done["lots"] == 90


def test_memory_does_not_grow_with_the_lots_that_are_merged(project: Project) -> None:
    history(project, 80, hours=0.01)
    peaks = []
    for more in (0, 120):
        if more:
            history(project, more, hours=0.01, first=81)
        tracemalloc.start()
        thin(project, "sales", POLICY, NOW)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()

    assert peaks[1] < peaks[0] * 1.6


def test_the_past_that_the_gate_compares_with_cannot_be_thinned() -> None:
    with pytest.raises(MisuseError, match="at least 60"):
        Thinning(keep_lots=59)
