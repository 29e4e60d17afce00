"""What a long ledger takes to answer: 100,000 lots, a flow of 1,000 lots, a quarantine of a million rows.

The entries are appended by the ledger's own interface, as the gate appends them, in a few large transactions; the figures of the lots are those of a real one.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import gate_cost
import kit
from process import cost
from results import Result

COMMAND = "make bench ONLY=gate_answers"
LOTS = int(os.environ.get("ASSAY_GATE_LONG", "100000"))
FLOWS, OF_A_FLOW, QUARANTINED = 100, 1_000, 1_000_000
CASES = 2_000  # what these rows fall into: 500 rows of a lot that are bad in the same way
ROUNDS, MOST_SECONDS = 7, 0.3


def run() -> list[Result]:
    """All of it."""
    with tempfile.TemporaryDirectory(dir=kit.cache()) as work:
        folder = gate_cost.project(Path(work) / "long")
        gate_cost.gated(gate_cost.small_lots(Path(work) / "in", 2), "model", folder)
        return list(_answers(folder))


def _answers(folder: Path) -> Iterator[Result]:
    from assayline.ledger import records
    from assayline.line.health import flow_document, flows_document, lots_document
    from assayline.line.project import open_project
    from assayline.line.quarantine import cases_document

    with open_project(str(folder)) as opened:
        with opened.ledger.read() as connection:
            model = json.loads(json.dumps(_body_of(records.lots(connection, "model")[-1])))
        begun = time.perf_counter()
        _filled(opened, model)
        yield Result(f"appending {LOTS:,} lots", "", f"{time.perf_counter() - begun:.0f} s, {os.path.getsize(folder / 'ledger.db') / 1e6:,.0f} MB of ledger", command=COMMAND)
        flow = "flow-00"
        questions: list[tuple[str, Callable[[], Any], list[str]]] = [
            (f"assay lots, 50 newest of {LOTS:,}", lambda: lots_document(opened, None), ["lots"]),
            (f"assay lots {flow} --state held, of {LOTS:,}", lambda: lots_document(opened, flow, states=("held",)), ["lots", flow, "--state", "held"]),
            (f"assay flow, {FLOWS + 1} flows of {LOTS:,} lots", lambda: flows_document(opened), ["flow"]),
            (f"assay flow {flow}, the document over {OF_A_FLOW:,} lots", lambda: flow_document(opened, flow), ["flow", flow]),
            (f"assay quarantine list, {QUARANTINED:,} rows in {CASES:,} cases", lambda: cases_document(opened), ["quarantine", "list"]),
        ]
        for what, question, words in questions:
            question()
            seconds = []
            for _ in range(ROUNDS):
                begun, busy = time.perf_counter(), time.process_time()
                question()
                seconds.append((time.perf_counter() - begun, time.process_time() - busy))
            wall, processor = (statistics.median(one[place] for one in seconds) for place in (0, 1))
            yield Result(f"{what}: in process", "answers at once", f"{wall * 1e3:.0f} ms ({processor * 1e3:.0f} ms of processor time)", f"< {MOST_SECONDS * 1e3:.0f} ms",
                         wall < MOST_SECONDS, COMMAND)  # fmt: skip
            runs = [cost([*kit.assay(), *words, "--json", "--project", str(folder)]) for _ in range(3)]
            if any(run.status for run in runs):
                raise RuntimeError(f"assay {' '.join(words)}: {runs[0].err[-300:]}")
            whole = statistics.median(run.wall_seconds for run in runs), statistics.median(run.cpu_seconds for run in runs)
            yield Result(f"{what}: the whole command", "", f"{whole[0] * 1e3:.0f} ms ({whole[1] * 1e3:.0f} ms of processor time)", command=COMMAND)


def _body_of(lot: Any) -> dict[str, Any]:
    """An entry "lot" as the gate wrote it for this one."""
    return {
        "digest": lot.digest, "input": lot.input, "verdict": lot.verdict, "state": lot.state, "teaches": lot.teaches, "adopted": [], "rows": dict(lot.rows),
        "objects": dict(lot.objects), "parents": [], "findings": list(lot.findings), "codes": list(lot.codes), "figures": dict(lot.figures), "cases": [],
        "incidents": [], "notices": [], "settles": [],
    }  # fmt: skip


def _filled(project: Any, model: Mapping[str, Any]) -> None:
    """Lots of many flows in turn; every 50th lot put 500 rows aside, every 97th is held."""
    from assayline.ledger import records

    with project.ledger.read() as connection:
        lot = records.last_lot(connection)
    case, places = 0, dict.fromkeys((f"flow-{number:02d}" for number in range(FLOWS)), 0)
    names = list(places)
    for begin in range(0, LOTS, 10_000):
        with project.ledger.write() as writing:
            if not begin:
                for name in names:
                    writing.append("flow", {"flow": name, "settings": {}})
            for number in range(begin, min(LOTS, begin + 10_000)):
                lot, flow = lot + 1, names[number % FLOWS]
                places[flow] += 1
                cases = []
                if number % max(1, LOTS // CASES) == 0:
                    case += 1
                    cases.append({"number": case, "code": "mojibake", "columns": ["shop"], "pattern": "a~a", "rows": QUARANTINED // CASES, "sentence": "Broken letters.", "suggestion": ""})
                state = {"verdict": "hold", "state": "held", "teaches": False} if number % 97 == 0 else {}
                writing.append("lot", {**model, **state, "lot": lot, "flow": flow, "place": places[flow], "digest": f"sha256:{number:064x}", "cases": cases})
