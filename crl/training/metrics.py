"""Continual-learning metrics of a reward matrix R[i, j]: evaluation on task j after learning task i.

Definitions: average performance mean_j R[T, j]; forgetting mean_{j<T} (R[j, j] - R[T, j]); backward transfer is its
negative (Lopez-Paz and Ranzato 2017; Huang et al. 2021). The variant with max_i R[i, j] in place of R[j, j] is biased
upwards by noise and reported beside, never alone.
"""

from __future__ import annotations

from collections.abc import Sequence

Matrix = Sequence[Sequence[float | None]]
"""Rows are learning visits in order, columns are tasks in the order of their first visit; ``None``: not evaluated."""


def average_performance(matrix: Matrix) -> float | None:
    """Mean of the last row; ``None`` if it is incomplete."""
    if not matrix or any(value is None for value in matrix[-1]):
        return None
    row = [value for value in matrix[-1] if value is not None]
    return sum(row) / len(row) if row else None


def forgetting(matrix: Matrix, learned_at: Sequence[int]) -> float | None:
    """Mean of R[last visit of j, j] - R[T, j] over the tasks that were not the last one learned.

    Args:
        matrix: Reward matrix.
        learned_at: For every column, the row of the last visit of its task.

    Returns:
        The mean, or ``None`` where a needed entry is missing or there is no earlier task.
    """
    return _mean_loss(matrix, learned_at, best=False)


def forgetting_from_best(matrix: Matrix, learned_at: Sequence[int]) -> float | None:
    """As :func:`forgetting`, from the best evaluation since the task was first learned (biased upwards)."""
    return _mean_loss(matrix, learned_at, best=True)


def _mean_loss(matrix: Matrix, learned_at: Sequence[int], *, best: bool) -> float | None:
    losses = []
    for column, row in enumerate(learned_at):
        if row == len(matrix) - 1:
            continue
        final = matrix[-1][column]
        seen = [r[column] for r in matrix] if best else [matrix[row][column]]
        known = [value for value in seen if value is not None]
        if final is None or not known:
            return None
        losses.append(max(known) - final)
    return sum(losses) / len(losses) if losses else None
