"""What a scan costs, beside the tools people use for a first look, and how the cost grows.

    python benchmarks/speed.py [--tables w100k,w1m] [--runs 3] [--peers duckdb,polars] [--no-curves]

Whole processes, side by side in one run: every contestant takes each table in turn, round after round, and the medians are kept, so
that a machine that slows down slows all of them. Peers beyond DuckDB and Polars live in environments of their own, made on demand in
the cache folder; a peer that cannot be installed, or that cannot take a table of that size, is listed as such.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import kit
import numpy as np
import polars as pl
import pyarrow.parquet as pq
from process import Cost, cost
from results import Result

COMMAND = "make bench ONLY=speed"
LONGEST_SECONDS = 1200.0
RATIOS = {"w": 0.6, "w2m_csv": 1.3, "s": 0.6}  # of the wall time of SUMMARIZE, measured in the same run
# The tables of the kit (speed/make_tables.py), smallest first.
TABLES = {
    "w100k": "w100k.parquet", "w1m": "w1m.parquet", "w2m_csv": "w2m.csv", "w2m": "w2m.parquet", "w": "w.parquet", "s": "s.parquet",
}  # fmt: skip
CHECKS = """
not_null = [name for name in frame.columns]
numeric = [name for name in frame.columns if str(frame[name].dtype).lower().startswith(("int", "float", "uint"))]
"""


@dataclass(frozen=True)
class Peer:
    """Another tool: what it is made to do, in a script that gets the path, and what it can take.

    Args:
        what: the job, in words for the page.
        packages: what its environment holds; () for this Python's own.
        script: Python code; `path` is the table.
        most_rows: above this it needs more memory than 15 GiB or more than twenty minutes (measured: 1 M x 20 costs
            ydata-profiling 6.8 GB and 87 s, Great Expectations 1.0 GB and 15 s).
    """

    what: str
    packages: tuple[str, ...]
    script: str
    most_rows: int


READ_PANDAS = "import pandas as pd\nframe = pd.read_csv(path) if path.endswith('.csv') else pd.read_parquet(path)\n"
READ_POLARS = "import polars as pl\nframe = pl.read_csv(path) if path.endswith('.csv') else pl.read_parquet(path)\n"
PEERS = {
    "duckdb": Peer("SUMMARIZE", (), "import duckdb\nduckdb.sql(f\"SUMMARIZE SELECT * FROM '{path}'\").fetchall()\n", 10**9),
    "polars": Peer(
        "describe()", (),
        "import polars as pl\nprint((pl.scan_csv(path) if path.endswith('.csv') else pl.scan_parquet(path)).describe().shape)\n",
        30_000_000,
    ),
    "ydata-profiling": Peer(
        "ProfileReport(minimal=True)", ("ydata-profiling", "setuptools<81", "pyarrow"),
        READ_PANDAS + "from ydata_profiling import ProfileReport\n"
        "print(len(ProfileReport(frame, minimal=True, progress_bar=False).to_html()))\n", 1_000_000,
    ),
    "whylogs": Peer(
        "why.log(frame)", ("whylogs", "pandas<3", "numpy<2", "pyarrow"),
        READ_PANDAS + "import whylogs as why\nprint(why.log(frame).view().to_pandas().shape)\n",
        2_000_000,
    ),
    "pandera": Peer(
        "infer_schema, then validate", ("pandera[pandas]", "pandas", "pyarrow"),
        READ_PANDAS + "import pandera.pandas as pa\npa.infer_schema(frame).validate(frame, lazy=True)\n", 10_000_000,
    ),
    "pointblank": Peer(
        "not-null on each column, a range on each number", ("pointblank", "polars", "pyarrow"),
        READ_POLARS + CHECKS + "import pointblank as pb\ncheck = pb.Validate(frame).col_vals_not_null(columns=not_null)\n"
        "for name in numeric:\n    low, high = frame[name].min(), frame[name].max()\n"
        "    check = check.col_vals_between(columns=name, left=low, right=high, na_pass=True)\n"
        "print(check.interrogate().all_passed())\n", 10_000_000,
    ),
    "great-expectations": Peer(
        "not-null on each column, a range on each number", ("great-expectations", "pandas", "pyarrow"),
        READ_PANDAS + CHECKS + "import great_expectations as gx, great_expectations.expectations as gxe\n"
        "batch = gx.get_context(mode='ephemeral').data_sources.add_pandas('p').add_dataframe_asset('a')"
        ".add_batch_definition_whole_dataframe('b').get_batch({'dataframe': frame})\n"
        "suite = gx.ExpectationSuite(name='s')\n"
        "for name in not_null:\n    suite.add_expectation(gxe.ExpectColumnValuesToNotBeNull(column=name))\n"
        "for name in numeric:\n    suite.add_expectation(gxe.ExpectColumnValuesToBeBetween("
        "column=name, min_value=float(frame[name].min()), max_value=float(frame[name].max())))\n"
        "print(batch.validate(suite).success)\n", 2_000_000,
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Median:
    """The medians of several runs of one command."""

    wall_seconds: float
    cpu_seconds: float
    peak_bytes: float

    def __str__(self) -> str:
        return f"{self.wall_seconds:.2f} s wall, {self.cpu_seconds:.2f} s CPU, {self.peak_bytes / 1e6:,.0f} MB peak"


def median(runs: Sequence[Cost]) -> Median:
    """The median of each figure, each on its own."""
    return Median(
        statistics.median(run.wall_seconds for run in runs),
        statistics.median(run.cpu_seconds for run in runs),
        statistics.median(run.peak_bytes for run in runs),
    )


def side_by_side(commands: dict[str, list[str]], rounds: int) -> dict[str, Median | str]:
    """Medians by name, or a sentence where a command failed; the rounds go over all commands in turn."""
    runs: dict[str, list[Cost]] = {name: [] for name in commands}
    failed: dict[str, str] = {}
    for _ in range(rounds):
        for name, command in commands.items():
            if name in failed:
                continue
            one = cost(command, seconds=LONGEST_SECONDS)
            # 1 is what `assay` says when it found something; a peer's script has no such status.
            if one.timed_out:
                failed[name] = f"not finished after {LONGEST_SECONDS:.0f} s"
            elif one.status not in ((0, 1) if name == "assay" else (0,)) or "Traceback" in one.err:
                failed[name] = f"failed with {one.status}: {(one.err.strip().splitlines() or ['no message'])[-1][:160]}"
            else:
                runs[name].append(one)
    return {name: failed.get(name) or median(runs[name]) for name in commands}


def python_of(peer: Peer, name: str) -> Path:
    """The interpreter that has this peer, in an environment made for it on first use.

    Raises:
        Missing: it cannot be installed.
    """
    if not peer.packages:
        return Path(sys.executable)
    folder = kit.cache() / "peers" / name
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        print(f"   installing {name} into {folder} (once)", file=sys.stderr, flush=True)
        subprocess.run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(folder)], check=True)
        install = [sys.executable, "-m", "pip", "--python", str(python), "install", "-qq", *peer.packages]
        made = subprocess.run(install, capture_output=True, text=True, check=False)
        if made.returncode:
            raise kit.Missing(f"not installable here: {(made.stderr.strip().splitlines() or ['no message'])[-1][:160]}")
        (folder / "ready").touch()
    return python


def tables() -> Path:
    """The folder of the tables: ASSAY_SPEED_TABLES, or built into the cache by the kit's own script."""
    named = os.environ.get("ASSAY_SPEED_TABLES")
    if named:
        return Path(named)
    script = kit.kit() / "speed" / "make_tables.py"
    return kit.built("speed", [sys.executable, str(script), "--out", "{out}"], in_folder=script.parent, makes="s.parquet")


def shape(path: Path) -> tuple[int, int]:
    """Rows and columns."""
    if path.suffix == ".parquet":
        about = pq.read_metadata(path)
        return about.num_rows, about.num_columns
    frame = pl.scan_csv(path)
    return int(frame.select(pl.len()).collect().item()), len(frame.collect_schema())


def scan(path: Path) -> list[str]:
    """The command that is measured."""
    return [*kit.assay(), "scan", str(path), "--json"]


def beside_others(folder: Path, names: Iterable[str], peers: Iterable[str], rounds: int) -> Iterator[Result]:
    """Each table by `assay scan` and by each peer."""
    for name in names:
        path = folder / TABLES[name]
        if not path.exists():
            yield Result(f"{path.name}: assay scan", "", f"not measured: {path.name} is not in the folder of the tables", command=COMMAND)
            continue
        rows, columns = shape(path)
        size = f"{path.name} ({rows / 1e6:g} M x {columns})"
        commands, absent = {"assay": scan(path)}, dict[str, str]()
        for peer_name in peers:
            peer = PEERS[peer_name]
            if rows > peer.most_rows:
                absent[peer_name] = f"not run: takes at most {peer.most_rows / 1e6:g} M rows here"
                continue
            try:
                commands[peer_name] = [str(python_of(peer, peer_name)), "-c", f"path = {str(path)!r}\n{peer.script}"]
            except kit.Missing as lack:
                absent[peer_name] = str(lack)
        measured = side_by_side(commands, rounds if rows <= 2_000_000 else min(rounds, 3))
        ours, floor = measured["assay"], measured.get("duckdb")
        if isinstance(ours, Median) and isinstance(floor, Median):
            ratio, limit = ours.wall_seconds / floor.wall_seconds, RATIOS.get(name)
            yield Result(f"{size}: assay scan, times the wall time of DuckDB SUMMARIZE", "a whole scan costs less than a summary" if limit else "",
                         f"{ratio:.2f} ({ours} against {floor})", f"<= {limit}" if limit else "", ratio <= limit if limit else None, COMMAND)  # fmt: skip
            if name == "w":
                yield Result(f"{size}: assay scan, peak memory in GB", "memory is bounded", f"{ours.peak_bytes / 1e9:.2f}", "<= 1.5",
                             ours.peak_bytes <= 1.5e9, COMMAND)  # fmt: skip
        else:
            ran = isinstance(ours, Median)
            yield Result(f"{size}: assay scan", "" if ran else "runs", str(ours), holds=None if ran else False, command=COMMAND)
        for peer_name in peers:
            figure = str(absent.get(peer_name) or measured[peer_name])
            yield Result(f"{size}: {peer_name} {PEERS[peer_name].what}", "", figure, command=COMMAND)


def start_up(work: Path, rounds: int) -> Iterator[Result]:
    """What one waits for before anything can have happened."""
    small = work / "thousand.csv"
    columns_of_numbers(1000, 8).write_csv(small)
    for row, command, limit in (
        ("assay --help", [*kit.assay(), "--help"], 0.25),
        ("assay scan, a CSV of 1,000 rows and 8 columns", [*kit.assay(), "scan", str(small)], 1.2),
    ):
        measured = side_by_side({"assay": command}, max(rounds, 5))["assay"]
        holds = isinstance(measured, Median) and measured.wall_seconds < limit
        yield Result(row, "answers before one looks away", str(measured), f"< {limit} s wall", holds, COMMAND)


def curve_of_rows(folder: Path, work: Path, rounds: int) -> Iterator[Result]:
    """1 to 100 million rows: a folder that holds the 10 M x 20 table (or its first million) many times, as hard links.

    Every row then repeats, which is the worst case for what looks for repetition.
    """
    points: list[tuple[float, Median]] = []
    for name, times in (("w1m.parquet", 1), ("w1m.parquet", 3), ("w.parquet", 1), ("w.parquet", 3), ("w.parquet", 10)):
        source = folder / name
        if not source.exists():
            yield Result(f"rows: {times} x {name}", "", f"not measured: {name} is not in the folder of the tables", command=COMMAND)
            continue
        parts = work / f"{times}-{source.stem}"
        parts.mkdir()
        for number in range(times):
            _linked(source, parts / f"part-{number:03d}.parquet")
        millions = times * shape(source)[0] / 1e6
        measured = side_by_side({"assay": scan(parts)}, rounds if millions < 10 else 1)["assay"]
        if isinstance(measured, Median):
            points.append((millions, measured))
        yield Result(f"rows: {millions:g} M x 20 in {times} files", "", str(measured), command=COMMAND)
    if len(points) > 1:
        (few, small), (many, large) = points[0], points[-1]
        slope = (large.wall_seconds / many) / (small.wall_seconds / few)
        yield Result("rows: growth of time", "time grows no faster than the rows",
                     f"{slope:.2f} times the seconds per row, from {few:g} M to {many:g} M", "<= 1.2", slope <= 1.2, COMMAND)  # fmt: skip
        growth = large.peak_bytes / small.peak_bytes
        yield Result("rows: growth of memory", "memory is bounded by a constant, not by the table",
                     f"{growth:.2f} times the peak, from {few:g} M to {many:g} M rows", "<= 2", growth <= 2, COMMAND)  # fmt: skip


def curve_of_columns(work: Path, rounds: int) -> Iterator[Result]:
    """10 to 1,000 columns of 50,000 rows."""
    points: list[tuple[int, Median]] = []
    for columns in (10, 30, 100, 300, 1000):
        path = work / f"wide-{columns}.parquet"
        columns_of_numbers(50_000, columns).write_parquet(path)
        measured = side_by_side({"assay": scan(path)}, rounds)["assay"]
        if isinstance(measured, Median):
            points.append((columns, measured))
        yield Result(f"columns: 50,000 x {columns}", "", str(measured), command=COMMAND)
    by_columns = dict(points)
    if 100 in by_columns and 1000 in by_columns:
        slope = by_columns[1000].wall_seconds / by_columns[100].wall_seconds
        yield Result("columns: growth of time", "ten times the columns cost little more than ten times the time",
                     f"{slope:.1f} times the seconds, from 100 to 1,000", "<= 15", slope <= 15, COMMAND)  # fmt: skip


def columns_of_numbers(rows: int, columns: int) -> pl.DataFrame:
    """A table of numbers, categories, words and times in turn, the same for the same shape."""
    random = np.random.default_rng([rows, columns])
    ends = ("gate", "field", "ham", "ford", "wick")
    words = np.array([f"{first}{end}" for first in ("north", "south", "east", "west") for end in ends])
    makers: list[Callable[[], object]] = [
        lambda: random.normal(100, 15, rows).round(2),
        lambda: random.integers(0, 10_000, rows),
        lambda: words[random.integers(0, len(words), rows)],
        lambda: np.datetime64("2024-01-01", "ms") + np.sort(random.integers(0, 10_000_000, rows)).astype("timedelta64[s]"),
    ]
    return pl.DataFrame({f"c{number:04d}": makers[number % len(makers)]() for number in range(columns)})


def _linked(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:  # another file system
        target.write_bytes(source.read_bytes())


def run(names: Sequence[str] = tuple(TABLES), rounds: int = 5, peers: Sequence[str] = tuple(PEERS), curves: bool = True) -> list[Result]:
    """Everything, or what is asked for."""
    folder = tables()
    # On the file system of the tables, so that parts of a folder can be hard links.
    with tempfile.TemporaryDirectory(dir=folder if os.access(folder, os.W_OK) else None) as name:
        work = Path(name)
        found = [*start_up(work, rounds), *beside_others(folder, names, peers, rounds)]
        if curves:
            found += [*curve_of_rows(folder, work, min(rounds, 3)), *curve_of_columns(work, min(rounds, 3))]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--tables", default=",".join(TABLES))
    parser.add_argument("--peers", default=",".join(PEERS))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--no-curves", action="store_true")
    asked = parser.parse_args()
    for one in run(asked.tables.split(","), asked.runs, [name for name in asked.peers.split(",") if name], not asked.no_curves):
        print(f"{'FAILS ' if one.holds is False else ''}{one.row}: {one.figure}" + (f"   (target {one.target})" if one.target else ""))


if __name__ == "__main__":
    main()
