"""One bit that flips anywhere is found, or changes nothing; what is damaged is refused before anybody believes it."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from assayline.errors import AssaylineError, Damaged, LedgerError, LotHeld
from assayline.ledger import back_up, create_ledger, open_ledger, records, verify
from assayline.line.adjudicating import answer
from assayline.line.api import gate
from assayline.line.health import flow_document, lot_document
from assayline.line.project import Project, create_project, open_project
from assayline.line.quarantine import case_rows
from assayline.line.reading import read_frame

FLIPS = 300
PAGE = 4096


@dataclass(frozen=True)
class Shop:
    """A project with lots of every state, and all that its ledger says."""

    folder: Path
    ledger: bytes
    dump: list[Any]
    shown: list[Any]


def frame(seed: int, bad: int = 0) -> pl.DataFrame:
    names = [("Malmö", "Lyon", "Köln")[number % 3] for number in range(40)]
    return pl.DataFrame({"order": [seed * 1000 + number for number in range(40)], "city": ["KÃ¶ln"] * bad + names[bad:]})


def dump(path: Path) -> list[Any]:
    """Everything a query can see: every row of every table with the types of its cells, and the definitions."""
    with sqlite3.connect(path) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        seen: list[Any] = database.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()
        for name in tables:
            columns = [row[1] for row in database.execute(f"PRAGMA table_info({name})")]
            wanted = ", ".join(f'"{column}", typeof("{column}")' for column in columns)
            seen.append((name, sorted(database.execute(f"SELECT {wanted} FROM {name}").fetchall(), key=repr)))
    database.close()
    return seen


def shown(project: Project) -> list[Any]:
    """What people see of it."""
    with project.ledger.read() as connection:
        numbers = [lot.lot for lot in records.lots(connection)]
    return [flow_document(project, "sales"), *(lot_document(project, number) for number in numbers), list(project.ledger.entries())]


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Shop:
    folder = tmp_path_factory.mktemp("damage") / "shop"
    with create_project(str(folder)) as project:
        for number in range(1, 5):
            gate("sales", frame(number, bad=3 * (number == 2)), project=project)
        with pytest.raises(LotHeld):
            gate("sales", frame(9, bad=30), project=project)
        answer(project, 2, "bad", author="ann")
        gate("sales", frame(1), project=project)
        assert list(verify(project.ledger, project.store)) == []
        seen = shown(project)
    return Shop(folder, (folder / "ledger.db").read_bytes(), dump(folder / "ledger.db"), seen)


def damaged(shop: Shop, content: bytes, folder: Path) -> bool:
    """Whether `assay verify` finds something, or refuses, in a ledger with this content."""
    path = folder / "ledger.db"
    path.write_bytes(content)
    try:
        with open_ledger(f"sqlite:///{path}") as ledger:
            return list(verify(ledger)) != []
    except AssaylineError:
        return True


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_a_bit_that_flips_in_the_ledger_is_found_or_stands_where_nothing_is_kept(shop: Shop, tmp_path: Path, every: int) -> None:
    chance = random.Random(20261121)
    bits = [*(byte * 8 + chance.randrange(8) for byte in range(100)), *(chance.randrange(len(shop.ledger) * 8) for _ in range(FLIPS))][::every]
    found = 0

    for bit in bits:
        content = bytearray(shop.ledger)
        content[bit // 8] ^= 1 << bit % 8
        if damaged(shop, bytes(content), tmp_path):
            found += 1
        else:
            assert dump(tmp_path / "ledger.db") == shop.dump, f"bit {bit % 8} of byte {bit // 8}"

    assert found > FLIPS / 20 / every  # most of a young ledger is empty pages


def test_every_bit_of_what_was_written_counts(shop: Shop, tmp_path: Path) -> None:
    words = [text.encode() for text in ("mojibake", '"verdict":"split"', "released", "KÃ¶ln".encode().decode("latin-1"), "assay_lots_digest", "VARCHAR(10)")]
    places = [at for word in words for at in range(len(shop.ledger)) if shop.ledger.startswith(word, at)]

    for place in places:
        content = bytearray(shop.ledger)
        content[place] ^= 1
        if not damaged(shop, bytes(content), tmp_path):
            assert dump(tmp_path / "ledger.db") == shop.dump, place

    assert len(places) > 20


def test_a_ledger_that_says_something_else_is_never_called_intact(shop: Shop, tmp_path: Path) -> None:
    for table, change in [
        ("assay_lots", "verdict = 'release'"), ("assay_lots", "released = released + 1"), ("assay_lots", "state = 'released'"), ("assay_lots", "objects = '{}'"),
        ("assay_cases", "open = 0"), ("assay_decisions", "author = 'bob'"), ("assay_incidents", "state = 'closed'"), ("assay_standing", "bad = bad + 1"),
        ("assay_entries", "event = 'again'"), ("assay_entries", "body = 7"), ("assay_entries", "body = x'ff'"), ("assay_entries", "body = '[[[['"), ("assay_notices", "body = '{}'"),
    ]:  # fmt: skip
        (tmp_path / "ledger.db").write_bytes(shop.ledger)
        with sqlite3.connect(tmp_path / "ledger.db") as database:
            assert database.execute(f"UPDATE {table} SET {change}").rowcount, table
        database.close()

        assert damaged(shop, (tmp_path / "ledger.db").read_bytes(), tmp_path), (table, change)


def test_a_ledger_that_is_cut_off_or_has_pages_in_another_order_is_refused_or_found(shop: Shop, tmp_path: Path) -> None:
    pages = [shop.ledger[at : at + PAGE] for at in range(0, len(shop.ledger), PAGE)]
    chance = random.Random(7)

    for count in range(len(pages)):
        assert damaged(shop, b"".join(pages[:count]), tmp_path), f"cut off after {count} pages"
        assert damaged(shop, b"".join(pages[:count]) + b"\0" * PAGE + b"".join(pages[count + 1 :]), tmp_path), f"page {count} is zero"
    for _ in range(20):
        one, other = sorted(chance.sample(range(len(pages)), 2))
        swapped = [*pages]
        swapped[one], swapped[other] = pages[other], pages[one]
        if not damaged(shop, b"".join(swapped), tmp_path):
            assert dump(tmp_path / "ledger.db") == shop.dump


@pytest.mark.parametrize("content", [b"", b"\0" * PAGE, b"SQLite format 3\0" + b"\xff" * 4080, b"hello\n" * 1000], ids=["empty", "zeros", "header", "text"])
def test_what_is_no_ledger_is_refused_in_one_sentence(shop: Shop, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "ledger.db").write_bytes(content)

    with pytest.raises(LedgerError, match=r"ledger\.db: ") as caught:
        open_ledger(f"sqlite:///{tmp_path}/ledger.db")

    assert "\n" not in str(caught.value)
    assert (tmp_path / "ledger.db").read_bytes() == content


def test_a_database_of_another_program_is_left_as_it_is(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "ledger.db") as database:
        database.execute("CREATE TABLE assay_about (name TEXT, value TEXT)")
    database.close()
    before = (tmp_path / "ledger.db").read_bytes()

    for way in (open_ledger, create_ledger):
        with pytest.raises(LedgerError):
            way(f"sqlite:///{tmp_path}/ledger.db")

    assert (tmp_path / "ledger.db").read_bytes() == before


def test_a_bit_that_flips_in_an_object_is_found_wherever_it_is(shop: Shop) -> None:
    chance = random.Random(4)
    with open_project(str(shop.folder)) as project:
        digests = list(project.store.objects())
        for _ in range(FLIPS):
            digest = chance.choice(digests)
            flipped(project, digest, chance.random())
            damage = project.store.check(digest)
            restored(project, digest)

            assert "not those that were put" in damage
        assert list(verify(project.ledger, project.store)) == []


_kept: dict[str, bytes] = {}


def flipped(project: Project, digest: str, where: float) -> None:
    path = Path(project.store.path(digest))
    content = bytearray(path.read_bytes())
    _kept[digest] = bytes(content)
    bit = int(where * len(content) * 8)
    content[bit // 8] ^= 1 << bit % 8
    path.chmod(0o644)
    path.write_bytes(content)


def restored(project: Project, digest: str) -> None:
    Path(project.store.path(digest)).write_bytes(_kept.pop(digest))


@pytest.mark.parametrize("kind", ["released", "quarantined", "report", "profile", "missing", "cut"])
def test_nobody_is_served_what_is_damaged(shop: Shop, tmp_path: Path, kind: str) -> None:
    shutil.copytree(shop.folder, tmp_path / "shop")
    path = tmp_path / "next.csv"
    frame(11).write_csv(path)
    use: dict[str, Callable[[Project], object]] = {
        "released": lambda project: read_frame(project, "sales"),
        "quarantined": lambda project: case_rows(project, 1),
        "report": lambda project: lot_document(project, 2),
        "profile": lambda project: gate("sales", path, project=project),
    }
    with open_project(str(tmp_path / "shop")) as project:
        with project.ledger.read() as connection:
            lot = records.lot_of(connection, 2)
        digest = lot.objects.get(kind, lot.objects["released"])
        if kind == "missing":
            Path(project.store.path(digest)).unlink()
        elif kind == "cut":
            cut = Path(project.store.path(digest))
            cut.chmod(0o644)
            cut.write_bytes(cut.read_bytes()[:-9])
        else:
            flipped(project, digest, 0.4)

        with pytest.raises(Damaged, match="assay verify"):
            use[kind if kind in use else "released"](project)
        assert [digest in one.place for one in verify(project.ledger, project.store)] == [True]


@pytest.mark.parametrize("how", ["missing", "flipped"])
def test_what_is_damaged_is_not_backed_up_as_if_it_were_well(shop: Shop, tmp_path: Path, how: str) -> None:
    shutil.copytree(shop.folder, tmp_path / "shop")
    with open_project(str(tmp_path / "shop")) as project:
        digest = next(one for one in project.store.objects() if one.endswith(".parquet"))
        if how == "missing":
            Path(project.store.path(digest)).unlink()
        else:
            flipped(project, digest, 0.5)

        with pytest.raises(Damaged, match="assay verify"):
            back_up(project.ledger, project.store, str(tmp_path / "b.tar"))

    assert not (tmp_path / "b.tar").exists()


def test_what_people_see_of_an_intact_project_is_the_same_every_time(shop: Shop) -> None:
    with open_project(str(shop.folder)) as project:
        assert shown(project) == shop.shown
