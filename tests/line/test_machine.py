"""Whatever happens to a flow, in whatever order: every row that was delivered is in exactly one place, and the ledger is intact."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule, run_state_machine_as_test

from assayline.errors import MisuseError
from assayline.ledger import SqlLedger, Staged, Store, Writing, records, verify
from assayline.ledger.verifying import rebuild
from assayline.line.adjudicating import accept, answer, reject_lot, release_lot
from assayline.line.api import gate
from assayline.line.gating import gate_paths
from assayline.line.project import Project, create_project, open_project
from assayline.line.put_back import put_back
from assayline.line.quarantine import decide
from assayline.line.rule_book import add_rule, remove_rule
from assayline.line.settings import change

ROWS = 20
CITIES = ("Malmö", "Lyon", "Köln")
BROKEN, MENDED = "KÃ¶ln", "Köln"


class PowerCut(BaseException):
    """Nothing is done any more, not even tidying up."""


class Fuse:
    """Counts what reaches the disk; burns through at one of these moments, and nothing works from then on."""

    def __init__(self) -> None:
        self.left = 0
        self.burnt = False

    def moment(self) -> None:
        self.left -= 1
        if self.left == 0:
            self.burnt = True
        if self.burnt:
            raise PowerCut


class FusedLedger(SqlLedger):
    """A ledger whose power can go before a transaction, before its COMMIT and after it."""

    def __init__(self, ledger: SqlLedger, fuse: Fuse) -> None:
        super().__init__(ledger.engine, ledger.name)
        self.fuse = fuse

    @contextlib.contextmanager
    def write(self) -> Iterator[Writing]:
        self.fuse.moment()
        with super().write() as writing:
            yield writing
            self.fuse.moment()
        self.fuse.moment()


class FusedStore:
    """A store whose power can go between two objects."""

    def __init__(self, store: Store, fuse: Fuse) -> None:
        self.store, self.fuse = store, fuse

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)

    def put(self, files: Iterable[Staged]) -> list[str]:
        digests = []
        for file in files:
            self.fuse.moment()
            digests += self.store.put([file])
        self.fuse.moment()
        return digests


def day(seed: int, bad: int) -> pl.DataFrame:
    cities = [CITIES[(seed + number) % 3] for number in range(ROWS)]
    return pl.DataFrame({"order": [seed * 1000 + number for number in range(ROWS)], "city": [BROKEN] * bad + cities[bad:], "amount": [(seed * 7 + number * 13) % 97 for number in range(ROWS)]})


class Deliveries(RuleBasedStateMachine):
    """The model is small: which frames came whole, and which came while the power went."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.mkdtemp(prefix="assay-machine-")
        self.fuse = Fuse()
        self.frames: dict[int, pl.DataFrame] = {}
        self.certain: set[int] = set()  # taken for sure
        self.unreadable = 0
        self.project: Project

    @initialize()
    def begin(self) -> None:
        create_project(f"{self.folder}/shop").ledger.close()
        self.open()

    def open(self) -> None:
        self.fuse = Fuse()
        project = open_project(f"{self.folder}/shop")
        self.project = replace(project, ledger=FusedLedger(project.ledger, self.fuse), store=FusedStore(project.store, self.fuse))

    def teardown(self) -> None:
        if hasattr(self, "project"):
            with contextlib.suppress(PowerCut):
                for seed in list(self.frames):
                    self.deliver(seed)  # the same command once more finishes whatever was left
                assert self.certain == set(self.frames)
                self.every_row_is_in_one_place()
                self.nothing_is_damaged()
                before = self.seen()
                rebuild(self.project.ledger)
                assert self.seen() == before
            self.project.ledger.close()
        shutil.rmtree(self.folder)

    # -- what people and senders do --------------------------------------------------------------------------------

    def deliver(self, seed: int) -> None:
        frame = self.frames[seed]
        good = gate("sales", frame, project=self.project, on_hold="empty")
        assert set(good.rows()) <= set(frame.rows())
        self.certain.add(seed)

    @rule(bad=st.sampled_from([0, 0, 0, 1, 2, 3, 10]))
    def deliver_something_new(self, bad: int) -> None:
        seed = len(self.frames) + 1
        self.frames[seed] = day(seed, bad)
        self.deliver(seed)

    @precondition(lambda self: self.frames)
    @rule(data=st.data())
    def deliver_the_same_again(self, data: st.DataObject) -> None:
        before = len(self.lots())
        seed = data.draw(st.sampled_from(sorted(self.frames)))
        known = seed in self.certain
        self.deliver(seed)
        assert not known or len(self.lots()) == before

    @precondition(lambda self: self.unreadable < 1 and len(self.frames) > 3)  # it takes a process
    @rule()
    def deliver_something_unreadable(self) -> None:
        self.unreadable += 1
        path = Path(self.folder) / f"{self.unreadable}.parquet"
        path.write_bytes(b"PAR1" + bytes([self.unreadable]) * 50)
        (outcome,) = gate_paths(self.project, "sales", [str(path)])
        assert outcome.lot is not None
        assert Path(self.project.store.path(outcome.lot.objects["original"])).read_bytes() == path.read_bytes()

    @rule(shadow=st.integers(0, 9), needs=st.lists(st.sampled_from(["city", "amount", "price"]), unique=True))
    def edit_settings(self, shadow: int, needs: list[str]) -> None:
        change(self.project, "sales", {"shadow_lots": shadow, "needs": needs})

    @precondition(lambda self: self.frames)
    @rule(action=st.sampled_from(["warn", "split", "hold"]), limit=st.integers(5, 90))
    def add_a_rule(self, action: str, limit: int) -> None:
        add_rule(self.project, "sales", f"amount > {limit - 5}", action=action, owner="ann", reason="too small")

    @rule(number=st.integers(1, 3))
    def remove_a_rule(self, number: int) -> None:
        with contextlib.suppress(MisuseError):
            remove_rule(self.project, "sales", number)

    @rule(data=st.data(), said=st.sampled_from(["bad", "expected", "noise"]))
    def answer(self, data: st.DataObject, said: str) -> None:
        self.about_a_lot(data, lambda lot: answer(self.project, lot.lot, said, author="ann"))

    @rule(data=st.data())
    def accept_from_a_lot_on(self, data: st.DataObject) -> None:
        self.about_a_lot(data, lambda lot: accept(self.project, "sales", lot.lot, author="ann"))

    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        self.about_a_lot(data, lambda lot: release_lot(self.project, lot.lot, author="ann"))

    @rule(data=st.data())
    def reject(self, data: st.DataObject) -> None:
        self.about_a_lot(data, lambda lot: reject_lot(self.project, lot.lot, author="ann"))

    def about_a_lot(self, data: st.DataObject, act: Any) -> None:
        lots = self.lots()
        if lots:
            with contextlib.suppress(MisuseError):  # it may be in no state for that; then nothing happens
                act(data.draw(st.sampled_from(lots)))

    @rule(data=st.data(), action=st.sampled_from(["fix", "waive", "reject"]))
    def decide_about_quarantined_rows(self, data: st.DataObject, action: str) -> None:
        with self.project.ledger.read() as connection:
            cases = records.cases(connection)
        if cases:
            with contextlib.suppress(MisuseError):
                decide(self.project, int(data.draw(st.sampled_from(cases)).number), action, suggested=action == "fix", author="ann")

    @precondition(lambda self: self.frames)
    @rule()
    def put_back_what_was_decided(self) -> None:
        put_back(self.project, "sales")
        lots = len(self.lots())
        assert put_back(self.project, "sales") == []
        assert len(self.lots()) == lots

    # -- what happens to machines ----------------------------------------------------------------------------------

    @rule(data=st.data(), moment=st.integers(1, 14), action=st.sampled_from(["new", "new", "again", "put back", "accept", "decide"]))
    def the_power_goes(self, data: st.DataObject, moment: int, action: str) -> None:
        self.fuse.left = moment
        try:
            if action == "new" or not self.frames:
                self.deliver_something_new(data.draw(st.sampled_from([0, 2, 10])))
            elif action == "again":
                self.deliver_the_same_again(data)
            elif action == "put back":
                put_back(self.project, "sales")
            elif action == "accept":
                self.accept_from_a_lot_on(data)
            else:
                self.decide_about_quarantined_rows(data, "waive")
        except PowerCut:
            pass
        self.fuse.left = 0
        self.reopen()

    @rule()
    def reopen(self) -> None:
        self.project.ledger.close()
        self.open()

    # -- what stays true -------------------------------------------------------------------------------------------

    def lots(self) -> list[records.LotRecord]:
        with self.project.ledger.read() as connection:
            return records.lots(connection)

    def seen(self) -> list[Any]:
        with self.project.ledger.read() as connection:
            return [records.lots(connection), records.flows(connection), [tuple(one) for one in records.cases(connection, only_open=False)]]

    @invariant()
    def every_row_is_in_one_place(self) -> None:
        places: Counter[int] = Counter()
        children: dict[int, set[int]] = {}
        lots = [lot for lot in self.lots() if lot.state != "unreadable" and "original" not in lot.objects]
        for lot in reversed(lots):
            rows = {kind: self.rows(lot, kind) for kind in ("released", "quarantined", "held")}
            back = children.get(lot.lot, set())
            assert lot.rows["taken"] == sum(map(len, rows.values()))
            assert [lot.rows[kind] for kind in rows] == [len(one) for one in rows.values()]
            assert (lot.state == "released") == (rows["held"] == {}) or not rows["released"]
            assert back <= set(rows["quarantined"])
            for kind, found in rows.items():
                for number, row in found.items():
                    assert row in self.forms(number)
                    if not (kind == "quarantined" and number in back):
                        places[number] += 1
            if lot.parents:
                children.setdefault(lot.parents[0], set()).update(number for found in rows.values() for number in found)
        assert set(places.values()) <= {1}, "a row is in two places"
        for seed, frame in self.frames.items():
            there = [number for number in frame["order"] if number in places]
            assert len(there) in ((ROWS,) if seed in self.certain else (0, ROWS)), "a lot was taken in part"
        assert set(places) <= {number for frame in self.frames.values() for number in frame["order"]}

    def rows(self, lot: records.LotRecord, kind: str) -> dict[int, tuple[Any, ...]]:
        if kind not in lot.objects:
            return {}
        frame = pl.read_parquet(self.project.store.path(lot.objects[kind])).select("order", "city", "amount")
        found = {row[0]: row for row in frame.rows()}
        assert len(found) == frame.height, "a row is there twice"
        return found

    def forms(self, number: int) -> list[tuple[Any, ...]]:
        """A row as it came, and as it was mended."""
        row = self.frames[number // 1000].row(number % 1000)
        return [row, (row[0], MENDED, row[2])] if row[1] == BROKEN else [row]

    @precondition(lambda self: self.frames)
    @rule()
    def nothing_is_damaged(self) -> None:
        assert list(verify(self.project.ledger, self.project.store)) == []


pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # the power of the thread that holds the lease goes too


def run(monkeypatch: pytest.MonkeyPatch, **how: Any) -> None:
    monkeypatch.setenv("ASSAY_STALE_SECONDS", "0.3")  # this process goes on when its power is gone
    run_state_machine_as_test(Deliveries, settings=settings(deadline=None, suppress_health_check=list(HealthCheck), **how))


def test_no_order_of_events_loses_or_doubles_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, max_examples=25, stateful_step_count=25, derandomize=True)


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_no_order_of_many_more_events_loses_or_doubles_a_row(monkeypatch: pytest.MonkeyPatch) -> None:
    run(monkeypatch, max_examples=150, stateful_step_count=40)
