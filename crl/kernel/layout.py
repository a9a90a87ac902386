"""How a compiled rollout reads a state and moves it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

NUMBERS = {"linear": 1, "angle": 1, "free_angle": 1, "quaternion": 4}
"""Numbers of a field in a state."""
FEATURES = {"linear": 1, "angle": 2, "free_angle": 2, "quaternion": 9}
"""What a network reads of a field: itself, cosine and sine, or the rotation matrix row by row."""
CHANGES = {"linear": 1, "angle": 1, "free_angle": 1, "quaternion": 3}
"""Changes of a field: a difference, or a rotation vector (rad) in axes of the rotation itself."""


@dataclass(frozen=True)
class Layout:
    """The fields of a state, in order.

    Attributes:
        kinds: ``linear``, ``angle`` (rad, wrapped to [-pi, pi)), ``free_angle`` (rad, not wrapped) or ``quaternion``
            (w, x, y, z) of every field.
        low: Least values of the state's numbers, [N].
        high: Greatest values, [N].
        first_change: How many changes come before those of the state.
        fed_back: Whether the changes of the step before are read, after everything else.
    """

    kinds: Sequence[str]
    low: Tensor
    high: Tensor
    first_change: int = 0
    fed_back: bool = False

    @property
    def numbers(self) -> int:
        """Numbers N of a state."""
        return sum(NUMBERS[kind] for kind in self.kinds)

    @property
    def features(self) -> int:
        """What a network reads of a state."""
        return sum(FEATURES[kind] for kind in self.kinds)

    @property
    def changes(self) -> int:
        """Changes D, those before the state's included."""
        return self.first_change + sum(CHANGES[kind] for kind in self.kinds)
