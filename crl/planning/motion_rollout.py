"""Unrolls a motion that was told, in place of a model: for oracles."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor


class MotionRollout:
    """A planner's model that is a known motion.

    Args:
        motion: Maps observations [K, S] and actions [K, A] to the observations after them [K, S].
    """

    def __init__(self, motion: Callable[[Tensor, Tensor], Tensor]) -> None:
        self._motion = motion

    def __call__(self, observation: Tensor, actions: Tensor) -> Tensor:
        """Trajectories [K, H + 1, S] from one observation [S] under actions [K, H, A]; the first is the observation."""
        state = observation.expand(actions.shape[0], -1)
        states = [state]
        for step in range(actions.shape[1]):
            state = self._motion(state, actions[:, step])
            states.append(state)
        return torch.stack(states, dim=1)
