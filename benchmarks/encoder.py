"""What a fitted plan costs: one row of 20 mixed columns without a data frame library, and a million rows at once.

`ASSAY_FRAMING_ROWS` is the size of the large table (1,000,000). Processor time, so that what else a machine does changes little.
"""

from __future__ import annotations

import os
import time

import numpy as np
import polars as pl
from results import Result

from assayline.framing import Problem, frame

COMMAND = "make bench ONLY=encoder"
ROWS = int(os.environ.get("ASSAY_FRAMING_ROWS", "1000000"))
MOST_MICROSECONDS, MOST_SECONDS = 150.0, 6.0
COLOURS = ("red", "green", "blue", "amber", "violet")


def run() -> list[Result]:
    """All of it."""
    table = made(ROWS)
    begin = time.process_time()
    plan = frame(table.head(100_000), Problem("y"))
    framed = time.process_time() - begin
    begin = time.process_time()
    encoded = plan.encode(table)
    whole = time.process_time() - begin
    encode = plan.row_encoder()
    rows = table.head(5_000).to_dicts()
    for row in rows[:500]:
        encode(row)
    spent = []
    for row in rows:
        begin_ns = time.thread_time_ns()
        encode(row)
        spent.append((time.thread_time_ns() - begin_ns) / 1_000)
    middle, slow = (float(one) for one in np.percentile(spent, (50, 99)))
    return [
        Result("framing, one row of 20 columns: p50", "", f"{middle:.0f} µs", command=COMMAND),
        Result(
            "framing, one row of 20 columns: p99", "a row is encoded within 150 µs", f"{slow:.0f} µs", f"{MOST_MICROSECONDS:.0f} µs", slow <= MOST_MICROSECONDS, COMMAND
        ),
        Result(
            f"framing, {ROWS:,} rows of 20 columns to {encoded.shape[1]} features", "a million rows are encoded in a few seconds", f"{whole:.1f} CPU-s",
            f"{MOST_SECONDS * ROWS / 1e6:.1f} CPU-s", whole <= MOST_SECONDS * ROWS / 1e6, COMMAND,
        ),
        Result("framing, learning the plan on 100,000 rows of 20 columns", "", f"{framed:.1f} CPU-s", command=COMMAND),
    ]  # fmt: skip


def made(rows: int, seed: int = 0) -> pl.DataFrame:
    """A table of 20 mixed columns, half of them dirty text, and a target."""
    g = np.random.default_rng(seed)
    when = (np.datetime64("2020-01-01", "s") + g.integers(0, 10**8, rows)).astype("datetime64[us]")
    columns: dict[str, object] = {f"number{at}": g.normal(size=rows) for at in range(5)} | {f"count{at}": g.integers(0, 1_000, rows) for at in range(2)}
    columns |= {f"colour{at}": g.choice(np.array(COLOURS), rows) for at in range(4)}
    columns |= {
        "city": np.char.add("city ", g.integers(0, 3_000, rows).astype(str)), "flag": g.random(rows) < 0.3, "answer": g.choice(np.array(["yes", "No "]), rows),
        "text_number": np.round(g.normal(size=rows), 3).astype(str), "money": np.char.add("$", g.integers(1, 9_999, rows).astype(str)),
        "weight": np.char.add(g.integers(1, 900, rows).astype(str), " g"), "when": when, "when_text": np.datetime_as_string(when, unit="s"), "small": g.normal(size=rows).astype(np.float32),
        "y": g.normal(size=rows),
    }  # fmt: skip
    return pl.DataFrame(columns)


if __name__ == "__main__":
    for result in run():
        print(f"{result.row}: {result.figure}" + (f" (target {result.target})" if result.target else ""))
