"""The command filter: what is not finite never passes, what is outside the limits is brought inside.

Simulated loops and robots use the same one, and nothing goes round it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from crl.types import ActionSpec, Array, as_array


@dataclass(frozen=True)
class Command:
    """What may be executed, and why it differs from what was asked for (``None`` if it doesn't)."""

    action: Array
    reason: str | None = None


class CommandFilter:
    """Passes finite actions inside their limits.

    Args:
        action: Elements of the action and their limits.
        safe_action: Action to execute in place of one that is not finite, [A].
    """

    def __init__(self, action: ActionSpec, safe_action: tuple[float, ...]) -> None:
        self._low, self._high = as_array(action.low), as_array(action.high)
        self._safe = np.clip(as_array(safe_action), self._low, self._high)
        if self._safe.shape != self._low.shape or not np.isfinite(self._safe).all():
            raise ValueError(f"the safe action {safe_action} must be {len(self._low)} finite numbers")

    def __call__(self, action: Array) -> Command:
        """The command for an action [A] of any origin."""
        wanted = np.asarray(action, dtype=np.float32)
        if wanted.shape != self._low.shape:
            return Command(self._safe.copy(), f"an action of shape {wanted.shape} instead of {self._low.shape}")
        if not np.isfinite(wanted).all():
            return Command(self._safe.copy(), "an action that is not finite")
        inside = np.clip(wanted, self._low, self._high)
        return Command(inside, None if np.array_equal(inside, wanted) else "an action outside its limits")
