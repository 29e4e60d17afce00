"""Which characters the bytes of a text stand for, without ever replacing one in silence."""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from typing import NamedTuple

BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),  # before UTF-16: its mark is a prefix of this one
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Encoding(NamedTuple):
    """How to read a text: the codec, the length of its byte order mark, and whether its bytes can be cut without decoding."""

    codec: str
    mark: int

    @property
    def wide(self) -> bool:
        """Whether a character takes two or four bytes, so that the text must be decoded before it is cut."""
        return self.codec != "utf-8"


def encoding_of(head: bytes) -> Encoding:
    """The encoding by the mark at the start, or by where the NUL bytes stand.

    "utf-8" is only a promise: the pieces are checked, see `as_utf8`.

    >>> encoding_of("id,a\\n1,é\\n".encode("utf-16-le"))
    Encoding(codec='utf-16-le', mark=0)
    """
    for mark, codec in BOMS:
        if head.startswith(mark):
            return Encoding(codec, len(mark))
    sample = head[: len(head) // 4 * 4][:4096]
    if b"\0" in sample and len(sample) >= 8:
        nul = [sum(1 for byte in sample[place::4] if byte == 0) / (len(sample) // 4) for place in range(4)]
        if min(nul[1], nul[2], nul[3]) > 0.9 and nul[0] < 0.1:
            return Encoding("utf-32-le", 0)
        if min(nul[0], nul[1], nul[2]) > 0.9 and nul[3] < 0.1:
            return Encoding("utf-32-be", 0)
        if min(nul[1], nul[3]) > 0.6 and max(nul[0], nul[2]) < 0.1:
            return Encoding("utf-16-le", 0)
        if min(nul[0], nul[2]) > 0.6 and max(nul[1], nul[3]) < 0.1:
            return Encoding("utf-16-be", 0)
    return Encoding("utf-8", 0)


def decoded_blocks(blocks: Iterator[bytes], codec: str, broken: list[int]) -> Iterator[bytes]:
    """A wide text as UTF-8, block by block; what is no character becomes U+FFFD and its byte is put into `broken`."""
    decoder = codecs.getincrementaldecoder(codec)("strict")
    offset = 0
    held = b""
    for block in blocks:
        data = held + block
        text, held = _decoded(decoder, data, codec, offset, broken, final=False)
        offset += len(data) - len(held)
        if text:
            yield text.encode("utf-8", "replace")
    if held:
        broken.append(offset)
        yield "\ufffd".encode()


def _decoded(
    decoder: codecs.IncrementalDecoder, data: bytes, codec: str, offset: int, broken: list[int], *, final: bool
) -> tuple[str, bytes]:
    unit = 4 if "32" in codec else 2
    parts = []
    at = 0
    while True:
        decoder.reset()
        try:
            parts.append(decoder.decode(data[at:], final))
            state = decoder.getstate()[0]
            return "".join(parts), state
        except UnicodeDecodeError as error:
            parts.append(data[at : at + error.start].decode(codec, "ignore") + "\ufffd")
            broken.append(offset + at + error.start)
            at += error.start + unit


class Repaired(NamedTuple):
    """A piece of text as UTF-8: the bytes, what they were read as ("" when nothing was wrong), how many bytes were wrong and the first."""

    data: bytes
    read_as: str
    wrong: int
    first: int


def as_utf8(data: bytes) -> Repaired:
    """The piece as UTF-8. Bytes that are not are read as Windows-1252, the encoding that most files without UTF-8 have.

    Where the piece also holds real UTF-8, only the wrong bytes are.

    >>> as_utf8("Köln".encode("cp1252"))
    Repaired(data=b'K\\xc3\\xb6ln', read_as='cp1252', wrong=1, first=1)
    """
    try:
        data.decode("utf-8")
        return Repaired(data, "", 0, -1)
    except UnicodeDecodeError as error:
        first = error.start
    wrong: list[int] = []

    def legacy(error: UnicodeError) -> tuple[str, int]:
        assert isinstance(error, UnicodeDecodeError)
        # One byte at a time: what follows may be good again. Five bytes have no meaning in cp1252; they are C1 controls, as in Latin-1.
        byte = error.object[error.start : error.start + 1]
        wrong.append(error.start)
        return _CP1252[byte[0]], error.start + 1

    codecs.register_error("assayline.legacy", legacy)
    text = data.decode("utf-8", "assayline.legacy")
    letters = sum(1 for _ in filter(lambda letter: letter > "\x7f", text)) - len(wrong)
    if letters <= len(wrong) // 8:  # next to no real UTF-8: the whole piece is in the old encoding
        text = "".join(map(_CP1252.__getitem__, data)) if letters else text
        return Repaired(text.encode("utf-8"), "cp1252", len(wrong), first)
    return Repaired(text.encode("utf-8"), "utf-8 with wrong bytes", len(wrong), first)


_CP1252 = [bytes((byte,)).decode("cp1252", "replace").replace("\ufffd", chr(byte)) for byte in range(256)]


def looks_like_text(head: bytes) -> bool:
    """Whether these bytes can be a text: few control characters, and no wall of NULs.

    >>> looks_like_text(b"id,a\\n1,x\\n"), looks_like_text(bytes(range(256)))
    (True, False)
    """
    if encoding_of(head).mark or encoding_of(head).wide:
        return True
    controls = sum(head.count(bytes((byte,))) for byte in (*range(1, 9), *range(14, 27), 28, 29, 30, 127))
    nuls = head.count(b"\0")
    return controls <= len(head) * 0.02 + 2 and nuls <= len(head) * 0.3 + 2
