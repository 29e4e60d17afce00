"""A table split into good and bad rows by 20 rules: by `assay gate`, by the split alone, by hand in Polars, and by other tools.

`ASSAY_SPLIT_ROWS` is the size of the table: 1,000,000 by default, 10,000,000 in the promise. The checks are those of the survey of tools that this was planned by.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import gate_cost
import kit
import speed
from process import Cost, cost
from results import Result

COMMAND = "make bench ONLY=gate_split"
ROWS = int(os.environ.get("ASSAY_SPLIT_ROWS", "1000000"))
ROUNDS = int(os.environ.get("ASSAY_GATE_ROUNDS", "2"))
MOST_TIMES = 1.5
PEERS_ROWS = 2_000_000  # pointblank and pandera hold several copies
# Each check as a rule, and as an expression of Polars.
CHECKS = {
    "order_id is not null": "c.order_id.is_not_null()",
    "customer_id is not null": "c.customer_id.is_not_null()",
    "customer_id > 0": "c.customer_id > 0",
    "store_id between 1 and 1200": "c.store_id.is_between(1, 1200)",
    "ts between timestamp '2025-01-01 00:00:00' and timestamp '2025-12-31 23:59:59'":
        "c.ts.is_between(pl.datetime(2025, 1, 1), pl.datetime(2025, 12, 31, 23, 59, 59))",
    "updated_at >= ts": "c.updated_at >= c.ts",
    "unit_price > 0": "c.unit_price > 0",
    "unit_price <= 10000": "c.unit_price <= 10000",
    "quantity between 1 and 1000": "c.quantity.is_between(1, 1000)",
    "discount between 0 and 1": "c.discount.is_between(0, 1)",
    "amount >= 0": "c.amount >= 0",
    "weight_kg between 0 and 500": "c.weight_kg.is_between(0, 500)",
    "score between -10 and 10": "c.score.is_between(-10, 10)",
    "channel in ('web', 'store', 'app', 'phone', 'partner')": "c.channel.is_in(['web', 'store', 'app', 'phone', 'partner'])",
    "country matches '^[A-Z]{2}$'": "c.country.str.contains('^[A-Z]{2}$')",
    "category matches '^cat_[0-9]+$'": "c.category.str.contains('^cat_[0-9]+$')",
    "sku matches '^SKU[0-9]{8}$'": "c.sku.str.contains('^SKU[0-9]{8}$')",
    "email matches '^[^@ ]+@[^@ ]+[.][a-z]+$'": "c.email.str.contains('^[^@ ]+@[^@ ]+[.][a-z]+$')",
    "product_code matches '^[A-Z]{2}-[0-9]{4}-[A-Z0-9]{2}$'": "c.product_code.str.contains('^[A-Z]{2}-[0-9]{4}-[A-Z0-9]{2}$')",
    "city not matches 'Ã'": "~c.city.str.contains('Ã', literal=True)",
}  # fmt: skip
# As one writes it by hand: null is no failure, both files as ours are compressed.
HAND = """
import polars as pl
c = pl.col
frame = pl.read_parquet(path)
good = frame.select(pl.all_horizontal([one.fill_null(True) for one in (CHECKS)])).to_series()
for name, rows in (("good", frame.filter(good)), ("bad", frame.filter(~good))):
    rows.write_parquet(f"{folder}/{name}.parquet", compression="zstd", compression_level=1)
    print(rows.height)
"""
OURS = """
from assayline.line.splitting import split_by_rules
from assayline.tables import open_table
table = open_table(path)
done = split_by_rules(table, RULES, folder)
print(done["rows"]["released"])
print(done["rows"]["quarantined"])
"""
BOUNDS = """
bounds = {"customer_id": (1, 10**12), "store_id": (1, 1200), "unit_price": (1e-9, 10000), "quantity": (1, 1000), "discount": (0, 1), "amount": (0, 10**12),
          "weight_kg": (0, 500), "score": (-10, 10)}
patterns = {"country": "^[A-Z]{2}$", "category": "^cat_[0-9]+$", "sku": "^SKU[0-9]{8}$", "email": "^[^@ ]+@[^@ ]+[.][a-z]+$", "product_code": "^[A-Z]{2}-[0-9]{4}-[A-Z0-9]{2}$"}
channels = ["web", "store", "app", "phone", "partner"]
import datetime
low, high = datetime.datetime(2025, 1, 1), datetime.datetime(2025, 12, 31, 23, 59, 59)
"""
PEERS = {
    "pandera": speed.Peer(
        "the same checks, failing rows by their index", ("pandera[polars]", "polars", "pyarrow"),
        BOUNDS + "import polars as pl, pandera.polars as pa\n"
        "frame = pl.read_parquet(path)\n"
        "columns = {name: pa.Column(checks=pa.Check.in_range(*one), nullable=True) for name, one in bounds.items()}\n"
        "columns |= {name: pa.Column(checks=pa.Check.str_matches(one), nullable=True) for name, one in patterns.items()}\n"
        "columns |= {'channel': pa.Column(checks=pa.Check.isin(channels)), 'ts': pa.Column(checks=pa.Check.in_range(low, high))}\n"
        "columns['customer_id'].nullable = False\n"
        "broken = pa.Check(lambda data: data.lazyframe.select(~pl.col(data.key).str.contains('Ã', literal=True)))\n"
        "columns |= {'order_id': pa.Column(nullable=False), 'city': pa.Column(checks=broken, nullable=True)}\n"
        "whole = pa.Check(lambda data: data.lazyframe.select(pl.col('updated_at') >= pl.col('ts')))\n"
        "try:\n    pa.DataFrameSchema(columns, checks=whole).validate(frame, lazy=True)\n    bad = pl.Series([], dtype=pl.UInt32)\n"
        "except pa.errors.SchemaErrors as error:\n    bad = error.failure_cases['index'].drop_nulls().unique()\n"
        "aside = frame.with_row_index('at').select(pl.col('at').is_in(bad.implode())).to_series()\n"
        "for name, rows in (('good', frame.filter(~aside)), ('bad', frame.filter(aside))):\n"
        "    rows.write_parquet(f'{folder}/{name}.parquet', compression='zstd', compression_level=1)\n    print(rows.height)\n", PEERS_ROWS,
    ),
    "pointblank": speed.Peer(
        "the same checks, get_sundered_data", ("pointblank", "polars", "pyarrow"),
        BOUNDS + "import polars as pl, pointblank as pb\n"
        "frame = pl.read_parquet(path)\ncheck = pb.Validate(frame).col_vals_not_null(columns='order_id').col_vals_not_null(columns='customer_id')\n"
        "for name, (least, most) in bounds.items():\n    check = check.col_vals_between(columns=name, left=least, right=most, na_pass=True)\n"
        "for name, one in patterns.items():\n    check = check.col_vals_regex(columns=name, pattern=one, na_pass=True)\n"
        "check = check.col_vals_in_set(columns='channel', set=channels).col_vals_between(columns='ts', left=low, right=high)\n"
        "check = check.col_vals_ge(columns='updated_at', value=pb.col('ts'), na_pass=True)"
        ".col_vals_expr(expr=~pl.col('city').str.contains('Ã', literal=True).fill_null(False)).interrogate(collect_extracts=False)\n"
        "for name, kind in (('good', 'pass'), ('bad', 'fail')):\n    rows = check.get_sundered_data(type=kind)\n"
        "    rows.write_parquet(f'{folder}/{name}.parquet', compression='zstd', compression_level=1)\n    print(rows.height)\n", PEERS_ROWS,
    ),
}  # fmt: skip


def run() -> list[Result]:
    """All of it."""
    gate_cost.TABLE_ROWS = ROWS
    path = gate_cost.table()
    with tempfile.TemporaryDirectory(dir=kit.cache()) as work:
        return [*_side_by_side(path, Path(work)), *_gate(path, Path(work))]


def _scripts(path: Path, work: Path) -> tuple[dict[str, list[str]], dict[str, str]]:
    head = f"path, folder = {str(path)!r}, {str(work)!r}\n"
    hand = HAND.replace("CHECKS", ", ".join(CHECKS.values()))
    commands = {
        "Polars by hand": [sys.executable, "-c", head + hand],
        "the split by rules": [sys.executable, "-c", head + OURS.replace("RULES", repr(list(CHECKS)))],
    }
    absent = {}
    for name, peer in PEERS.items():
        if peer.most_rows < ROWS:
            absent[name] = f"not run: takes at most {peer.most_rows / 1e6:g} M rows here"
            continue
        try:
            commands[name] = [str(speed.python_of(peer, f"split-{name}")), "-c", head + peer.script]
        except kit.Missing as lack:
            absent[name] = str(lack)
    return commands, absent


def _side_by_side(path: Path, work: Path) -> Iterator[Result]:
    commands, absent = _scripts(path, work)
    runs: dict[str, list[Cost]] = {name: [] for name in commands}
    for _ in range(ROUNDS):
        for name, command in commands.items():
            if name not in absent:
                one = cost(command, seconds=1_200)
                if one.status:
                    absent[name] = f"failed with {one.status}: {(one.err.strip().splitlines() or ['no message'])[-1][:160]}"
                else:
                    runs[name].append(one)
    size = f"{ROWS / 1e6:g} M rows x 20 columns, {len(CHECKS)} checks"
    medians = {name: (statistics.median(one.wall_seconds for one in found), statistics.median(one.cpu_seconds for one in found)) for name, found in runs.items() if found}
    hand, ours = medians["Polars by hand"], medians["the split by rules"]
    same = runs["Polars by hand"][0].out == runs["the split by rules"][0].out
    for place, name in enumerate(("wall", "processor")):
        times = ours[place] / hand[place]
        yield Result(
            f"{size}: the split by rules, times Polars by hand, {name} time", "rules cost little more than code written for them",
            f"{times:.2f} ({ours[place]:.2f} s against {hand[place]:.2f} s)", f"<= {MOST_TIMES}", times <= MOST_TIMES, COMMAND,
        )  # fmt: skip
    good, bad = runs["the split by rules"][0].out.split()
    yield Result(f"{size}: the split by rules puts the same rows aside", "the same rows pass", f"{int(bad):,} of {int(good) + int(bad):,} rows put aside", "as by hand", same, COMMAND)
    for name, peer in PEERS.items():
        if name in absent:
            yield Result(f"{size}: {name}", "", absent[name], command=COMMAND)
        else:
            wall, busy = medians[name]
            yield Result(f"{size}: {name} ({peer.what})", "", f"{wall:.2f} s wall, {busy:.2f} s CPU, {runs[name][0].out.split()[-1]} rows put aside", command=COMMAND)


def _gate(path: Path, work: Path) -> Iterator[Result]:
    from assayline.line.project import open_project
    from assayline.line.rule_book import add_rule

    walls = []
    for number in range(ROUNDS):
        folder = gate_cost.project(work / f"p{number}")
        with open_project(str(folder)) as opened:
            for rule in CHECKS:
                add_rule(opened, "orders", rule, action="split")
        walls.append(gate_cost.gated([str(path)], "orders", folder))
    wall, busy = statistics.median(one.wall_seconds for one in walls), statistics.median(one.cpu_seconds for one in walls)
    yield Result(f"{ROWS / 1e6:g} M rows x 20 columns: assay gate with the {len(CHECKS)} rules, profile, detection and ledger included", "",
                 f"{wall:.2f} s wall, {busy:.2f} s CPU", command=COMMAND)  # fmt: skip
