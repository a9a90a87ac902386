"""Sparse linear systems of Markov chains: x = b + Q x with Q substochastic, and stationary distributions x = x P.

Chains that are small, or long and narrow, are factorised. The others are iterated (GCROT, which keeps from one restart
to the next what it learned of the slow directions), because the factors of a chain that mixes well fill up. Where the
iteration stalls, the chain mixes so slowly that its factors are sparser; they are the second resort.
"""

from __future__ import annotations

import math

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from crl.formal.cyclic import Phases
from crl.formal.interface import Floats, Ints
from crl.formal.spanning import Forest

DIRECT = 10_000_000
"""Bound on the entries of factors up to which they are computed at once."""
AFFORDABLE = 200_000_000
"""The same up to which they are preferred to an iteration that needs more than a few rounds."""
INNER, KEPT, CYCLES = 40, 20, 2
"""Iterations of a cycle, directions kept from one to the next, and cycles in a round."""
FEW, MANY = 1, 25
"""Rounds that the end may be away, at the pace of the last one, where factors are affordable and where they are not."""
REDUCTION = 1e-6
"""Share of the residual that a round is content to leave."""
PRECISION = 1e-12
"""Residual that an iteration must reach, relative to the right-hand side and the solution."""
SHIFT = 1e-13
"""How far the matrix of a stationary distribution is moved from singularity before it is factorised."""
INVERSE_ITERATIONS = 30


def solve(step: sparse.csr_array, right: Floats) -> tuple[Floats, float]:
    """Solve x = b + Q x.

    Args:
        step: Matrix Q [N, N], such that I - Q is not singular.
        right: Right-hand side b [N].

    Returns:
        The solution [N] and its residual in the maximum norm.
    """
    forest = Forest.of(step)
    if forest.fill() > DIRECT:
        solution, residual = _iterate(step, right, forest)
        if residual <= _enough(right, solution):
            return solution, residual
    matrix, factors = _factorised(step)
    solution = factors.solve(right)
    solution = solution + factors.solve(right - matrix @ solution)
    return solution, _residual(step, solution, right)


def stationary(step: sparse.csr_array, classes: Ints) -> tuple[Floats, float]:
    """The stationary distribution of every recurrent class: x = P' x, and x sums to one over each class.

    Args:
        step: Transposed transition matrix P' [N, N] of recurrent states; each class is irreducible.
        classes: Class of each state, 0, 1, ..., int64 [N].

    Returns:
        The distributions [N] and their residual in the maximum norm.
    """
    nothing = np.zeros(len(classes))
    solution = _normalised(np.ones(len(classes)), classes)
    forest = Forest.of(step)
    if forest.fill() > DIRECT:
        iterated, residual = _iterate(step, nothing, forest, classes)
        if residual <= _enough(nothing, iterated):
            return iterated, residual
    # Inverse iteration: the shifted matrix blows up the stationary direction and no other.
    _, factors = _factorised((1 - SHIFT) * step)
    residual = _residual(step, solution, nothing)
    for _ in range(INVERSE_ITERATIONS):
        further = _normalised(factors.solve(solution), classes)
        after = _residual(step, further, nothing)
        if not after < residual:
            break
        solution, residual = further, after
    return solution, residual


def _factorised(step: sparse.csr_array) -> tuple[sparse.csc_array, linalg.SuperLU]:
    """I - Q and its factors; its diagonal dominates rows or columns, so that no pivot needs to be looked for."""
    matrix = (sparse.identity(step.shape[0], format="csr") - step).tocsc()
    factors = linalg.splu(matrix, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True})
    return matrix, factors


def _iterate(
    step: sparse.csr_array, right: Floats, forest: Forest, classes: Ints | None = None
) -> tuple[Floats, float]:
    """The solution as far as rounds of GCROT lead to it, and its residual; a distribution if there are classes."""
    phases = Phases.of(step, forest)
    patience = FEW if forest.fill() <= AFFORDABLE else MANY
    member = phases.members[0]
    operator = _operator(phases, None if classes is None else classes[member])
    solution = np.zeros_like(right) if classes is None else _normalised(np.ones_like(right), classes)
    residual = _residual(step, solution, right)
    directions: list[tuple[Floats | None, Floats]] = []
    while residual > _enough(right, solution):
        # A round corrects the last one, which keeps its rounding errors from adding up.
        around = phases.all(solution[member], right)
        gap = around[member] - solution[member]
        correction, _ = linalg.gcrotmk(operator, gap, rtol=REDUCTION, m=INNER, k=KEPT, maxiter=CYCLES, CU=directions)
        further = phases.all(solution[member] + correction, right)
        further = further if classes is None else _normalised(further, classes)
        before, after = residual, _residual(step, further, right)
        if not after < before:
            break
        solution, residual = further, after
        if math.log(after / _enough(right, solution)) > patience * math.log(before / after):
            break
    return solution, residual


def _operator(phases: Phases, classes: Ints | None) -> linalg.LinearOperator:
    """The map x - Q_0 Q_1 ... x on the first phase; of every class the direction that it sends to zero is fixed."""
    if classes is None:
        return linalg.LinearOperator((phases.size,) * 2, matvec=lambda x: x - phases.around(x), dtype=np.float64)
    size = np.bincount(classes)

    def matvec(x: Floats) -> Floats:
        # Corrections sum to zero over each class, so that this changes no solution.
        mean: Floats = (np.bincount(classes, weights=x) / size)[classes]
        return x - phases.around(x) + mean

    return linalg.LinearOperator((phases.size,) * 2, matvec=matvec, dtype=np.float64)


def _normalised(x: Floats, classes: Ints) -> Floats:
    """Without negative entries, which are rounding errors, and with sum one over each class."""
    x = np.maximum(x, 0)
    share: Floats = x / np.bincount(classes, weights=x)[classes]
    return share


def _enough(right: Floats, solution: Floats) -> float:
    return PRECISION * max(float(np.abs(right).max()), float(np.abs(solution).max()))


def _residual(step: sparse.csr_array, solution: Floats, right: Floats) -> float:
    gap = float(np.abs(right + step @ solution - solution).max())
    return gap if np.isfinite(gap) else float("inf")
