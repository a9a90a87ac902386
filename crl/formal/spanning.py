"""Breadth-first spanning forests of a chain's undirected graph: what its shape tells before anything is solved."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from scipy.sparse import csgraph

from crl.formal.interface import Ints


@dataclass(frozen=True, eq=False)
class Forest:
    """A spanning forest, one tree per connected part.

    Attributes:
        source: State that each step leaves, int64 [E].
        target: State that each step enters, int64 [E].
        part: Connected part of each state, int64 [N].
        height: Steps less steps back on the way from the root of its tree to each state, int64 [N].
        depth: Steps of either direction on that way, int64 [N].
    """

    source: Ints
    target: Ints
    part: Ints
    height: Ints
    depth: Ints

    @classmethod
    def of(cls, step: sparse.csr_array) -> Forest:
        """The forest of a matrix [N, N], whose entries that are not zero are the steps."""
        size = step.shape[0]
        source, target = (index.astype(np.int64) for index in step.nonzero())
        both = np.concatenate([source, target]), np.concatenate([target, source])
        _, part = csgraph.connected_components(_pattern(*both, size), directed=False)
        _, roots = np.unique(part, return_index=True)
        # One state more leads to all roots.
        outside = np.append(both[0], np.full(len(roots), size)), np.append(both[1], roots)
        _, predecessor = csgraph.breadth_first_order(_pattern(*outside, size + 1), size)
        above = predecessor.astype(np.int64)
        above[size] = size
        known = np.unique(source * size + target)
        wanted = above[:size] * size + np.arange(size)
        forward = np.isin(wanted, known, assume_unique=True)
        height, depth = np.append(np.where(forward, 1, -1), 0), np.ones(size + 1, dtype=np.int64)
        height[roots] = depth[roots] = depth[size] = 0
        while (above != size).any():  # pointers jump twice as far each time
            height, depth, above = height + height[above], depth + depth[above], above[above]
        return cls(source, target, part.astype(np.int64), height[:size], depth[:size])

    def fill(self) -> int:
        """A bound on the entries that factors of I - Q need: states times the widest layer, over all parts."""
        layer = self.part * (int(self.depth.max(initial=0)) + 1) + self.depth
        layers, width = np.unique(layer, return_counts=True)
        widest = np.zeros(int(self.part.max(initial=0)) + 1, dtype=np.int64)
        np.maximum.at(widest, layers // (int(self.depth.max(initial=0)) + 1), width)
        return int(2 * (np.bincount(self.part, minlength=len(widest)) * widest).sum())


def _pattern(source: Ints, target: Ints, size: int) -> sparse.csr_array:
    return sparse.csr_array((np.ones(len(source), dtype=np.int8), (source, target)), shape=(size, size))
