"""Substochastic matrices whose steps go around in a cycle of phases: x = b + Q x on one phase in place of all.

A chain has the period p if its states fall into p phases, and every step leads from a phase to the next. A counter in
an agent's memory makes such chains. Along the cycle one phase determines all others,

    x_0 = b_0 + Q_0 (b_1 + Q_1 (b_2 + ... + Q_{p-1} x_0)),

so that the system shrinks to the smallest phase, and an iteration needs a p-th of the steps: it no longer has to damp
the p eigenvalues that lie on the unit circle.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from crl.formal.interface import Floats, Ints
from crl.formal.spanning import Forest

MOST = 256
"""Phases up to which a cycle is followed; of a longer one its largest divisor within this."""


@dataclass(frozen=True, eq=False)
class Phases:
    """The matrix Q [N, N], phase by phase.

    Attributes:
        members: States of each phase, the smallest first, int64 [n_k].
        blocks: Steps from each phase to the next, [n_k, n_{k+1}].
    """

    members: tuple[Ints, ...]
    blocks: tuple[sparse.csr_array, ...]

    @classmethod
    def of(cls, step: sparse.csr_array, forest: Forest) -> Phases:
        """The phases of a matrix with its spanning forest; a single one if its steps keep to no cycle."""
        found = period(forest)
        phase = forest.height % found
        smallest = int(np.argmin(np.bincount(phase, minlength=found)))
        members = [np.flatnonzero(phase == (smallest + k) % found) for k in range(found)]
        following = members[1:] + members[:1]
        blocks = [step] if found == 1 else [step[m][:, f] for m, f in zip(members, following, strict=True)]
        return cls(tuple(members), tuple(blocks))

    @property
    def size(self) -> int:
        """States of the smallest phase."""
        return len(self.members[0])

    def around(self, first: Floats) -> Floats:
        """Q_0 Q_1 ... Q_{p-1} x_0."""
        for block in reversed(self.blocks):
            first = block @ first
        return first

    def all(self, first: Floats, right: Floats) -> Floats:
        """Every x_k = b_k + Q_k x_{k+1} from x_0 by going around once, float64 [N]; x_0 itself is renewed as well."""
        solution = np.empty_like(right)
        part = first
        for member, block in zip(reversed(self.members), reversed(self.blocks), strict=True):
            part = right[member] + block @ part
            solution[member] = part
        return solution


def period(forest: Forest) -> int:
    """The number of phases p, at most 256: every step ascends by 1 modulo p."""
    ascent = forest.height[forest.source] + 1 - forest.height[forest.target]
    # A chain without any cycle ascends for ever: every number of phases is right.
    common = int(np.gcd.reduce(np.abs(ascent), initial=0)) or MOST
    return max(p for p in range(1, MOST + 1) if common % p == 0)
