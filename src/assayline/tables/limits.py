"""What reading an input may cost before it is refused: every number in one printable value."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1 << 20
GIB = 1 << 30


@dataclass(frozen=True)
class Limits:
    """How much time, memory and inflation one input may take.

    Args:
        memory_bytes: resident memory of the reading process; 0 chooses by the size of the input, see `memory_for`.
        seconds: wall-clock time of the reading process; 0 for none.
        inflate_ratio: most bytes that may come out of one compressed byte, counted from `inflate_free_bytes` on.
        inflate_free_bytes: output below which the ratio is not looked at.
        inflate_bytes: most bytes that may come out of one compressed input.
        members: most entries of an archive, and most parts of a folder.
        record_bytes: longest record of a text file; a quote that stays open longer is taken for a stray one.
        columns: most columns of a table.
        depth: deepest nesting of a JSON or Avro value.
        cells: most cells of a spreadsheet, counting the empty ones inside its used rectangle.
        folder_depth: deepest folder below the one that was named.

    >>> Limits().inflate_ratio
    200
    """

    memory_bytes: int = 0
    seconds: float = 0.0
    inflate_ratio: int = 200  # tables shrink 3 to 50 times; deflate can reach 1032, zstd far more, and then there is next to nothing inside
    inflate_free_bytes: int = 16 * MIB
    inflate_bytes: int = 64 * GIB
    members: int = 10_000
    record_bytes: int = 16 * MIB
    columns: int = 100_000
    depth: int = 128
    cells: int = 50_000_000
    folder_depth: int = 16

    def memory_for(self, size: int) -> int:
        """The memory limit for an input of this many bytes.

        900 MiB hold the interpreter, the engine and the pieces in flight; large inputs have larger row groups.

        >>> Limits().memory_for(10) // MIB, Limits().memory_for(GIB) // MIB
        (900, 1400)
        """
        if self.memory_bytes:
            return self.memory_bytes
        return 900 * MIB + (min(500 * MIB, size // 2) if size > 200 * MIB else 0)
