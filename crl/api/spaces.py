"""An action space of Gymnasium as the elements of an action."""

from __future__ import annotations

import gymnasium
import numpy as np

from crl.types import ActionSpec


def action_spec(space: gymnasium.Space[object]) -> ActionSpec:
    """Names and range of the actions of a space.

    Raises:
        ValueError: It is not a finite box with one dimension and an element or more.
    """
    if not isinstance(space, gymnasium.spaces.Box) or len(space.shape) != 1 or space.shape[0] < 1:
        raise ValueError(f"action_space must be a Box with one dimension and an element or more, not {space}")
    low, high = (tuple(float(end) for end in ends) for ends in (space.low, space.high))
    if not np.isfinite([*low, *high]).all():
        raise ValueError(f"the action space has no finite range: {space}; wrap it to one that has")
    return ActionSpec(tuple(f"a{i}" for i in range(len(low))), ("",) * len(low), low, high)
