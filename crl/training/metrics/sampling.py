"""Estimates over tasks of which some were drawn at random and evaluated: simple random sampling without replacement.

The mean of the drawn tasks is an unbiased estimate of the mean of all. Its interval is Student's, with the factor
sqrt(1 - n / N) for a finite population (Cochran 1977, *Sampling Techniques*, sections 2.6 and 2.8). It covers the
choice of the tasks alone: what another training seed would have given is a question for several runs.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from crl.training.metrics.matrix import Matrix

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Estimate:
    """A mean over tasks, estimated from some of them.

    Attributes:
        value: The estimate.
        low: Lower end of its 95 % interval; ``None`` if one task was drawn, which says nothing of the spread.
        high: Upper end, likewise.
        evaluated: Tasks that were evaluated.
        tasks: Tasks that the mean is over.
    """

    value: float
    low: float | None
    high: float | None
    evaluated: int
    tasks: int


def estimated_mean(drawn: Sequence[float], population: int, certain: Sequence[float] = ()) -> Estimate | None:
    """The mean over N tasks that were drawn from, and over those that are evaluated in any case.

    Args:
        drawn: Scores of the tasks that were drawn.
        population: Number N of tasks that they were drawn from.
        certain: Scores of the tasks that are evaluated in any case.

    Returns:
        The estimate; ``None`` if no task of a population was drawn, or there are no tasks at all.

    Raises:
        ValueError: More tasks were drawn than there are.
    """
    count, tasks = len(drawn), population + len(certain)
    if count > population:
        raise ValueError(f"{count} tasks can't be drawn from {population} without replacement")
    if tasks == 0 or (population and not count):
        return None
    share = population / tasks
    value = share * (sum(drawn) / count if count else 0.0) + sum(certain) / tasks
    margin = _margin(drawn, population)
    low, high = (None, None) if margin is None else (value - share * margin, value + share * margin)
    return Estimate(value, low, high, count + len(certain), tasks)


def _margin(drawn: Sequence[float], population: int) -> float | None:
    """Half the width of the interval of the mean of ``population`` tasks; ``None``: one task was drawn of several."""
    count = len(drawn)
    if count == population:
        return 0.0
    if count < 2:
        return None
    # A run need not load scipy for one quantile.
    from scipy.special import stdtrit

    deviation = float(np.std(drawn, ddof=1)) * math.sqrt((1 - count / population) / count)
    return float(stdtrit(count - 1, (1 + CONFIDENCE) / 2)) * deviation


def estimates(matrix: Matrix, learned_at: Sequence[int]) -> dict[str, dict[str, Any] | None]:
    """Average performance and forgetting from a last row in which earlier tasks are a sample.

    Args:
        matrix: Reward matrix; the task learned last is evaluated in any case.
        learned_at: For every column, the row of the last visit of its task.

    Returns:
        ``average`` and ``forgetting`` as plain :class:`Estimate`; ``None``: nothing is known of it.
    """
    last = len(matrix) - 1
    earlier = [column for column, row in enumerate(learned_at) if row != last]
    final = {column: value for column, value in enumerate(matrix[-1]) if value is not None}
    newest = [final[column] for column, row in enumerate(learned_at) if row == last and column in final]
    drawn = [column for column in earlier if column in final]
    before = [matrix[learned_at[column]][column] for column in drawn]
    lost = [value - final[column] for column, value in zip(drawn, before, strict=True) if value is not None]
    found = {
        "average": estimated_mean([final[column] for column in drawn], len(earlier), newest) if newest else None,
        "forgetting": estimated_mean(lost, len(earlier)) if len(lost) == len(drawn) else None,
    }
    return {name: None if estimate is None else asdict(estimate) for name, estimate in found.items()}
