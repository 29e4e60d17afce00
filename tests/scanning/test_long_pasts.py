"""A past of more lots than are looked at in detail."""

import random
from pathlib import Path

from assayline.detectors.comparison import RECENT_LOTS
from assayline.scanning import scan


def delivered(folder: Path, lots: int, *, changing: bool = True) -> list[str]:
    """Lots of forty readings each; of a snapshot every lot is the same."""
    folder.mkdir()
    paths = []
    for number in range(lots):
        chance = random.Random(number if changing else 0)
        day = number if changing else 0
        rows = "".join(f"2026-{1 + day // 28:02d}-{1 + day % 28:02d},{row},{chance.gauss(20, 2):.2f}\n" for row in range(40))
        path = folder / f"lot-{number:03d}.csv"
        path.write_text(f"day,device,temp\n{rows}")
        paths.append(str(path))
    return paths


def codes(new: str, past: list[str]) -> list[str]:
    return [finding.code for finding in scan(new, past=past).findings if finding.severity >= 0.3]


def test_bytes_delivered_long_ago_are_recognised(tmp_path: Path) -> None:
    past = delivered(tmp_path / "past", RECENT_LOTS + 10)
    new = tmp_path / "new.csv"
    new.write_bytes(Path(past[3]).read_bytes())

    assert codes(str(new), past) == ["duplicate_lot"]


def test_the_same_bytes_are_no_news_in_a_flow_of_snapshots(tmp_path: Path) -> None:
    past = delivered(tmp_path / "past", 8, changing=False)
    new = tmp_path / "new.csv"
    new.write_bytes(Path(past[0]).read_bytes())

    assert codes(str(new), past) == []


def test_only_recent_lots_are_read_in_detail(tmp_path: Path) -> None:
    *past, last = delivered(tmp_path / "past", RECENT_LOTS + 11)
    new = tmp_path / "new.csv"
    new.write_bytes(Path(last).read_bytes())
    for old in past[:10]:
        Path(old).write_text("this is no table of readings any more")

    report = scan(str(new), past=past)

    assert report.past_lots == RECENT_LOTS
    assert report.findings == scan(str(new), past=past[10:]).findings
