"""Places for the nodes of a directed graph: columns by what was made from what, rows so that few edges cross.

After Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system structures" (1981): break
cycles, layer by the longest way, order by the barycentre of neighbours; then move each node towards its neighbours.
"""

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

N = TypeVar("N", bound=Hashable)
SWEEPS = 8


def columns(nodes: Sequence[N], edges: Iterable[tuple[N, N]]) -> dict[N, int]:
    """A column for each node, from 0: every edge leads to the right, but those that close a cycle.

    What nothing leads to stands right before what it leads to, not at the far left.
    """
    forward = _without_cycles(nodes, edges)
    before: dict[N, list[N]] = defaultdict(list)
    after: dict[N, list[N]] = defaultdict(list)
    for one, other in forward:
        after[one].append(other)
        before[other].append(one)
    place: dict[N, int] = {}
    order = _topological(nodes, after, before)
    for node in order:
        place[node] = max((place[one] + 1 for one in before[node]), default=0)
    for node in reversed(order):
        if not before[node] and after[node]:
            place[node] = min(place[other] for other in after[node]) - 1
    first = min(place.values(), default=0)
    return {node: at - first for node, at in place.items()}


def rows(place: Mapping[N, int], edges: Iterable[tuple[N, N]]) -> list[list[N]]:
    """The nodes of each column, from top to bottom."""
    layers: list[list[N]] = [[] for _ in range(max(place.values(), default=-1) + 1)]
    for node, column in place.items():
        layers[column].append(node)
    neighbours = _neighbours(edges)
    for sweep in range(SWEEPS):
        forward = sweep % 2 == 0
        order = range(1, len(layers)) if forward else range(len(layers) - 2, -1, -1)
        at = {node: row / max(1, len(layer)) for layer in layers for row, node in enumerate(layer)}
        for index in order:
            beside = {
                node: [at[other] for other in neighbours[node] if (place[other] < index) == forward]
                for node in layers[index]
            }
            layers[index].sort(key=lambda node: sum(b) / len(b) if (b := beside[node]) else at[node])
            at.update({node: row / max(1, len(layers[index])) for row, node in enumerate(layers[index])})
    return layers


def heights(
    layers: Sequence[Sequence[N]], edges: Iterable[tuple[N, N]], height: Callable[[N], float], gap: float
) -> dict[N, float]:
    """The top of each node: as near to the middle of its neighbours as its column lets it, none above 0."""
    neighbours = _neighbours(edges)
    top: dict[N, float] = {}
    for layer in layers:
        below = 0.0
        for node in layer:
            top[node] = below
            below += height(node) + gap
    for sweep in range(SWEEPS):
        for layer in layers if sweep % 2 == 0 else reversed(layers):
            wanted = [_wanted(node, neighbours[node], top, height) for node in layer]
            _settle(layer, wanted, top, height, gap)
    least = min(top.values(), default=0.0)
    return {node: y - least for node, y in top.items()}


def _wanted(node: N, beside: Sequence[N], top: Mapping[N, float], height: Callable[[N], float]) -> float:
    if not beside:
        return top[node]
    return sum(top[other] + height(other) / 2 for other in beside) / len(beside) - height(node) / 2


def _settle(
    layer: Sequence[N], wanted: Sequence[float], top: dict[N, float], height: Callable[[N], float], gap: float
) -> None:
    """Tops in order without overlap, as near to what is wanted as can be: runs of touching nodes move as one."""
    blocks: list[tuple[float, float, int, list[N]]] = []  # top, extent, members, nodes
    for node, want in zip(layer, wanted, strict=True):
        start, extent, nodes = want, height(node) + gap, [node]
        count = 1
        while blocks and blocks[-1][0] + blocks[-1][1] > start:
            other_start, other_extent, other_count, other_nodes = blocks.pop()
            # where both together would want to be
            start = (other_start * other_count + (start - other_extent) * count) / (other_count + count)
            extent, count, nodes = other_extent + extent, other_count + count, other_nodes + nodes
        blocks.append((start, extent, count, nodes))
    for start, _extent, _count, nodes in blocks:
        for node in nodes:
            top[node] = start
            start += height(node) + gap


def _neighbours(edges: Iterable[tuple[N, N]]) -> dict[N, list[N]]:
    found: dict[N, list[N]] = defaultdict(list)
    for one, other in edges:
        if one != other:
            found[one].append(other)
            found[other].append(one)
    return found


def _without_cycles(nodes: Sequence[N], edges: Iterable[tuple[N, N]]) -> list[tuple[N, N]]:
    """The edges without those that lead back to a node on the way to them (depth first, without recursion)."""
    after: dict[N, list[N]] = defaultdict(list)
    for one, other in edges:
        after[one].append(other)
    kept: list[tuple[N, N]] = []
    state: dict[N, int] = {}  # 1: on the way, 2: done
    for start in nodes:
        if start in state:
            continue
        state[start] = 1
        way = [(start, iter(after[start]))]
        while way:
            here, onward = way[-1]
            for there in onward:
                if state.get(there) == 1:
                    continue
                kept.append((here, there))
                if there not in state:
                    state[there] = 1
                    way.append((there, iter(after[there])))
                    break
            else:
                state[here] = 2
                way.pop()
    return kept


def _topological(nodes: Sequence[N], after: Mapping[N, list[N]], before: Mapping[N, list[N]]) -> list[N]:
    waiting = {node: len(before.get(node, ())) for node in nodes}
    ready = [node for node in nodes if not waiting[node]]
    order: list[N] = []
    while ready:
        node = ready.pop()
        order.append(node)
        for other in after.get(node, ()):
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    return order
