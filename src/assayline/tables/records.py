"""Where the records of a delimited text begin and end, and how many fields each has: our own count, made without a parser.

The bytes are turned into bit masks (one bit a byte), as simdjson does (Langdale & Lemire 2019): the prefix xor of the quote
mask says which bytes stand inside quotes; newlines and delimiters outside them are the structure. NumPy does that at
several GB/s; what does not look like regular quoting is left to `exact`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Words = npt.NDArray[np.uint64]
Ints = npt.NDArray[np.int64]

STRIP = 1 << 18  # bytes compared at once, so that the comparison's result stays in the second-level cache
ONE = np.uint64(1)
TOP = np.uint64(63)
LF, CR = 10, 13
DENSE = 6  # newlines in one 64-byte word from which unpacking all bits is cheaper than picking them one by one (measured)


@dataclass(frozen=True)
class Layout:
    """The structure of a stretch of text that starts at the start of a record.

    Args:
        data: the bytes, with lone carriage returns outside quotes turned into newlines.
        ends: offset just behind the line end of each complete record.
        delimiters: how many delimiters each of them has outside quotes.
        broken: offset of the first quote that stands where none belongs, or -1.
        open: whether the text ends inside quotes.
        lone_returns: how many carriage returns without a newline were line ends.
        crlf: how many line ends are CR LF.
        lines: how many line ends there are, those inside quotes included.
    """

    data: bytes
    ends: Ints
    delimiters: Ints
    broken: int
    open: bool
    lone_returns: int
    crlf: int
    lines: int


def layout(data: bytes, delimiter: int, quote: int | None, *, final: bool) -> Layout:
    """The structure of this text; with `final` its last line counts as complete even without a line end.

    >>> found = layout(b'1,"a,b"\\n2,"x\\ny"\\n3', ord(","), ord('"'), final=True)
    >>> found.ends.tolist(), found.delimiters.tolist()
    ([8, 16, 17], [1, 1, 0])
    """
    lone = crlf = 0
    array = np.frombuffer(data, dtype=np.uint8)
    quoted = quote is not None and bytes((quote,)) in data
    quotes = _mask(array, quote) if quoted and quote is not None else None
    inside = _inside(quotes) if quotes is not None else None
    newlines = _mask(array, LF)
    returns = None
    if b"\r" in data:
        returns = _mask(array, CR)
        alone = returns & ~_next(newlines, False)
        if not final and data[-1:] == b"\r":  # its newline may be the first byte of the next block
            alone[(len(data) - 1) >> 6] &= ~(ONE << np.uint64((len(data) - 1) & 63))
        if inside is not None:
            alone &= ~inside
        if alone.any():
            lone = int(np.bitwise_count(alone).sum())
            changed = array.copy()
            changed[_positions(alone, len(data))] = LF
            data = changed.tobytes()
            newlines |= alone
            returns &= ~alone
        pairs = returns & _next(newlines, False)
        crlf = int(np.bitwise_count(pairs & ~inside if inside is not None else pairs).sum())
    fields = _mask(np.frombuffer(data, dtype=np.uint8), delimiter)
    lines = int(np.bitwise_count(newlines).sum())
    broken = -1
    if quotes is not None and inside is not None:
        around = fields | newlines | quotes
        before = _previous(around, True)
        behind = _next(around | returns if returns is not None else around, False)
        last = (len(data) - 1) >> 6
        behind[last] |= ONE << np.uint64((len(data) - 1) & 63)  # the end of the text may follow a closing quote
        wrong = quotes & ((inside & ~before) | (~inside & ~behind))
        at = np.flatnonzero(wrong)
        if len(at):
            word = int(wrong[at[0]])
            broken = int(at[0]) * 64 + (word & -word).bit_length() - 1
        newlines &= ~inside
        fields &= ~inside
    still_open = bool(inside is not None and len(inside) and (int(inside[(len(data) - 1) >> 6]) >> ((len(data) - 1) & 63)) & 1)
    ends = _positions(newlines, len(data)) + 1
    if final and not still_open and len(data) and (not len(ends) or ends[-1] != len(data)):
        ends = np.append(ends, len(data))
    return Layout(data, ends, _counts_before(fields, ends), broken, still_open, lone, crlf, lines)


def _mask(array: npt.NDArray[np.uint8], byte: int) -> Words:
    """One bit for every byte, set where it is this one; padded with zeros to whole words."""
    bits = np.zeros(-(-len(array) // 64) * 8, dtype=np.uint8)
    for start in range(0, len(array), STRIP):
        packed = np.packbits(array[start : start + STRIP] == byte, bitorder="little")
        bits[start >> 3 : (start >> 3) + len(packed)] = packed
    return bits.view("<u8")


def _inside(quotes: Words) -> Words:
    """The prefix xor of the bits: set from an opening quote up to the byte before its closing one."""
    state = quotes.copy()
    for shift in (1, 2, 4, 8, 16, 32):
        state ^= state << np.uint64(shift)
    odd = (state >> TOP).astype(np.uint8)
    carried = np.bitwise_xor.accumulate(odd)
    carry = np.zeros(len(state), dtype=np.uint64)
    carry[1:] = carried[:-1]
    state ^= np.uint64(0) - carry
    return state


def _previous(mask: Words, first: bool) -> Words:
    """For every byte whether the byte before it is set; `first` stands before the beginning."""
    moved = mask << ONE
    moved[1:] |= mask[:-1] >> TOP
    if first and len(moved):
        moved[0] |= ONE
    return moved


def _next(mask: Words, last: bool) -> Words:
    moved = mask >> ONE
    moved[:-1] |= mask[1:] << TOP
    if last and len(moved):
        moved[-1] |= ONE << TOP
    return moved


def _positions(mask: Words, length: int) -> Ints:
    """The offsets of the set bits, ascending."""
    words = np.flatnonzero(mask)
    if not len(words):
        return np.zeros(0, dtype=np.int64)
    total = int(np.bitwise_count(mask).sum())
    if total > DENSE * len(words) or total > len(mask) * 2:
        every: Ints = np.flatnonzero(np.unpackbits(mask.view(np.uint8), bitorder="little")[:length].view(np.bool_)).astype(np.int64)
        return every
    found = []
    rest = mask[words]
    base = words.astype(np.int64) * 64
    while len(rest):
        lowest = rest & (~rest + ONE)
        found.append(base + np.bitwise_count(lowest - ONE).astype(np.int64))
        rest = rest ^ lowest
        keep = rest != 0
        if not keep.all():
            rest, base = rest[keep], base[keep]
    positions: Ints = found[0] if len(found) == 1 else np.sort(np.concatenate(found))
    return positions


def _counts_before(mask: Words, ends: Ints) -> Ints:
    """How many set bits lie between consecutive ends."""
    if not len(ends):
        return np.zeros(0, dtype=np.int64)
    running = np.zeros(len(mask) + 1, dtype=np.int64)
    np.cumsum(np.bitwise_count(mask), out=running[1:])
    word, bit = ends >> 6, (ends & 63).astype(np.uint64)
    part = np.zeros(len(ends), dtype=np.int64)
    some = bit != 0
    part[some] = np.bitwise_count(mask[word[some]] & ((ONE << bit[some]) - ONE))
    upto = running[word] + part
    counts: Ints = np.diff(upto, prepend=0)
    return counts
