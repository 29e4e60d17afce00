"""How large a rule may be: what a person writes fits, what is written to exhaust a machine does not.

Every limit is checked before the work it limits is begun, so that a refusal costs milliseconds.
"""

from __future__ import annotations

LENGTH = 4_096  # characters: a page of text
DEPTH = 32  # parts within parts; below it no recursion of ours comes near Python's own limit
NODES = 200  # parts of a rule: columns, constants, operators, calls
ITEMS = 1_000  # constants of one list; all that fit into LENGTH
DIGITS = 30  # of a number; 17 tell every 64-bit float apart
PATTERN = 500  # characters of a pattern of `like` and `matches`
WEIGHT = 2_000  # characters of a pattern whose counts are written out; compiling so many takes some 15 ms
ROWS_BACK = 1_000  # rows lag() looks back: so many are kept between pieces, for every key
KEPT_ROWS = 1_000_000  # rows kept between pieces, over all keys
DISTINCT = 10_000_000  # different values count(distinct x) tells apart: 80 MB
