"""The command filter: what is not finite never passes, what is outside the limits is brought inside.

Where an action is a choice, exactly one thing is chosen of whatever is sent: that of the largest element.

Simulated loops and robots use the same one, and nothing goes round it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl.safety.strangers import UnusableError, attempt
from crl.types import ActionSpec, Array, as_array

NO_NUMBERS = "an action that is not an array of numbers"
KINDS = "biuf"
"""NumPy's kinds of real numbers: truth values, integers and floating point."""
TEXT = (str, bytes)


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
        self._choice = action.choice
        self._safe = np.clip(safe, self._low, self._high)

    def __call__(self, action: Any) -> Command:
        """The command for an action [A] of any origin.

        Whatever it is and whatever it raises, a command is returned; only what ends the program (``KeyboardInterrupt``,
        ``SystemExit``) passes.
        """
        try:
            wanted = attempt(_numbers, action, len(self._low))
        except UnusableError as error:
            return Command(self._safe.copy(), str(error), True)
        if wanted is None:
            return Command(self._safe.copy(), NO_NUMBERS, True)
        if not np.isfinite(wanted).all():
            return Command(self._safe.copy(), "an action that is not finite", True)
        if self._choice:
            return Command(np.where(np.arange(len(wanted)) == np.argmax(wanted), self._high, self._low))
        inside = np.clip(wanted, self._low, self._high)
        return Command(inside, None if np.array_equal(inside, wanted) else "an action outside its limits")


def _numbers(action: Any, size: int) -> Array:
    """Float32 array [A] of a stranger's action; a number too large for float32 becomes infinite.

    An array is whatever says that it is one. A list of numbers is read item by item: NumPy itself would follow a list
    that holds itself without an end.

    Raises:
        UnusableError: It is something else, or of another size; may also raise whatever the action raises.
    """
    given = _declared_array(action)
    if given is None:
        given = np.array([_number(action[at]) for at in range(_length(action, size))], dtype=np.float64)
    if given.dtype.kind not in KINDS:
        raise UnusableError(NO_NUMBERS)
    if given.shape != (size,):
        raise UnusableError(_of_shape(given.shape, size))
    with np.errstate(over="ignore"):
        return given.astype(np.float32)


def _declared_array(value: Any) -> NDArray[Any] | None:
    """The array that a value says it is, by NumPy's protocols; ``None`` if it says nothing."""
    if isinstance(value, TEXT):
        return None
    if issubclass(type(value), np.ndarray):
        return np.asarray(value)
    if hasattr(value, "__array__"):
        made = value.__array__()
        if not issubclass(type(made), np.ndarray):
            raise UnusableError(NO_NUMBERS)
        return np.asarray(made)
    if hasattr(value, "__array_interface__") or hasattr(value, "__array_struct__"):
        return np.asarray(value)
    try:
        return np.asarray(memoryview(value))
    except TypeError:  # no buffer
        return None


def _length(action: Any, size: int) -> int:
    """Number of items of what is a sequence, if it is as long as it should be."""
    if isinstance(action, (*TEXT, Mapping)) or not hasattr(action, "__getitem__"):
        raise UnusableError(NO_NUMBERS)
    length = len(action)
    if length != size:
        raise UnusableError(_of_shape((length,), size))
    return length


def _number(item: Any) -> float:
    """One item of a sequence: a number, or an array of no dimensions that is one."""
    if not isinstance(item, bool | int | float):
        made = _declared_array(item)
        if made is None or made.dtype.kind not in KINDS or made.shape:
            raise UnusableError(NO_NUMBERS)
        item = made
    return float(item)


def _of_shape(shape: tuple[int, ...], size: int) -> str:
    return f"an action of shape {shape} instead of {(size,)}"
