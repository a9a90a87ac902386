"""The command filter: what is not finite never passes, what is outside the limits is brought inside.

Simulated loops and robots use the same one, and nothing goes round it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from crl.types import ActionSpec, Array, as_array


@dataclass(frozen=True)
class Command:
    """What may be executed, and why it differs from what was asked for (``None`` if it doesn't).

    ``replaced`` says that nothing of what was asked for is left: the action is the safe one.
    """

    action: Array
    reason: str | None = None
    replaced: bool = False


class CommandFilter:
    """Passes finite actions inside their limits.

    Args:
        action: Elements of the action and their limits.
        safe_action: Action to execute in place of one that is not finite, [A].
    """

    def __init__(self, action: ActionSpec, safe_action: tuple[float, ...]) -> None:
        self._low, self._high = as_array(action.low), as_array(action.high)
        safe = as_array(safe_action)
        if safe.shape != self._low.shape or not np.isfinite(safe).all():
            raise ValueError(f"the safe action {safe_action} must be {len(self._low)} finite numbers")
        self._safe = np.clip(safe, self._low, self._high)

    def __call__(self, action: Any) -> Command:
        """The command for an action [A] of any origin, even one that is no array of numbers at all."""
        wanted = _numbers(action)
        if wanted is None:
            return Command(self._safe.copy(), "an action that is not an array of numbers", True)
        if wanted.shape != self._low.shape:
            return Command(self._safe.copy(), f"an action of shape {wanted.shape} instead of {self._low.shape}", True)
        if not np.isfinite(wanted).all():
            return Command(self._safe.copy(), "an action that is not finite", True)
        inside = np.clip(wanted, self._low, self._high)
        return Command(inside, None if np.array_equal(inside, wanted) else "an action outside its limits")


def _numbers(action: Any) -> Array | None:
    """Float32 array of real numbers, if it is one; a number too large for float32 becomes infinite."""
    try:
        given = np.asarray(action)
        if given.dtype.kind not in "biuf":
            return None
        with np.errstate(over="ignore"):
            return given.astype(np.float32)
    except (TypeError, ValueError, RuntimeError):
        return None
