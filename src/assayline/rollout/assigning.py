"""The buckets and arms of a million keys at once, and the same in SQL: what `core.rollout.bucket` says of one key, for columns."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import polars as pl

from assayline.core import Rollout
from assayline.core.rollout import BUCKETS, bucket
from assayline.errors import MisuseError

Buckets = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint32]

# MD5 as in RFC 1321: the rotations of its four rounds, the constants floor(2**32 * |sin(i + 1)|), and which word of the block each step takes.
_TURNS = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
_SINES = np.floor(np.abs(np.sin(np.arange(1, 65, dtype=np.float64))) * 2.0**32).astype(np.uint32)
_TAKEN = tuple((step, (5 * step + 1) % 16, (3 * step + 5) % 16, 7 * step % 16)[step // 16] % 16 for step in range(64))
_START = (0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476)
_CHUNK = 1 << 12  # keys that are hashed at once: their blocks and words stay within the processor's cache


def buckets(salt: str, keys: pl.Series | Sequence[str]) -> Buckets:
    """The bucket of each key, 0 to 9,999, as `core.rollout.bucket` gives it; rows without a key are one key, the empty one.

    Args:
        salt: of the rollout.
        keys: text, or whole numbers, dates and truth values, which are hashed as their text (`7`, `2026-11-21`, `true`).

    Raises:
        MisuseError: keys of another type, whose text engines write differently (a number with a fraction, a time).

    >>> import polars as pl
    >>> buckets("2026-11", pl.Series(["customer 1", None, "customer 1"])).tolist()
    [3662, 7939, 3662]
    """
    try:
        texts = _texts(keys)
    except UnicodeEncodeError:  # half of a pair fits into no column; one by one its bytes are taken all the same
        return np.array([bucket(salt, key or "") for key in keys], dtype=np.int64)
    prefix = f"{salt}:".encode("utf-8", "surrogatepass")
    whole = texts.str.join("")[0].encode() if len(texts) else b""
    lengths = texts.str.len_bytes().to_numpy().astype(np.int64)
    begins = np.concatenate([[0], np.cumsum(lengths)[:-1]]) if len(lengths) else lengths
    held = np.frombuffer(whole, dtype=np.uint8)
    found = np.empty(len(texts), dtype=np.int64)
    # Keys of as many blocks are hashed together; those of a common length differ only in their bytes.
    blocks = (len(prefix) + lengths + 8) // 64 + 1
    for count in np.unique(blocks):
        rows = np.flatnonzero(blocks == count)
        for at in range(0, len(rows), _CHUNK):
            some = rows[at : at + _CHUNK]
            found[some] = _hashed(_padded(prefix, held, begins[some], lengths[some], int(count)))
    return found


def arms(rollout: Rollout, numbers: Buckets) -> npt.NDArray[np.str_]:
    """The arm of each bucket, as `Rollout.arm_of` says.

    >>> from assayline.core.rollout import stages_of
    >>> rollout = Rollout("v6", "v7", salt="2026-11", stages=stages_of("canary"), stage=3, holdout=1)
    >>> arms(rollout, np.array([499, 500, 9900])).tolist()
    ['challenger', 'champion', 'holdout']
    """
    every = np.array([rollout.arm_of(number) for number in range(BUCKETS)])
    return every[numbers]


def compared(rollout: Rollout, numbers: Buckets) -> npt.NDArray[np.bool_]:
    """Whether both models score the keys of each bucket, as `Rollout.is_compared` says."""
    every = np.array([rollout.is_compared(number) for number in range(BUCKETS)])
    return every[numbers]


def sql_bucket(dialect: str, column: str, salt: str) -> str:
    """An SQL expression that gives the bucket of a column, equal to `buckets`.

    Args:
        dialect: "duckdb", "postgresql" or "spark".
        column: its bare name; it is quoted here.
        salt: of the rollout.

    Raises:
        MisuseError: another dialect, or a name or salt with a character that no engine takes.

    >>> print(sql_bucket("postgresql", "customer_id", "2026-11"))
    (('x' || substr(md5(convert_to('2026-11:' || coalesce(cast("customer_id" as text), ''), 'UTF8')), 1, 8))::bit(32)::bigint % 10000)
    """
    if "\0" in column + salt or not column:
        raise MisuseError(f"no SQL engine takes the column {column!r} with the salt {salt!r}; choose others")
    double, text = '"' + column.replace('"', '""') + '"', "'" + salt.replace("'", "''") + ":'"
    if dialect == "duckdb":
        return f"(('0x' || substr(md5({text} || coalesce(cast({double} as varchar), '')), 1, 8))::bigint % {BUCKETS})"
    if dialect == "postgresql":
        if "\\" in salt:  # the meaning of a backslash in a plain text hangs on a setting of the server
            text = "E" + text.replace("\\", "\\\\")
        return f"(('x' || substr(md5(convert_to({text} || coalesce(cast({double} as text), ''), 'UTF8')), 1, 8))::bit(32)::bigint % {BUCKETS})"
    if dialect == "spark":
        escaped = "'" + salt.replace("\\", "\\\\").replace("'", "\\'") + ":'"
        name = "`" + column.replace("`", "``") + "`"
        return f"(cast(conv(substring(md5(concat({escaped}, coalesce(cast({name} as string), ''))), 1, 8), 16, 10) as bigint) % {BUCKETS})"
    raise MisuseError(f"buckets are computed in duckdb, postgresql or spark, not in {dialect!r}")


def _texts(keys: pl.Series | Sequence[str]) -> pl.Series:
    if not isinstance(keys, pl.Series):
        return pl.Series("", list(keys), dtype=pl.String).fill_null("")
    kind = keys.dtype
    if not (kind.is_integer() or kind in (pl.String, pl.Categorical, pl.Enum, pl.Date, pl.Boolean, pl.Null)):
        raise MisuseError(f"the unit {keys.name!r} is of the type {kind}, which engines write as text in different ways; use text, whole numbers or dates")
    return keys.cast(pl.String).fill_null("")


def _padded(prefix: bytes, held: npt.NDArray[np.uint8], begins: Buckets, lengths: Buckets, blocks: int) -> Words:
    """(blocks * 16, keys): the messages as MD5 reads them, little-endian words with their end marked and their length last."""
    width, size = blocks * 64, len(begins)
    message = np.zeros((size, width), dtype=np.uint8)
    message[:, : len(prefix)] = np.frombuffer(prefix, dtype=np.uint8)
    longest = int(lengths.max()) if size else 0
    place = np.arange(longest)
    inside = place < lengths[:, None]
    if longest:
        message[:, len(prefix) : len(prefix) + longest] = np.where(inside, held[np.minimum(begins[:, None] + place, len(held) - 1)], 0)
    rows, ends = np.arange(size), len(prefix) + lengths
    message[rows, ends] = 0x80
    message[:, width - 8 :] = (ends * 8).astype("<u8").view(np.uint8).reshape(size, 8)
    return np.ascontiguousarray(message.view("<u4").astype(np.uint32).T)


def _hashed(words: Words) -> Buckets:
    """The bucket from the first four bytes of the MD5 of each message."""
    state = [np.full(words.shape[1], value, dtype=np.uint32) for value in _START]
    for block in range(0, len(words), 16):
        a, b, c, d = state
        for step in range(64):
            stage = step // 16
            if stage == 0:
                mixed = d ^ (b & (c ^ d))
            elif stage == 1:
                mixed = c ^ (d & (b ^ c))
            elif stage == 2:
                mixed = b ^ c ^ d
            else:
                mixed = c ^ (b | ~d)
            turn = _TURNS[stage][step % 4]
            mixed = mixed + a + _SINES[step] + words[block + _TAKEN[step]]
            a, d, c, b = d, c, b, b + ((mixed << np.uint32(turn)) | (mixed >> np.uint32(32 - turn)))
        state = [old + new for old, new in zip(state, (a, b, c, d), strict=True)]
    # The text of a digest is its bytes in order, so its first eight digits are the first word read from the other end.
    return state[0].byteswap().astype(np.int64) % BUCKETS
