"""Regimes that are made of two others: one that drifts from the first to the second, and one that is both at once.

Which two is drawn by seed; both come earlier in the life's order of first visits, so that a robot may know them when
it meets what is made of them. Nothing is drawn, and no life is another one, where no such regimes are asked for.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from crl_envs.missions.errors import number

Effect = Callable[[Any], Any]
"""Maps commands [..., A] to those that they amount to [..., A], in half ranges; any array library."""


@dataclass(frozen=True)
class Mixture:
    """A regime of two others.

    Attributes:
        one: Number of the first.
        other: Number of the second.
        drifts: Whether every visit moves in a straight line from the first to the second; else the second acts on what
            the first makes of a command, all the time.
    """

    one: int
    other: int
    drifts: bool

    @property
    def name(self) -> str:
        """Name, for evaluators."""
        return f"drift_{self.one}_{self.other}" if self.drifts else f"combined_{self.one}_{self.other}"

    def effect(self, first: Effect, second: Effect, share: float) -> Effect:
        """What it makes of commands.

        Args:
            first: What the first regime makes of them.
            second: What the second one makes of them.
            share: Share of the visit that is over, 0..1.
        """
        if self.drifts:
            return lambda command: (1 - share) * first(command) + share * second(command)
        return lambda command: second(first(command))


def draw_mixtures(count: int, drift: float, combine: float, rng: np.random.Generator) -> dict[int, Mixture]:
    """Which of ``count`` regimes are made of two others: numbers, the last ones, and what they are.

    Args:
        count: Number of regimes, the nominal one (number 0) among them, which stays.
        drift: Share of the others that drift, 0..1.
        combine: Share of the others that combine two, 0..1.
        rng: Source.

    Raises:
        MissionError: A share is impossible, or fewer than two regimes stay as they are beside the nominal one.
    """
    number(drift, "life.drift", 0, 1)
    number(combine, "life.combine", 0, 1)
    if not drift and not combine:
        return {}
    drifts, both = round(drift * (count - 1)), round(combine * (count - 1))
    whole = count - drifts - both
    number(whole, "regimes that are not made of two others", 3, count)
    kinds = rng.permutation([True] * drifts + [False] * both)
    drawn = {}
    for at, kind in enumerate(kinds.tolist(), start=whole):
        # A drift may begin or end with the nominal body; what is combined with it would be the other one alone.
        one, other = rng.choice(np.arange(0 if kind else 1, whole), size=2, replace=False).tolist()
        drawn[at] = Mixture(one, other, kind)
    return drawn
