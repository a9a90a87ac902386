"""Labelled graphs in compressed rows, and the questions that a verdict asks of one.

Every function is linear in nodes and edges, and its loops run in numpy or in scipy's C. A label is
``action * O + observation``. Nodes that were explored from the roots are numbered breadth-first, so that of several
nodes the one with the smallest number has a shortest history.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

from crl.formal.interface import Bools, Ints


@dataclass(frozen=True, eq=False)
class LabelledGraph:
    """A graph of N nodes and E edges.

    Attributes:
        first: Where the edges of each node begin, int64 [N + 1].
        label: Label of each edge, int64 [E].
        target: Node that each edge leads to, int64 [E].
        roots: Nodes before anything happened.
    """

    first: Ints
    label: Ints
    target: Ints
    roots: Ints

    @property
    def nodes(self) -> int:
        """Number N of nodes."""
        return len(self.first) - 1

    @property
    def edges(self) -> int:
        """Number E of edges."""
        return len(self.target)

    def reachable_from(self, start: Ints) -> tuple[Ints, NDArray[np.int32]]:
        """Breadth-first search: nodes in order of distance, and the predecessor [N] of each (negative: none)."""
        order, predecessor = _search(self.first, self.target, start)
        return order, predecessor

    def can_reach(self, goal: Bools) -> Bools:
        """Which nodes have a path, perhaps of length zero, to one of the goal's, bool [N]."""
        order, _ = _search(self._reverse[0], self._reverse[1], np.flatnonzero(goal))
        reached = np.zeros(self.nodes, dtype=bool)
        reached[order] = True
        return reached

    def path(self, start: int, goal: int, search: tuple[Ints, NDArray[np.int32]] | None = None) -> tuple[int, ...]:
        """Labels of a shortest path between two nodes.

        Args:
            start: First node.
            goal: Last node, which the first must reach.
            search: What :meth:`reachable_from` gave for ``start``, to spare the search.
        """
        _, predecessor = search or self.reachable_from(np.array([start]))
        nodes = [goal]
        while nodes[-1] != start:
            nodes.append(int(predecessor[nodes[-1]]))
        nodes.reverse()
        return self.labels_between(np.array(nodes, dtype=np.int64))

    def labels_between(self, nodes: Ints) -> tuple[int, ...]:
        """For each two consecutive nodes the smallest label that leads from one to the other."""
        source, target = nodes[:-1], nodes[1:]
        count = self.first[source + 1] - self.first[source]
        owner = np.repeat(np.arange(len(source)), count)
        edge = ranges(self.first[source], count)
        fits = self.target[edge] == target[owner]
        _, at = np.unique(owner[fits], return_index=True)
        return tuple(int(label) for label in self.label[edge[fits][at]])

    def subgraph(self, keep: Bools) -> tuple[LabelledGraph, Ints]:
        """The graph of the kept nodes and the edges between them, and the old number of each new node."""
        old = np.flatnonzero(keep)
        new = np.cumsum(keep) - 1
        count = self.first[old + 1] - self.first[old]
        edge = ranges(self.first[old], count)
        inside = keep[self.target[edge]]
        owner = np.repeat(np.arange(len(old)), count)[inside]
        roots = self.roots[keep[self.roots]]
        first = pointers(np.bincount(owner, minlength=len(old)))
        return LabelledGraph(first, self.label[edge[inside]], new[self.target[edge[inside]]], new[roots]), old

    def components(self) -> NDArray[np.int32]:
        """Strongly connected component of each node, int32 [N]."""
        if not self.nodes:
            return np.zeros(0, dtype=np.int32)
        graph = _csr(self.first, self.target)
        _, component = csgraph.connected_components(graph, directed=True, connection="strong")
        return np.asarray(component, dtype=np.int32)

    def sources(self) -> Ints:
        """Node that each edge comes from, int64 [E]."""
        return np.repeat(np.arange(self.nodes), np.diff(self.first))

    @cached_property
    def _reverse(self) -> tuple[NDArray[np.integer], NDArray[np.integer]]:
        """Rows of the transposed graph."""
        transposed = _csr(self.first, self.target).tocsc()
        return transposed.indptr, transposed.indices


def cyclic(graph: LabelledGraph) -> tuple[Bools, NDArray[np.int32]]:
    """Which nodes lie on a cycle, and the strongly connected component of each."""
    component = graph.components()
    source = graph.sources()
    inner = component[source] == component[graph.target]
    on = np.zeros(graph.nodes, dtype=bool)
    # Inside its component an edge is part of a cycle, a self-loop included.
    on[source[inner]] = True
    return on, component


def longest_path(graph: LabelledGraph, layers: int) -> int | None:
    """Number of nodes on the longest path of a graph without cycles; ``None`` if there are more than ``layers``."""
    waiting = np.bincount(graph.target, minlength=graph.nodes)
    frontier = np.flatnonzero(waiting == 0)
    for done in range(layers + 1):
        if not len(frontier):
            return done
        count = graph.first[frontier + 1] - graph.first[frontier]
        target, times = np.unique(graph.target[ranges(graph.first[frontier], count)], return_counts=True)
        waiting[target] -= times
        frontier = target[waiting[target] == 0]
    return None


def ranges(start: Ints, count: Ints) -> Ints:
    """The concatenation of ``start[i], ..., start[i] + count[i] - 1`` over all i."""
    before = np.cumsum(count) - count
    concatenated: Ints = np.arange(int(count.sum())) + np.repeat(start - before, count)
    return concatenated


def pointers(count: NDArray[np.integer]) -> Ints:
    """Row pointers [N + 1] of rows with the given lengths [N]."""
    first = np.zeros(len(count) + 1, dtype=np.int64)
    np.cumsum(count, out=first[1:])
    return first


def _csr(first: NDArray[np.integer], target: NDArray[np.integer]) -> sparse.csr_array:
    nodes = len(first) - 1
    return sparse.csr_array(
        (np.ones(len(target), dtype=np.int8), target.astype(np.int32), first.astype(np.int32)), shape=(nodes, nodes)
    )


def _search(first: NDArray[np.integer], target: NDArray[np.integer], start: Ints) -> tuple[Ints, NDArray[np.int32]]:
    """Breadth-first search in C from several nodes at once, by one node more that leads to them all."""
    nodes = len(first) - 1
    extended = _csr(np.append(first, first[-1] + len(start)), np.concatenate([target, start]))
    order, predecessor = csgraph.breadth_first_order(extended, nodes, directed=True, return_predecessors=True)
    predecessor = predecessor[:nodes]
    predecessor[predecessor == nodes] = -1
    return order[1:].astype(np.int64), predecessor
