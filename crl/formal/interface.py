"""What an agent and an environment say to each other: actions, observations, histories."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from crl.formal.errors import FormalError
from crl.matching import nearest

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Step = tuple[int, int]
"""An action and the observation that followed, both as indices."""
History = tuple[Step, ...]
"""The history h of the paper; the empty one is ``()``."""

PROBABILITY_TOLERANCE = 1e-9
"""Probabilities sum to one, and two action distributions are the same, within this."""


@dataclass(frozen=True)
class Interface:
    """The finite, non-empty sets A of actions and O of observations, by name. Everything else counts them from zero."""

    actions: tuple[str, ...]
    observations: tuple[str, ...]

    def __post_init__(self) -> None:
        for what, names in (("action", self.actions), ("observation", self.observations)):
            if not names:
                raise FormalError(f"an interface without {what}s", f"name at least one {what}")
            unique_names(what, names)

    @classmethod
    def sized(cls, actions: int, observations: int) -> Interface:
        """An interface with the names a0, a1, ... and o0, o1, ..."""
        return cls(tuple(f"a{i}" for i in range(actions)), tuple(f"o{i}" for i in range(observations)))

    @property
    def inputs(self) -> int:
        """Number A * O of labels ``action * O + observation``."""
        return len(self.actions) * len(self.observations)

    def action(self, name: str) -> int:
        """Index of an action."""
        return _index(self._action_index, name, "action")

    def observation(self, name: str) -> int:
        """Index of an observation."""
        return _index(self._observation_index, name, "observation")

    def step(self, label: int) -> Step:
        """The action and the observation of a label."""
        action, observation = divmod(int(label), len(self.observations))
        return action, observation

    def history(self, *steps: tuple[str, str]) -> History:
        """A history from names: ``interface.history(("left", "win"), ("left", "lose"))``."""
        return tuple((self.action(action), self.observation(observation)) for action, observation in steps)

    def describe(self, history: Sequence[Step]) -> str:
        """A history in words: ``left/win left/lose``; the empty one is ``(nothing yet)``."""
        steps = [f"{self.actions[action]}/{self.observations[observation]}" for action, observation in history]
        return " ".join(steps) or "(nothing yet)"

    def require(self, other: Interface, who: str) -> None:
        """Raise if a machine does not speak this interface, saying which entry differs."""
        if self is other:
            return
        for what, mine, theirs in (
            ("action", self.actions, other.actions),
            ("observation", self.observations, other.observations),
        ):
            if mine == theirs:
                continue
            if sorted(mine) == sorted(theirs):
                differs = f"lists the {what}s in another order"
            elif missing := [name for name in mine if name not in theirs]:
                differs = f"has no {what} {missing[0]!r}"
            else:
                extra = next(name for name in theirs if name not in mine)
                differs = f"has one {what} more, {extra!r}"
            raise FormalError(
                f"{who} has another {what} set: it {differs} ({len(theirs)} {what}s, expected {len(mine)})",
                "build it with the interface of the environment (environment.interface)",
            )

    @cached_property
    def _action_index(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.actions)}

    @cached_property
    def _observation_index(self) -> dict[str, int]:
        return {name: index for index, name in enumerate(self.observations)}


def unique_names(what: str, names: Iterable[str]) -> None:
    """Raise if a name comes twice."""
    seen = set()
    for name in names:
        if name in seen:
            raise FormalError(f"the name {name!r} comes twice: each {what} needs a name of its own")
        seen.add(name)


def check_distribution(weights: Floats, what: str) -> None:
    """Raise unless the last axis holds probabilities; ``what`` names the one distribution that is checked."""
    if not np.isfinite(weights).all() or (weights < 0).any():
        wrong = weights[~(np.isfinite(weights) & (weights >= 0))][0]
        raise FormalError(f"{what}: {wrong:g} is not a probability", "probabilities are numbers from 0 to 1")
    total = float(weights.sum())
    if abs(total - 1) > PROBABILITY_TOLERANCE:
        raise FormalError(
            f"{what}: the probabilities sum to {total:.12g}, not to 1",
            "correct one of them; in a file, thirds can be written 1/3",
        )


def _index(index: dict[str, int], name: str, what: str) -> int:
    if name not in index:
        raise FormalError(f"unknown {what} {name!r}{nearest(name, index) if len(index) <= 50 else ''}")
    return index[name]
