"""A profile survives as bytes: the same states, the same merges, and never another profile."""

from __future__ import annotations

import datetime
import itertools
import math
import random
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.core import Place, Profile
from assayline.errors import LimitExceeded, MisuseError, Unreadable
from assayline.measures import Block, Measure, Plan, Sample, Sketch, Values, installed, natures, packed, profile, profile_block, unpacked
from assayline.measures.columnar import Malformed, Reader, Refusal, Writer

TEXTS = st.one_of(st.sampled_from(["", " ", "Ab 1", "café", "12.5", "N/A", "\x00"]), st.text(st.characters(exclude_categories=["Cs"]), max_size=12))
TIMES = st.datetimes(datetime.datetime(1960, 1, 1), datetime.datetime(2100, 1, 1))
COLUMNS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (pl.String, TEXTS), (pl.Float64, st.floats()), (pl.Int64, st.integers(-(2**63), 2**63 - 1)), (pl.UInt64, st.integers(0, 2**64 - 1)),
    (pl.Int8, st.integers(-9, 9)), (pl.Datetime("us"), TIMES), (pl.Datetime("ms", "Europe/Paris"), TIMES), (pl.Date, TIMES.map(datetime.datetime.date)),
    (pl.Boolean, st.booleans()), (pl.Binary, st.binary(max_size=5)), (pl.Decimal(12, 2), st.decimals(-99, 99, places=2)), (pl.Null, st.none()),
    (pl.Categorical, st.sampled_from("abc")), (pl.Enum(["x", "y"]), st.sampled_from("xy")), (pl.Time, st.times()), (pl.Int128, st.integers(-(2**100), 2**100)),
    (pl.Duration("ms"), st.timedeltas(datetime.timedelta(-99), datetime.timedelta(99))), (pl.Float32, st.floats(width=32)),
    (pl.Categorical(pl.Categories("towns", "places")), st.sampled_from("abc")), (pl.UInt128, st.integers(0, 2**127)),
    (pl.List(pl.String), st.lists(st.one_of(st.none(), TEXTS), max_size=3)), (pl.Array(pl.Int32, 2), st.tuples(st.integers(0, 5), st.integers(0, 5)).map(list)),
    (pl.Struct({"a": pl.Int64, "b": pl.List(pl.String)}), st.fixed_dictionaries({"a": st.one_of(st.none(), st.integers(0, 9)), "b": st.lists(TEXTS, max_size=2)})),
]  # fmt: skip


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    rows = draw(st.integers(0, 30))
    kinds = draw(st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=3))
    some = [pl.Series(f"é{n}", draw(st.lists(st.one_of(st.none(), cells), min_size=rows, max_size=rows)), dtype=kind) for n, (kind, cells) in enumerate(kinds)]
    return pl.DataFrame(some)


def shown(profile: Profile) -> dict[str, Any]:
    return {f"{place} {name}": state.as_json() for (place, name), state in profile.states.items()}


def same(a: Any, b: Any) -> bool:
    """Equality in which NaN is NaN."""
    if isinstance(a, dict):
        return isinstance(b, dict) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, list):
        return isinstance(b, list) and len(a) == len(b) and all(map(same, a, b))
    return bool(a == b) or (isinstance(a, float) and isinstance(b, float) and math.isnan(a) and math.isnan(b))


def lot(rows: int = 400, seed: int = 0) -> pl.DataFrame:
    pick = random.Random(seed)
    at = datetime.datetime(2026, 1, 1)
    return pl.DataFrame({
        "at": [at + datetime.timedelta(minutes=i // 4) for i in range(rows)], "station": [f"s{i % 4}" for i in range(rows)],
        "x": [round(pick.gauss(20, 3), 2) if pick.random() < 0.97 else None for _ in range(rows)], "id": [f"A-{seed}-{i:05d}" for i in range(rows)],
        "city": [pick.choice(["Lyon", "Bonn", "Zürich", None]) for _ in range(rows)],
    })  # fmt: skip


@pytest.mark.parametrize("measure", installed(), ids=lambda measure: measure.name)
@given(frame=frames(), cut=st.floats(0, 1), text=st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_comes_back_is_the_same_and_merges_the_same(measure: Measure, frame: pl.DataFrame, cut: float, text: bool) -> None:
    plan = Plan.of(frame, text)
    at = round(cut * frame.height)
    a, b = profile_block(Block(frame[:at], plan), [measure]), profile_block(Block(frame[at:], plan, start=at), [measure])

    again = unpacked(packed(a))

    assert same(shown(again), shown(a))
    assert again.columns == a.columns
    assert {key: type(state) for key, state in again.states.items()} == {key: type(state) for key, state in a.states.items()}
    assert same(shown(again.merge(b)), shown(a.merge(b)))
    assert same(shown(b.merge(again)), shown(b.merge(a)))


@pytest.mark.parametrize("measure", installed(), ids=lambda measure: measure.name)
def test_every_measure_has_states_in_a_packed_lot(measure: Measure) -> None:
    frame = lot()
    whole = profile_block(Block(frame, Plan.of(frame)), [measure])

    assert whole.states
    assert same(shown(unpacked(packed(whole))), shown(whole))


@given(frame=frames())
@settings(max_examples=200, deadline=None)
def test_the_row_sample_comes_back_cell_by_cell(frame: pl.DataFrame) -> None:
    whole = Profile({(Place(), "sample"): Sample(99, frame.height, frame, np.arange(frame.height))}, tuple(frame.columns))

    again = unpacked(packed(whole)).of(None, Sample)

    assert again is not None
    assert again.frame.schema == frame.schema
    assert again.frame.equals(frame)
    assert again.numbers.dtype == np.int64


@given(frame=frames(), pieces=st.integers(1, 4))
@settings(max_examples=100, deadline=None)
def test_equal_profiles_give_equal_bytes_however_they_came_about(frame: pl.DataFrame, pieces: int) -> None:
    bounds = [frame.height * piece // pieces for piece in range(pieces + 1)]
    split = pl.concat([frame[begin:end] for begin, end in itertools.pairwise(bounds)], rechunk=False)
    plan = Plan.of(frame)

    one, other = profile_block(Block(frame, plan)), profile_block(Block(split, plan))
    backwards = Profile(dict(reversed(list(other.states.items()))), other.columns)

    assert packed(one) == packed(backwards) == packed(unpacked(packed(one)))


def test_dictionaries_filled_in_another_order_give_equal_bytes() -> None:
    def of(counts: dict[str, int]) -> Profile:
        return Profile({(Place("a"), "values"): Values(counts, 3)}, ("a",))

    assert packed(of({"x": 1, "y": 2})) == packed(of({"y": 2, "x": 1}))
    assert packed(of({"x": 1, "y": 2})) != packed(of({"x": 2, "y": 1}))


def test_what_lies_under_a_null_or_outside_a_slice_is_not_packed() -> None:
    hidden = pl.Series("a", ["secret", "x", "y"]).to_frame().select(pl.when(pl.col("a") != "secret").then(pl.col("a")))
    plain = pl.DataFrame({"a": [None, "x", "y"]})
    plan = Plan.of(plain)

    assert packed(profile_block(Block(hidden, plan))) == packed(profile_block(Block(plain, plan)))


def test_the_profile_of_nothing_comes_back() -> None:
    again = unpacked(packed(Profile()))

    assert again == Profile()
    assert unpacked(packed(Profile(columns=("a",)))).columns == ("a",)


def test_readings_that_detectors_keep_with_a_profile_are_not_packed() -> None:
    looked_at = profile(lot())
    before = packed(looked_at)
    natures(looked_at)

    assert packed(looked_at) == before
    assert "_kept" not in unpacked(before).__dict__


def test_a_profile_that_came_back_can_be_read_like_any_other() -> None:
    whole = profile(lot())

    assert natures(unpacked(packed(whole))) == natures(whole)


def test_any_flipped_bit_is_an_error_and_never_another_profile() -> None:
    data = packed(profile(lot(60)))
    pick = random.Random(7)
    places = [*range(64), *(pick.randrange(len(data)) for _ in range(2_000))]

    for place in places:
        damaged = bytearray(data)
        damaged[place] ^= 1 << pick.randrange(8)
        with pytest.raises(Unreadable, match="packed profile: "):
            unpacked(bytes(damaged))


def test_cut_or_lengthened_bytes_are_an_error() -> None:
    data = packed(profile(lot(60)))

    for length in [*range(80), *range(80, len(data), 97), len(data) - 1]:
        with pytest.raises(Unreadable):
            unpacked(data[:length])
    with pytest.raises(Unreadable):
        unpacked(data + b"\x00")


def resealed(data: bytes, *, version: int | None = None, hashing: bytes | None = None, body: bytes | None = None) -> bytes:
    """Packed bytes with something changed and a checksum that fits."""
    import hashlib

    inner = data[40:]
    if version is not None:
        inner = struct.pack("<H", version) + inner[2:]
    if hashing is not None:
        inner = inner[:2] + hashing + inner[10:]
    if body is not None:
        inner = inner[:10] + body
    return data[:8] + hashlib.sha256(inner).digest() + inner


def test_a_newer_format_says_what_to_install() -> None:
    with pytest.raises(Unreadable, match=r"format version 999.*reads up to 1; install a newer Assayline"):
        unpacked(resealed(packed(Profile()), version=999))


def test_hashes_of_another_engine_are_refused_instead_of_compared() -> None:
    with pytest.raises(Unreadable, match=r"another version of Polars.*profile its lot again"):
        unpacked(resealed(packed(Profile()), hashing=b"\x00" * 8))


def test_a_small_file_that_would_fill_the_memory_is_refused_before_it_is_inflated() -> None:
    import zstandard

    bomb = zstandard.ZstdCompressor().compress(b"\x00" * 50_000_000)

    with pytest.raises(LimitExceeded, match="would inflate to 50,000,000 bytes, more than 1,000,000"):
        unpacked(resealed(packed(Profile()), body=bomb), most_bytes=1_000_000)


@given(noise=st.binary(max_size=60), place=st.floats(0, 1), cut=st.integers(0, 40))
@settings(max_examples=400, deadline=None)
def test_content_that_makes_no_sense_under_a_right_checksum_is_our_error(noise: bytes, place: float, cut: int) -> None:
    import zstandard

    data = packed(profile(lot(20)))
    content = zstandard.ZstdDecompressor().decompress(data[50:])
    at = round(place * len(content))
    spoiled = content[:at] + noise + content[at + cut :]

    try:
        back = unpacked(resealed(data, body=zstandard.ZstdCompressor().compress(spoiled)))
    except Unreadable:
        return
    assert isinstance(back, Profile)  # some bytes are cells, and other cells are no nonsense


def test_a_state_of_a_measure_that_is_not_installed_is_named() -> None:
    @dataclass(frozen=True)
    class Rain:
        name: ClassVar[str] = "rain"
        millimetres: int = 3

        def merge(self, other: Rain) -> Rain:
            return Rain(self.millimetres + other.millimetres)

        def as_json(self) -> dict[str, Any]:
            return {"millimetres": self.millimetres}

    with pytest.raises(MisuseError, match=r"the state 'rain' of column 'a'.*Rain"):
        packed(Profile({(Place("a"), "rain"): Rain()}, ("a",)))


@pytest.mark.parametrize(("rows", "most"), [(100, 30_000), (1_000, 120_000), (4_000, 400_000)])
def test_the_bytes_of_a_lot_are_bounded(rows: int, most: int) -> None:
    assert len(packed(profile(lot(rows)))) < most


# What a state of a plug-in may hold.


@dataclass(frozen=True)
class Inner:
    word: str = ""
    more: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False)
class Outer:
    """Every kind of field at once."""

    name: ClassVar[str] = "outer"
    anything: Any = None
    inner: Inner = field(default_factory=Inner)
    counts: Mapping[Any, Any] = field(default_factory=lambda: MappingProxyType({}))


class Both:
    """The two classes above as names."""

    def name_of(self, kind: type, inside: str) -> str | None:
        return {Outer: "outer", Inner: "outer.Inner"}.get(kind)

    def class_of(self, name: str, inside: str) -> type | None:
        return {"outer": Outer, "outer.Inner": Inner}.get(name)


def there_and_back(values: list[Any]) -> list[Any]:
    writer = Writer(Both())
    writer.values(values)
    reader = Reader(writer.written(), Both())
    found = reader.values()
    assert reader.finished()
    return found


ZONES = st.one_of(st.none(), st.just(datetime.UTC), st.just(datetime.timezone(datetime.timedelta(hours=-3, seconds=7))), st.just(ZoneInfo("Europe/Paris")))
LEAVES: st.SearchStrategy[Any] = st.one_of(
    st.none(), st.booleans(), st.integers(), st.integers(2**63 - 2, 2**64 + 2), st.floats(allow_nan=False), st.text(), st.text(st.characters(categories=["Cs"])), st.binary(),
    st.dates(), st.times(), st.datetimes(timezones=ZONES), st.timedeltas(),
)  # fmt: skip
KEYS = st.one_of(st.integers(), st.text(max_size=4), st.tuples(st.integers(0, 3), st.text(max_size=2)), st.none())
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.lists(inner, max_size=3).map(tuple), st.dictionaries(KEYS, inner, max_size=4), st.sets(KEYS, max_size=4),
        st.frozensets(KEYS, max_size=4), st.builds(Inner, st.text(), st.tuples(inner)),
    ),
    max_leaves=12,
)  # fmt: skip


def exactly(value: Any) -> Any:
    """A value with its types, and the order of dictionaries left out."""
    if isinstance(value, dict):
        return "dict", sorted(((repr(exactly(key)), exactly(one)) for key, one in value.items()), key=lambda pair: pair[0])
    if isinstance(value, (set, frozenset)):
        return type(value), sorted(repr(exactly(one)) for one in value)
    if isinstance(value, (list, tuple)):
        return type(value), [exactly(one) for one in value]
    if isinstance(value, Inner):
        return Inner, value.word, exactly(value.more)
    if isinstance(value, float):
        return float, value.hex()
    return type(value), value


@given(values=st.lists(TREES, max_size=6))
@settings(max_examples=300, deadline=None)
def test_every_plain_value_comes_back_with_its_type(values: list[Any]) -> None:
    assert exactly(there_and_back(values)) == exactly(values)


@pytest.mark.parametrize("values", [["a\x1fb", "", "c"], ["\x1f"], ["", ""], [""], ["a", "\x1f\x1f"]])
def test_texts_with_the_mark_that_separates_texts_come_back(values: list[str]) -> None:
    assert there_and_back(list(values)) == values


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308])
def test_floats_come_back_bit_by_bit(number: float) -> None:
    assert struct.pack("<d", there_and_back([number])[0]) == struct.pack("<d", number)


@pytest.mark.parametrize(
    "array",
    [
        np.zeros(0, dtype=np.uint64), np.array([3, 1, 2**64 - 1], dtype=np.uint64), np.arange(9, dtype=np.int64), np.array([-(2**63), 0, 2**63 - 1]),
        np.arange(12, dtype=np.float32).reshape(3, 4).T, np.array(5.5), np.array([True, False]), np.array(["2026-01-01", "NaT"], dtype="datetime64[D]"),
        np.array([1, 2, 3], dtype=">i4"), np.zeros((0, 3)), np.array([1 + 2j]), np.arange(10)[::3],
    ],
    ids=repr,
)  # fmt: skip
def test_arrays_come_back_with_type_and_shape(array: npt.NDArray[Any]) -> None:
    (again,) = there_and_back([array])

    assert again.shape == array.shape
    assert again.dtype == array.dtype.newbyteorder("=")
    assert np.array_equal(again, array, equal_nan=array.dtype.kind in "fcM")


def test_arrays_of_many_states_stand_in_one_column_and_come_apart_again() -> None:
    sketches = [np.array([1, 5, 9], dtype=np.uint64), np.array([2], dtype=np.uint64), np.zeros(0, dtype=np.uint64), np.array([0, 2**64 - 1], dtype=np.uint64)]

    again = there_and_back(sketches)

    assert [one.tolist() for one in again] == [one.tolist() for one in sketches]
    again[0][0] = 7  # its own memory, not a view of the bytes


def test_a_dataclass_of_everything_comes_back() -> None:
    state = Outer([{"x": np.float64(1.5)}, pl.Series("s", [1, None])], Inner("é", (1, None)), MappingProxyType({3: {"b", "a"}, 1: b"\x00"}))

    (again,) = there_and_back([state])

    assert again.anything[0] == {"x": 1.5}
    assert again.anything[1].equals(state.anything[1], check_names=True)
    assert again.inner == state.inner
    assert again.counts == dict(state.counts)


@pytest.mark.parametrize("value", [object(), np.array([object()]), lambda: 1, 1 + 2j, Sketch()], ids=lambda value: type(value).__name__)
def test_what_is_no_plain_value_is_refused_and_named(value: object) -> None:
    with pytest.raises(Refusal, match=r"an? "):
        there_and_back([value])


def test_a_class_that_the_list_does_not_hold_is_not_made() -> None:
    writer = Writer(Both())
    writer.values([Inner("x")])

    class Nothing(Both):
        def class_of(self, name: str, inside: str) -> type | None:
            return None

    with pytest.raises(Malformed, match=r"outer\.Inner"):
        Reader(writer.written(), Nothing()).values()
