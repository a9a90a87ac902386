"""Regimes that are drawn apart from each other, so that they can be told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")

APART = 0.25
"""Least distance of two regimes, as their kind measures it. Where so many do not fit, it shrinks."""
TRIES = 200
"""Draws after which the distance shrinks by a fifth."""


def drawn_apart(nominal: R, count: int, draw: Callable[[int], R], distance: Callable[[R, R], float]) -> list[R]:
    """Different regimes: the nominal one, and ``count`` - 1 that are drawn.

    Args:
        nominal: The first one.
        count: Number of regimes, at least 1.
        draw: Draws one, given its number.
        distance: Of two regimes.
    """
    drawn, least, tries = [nominal], APART, 0
    while len(drawn) < count:
        new = draw(len(drawn))
        tries += 1
        if all(distance(new, other) >= least for other in drawn):
            drawn.append(new)
        elif tries > TRIES:
            least, tries = 0.8 * least, 0
    return drawn
