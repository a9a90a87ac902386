"""Sparse linear systems of Markov chains: (I - Q) x = b with Q substochastic.

Small systems are factorised. Large ones are iterated first (restarted GMRES), because the factors of a chain that mixes
well fill up; those of a chain that mixes slowly, on which the iteration stalls, stay sparser, so incomplete factors
precondition it then. Complete factors are the last resort.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse import linalg

from crl.formal.interface import Floats

DIRECT = 3_000
"""Unknowns up to which the matrix is factorised at once."""
RESTART, CYCLES, ROUNDS = 60, 8, 8
"""Iterations between restarts of GMRES, restarts in a round, and rounds."""
STALLED = 0.1
"""Share of the residual that a round must leave less than, to be followed by another."""
PRECISION = 1e-12
"""Residual that an iteration must reach, relative to the right-hand side and the solution."""


def solve(matrix: sparse.csr_array, right: Floats) -> tuple[Floats, float]:
    """Solve a system.

    Args:
        matrix: Nonsingular matrix [N, N].
        right: Right-hand side [N].

    Returns:
        The solution [N] and its residual in the maximum norm.
    """
    if len(right) > DIRECT:
        for precondition in (False, True):
            solution, residual = _iterate(matrix, right, precondition)
            if residual <= _enough(right, solution):
                return solution, residual
    factors = linalg.splu(matrix.tocsc())
    solution = factors.solve(right)
    solution = solution + factors.solve(right - matrix @ solution)
    return solution, _residual(matrix, solution, right)


def _iterate(matrix: sparse.csr_array, right: Floats, precondition: bool) -> tuple[Floats, float]:
    near = None
    solution = np.zeros_like(right)
    residual = _residual(matrix, solution, right)
    if precondition:
        try:
            factors = linalg.spilu(matrix.tocsc(), drop_tol=1e-3, fill_factor=10)
        except RuntimeError:  # a pivot was dropped
            return solution, residual
        near = linalg.LinearOperator(matrix.shape, factors.solve)
    for _ in range(ROUNDS):
        further, _ = linalg.gmres(
            matrix, right, x0=solution, rtol=PRECISION / 10, restart=RESTART, maxiter=CYCLES, M=near
        )
        before, after = residual, _residual(matrix, further, right)
        if after < before:
            solution, residual = further, after
        if not after < STALLED * before or residual <= _enough(right, solution):
            break
    return solution, residual


def _enough(right: Floats, solution: Floats) -> float:
    return PRECISION * max(float(np.abs(right).max()), float(np.abs(solution).max()))


def _residual(matrix: sparse.csr_array, solution: Floats, right: Floats) -> float:
    gap = float(np.abs(right - matrix @ solution).max())
    return gap if np.isfinite(gap) else float("inf")
