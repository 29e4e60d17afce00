"""A bundle is one file whose every byte is what was written, and says the same wherever it is read."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import os
import stat
import struct
import subprocess
import sys
import time
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from bundled import bundle, table
from trained import boosted, every_predictor, linear

from assayline.artefacts import (
    AsIs,
    Bundle,
    Constant,
    Golden,
    Interval,
    Predictor,
    bundle_of,
    check_golden,
    environment_here,
    fits_here,
    read,
    write,
)
from assayline.artefacts.archive import packed, unpacked
from assayline.artefacts.bundle import MANIFEST
from assayline.errors import InputError, LimitExceeded, MisuseError, NotFound, Refused, Unreadable, UnsafeArtefact
from assayline.framing import Problem, frame


def written_to(folder: Path, one: Bundle | None = None) -> Path:
    write(one or bundle(), folder / "m.assay")
    return folder / "m.assay"


@pytest.mark.parametrize("model", every_predictor(), ids=lambda one: f"{one.kind}-{one.classes}")
def test_a_bundle_reads_back_and_writes_the_same_bytes(model: Predictor, tmp_path: Path) -> None:
    made = bundle(model)
    digest = write(made, tmp_path / "one.assay")

    again = read(tmp_path / "one.assay", digest=digest)
    write(again, tmp_path / "two.assay")

    assert (tmp_path / "one.assay").read_bytes() == (tmp_path / "two.assay").read_bytes()
    assert np.array_equal(again.predict(table()), made.predict(table()))
    assert check_golden(again) == ()
    assert (again.owner, again.cost, again.profile, dict(again.schema), again.parents) == (made.owner, made.cost, made.profile, dict(made.schema), made.parents)


def test_a_framed_table_is_predicted_from_its_raw_rows(tmp_path: Path) -> None:
    raw: dict[str, list[object]] = {
        "when": ["2026-01-02", "2026-02-03", None, "2026-05-06"], "city": ["Lyon", "Bonn", "Gent", None], "price": ["3 EUR", "4 EUR", "", "x"], "sold": [1.0, 2.0, 3.0, 4.0],
    }  # fmt: skip
    rows = pl.DataFrame({name: values * 20 for name, values in raw.items()})
    plan = frame(rows, Problem("sold", task="regression"))
    made = Bundle("sales", "v1", plan, Constant.of(2.5), golden=Golden.of(plan, Constant.of(2.5), rows.head(20)))

    write(made, tmp_path)
    again = read(tmp_path / "sales-v1.assay")

    assert again.plan == plan
    assert again.predict(rows.select("city")).tolist() == [2.5] * 80
    assert again.row_predictor()({"city": "Bonn"}).tolist() == [2.5]
    assert check_golden(again) == ()


def test_another_version_of_a_bundle_has_another_digest() -> None:
    made = bundle()
    first = made.digest

    assert dataclasses.replace(made, version="v9").digest != first
    assert dataclasses.replace(made).digest == first


def test_no_flipped_bit_is_read(tmp_path: Path) -> None:
    good = written_to(tmp_path).read_bytes()
    random = np.random.default_rng(0)
    places = {*range(120), *range(len(good) - 120, len(good)), *random.integers(0, len(good), 150).tolist()}

    survived = []
    for place in places:
        bad = bytearray(good)
        bad[place] ^= 1 << int(random.integers(8))
        try:
            bundle_of(unpacked(bytes(bad), "m.assay"), "m.assay")
            survived.append(place)
        except InputError as error:
            survived += [] if error.next_step else [place]

    assert survived == []


def test_no_truncated_file_is_read(tmp_path: Path) -> None:
    good = written_to(tmp_path).read_bytes()

    for length in [0, 1, 4, 30, len(good) // 2, len(good) - 22, len(good) - 1]:
        with pytest.raises(InputError):
            unpacked(good[:length], "m.assay")


def test_bytes_before_and_behind_the_members_are_seen(tmp_path: Path) -> None:
    good = written_to(tmp_path).read_bytes()

    for bad in (good + b"\x00", b"\x00" + good, good + b"PK"):
        with pytest.raises(InputError):
            unpacked(bad, "m.assay")


def zipped(members: Mapping[str, bytes], compression: int = zipfile.ZIP_STORED, mode: int = stat.S_IFREG | 0o644) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.compress_type, entry.external_attr, entry.create_system = compression, mode << 16, 3
            archive.writestr(entry, content)
    return stream.getvalue()


@pytest.mark.parametrize("name", ["../x", "/etc/x", "a/../b", "a\\b", "C:x", "a//b", "./a", "a/", "é", " a", "-a", "a\n"])
def test_a_name_that_leaves_the_folder_is_refused(name: str) -> None:
    with pytest.raises(Refused):
        unpacked(zipped({name: b""}), "m.assay")


def test_a_link_a_bomb_and_a_doubled_member_are_refused() -> None:
    with pytest.raises(Refused, match="a link"):
        unpacked(zipped({"a": b"/etc/passwd"}, mode=stat.S_IFLNK | 0o777), "m.assay")
    with pytest.raises(Refused, match="compressed"):
        unpacked(zipped({"a": bytes(10_000_000)}, zipfile.ZIP_DEFLATED), "m.assay")
    doubled = zipped({"aa": b"1", "ab": b"2"}).replace(b"ab", b"aa")
    with pytest.raises(Refused, match="twice"):
        unpacked(doubled, "m.assay")


def test_a_size_that_is_a_lie_is_refused_before_anything_is_allocated() -> None:
    lie = bytearray(packed({"a": b"1"}))
    at = lie.find(b"PK\x01\x02")
    lie[at + 20 : at + 28] = struct.pack("<II", 0xFFFFFFF0, 0xFFFFFFF0)

    with pytest.raises(LimitExceeded, match="more than the file"):
        unpacked(bytes(lie), "m.assay")


def resealed(members: dict[str, bytes], **changed: object) -> dict[str, bytes]:
    """Members with a manifest that agrees with them, as somebody would make it who knows the format."""
    manifest = json.loads(members[MANIFEST]) | changed
    manifest["members"] = {name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()} for name, content in members.items() if name != MANIFEST}
    return {**members, MANIFEST: json.dumps(manifest).encode()}


def test_a_member_that_is_missing_added_or_changed_is_named() -> None:
    good = bundle().members()

    with pytest.raises(Unreadable, match=r"plan\.json: the manifest lists it"):
        bundle_of({name: content for name, content in good.items() if name != "plan.json"}, "m.assay")
    with pytest.raises(Refused, match=r"more\.py: the manifest does not list it"):
        bundle_of({**good, "more.py": b"print()"}, "m.assay")
    with pytest.raises(Unreadable, match=r"metrics\.json: its digest is"):
        bundle_of({**good, "metrics.json": b'{"auc":0.99}\n'}, "m.assay")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"format": 2}, "the format 2, and this version reads up to 1.*update Assayline"), ({"format": "1"}, "'format'"), ({"name": "../x"}, "cannot be the name"),
        ({"owner": 3}, "'owner' is not a text"), ({"parents": "x"}, "not a list"), ({"baselines": ["dummy", "other"]}, "missing"), ({"baselines": []}, "belongs to no bundle"),
        ({"task": "regression"}, "its other files say"), ({"classes": ["x", "z"]}, "its other files say"), ({"cost": [1]}, "'cost'"),
    ],
)  # fmt: skip
def test_a_manifest_that_does_not_say_what_the_files_say_is_refused(changed: dict[str, object], says: str) -> None:
    with pytest.raises(InputError, match=says):
        bundle_of(resealed(bundle().members(), **changed), "m.assay")


@pytest.mark.parametrize("name", sorted(bundle().members()))
@pytest.mark.parametrize("content", [b"", b"null", b"[]", b"{}", b'{"kind":[]}', b"\xff\xfe", b'{"a":1,"a":2}', b'{"a":' * 5000, b"NaN"])
def test_a_resealed_member_of_nonsense_is_an_error_with_a_place(name: str, content: bytes) -> None:
    if name == MANIFEST:
        bad = {**bundle().members(), MANIFEST: content}
    else:
        bad = resealed({**bundle().members(), name: content})

    try:
        bundle_of(bad, "m.assay")
        harmless = True
    except InputError as error:
        harmless = bool(error.place and error.next_step)

    assert harmless
    assert name in ("profile.bin", "metrics.json", "environment.json", "more.json", "schema.json", "golden/rows.parquet") or not _readable(bad)


def _readable(members: Mapping[str, bytes]) -> bool:
    try:
        bundle_of(members, "m.assay")
    except InputError:
        return False
    return True


def test_a_bundle_with_another_digest_than_the_ledgers_is_not_taken(tmp_path: Path) -> None:
    path = written_to(tmp_path)

    with pytest.raises(Unreadable, match="was asked for"):
        read(path, digest="sha256:" + "1" * 64)


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo.assay")

    with pytest.raises(Refused, match="no regular file"):
        read(tmp_path / "fifo.assay")
    with pytest.raises(Refused):
        read(tmp_path)
    with pytest.raises(NotFound):
        read(tmp_path / "none.assay")


def test_a_pickle_called_a_bundle_is_unsafe(tmp_path: Path) -> None:
    (tmp_path / "m.assay").write_bytes(b"\x80\x04cos\nsystem\n.")

    with pytest.raises(UnsafeArtefact, match=r"os\.system"):
        read(tmp_path / "m.assay")


FULL = """
import resource, sys
from assayline.artefacts import read, write
from assayline.errors import AssaylineError
made = read(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    write(made, sys.argv[2])
except AssaylineError as error:
    print(error)
"""


def test_a_disk_that_is_full_leaves_what_was_there(tmp_path: Path) -> None:
    source, target = written_to(tmp_path), tmp_path / "kept.assay"
    target.write_bytes(b"the version before")

    done = subprocess.run([sys.executable, "-c", FULL, str(source), str(target)], capture_output=True, text=True, check=False)

    assert "what was there before is still there" in done.stdout, done.stderr
    assert target.read_bytes() == b"the version before"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["kept.assay", "m.assay"]


KILLED = """
import sys
from assayline.artefacts import read, write
made = read(sys.argv[1])
print("begin", flush=True)
while True:
    write(made, sys.argv[2])
"""


def test_a_writer_that_is_killed_leaves_a_whole_file(tmp_path: Path) -> None:
    source, target = written_to(tmp_path), tmp_path / "kept.assay"
    good = source.read_bytes()

    for seconds in (0.0, 0.004, 0.011, 0.017, 0.023):
        process = subprocess.Popen([sys.executable, "-c", KILLED, str(source), str(target)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(seconds)
        process.kill()
        process.communicate()

        assert not target.exists() or target.read_bytes() == good


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="make the folder first"):
        write(bundle(), tmp_path / "nowhere" / "m.assay")


def test_golden_rows_say_what_changed() -> None:
    made = bundle(boosted())
    other = dataclasses.replace(made, predictor=boosted(rounds=11))

    differences = check_golden(other)

    assert {one.size for one in differences} == {"1", "7", "64", "all"}
    assert "golden row" in differences[0].sentence
    assert differences[0].expected != differences[0].found


def test_golden_rows_of_python_objects_or_none_are_misuse() -> None:
    plan = AsIs(Problem("y"), "regression", ("a",))

    with pytest.raises(MisuseError, match="give a sample"):
        Golden.of(plan, Constant.of(1.0), pl.DataFrame({"a": []}))
    with pytest.raises(MisuseError, match="Python objects"):
        Golden.of(plan, Constant.of(1.0), pl.DataFrame({"a": [object()]}))


def test_parts_that_do_not_fit_make_no_bundle() -> None:
    with pytest.raises(MisuseError, match="does not fit the plan"):
        dataclasses.replace(bundle(), predictor=linear(3))
    with pytest.raises(MisuseError, match="does not fit the plan"):
        Bundle("m", "v1", AsIs(Problem("y"), "regression", ("a", "b")), boosted())
    with pytest.raises(MisuseError, match="cannot be the version"):
        dataclasses.replace(bundle(), version="../v1")
    with pytest.raises(MisuseError, match="no digest of a parent"):
        dataclasses.replace(bundle(), parents=("abc",))


def test_a_bundle_says_what_is_different_here() -> None:
    here = environment_here()
    newer = dataclasses.replace(bundle(boosted()), environment={**here, "packages": {"lightgbm": "99.1"}})
    other_python = dataclasses.replace(bundle(boosted()), environment={**here, "python": "3.99.1"})

    assert fits_here(bundle(boosted())) == ()
    assert fits_here(other_python) == ()
    assert fits_here(newer)[0].startswith("It was made with lightgbm 99.1, and ")


def test_an_interval_in_a_bundle_keeps_its_reach(tmp_path: Path) -> None:
    model = next(one for one in every_predictor() if isinstance(one, Interval))

    again = read(written_to(tmp_path, bundle(model))).predictor

    assert isinstance(again, Interval)
    assert again.reach(0.9) == model.reach(0.9)
