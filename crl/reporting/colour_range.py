"""The range of a colour scale for scores."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LEAST = 0.2
"""Least range of a colour scale, as a share of the greatest score: 184.5 and 186.4 are as good as alike."""


def colour_range(scores: NDArray[np.float64]) -> tuple[float, float]:
    """From the least to the greatest score, or wider where these are nearly alike.

    Args:
        scores: All scores; NaN counts as none, and one at least is none such.
    """
    low, high = float(np.nanmin(scores)), float(np.nanmax(scores))
    room = max(0.0, LEAST * max(abs(low), abs(high)) - (high - low)) / 2
    return low - room, high + room
