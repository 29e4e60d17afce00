"""How many keystrokes lie between two texts."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from assayline.detectors.recognising.keystrokes import distance

WORDS = st.text("abc", max_size=9)


def by_table(a: str, b: str) -> int:
    """The definition, cell by cell: optimal string alignment."""
    table = [[i + j if not i or not j else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            table[i][j] = min(table[i - 1][j] + 1, table[i][j - 1] + 1, table[i - 1][j - 1] + (a[i - 1] != b[j - 1]))
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                table[i][j] = min(table[i][j], table[i - 2][j - 2] + 1)
    return table[-1][-1]


@given(a=WORDS, b=WORDS, start=WORDS, end=WORDS, limit=st.integers(1, 4))
@settings(max_examples=500, deadline=None)
def test_the_distance_is_that_of_the_definition_up_to_the_limit(a: str, b: str, start: str, end: str, limit: int) -> None:
    assert distance(start + a + end, start + b + end, limit) == min(by_table(start + a + end, start + b + end), limit + 1)
