"""`assay` as it is called: exit codes, one line for every error, nothing left behind, nothing of the folder it is called in is run."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

LINUX = sys.platform == "linux"
ASSAY = [sys.executable, "-P", "-m", "assayline"]
SECRET_CODE = "raise SystemExit('hijacked')\n"


def assay(*arguments: str | bytes, cwd: Path, program: Sequence[str] = ASSAY) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([*program, *arguments], cwd=cwd, capture_output=True, check=False, timeout=60)


def said(done: subprocess.CompletedProcess[bytes]) -> str:
    """The one line of an error, with everything that was printed checked: nothing else, and nothing that a terminal obeys."""
    assert done.returncode == 2, done
    assert done.stdout == b""
    text = done.stderr.decode("utf-8")
    assert text.endswith("\n")
    assert text.count("\n") == 1, text
    assert text[:-1].isprintable(), ascii(text)
    assert text.startswith("assay: ")
    return text[len("assay: ") : -1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of its own, with a clean file, one with a fault, and a long one."""
    clean = "".join(f"{i},{('Lyon', 'Bonn', 'Gent')[i * i % 3]},{20 + i * 7 % 11}\n" for i in range(60))
    (tmp_path / "clean.csv").write_text("id,city,celsius\n" + clean)
    (tmp_path / "dirty.csv").write_text("id,city,celsius\n" + clean + "60,Lyon,-999\n61,Bonn,-999\n62,Gent,-999\n")
    return tmp_path


@pytest.fixture
def slow(folder: Path) -> Path:
    """A file that takes some seconds."""
    with (folder / "slow.csv").open("w") as file:
        file.write("id,name,value\n")
        file.writelines(f"{i},name of {i * 7919 % 1000003},{i * 31 % 977}.{i % 10}\n" for i in range(700_000))
    return folder / "slow.csv"


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


# -- exit codes and what is printed ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "code"), [("clean.csv", 0), ("dirty.csv", 1), ("none.csv", 2)])
def test_the_exit_code_tells_what_was_found(folder: Path, name: str, code: int) -> None:
    before = names(folder)

    assert assay("scan", name, cwd=folder).returncode == code
    assert assay("scan", name, "--json", cwd=folder).returncode == code
    assert names(folder) == before


def test_json_is_json_and_nothing_else(folder: Path) -> None:
    done = assay("scan", "dirty.csv", "--json", cwd=folder)

    report = json.loads(done.stdout)
    assert done.stdout.endswith(b"}\n")
    assert done.stderr == b""
    assert report["schema"] == 1
    assert [one["code"] for one in report["findings"] if one["severity"] > 0.1] == ["disguised_missing"]
    assert report["input"]["path"] == "dirty.csv"


def test_an_error_with_json_leaves_standard_output_empty(folder: Path) -> None:
    assert "there is no such file" in said(assay("scan", "none.csv", "--json", cwd=folder))


@pytest.mark.skipif(os.name == "nt", reason="names of bytes")
@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (b"two\nlines.csv", r"two\nlines.csv"),
        (b"\x1b[31mred\x1b[0m\r.csv", r"\x1b[31mred\x1b[0m\r.csv"),
        (b"not-\xff-utf8.csv", r"not-\udcff-utf8.csv"),
        ("bidi\u202efdp.csv".encode(), r"bidi\u202efdp.csv"),
        (b"quote'\".csv", "quote'\".csv"),
    ],
)
@pytest.mark.parametrize("there", [False, True])
def test_an_error_is_one_line_whatever_is_in_the_name(folder: Path, name: bytes, shown: str, there: bool) -> None:
    if there:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"")

    line = said(assay("scan", name, cwd=folder))

    assert line.startswith(shown + ": ")
    assert line.count("; ") >= 1
    assert ("byte 0: it is empty (0 bytes); ask for it again" in line) == there


@pytest.mark.skipif(os.name == "nt", reason="names of bytes")
def test_a_report_on_a_file_with_a_hostile_name_is_shown_in_every_way(folder: Path) -> None:
    name = b"a\n\x1b[31m\xff.csv"
    os.rename(folder / "dirty.csv", os.fsencode(folder) + b"/" + name)

    shown = assay("scan", name, "--html", "page.html", "--cells", "bad.csv", cwd=folder)
    machine = assay("scan", name, "--json", cwd=folder)

    assert (shown.returncode, machine.returncode) == (1, 1)
    assert b"\x1b[31m\xff" not in shown.stdout
    assert os.fsencode(json.loads(machine.stdout)["input"]["path"]) == name
    assert "\x1b" not in (folder / "page.html").read_text(encoding="utf-8")
    assert len((folder / "bad.csv").read_text().splitlines()) == 4


@pytest.mark.parametrize(
    "arguments",
    [[], ["scan"], ["scna", "a.csv"], ["scan", "a.csv", "--bogus\x1b[31m"], ["scan", "a.csv", "--memory", "-5"], ["scan", "a.csv", "--memory", "much"],
     ["scan", "a.csv", "--timeout", "nan"], ["scan", "a.csv", "--timeout", "-1"], ["scan", "a.csv", "b.csv"]],
)  # fmt: skip
def test_a_call_that_makes_no_sense_is_one_line_that_says_where_help_is(folder: Path, arguments: list[str]) -> None:
    assert "--help" in said(assay(*arguments, cwd=folder))


@pytest.mark.skipif(os.name == "nt", reason="patterns of a shell")
@pytest.mark.parametrize("given", [["./clean.csv"], ["sub/../clean.csv"], ["--", "-dash.csv"], ["./-dash.csv"], ["clea*.csv"], ["[x].csv"], ["sub"]])
def test_every_way_to_name_a_file_reads_it(folder: Path, given: list[str]) -> None:
    (folder / "sub").mkdir()
    for name in ("-dash.csv", "[x].csv", "sub/part.csv"):
        (folder / name).write_bytes((folder / "clean.csv").read_bytes())

    done = assay("scan", "--json", *given, cwd=folder)

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["input"]["rows"] == 60


def test_help_and_version_answer(folder: Path) -> None:
    assert b"scan" in assay("--help", cwd=folder).stdout
    assert assay("--version", cwd=folder).stdout.startswith(b"assay ")
    assert b"exit code: 0" in assay("scan", "--help", cwd=folder).stdout


@pytest.mark.parametrize("arguments", [["--help"], ["scan", "--help"], ["--version"]])
def test_help_loads_no_engine(folder: Path, arguments: list[str]) -> None:
    heavy = ("polars", "numpy", "pyarrow", "rich", "duckdb", "fastavro", "python_calamine", "psycopg", "fsspec", "pandas")
    code = f"""import sys; from assayline.cli import main
try: main({arguments!r})
finally: print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)"""

    done = assay(cwd=folder, program=[sys.executable, "-P", "-c", code])

    assert done.returncode == 0
    assert done.stderr.decode().strip() == "[]"


def test_the_gate_loads_no_engine_where_it_only_starts_the_child_and_publishes(folder: Path) -> None:
    assay("init", "shop", cwd=folder)
    assay("rules", "add", "orders", "amount >= 0 and city like 'L%'", "--project", "shop", cwd=folder)
    (folder / "lot.csv").write_text("amount,city\n" + "".join(f"{number},Lyon\n" for number in range(50)))
    code = """import sys; from assayline.cli import main
try: main(["gate", "orders", "lot.csv", "--json", "--project", "shop"])
finally: print([name for name in ("polars", "numpy", "pyarrow", "duckdb", "pandas") if name in sys.modules], file=sys.stderr)"""

    done = assay(cwd=folder, program=[sys.executable, "-P", "-c", code])

    assert json.loads(done.stdout)["rows"]["taken"] == 50
    assert done.stderr.decode().strip() == "[]"


# -- where it writes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("option", ["--html", "--cells"])
@pytest.mark.parametrize(
    ("target", "cause"),
    [
        ("nowhere/out", "there is no folder"), ("sub", "it is a folder"), ("", "is no name of a file"), ("clean.csv/out", "there is no folder"),
        ("n" * 300, "cannot write"), ("dirty.csv", "is the input"), ("./sub/../dirty.csv", "is the input"), ("twin.csv", "is the input"),
        ("past.csv", "is the input"),
    ],
)  # fmt: skip
def test_a_place_that_cannot_be_written_is_refused_before_the_work(folder: Path, option: str, target: str, cause: str) -> None:
    (folder / "sub").mkdir()
    (folder / "past.csv").write_bytes((folder / "clean.csv").read_bytes())
    os.link(folder / "dirty.csv", folder / "twin.csv")
    before = {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    line = said(assay("scan", "dirty.csv", "--past", "past.csv", option, target, cwd=folder))

    assert cause in line
    assert "; " in line
    assert {path.name: path.stat().st_mtime_ns for path in folder.iterdir()} == before


def test_a_file_that_the_pattern_or_the_folder_already_holds_is_not_overwritten(folder: Path) -> None:
    before = (folder / "clean.csv").read_bytes()

    assert "is the input" in said(assay("scan", "*.csv", "--cells", "clean.csv", cwd=folder))
    assert "is part of the input" in said(assay("scan", ".", "--html", "clean.csv", cwd=folder))
    assert (folder / "clean.csv").read_bytes() == before


def test_one_file_for_the_page_and_the_cells_is_refused(folder: Path) -> None:
    assert "both" in said(assay("scan", "dirty.csv", "--html", "out", "--cells", "./out", cwd=folder))


@pytest.mark.skipif(os.name == "nt", reason="named pipes")
@pytest.mark.parametrize("option", ["--html", "--cells"])
def test_what_is_no_regular_file_is_not_replaced(folder: Path, option: str) -> None:
    # A pipe of our own stands for /dev/null: when this test fails, what it names is gone.
    os.mkfifo(folder / "pipe")

    assert "no regular file" in said(assay("scan", "clean.csv", option, "pipe", cwd=folder))
    assert (folder / "pipe").is_fifo()


def test_the_page_and_the_cells_are_all_that_is_written(folder: Path) -> None:
    before = names(folder)

    assert assay("scan", "dirty.csv", "--html", "page.html", "--cells", "bad.csv", cwd=folder).returncode == 1

    assert names(folder) - before == {"page.html", "bad.csv"}
    assert (folder / "page.html").read_text(encoding="utf-8").startswith("<!doctype html>")


def test_what_was_written_before_survives_an_input_that_cannot_be_read(folder: Path) -> None:
    (folder / "bad.csv").write_text("yesterday")
    (folder / "page.html").write_text("yesterday")
    before = names(folder)

    said(assay("scan", "none.csv", "--html", "page.html", "--cells", "bad.csv", cwd=folder))
    said(assay("scan", "none.csv", "--html", "new.html", "--cells", "new.csv", cwd=folder))

    assert names(folder) == before
    assert {(folder / name).read_text() for name in ("bad.csv", "page.html")} == {"yesterday"}


# -- pipes, signals, limits --------------------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="pipes differ")
@pytest.mark.parametrize("options", [[], ["--json"]])
def test_a_reader_that_goes_away_is_no_error_of_ours(folder: Path, options: list[str]) -> None:
    process = subprocess.Popen([*ASSAY, "scan", "dirty.csv", *options], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.close()

    _, complaint = process.communicate(timeout=60)

    assert complaint == b""
    assert process.returncode == 1


@pytest.mark.skipif(not LINUX, reason="/dev/full")
def test_a_full_disk_is_one_line(folder: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run([*ASSAY, "scan", "dirty.csv"], cwd=folder, stdout=full, stderr=subprocess.PIPE, check=False, timeout=60)

    assert done.returncode == 2
    assert done.stderr.decode() == "assay: the output: No space left on device; check the disk, the rights and the limits of this system\n"


@pytest.mark.skipif(not LINUX, reason="a shell")
def test_a_closed_output_changes_no_exit_code(folder: Path) -> None:
    codes = [
        subprocess.run(["sh", "-c", f'exec "$@" {closed}', "sh", *ASSAY, "scan", "dirty.csv"], cwd=folder, check=False, timeout=60).returncode
        for closed in (">&-", ">&- 2>&-", "<&-  >/dev/null")
    ]

    assert codes == [1, 1, 1]


def children(pid: int) -> list[int]:
    return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def within(seconds: float, question: Callable[[], bool]) -> bool:
    until = time.monotonic() + seconds
    while not question():
        if time.monotonic() > until:
            return False
        time.sleep(0.02)
    return True


@pytest.mark.skipif(not LINUX, reason="processes are watched through /proc")
@pytest.mark.parametrize(
    ("number", "code", "line"),
    [(signal.SIGINT, 130, b"assay: interrupted\n"), (signal.SIGTERM, 143, b"assay: terminated\n"), (signal.SIGHUP, 129, b"assay: terminated\n"),
     (signal.SIGKILL, -9, b"")],
)  # fmt: skip
def test_what_ends_assay_ends_its_child_and_leaves_no_file(slow: Path, number: signal.Signals, code: int, line: bytes) -> None:
    if number != signal.SIGKILL and signal.getsignal(number) == signal.SIG_IGN:
        pytest.skip(f"{number.name} IS IGNORED HERE (nohup?), and so by every process started from here")
    before = names(slow.parent)
    process = subprocess.Popen(
        [*ASSAY, "scan", "slow.csv", "--cells", "bad.csv"], cwd=slow.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    assert within(20, lambda: (slow.parent / "bad.csv").exists())
    time.sleep(0.3)
    (child,) = children(process.pid)

    os.killpg(process.pid, number)  # the whole group, as a terminal does it for Ctrl-C
    out, complaint = process.communicate(timeout=20)

    assert (process.returncode, out, complaint) == (code, b"", line)
    assert within(5, lambda: not alive(child))
    if number != signal.SIGKILL:  # nobody can clean up after that one
        assert names(slow.parent) == before


@pytest.mark.skipif(not LINUX, reason="memory is watched through /proc")
def test_limits_are_named_with_the_option_that_raises_them(slow: Path) -> None:
    assert "more than 50 MiB of memory; raise it with" in said(assay("scan", "slow.csv", "--memory", "50", cwd=slow.parent))
    line = said(assay("scan", "slow.csv", "--timeout", "0.2", cwd=slow.parent))
    assert line.startswith("slow.csv: reading it takes longer than 0.2 seconds; raise it with")
    assert "--timeout" in line


# -- the folder it is called in ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", [[sys.executable, "-m", "assayline"], [str(Path(sys.executable).parent / "assay")]])
def test_code_in_the_current_folder_is_not_run(folder: Path, program: list[str]) -> None:
    if not Path(program[0]).exists():
        pytest.skip("the command `assay` is not installed beside this Python")
    for name in ("polars", "numpy", "json", "argparse", "rich", "csv", "sitecustomize", "assayline_plugin", "pandas"):
        (folder / f"{name}.py").write_text(SECRET_CODE)

    done = assay("scan", "dirty.csv", "--json", cwd=folder, program=program)

    assert b"hijacked" not in done.stderr
    assert done.returncode == 1
    assert json.loads(done.stdout)["input"]["rows"] == 63
    assert not (folder / "__pycache__").exists()
