"""Places the nodes of a graph in layers from left to right, so that edges are short and cross seldom.

Source: Sugiyama, Tagawa and Toda, Methods for visual understanding of hierarchical system structures, 1981: layers by the longest path, a stand-in in each
layer a long edge passes, order within the layers by the mean place of the neighbours.

>>> found = placed(("a", "b", "c"), (("a", "b"), ("a", "c")), gap=50)
>>> [(name, found.layer[name], found.height[name]) for name in "abc"]
[('a', 0, 25.0), ('b', 1, 0.0), ('c', 1, 50.0)]
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import TopologicalSorter
from statistics import fmean

SWEEPS = 24  # more change nothing that is seen, in graphs of 130 flows
THIN = 0.3  # room of a stand-in, as a share of a node's: edges may lie closer than nodes

ALONE_ACROSS = 3  # nodes without an edge beside each other, where the others do not need more layers

Edge = tuple[str, str]


@dataclass(frozen=True)
class Placed:
    """Where everything stands.

    Args:
        layer: of each node, from 0 at the left.
        height: of the middle of each node, from 0 at the top.
        ways: for each edge the heights it passes in the layers between its ends.
    """

    layer: Mapping[str, int]
    height: Mapping[str, float]
    ways: Mapping[Edge, tuple[float, ...]]


def placed(nodes: Sequence[str], edges: Sequence[Edge], *, gap: float) -> Placed:
    """Places nodes, each right of all it depends on; those without an edge stand below the others.

    Args:
        nodes: their names, in the order in which they are written.
        edges: from, to; both ends are nodes, and there is no circle.
        gap: between the middles of two nodes above each other.
    """
    joined = {end for edge in edges for end in edge}
    found = _placed([name for name in nodes if name in joined], edges, gap)
    alone = [name for name in nodes if name not in joined]
    across = max(ALONE_ACROSS, max(found.layer.values(), default=0) + 1)
    top = max(found.height.values(), default=-gap) + gap
    grid = {name: divmod(place, across) for place, name in enumerate(alone)}
    layer = {**found.layer, **{name: place for name, (_, place) in grid.items()}}
    height = {**found.height, **{name: top + row * gap for name, (row, _) in grid.items()}}
    return Placed(layer, height, found.ways)


def _placed(nodes: Sequence[str], edges: Sequence[Edge], gap: float) -> Placed:
    layer = _layers(nodes, edges)
    rows: list[list[object]] = [[] for _ in range(max(layer.values(), default=-1) + 1)]
    for name in nodes:
        rows[layer[name]].append(name)
    before: dict[object, list[object]] = {}
    after: dict[object, list[object]] = {}
    chains: dict[Edge, list[object]] = {}
    for edge in edges:
        start, end = edge
        chain: list[object] = [start, *((edge, place) for place in range(layer[start] + 1, layer[end])), end]
        for place, stand_in in enumerate(chain[1:-1], layer[start] + 1):
            rows[place].append(stand_in)
        chains[edge] = chain
        for left, right in itertools.pairwise(chain):
            after.setdefault(left, []).append(right)
            before.setdefault(right, []).append(left)
    _ordered(rows, before, after)
    height = _heights(rows, before, after, gap)
    return Placed(layer, {name: height[name] for name in nodes}, {edge: tuple(height[one] for one in chain[1:-1]) for edge, chain in chains.items()})


def _layers(nodes: Sequence[str], edges: Sequence[Edge]) -> dict[str, int]:
    """The longest path to each node; what depends on nothing stands right before the first that reads it."""
    inputs: dict[str, list[str]] = {name: [] for name in nodes}
    outputs: dict[str, list[str]] = {name: [] for name in nodes}
    for start, end in edges:
        inputs[end].append(start)
        outputs[start].append(end)
    layer: dict[str, int] = {}
    for name in TopologicalSorter(inputs).static_order():
        layer[name] = max((layer[one] + 1 for one in inputs[name]), default=0)
    for name in nodes:
        if not inputs[name] and outputs[name]:
            layer[name] = min(layer[one] for one in outputs[name]) - 1
    return layer


def _ordered(rows: list[list[object]], before: Mapping[object, list[object]], after: Mapping[object, list[object]]) -> None:
    best, crossed = [list(row) for row in rows], _crossings(rows, after)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        neighbours = before if forward else after
        for place in range(1, len(rows)) if forward else range(len(rows) - 2, -1, -1):
            beside = {one: at for at, one in enumerate(rows[place - 1 if forward else place + 1])}
            own = {one: at for at, one in enumerate(rows[place])}
            wanted = {one: fmean(beside[other] for other in neighbours[one]) if neighbours.get(one) else own[one] for one in rows[place]}
            rows[place].sort(key=lambda one: (wanted[one], own[one]))
        now = _crossings(rows, after)
        if now < crossed:
            best, crossed = [list(row) for row in rows], now
    rows[:] = best


def _crossings(rows: Sequence[Sequence[object]], after: Mapping[object, list[object]]) -> int:
    """How many pairs of edges cross."""
    count = 0
    for left, right in itertools.pairwise(rows):
        places = {one: at for at, one in enumerate(right)}
        ends = [end for one in left for end in sorted(places[other] for other in after.get(one, ()) if other in places)]
        count += sum(ends[one] > ends[other] for one in range(len(ends)) for other in range(one + 1, len(ends)))
    return count


def _heights(rows: Sequence[Sequence[object]], before: Mapping[object, list[object]], after: Mapping[object, list[object]], gap: float) -> dict[object, float]:
    """Heights near the mean of the neighbours, in the given order and with room between; the smallest is 0."""
    height: dict[object, float] = {}
    for row in rows:
        _spread(row, [0.0] * len(row), height, gap)
    for sweep in range(SWEEPS):
        for row in rows if sweep % 2 == 0 else reversed(rows):
            near = [[*before.get(one, ()), *after.get(one, ())] if sweep > SWEEPS // 2 else (before if sweep % 2 == 0 else after).get(one, ()) for one in row]
            wanted = [fmean(height[other] for other in others) if others else height[one] for one, others in zip(row, near, strict=True)]
            _spread(row, wanted, height, gap)
    top = min(height.values(), default=0.0)
    return {one: value - top for one, value in height.items()}


def _spread(row: Sequence[object], wanted: Sequence[float], height: dict[object, float], gap: float) -> None:
    """Heights as near to the wanted ones as order and room allow: runs that are too close move apart around their own middle (isotonic regression)."""
    offsets, offset = [], 0.0
    for place, one in enumerate(row):
        if place:
            offset += gap * (_room(row[place - 1]) + _room(one)) / 2
        offsets.append(offset)
    blocks: list[tuple[float, int]] = []
    for place in range(len(row)):
        mean, size = wanted[place] - offsets[place], 1
        while blocks and blocks[-1][0] > mean:
            other, many = blocks.pop()
            mean, size = (mean * size + other * many) / (size + many), size + many
        blocks.append((mean, size))
    free = [mean for mean, size in blocks for _ in range(size)]
    for one, base, offset in zip(row, free, offsets, strict=True):
        height[one] = base + offset


def _room(one: object) -> float:
    return 1.0 if isinstance(one, str) else THIN
