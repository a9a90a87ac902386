"""One machine runs along a graph: the product that all verdicts and values are made of.

A machine's memory is a function of the history, so a node of the product is a node of the graph with a memory. The
product is explored breadth-first, a whole frontier at a time. Where it turns out deep (a counter, a long corridor) all
pairs of node and memory are expanded at once instead, and scipy searches them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crl.formal.errors import TooLarge
from crl.formal.graph import LabelledGraph, pointers, ranges
from crl.formal.interface import Bools, Ints
from crl.formal.interning import Interner
from crl.formal.limits import Limits

DEEP = 2_000
"""Layers after which expanding all pairs is considered."""
ALL_PAIRS = 16_000_000
"""Edges up to which all pairs are expanded (about 1 GB)."""


@dataclass(frozen=True, eq=False)
class Followed:
    """The part of a product that the roots reach.

    Attributes:
        graph: The product, breadth-first from its roots.
        node: Node of the followed graph, int64 [N].
        memory: Memory of the machine, int64 [N].
        edge: Edge of the followed graph that each edge of the product came from, int64 [E].
    """

    graph: LabelledGraph
    node: Ints
    memory: Ints
    edge: Ints


@dataclass(frozen=True, eq=False)
class _Pairs:
    """All pairs of node and memory, as keys ``node * memories + memory``."""

    graph: LabelledGraph
    update: NDArray[np.integer]
    allowed: Bools | None
    observations: int

    def successors(self, keys: Ints) -> tuple[Ints, Ints, Ints]:
        """Edges per key [n], and over all of them the graph's edge [e] and the next key [e]."""
        memories = len(self.update)
        node, memory = np.divmod(keys, memories)
        count = self.graph.first[node + 1] - self.graph.first[node]
        edge = ranges(self.graph.first[node], count)
        memory = np.repeat(memory, count)
        label = self.graph.label[edge]
        if self.allowed is not None:
            keep = self.allowed[memory, label // self.observations]
            count = np.bincount(np.repeat(np.arange(len(keys)), count)[keep], minlength=len(keys))
            edge, memory, label = edge[keep], memory[keep], label[keep]
        return count, edge, self.graph.target[edge] * memories + self.update[memory, label]


def follow(
    graph: LabelledGraph,
    update: NDArray[np.integer],
    initial: int,
    observations: int,
    *,
    allowed: Bools | None = None,
    limits: Limits,
) -> Followed:
    """The product of a graph with a machine.

    Args:
        graph: What the machine runs along.
        update: Next memory after memory and label, integers [M, A * O].
        initial: First memory.
        observations: Number O of observations.
        allowed: Which actions the machine takes in each memory, bool [M, A]; all of them if omitted.
        limits: Sizes to stay within.

    Raises:
        TooLarge: The product has more states or edges than the limits allow.
    """
    pairs = _Pairs(graph, update, allowed, observations)
    start = np.unique(graph.roots) * len(update) + initial
    affordable = graph.edges * len(update) <= ALL_PAIRS
    found = _by_frontier(pairs, start, limits, DEEP if affordable else None)
    return _all_at_once(pairs, start, limits) if found is None else found


def _by_frontier(pairs: _Pairs, start: Ints, limits: Limits, layers: int | None) -> Followed | None:
    """The product by layers; ``None`` if there are more than ``layers``."""
    known = Interner()
    known.add(start)
    frontier = start
    keys: list[Ints] = []
    counts: list[Ints] = []
    edges: list[Ints] = []
    targets: list[Ints] = []
    total = 0
    while len(frontier):
        if len(keys) == layers:
            return None
        count, edge, key = pairs.successors(frontier)
        distinct, inverse = np.unique(key, return_inverse=True)
        number, fresh = known.add(distinct)
        keys.append(frontier)
        counts.append(count)
        edges.append(edge)
        targets.append(number[inverse])
        frontier = distinct[fresh]
        total += len(edge)
        _check(known.count, total, limits)
    return _followed(pairs, len(start), *(np.concatenate(parts) for parts in (keys, counts, edges, targets)))


def _all_at_once(pairs: _Pairs, start: Ints, limits: Limits) -> Followed:
    """The product out of all pairs, reachable or not."""
    keys = np.arange(pairs.graph.nodes * len(pairs.update))
    count, edge, key = pairs.successors(keys)
    first = pointers(count)
    order, _ = LabelledGraph(first, key, key, start).reachable_from(start)
    number = np.zeros(len(keys), dtype=np.int64)
    number[order] = np.arange(len(order))
    row = ranges(first[order], count[order])
    _check(len(order), len(row), limits)
    return _followed(pairs, len(start), order, count[order], edge[row], number[key[row]])


def _followed(pairs: _Pairs, roots: int, keys: Ints, count: Ints, edge: Ints, target: Ints) -> Followed:
    product = LabelledGraph(pointers(count), pairs.graph.label[edge], target, np.arange(roots))
    node, memory = np.divmod(keys, len(pairs.update))
    return Followed(product, node, memory, edge)


def _check(states: int, edges: int, limits: Limits) -> None:
    for what, found, limit in (("states", states, limits.states), ("edges", edges, limits.edges)):
        if found > limit:
            raise TooLarge(
                f"the product has more than {limit:,} {what}: {found:,} were found when the search stopped",
                f"use smaller machines, or raise the limit ({what}: ...); 1,000,000 states with 5,000,000 edges take "
                "about 1 GB",
            )
