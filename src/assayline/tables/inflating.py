"""Compressed streams: every member, every checksum, and never more than the limits."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from typing import Any

from assayline.errors import LimitExceeded, Unreadable

from .limits import Limits
from .source import Source

IN_BYTES = 256 << 10
OUT_BYTES = 1 << 20
ZSTD_IN_BYTES = 2 << 10  # four bytes of zstd can stand for 128 KiB (RFC 8878, RLE blocks): 2 KiB give 64 MiB at worst
ZSTD_WINDOW = 1 << 27  # what `zstd` itself accepts without --long
LZMA_MEMORY = 256 << 20

MAGIC: tuple[tuple[bytes, str], ...] = (
    (b"\x1f\x8b\x08", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\x1f\x9d", "compress"),
    (b"\xff\x06\x00\x00sNaPpY", "snappy"),
)
SUFFIXES = {
    ".gz": "gzip",
    ".gzip": "gzip",
    ".bz2": "bzip2",
    ".xz": "xz",
    ".zst": "zstd",
    ".zstd": "zstd",
    ".lz4": "lz4",
    ".z": "compress",
    ".tgz": "gzip",
    ".tbz2": "bzip2",
    ".txz": "xz",
}


def codec_of(head: bytes) -> str:
    """The compression by its magic number, or "".

    >>> codec_of(b"\\x1f\\x8b\\x08\\0"), codec_of(b"id,a")
    ('gzip', '')
    """
    for magic, name in MAGIC:
        if head.startswith(magic) and (name != "bzip2" or (head[3:4].isdigit() and head[4:10] in (b"1AY&SY", b"\x17rE8P\x90"))):
            return name
    return ""


def inner_name(name: str) -> str:
    """The name without its compression suffix.

    >>> inner_name("a.csv.gz"), inner_name("b.tgz"), inner_name("c.csv")
    ('a.csv', 'b.tar', 'c.csv')
    """
    low = name.lower()
    for suffix in (".tgz", ".tbz2", ".txz"):
        if low.endswith(suffix):
            return name[: -len(suffix)] + ".tar"
    for suffix in SUFFIXES:
        if low.endswith(suffix) and len(name) > len(suffix):
            return name[: -len(suffix)]
    return name


def inflated(source: Source, codec: str) -> Callable[[], Iterator[bytes]]:
    """A function that starts unpacking the source from its beginning.

    Raises:
        Unreadable: this compression cannot be unpacked here.
    """
    if codec == "zstd":
        return lambda: _bounded(source, _zstd(source))
    engines: dict[str, Callable[[], Any]] = {
        "gzip": lambda: _Gzip(),
        "bzip2": lambda: _Steps(bz2.BZ2Decompressor),
        "xz": lambda: _Steps(lambda: lzma.LZMADecompressor(memlimit=LZMA_MEMORY)),
    }
    if codec not in engines:
        raise Unreadable(
            source.path,
            f"it is compressed with {codec}, which is not read here",
            place="byte 0",
            next_step="compress it with gzip or zstd instead",
        )
    return lambda: _bounded(source, _unpack(source, engines[codec], codec))


class _Gzip:
    """zlib behind the interface of the other two; the checksum and length at the end of each member are verified by zlib itself."""

    def __init__(self) -> None:
        self.engine = zlib.decompressobj(31)

    def decompress(self, data: bytes, most: int) -> bytes:
        return self.engine.decompress(self.engine.unconsumed_tail + data, most)

    @property
    def eof(self) -> bool:
        return self.engine.eof

    @property
    def hungry(self) -> bool:
        return not self.engine.unconsumed_tail

    @property
    def rest(self) -> bytes:
        return self.engine.unused_data


class _Steps:
    """bz2 and lzma behind one interface."""

    def __init__(self, make: Callable[[], Any]) -> None:
        self.engine = make()

    def decompress(self, data: bytes, most: int) -> bytes:
        return bytes(self.engine.decompress(data, most))

    @property
    def eof(self) -> bool:
        return bool(self.engine.eof)

    @property
    def hungry(self) -> bool:
        return bool(self.engine.needs_input)

    @property
    def rest(self) -> bytes:
        return bytes(self.engine.unused_data)


def _unpack(source: Source, make: Callable[[], Any], codec: str) -> Iterator[tuple[int, bytes]]:
    """Pairs of bytes consumed so far and bytes that came out."""
    taken, engine, fresh = 0, make(), True
    for block in source.blocks(IN_BYTES):
        taken += len(block)
        data = block
        while True:
            if fresh:
                data = data.lstrip(b"\0") if codec != "xz" or taken > len(block) else data  # tapes pad members with zeros
                if not data:
                    break
                if taken > len(block) or data is not block:
                    start = data[:6]
                    expected = next(magic for magic, name in MAGIC if name == codec)
                    if start[: len(expected)] != expected[: len(start)]:
                        raise Unreadable(
                            source.path,
                            f"something that is not {codec} follows the compressed data",
                            place=f"byte {taken - len(data)}",
                            next_step="ask for it again",
                        )
                fresh = False
            try:
                out = engine.decompress(data, OUT_BYTES)
                data = b""
                yield taken, out
                while not engine.eof and not engine.hungry:
                    yield taken, engine.decompress(b"", OUT_BYTES)
            except (zlib.error, OSError, lzma.LZMAError, EOFError, ValueError) as error:
                raise Unreadable(
                    source.path, f"the {codec} data is damaged: {_cause(error)}", place=f"near byte {taken}", next_step="ask for it again"
                ) from error
            if not engine.eof:
                break
            data, engine, fresh = engine.rest, make(), True
            if not data:
                break
    if not fresh:
        raise Unreadable(
            source.path,
            f"it ends in the middle of the {codec} data: the file is cut off",
            place=f"byte {taken}",
            next_step="ask for it again; what could be read is not complete",
        )


def _zstd(source: Source) -> Iterator[tuple[int, bytes]]:
    import zstandard

    def make() -> Any:
        return zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()

    taken, engine, fresh = 0, make(), True
    for block in source.blocks(IN_BYTES):
        for start in range(0, len(block), ZSTD_IN_BYTES):
            data = block[start : start + ZSTD_IN_BYTES]
            while data:
                fresh = False
                try:
                    out = engine.decompress(data)
                except zstandard.ZstdError as error:
                    raise Unreadable(
                        source.path,
                        f"the zstd data is damaged: {_cause(error)}",
                        place=f"near byte {taken + start}",
                        next_step="ask for it again",
                    ) from error
                yield taken + start + len(data), out
                if not engine.eof:
                    break
                data, engine, fresh = engine.unused_data, make(), True
        taken += len(block)
    if not fresh:
        raise Unreadable(
            source.path,
            "it ends in the middle of the zstd data: the file is cut off",
            place=f"byte {taken}",
            next_step="ask for it again; what could be read is not complete",
        )


def _bounded(source: Source, steps: Iterator[tuple[int, bytes]]) -> Iterator[bytes]:
    gauge = InflationGauge(source.path, source.limits)
    for taken, out in steps:
        if out:
            gauge.see(taken, len(out))
            yield out


class InflationGauge:
    """Compares what went in with what came out.

    >>> InflationGauge("a.gz", Limits(inflate_free_bytes=0, inflate_ratio=10)).see(5, 51)
    Traceback (most recent call last):
        ...
    assayline.errors.LimitExceeded: a.gz: 5 compressed bytes became 51, more than 10 times as much; unpack it yourself if that is meant
    """

    def __init__(self, path: str, limits: Limits) -> None:
        self.path, self.limits = path, limits
        self.out = 0

    def see(self, taken: int, length: int) -> None:
        """Counts `length` more bytes out of `taken` bytes in all."""
        self.out += length
        if self.out > self.limits.inflate_free_bytes and self.out > self.limits.inflate_ratio * taken:
            raise LimitExceeded(
                self.path,
                f"{taken} compressed bytes became {self.out}, more than {self.limits.inflate_ratio} times as much",
                next_step="unpack it yourself if that is meant",
            )
        if self.out > self.limits.inflate_bytes:
            raise LimitExceeded(
                self.path, f"it unpacks to more than {self.limits.inflate_bytes >> 30} GiB", next_step="raise the limit on unpacked bytes"
            )


def _cause(error: Exception) -> str:
    text = str(error).strip().split("\n")[0]
    return {"Error -3 while decompressing data: incorrect data check": "its checksum does not match"}.get(text, text)[:200] or type(
        error
    ).__name__
