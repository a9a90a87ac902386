"""Means with 95 % intervals over runs, by a seeded bootstrap that is stratified by task.

Seeds are resampled with replacement within every stratum (Agarwal et al. 2021, *Deep RL at the edge of the statistical
precipice*), so that the interval says how another set of seeds could have come out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]


@dataclass(frozen=True)
class Interval:
    """A statistic and the interval that holds it with the given confidence."""

    value: float
    low: float
    high: float

    def format(self, digits: int = 2, scale: float = 1.0) -> str:
        """``0.93 [0.88, 0.97]``."""
        value, low, high = (scale * number for number in (self.value, self.low, self.high))
        return f"{value:.{digits}f} [{low:.{digits}f}, {high:.{digits}f}]"


def interval(
    scores: Scores,
    statistic: Callable[[Scores], float] = lambda values: float(values.mean()),
    *,
    confidence: float = 0.95,
    resamples: int = 5000,
    seed: int = 0,
) -> Interval:
    """Percentile-bootstrap interval of a statistic.

    Args:
        scores: One score per seed and stratum, [seeds, strata] or [seeds].
        statistic: Maps resampled scores of the same shape to a number.
        confidence: Probability mass of the interval.
        resamples: Bootstrap resamples.
        seed: Seed of the resampling: the same scores always give the same interval.

    Raises:
        ValueError: There are no scores, or one is not finite.
    """
    if scores.size == 0 or not np.isfinite(scores).all():
        raise ValueError("an interval needs at least one score, and all of them finite")
    table = scores.reshape(len(scores), -1).astype(np.float64)
    random = np.random.default_rng(seed)
    seeds, strata = table.shape
    columns = np.arange(strata)
    drawn = [statistic(table[random.integers(seeds, size=(seeds, strata)), columns]) for _ in range(resamples)]
    tail = (1 - confidence) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    return Interval(statistic(table), float(low), float(high))


def paired_difference(ours: Scores, theirs: Scores, **options: float) -> Interval:
    """Interval of the mean difference of two methods over the same seeds (paired), [seeds] or [seeds, strata].

    Raises:
        ValueError: The shapes differ.
    """
    if ours.shape != theirs.shape:
        raise ValueError(f"paired scores need equal shapes, got {ours.shape} and {theirs.shape}")
    return interval(ours - theirs, **options)  # type: ignore[arg-type]
