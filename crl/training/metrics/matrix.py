"""Continual-learning metrics of a reward matrix R[i, j]: evaluation on task j after learning task i.

Average performance, forgetting and forward transfer as in Huang et al. 2021 (HyperCRL) and Lopez-Paz and Ranzato 2017
(backward transfer), their ratio forms, and those of Wolczyk et al. 2021 (Continual World). The formulas stand in
docs/reference/metrics.md. What can't be told, because an evaluation is missing, is ``None``; the mean of the rest
would be another quantity under the same name.

A task that is visited more than once is *just learned* after its last visit where forgetting is meant, and after its
first where transfer is meant; the caller says so by ``learned_at``.
"""

from __future__ import annotations

from collections.abc import Sequence

Matrix = Sequence[Sequence[float | None]]
"""Rows are learning visits in order, columns are tasks in the order of their first visit; ``None``: not evaluated."""

Row = Sequence[float | None]
"""One score per task."""


def average_performance(matrix: Matrix) -> float | None:
    """Mean of the last row, mean_j R[T, j]; ``None`` if it is incomplete."""
    return _mean(matrix[-1]) if matrix else None


def just_learned(matrix: Matrix, learned_at: Sequence[int]) -> list[float | None]:
    """R[j, j]: the score of every task in the row after which it counts as learned."""
    return [matrix[row][column] for column, row in enumerate(learned_at)]


def forgetting(matrix: Matrix, learned_at: Sequence[int]) -> float | None:
    """Mean of R[j, j] - R[T, j] over the tasks that were not the last one learned.

    Args:
        matrix: Reward matrix.
        learned_at: For every column, the row of the last visit of its task.

    Returns:
        The mean, or ``None`` where a needed entry is missing or there is no earlier task.
    """
    return _mean_loss(matrix, learned_at, best=False)


def forgetting_from_best(matrix: Matrix, learned_at: Sequence[int]) -> float | None:
    """As :func:`forgetting`, from the best evaluation of each task, max_i R[i, j].

    A maximum of noisy evaluations lies above their mean, so this is biased upwards, the more the longer the sequence
    and the noisier the evaluation: it is reported beside :func:`forgetting`, never alone.
    """
    return _mean_loss(matrix, learned_at, best=True)


def forward_transfer(matrix: Matrix, learned_at: Sequence[int], single: Row) -> float | None:
    """Mean over the tasks of R[j, j] - R[single, j].

    Args:
        matrix: Reward matrix.
        learned_at: For every column, the row of the first visit of its task.
        single: For every column, the score of a model trained on that task alone.
    """
    pairs = zip(just_learned(matrix, learned_at), single, strict=True)
    return _mean([None if ours is None or alone is None else ours - alone for ours, alone in pairs])


def retention_ratio(matrix: Matrix, learned_at: Sequence[int]) -> float | None:
    """Forgetting as a ratio: final score / score just after learning, means over the earlier tasks.

    A ratio of the means, so that one task that was hardly learned doesn't decide it. The scores must have a meaningful
    zero: use normalised ones. ``None`` where the denominator is not positive.
    """
    columns = [column for column, row in enumerate(learned_at) if row != len(matrix) - 1]
    before = just_learned(matrix, learned_at)
    return _ratio([matrix[-1][column] for column in columns], [before[column] for column in columns])


def transfer_ratio(matrix: Matrix, learned_at: Sequence[int], single: Row) -> float | None:
    """Forward transfer as a ratio: score just after learning / that of ``single``, means over the tasks.

    As :func:`retention_ratio`, for normalised scores; ``learned_at`` as in :func:`forward_transfer`.
    """
    return _ratio(just_learned(matrix, learned_at), single)


def continual_world_forgetting(matrix: Matrix, learned_at: Sequence[int]) -> float | None:
    """Mean of R[j, j] - R[T, j] over *all* tasks (Wolczyk et al. 2021, section 4), the last one's zero included.

    With N tasks it is (N - 1) / N of :func:`forgetting`.
    """
    if not matrix:
        return None
    pairs = zip(just_learned(matrix, learned_at), matrix[-1], strict=True)
    return _mean([None if ours is None or final is None else ours - final for ours, final in pairs])


def normalised(matrix: Matrix, zero: Sequence[float], one: Sequence[float]) -> list[list[float | None]]:
    """Scores on the scale of each task: 0 for a random policy, 1 for the ``single`` reference.

    Args:
        matrix: Reward matrix of returns.
        zero: For every column, the mean return of random actions.
        one: For every column, the mean return of a model trained on that task alone.

    Raises:
        ValueError: A task's reference is not above its random policy: it has no such scale.
    """
    for column, (low, high) in enumerate(zip(zero, one, strict=True)):
        if not high > low:
            raise ValueError(f"task {column}: the reference {high} is not above the random policy {low}")
    return [
        [
            None if value is None else (value - low) / (high - low)
            for value, low, high in zip(row, zero, one, strict=True)
        ]
        for row in matrix
    ]


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


def _mean(values: Row) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known and len(known) == len(values) else None


def _ratio(above: Row, below: Row) -> float | None:
    numerator, denominator = _mean(above), _mean(below)
    if numerator is None or denominator is None or denominator <= 0:
        return None
    return numerator / denominator
