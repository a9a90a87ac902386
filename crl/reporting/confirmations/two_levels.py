"""Intervals over two levels: fits (replicates) and the missions that each of them flew.

Missions of one fit have its model in common, so that they are not independent of one another. The bootstrap therefore
draws fits with replacement, and then missions of every fit that was drawn (a nested, or two-stage, bootstrap: Davison
and Hinkley 1997, section 3.8). Values of two methods on the same fit and mission are paired: they are drawn together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from crl.reporting.statistics import Interval

RESAMPLES = 2000


def two_level_interval(
    values: Sequence[NDArray[np.float64]], *, confidence: float = 0.95, resamples: int = RESAMPLES, seed: int = 0
) -> Interval:
    """Interval of the mean of all values.

    Args:
        values: Of each fit, the values of its missions, [M_f]; fits without values are left out.
        confidence: Probability mass of the interval.
        resamples: Bootstrap resamples.
        seed: Seed of the resampling.

    Returns:
        The mean of all values with its interval; with fewer than two fits, the mean alone; without values, NaN.
    """
    groups = [np.asarray(group, dtype=np.float64) for group in values if len(group)]
    if not groups:
        return Interval(math.nan, math.nan, math.nan)
    value = float(np.concatenate(groups).mean())
    if len(groups) < 2:
        return Interval(value, math.nan, math.nan)
    random = np.random.default_rng(seed)
    means = np.empty(resamples)
    for at in range(resamples):
        chosen = [groups[int(fit)] for fit in random.integers(len(groups), size=len(groups))]
        means[at] = np.concatenate([group[random.integers(len(group), size=len(group))] for group in chosen]).mean()
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, float(low), float(high))
