"""The error of missions and faults, and checks of plain data that raise it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Sequence
from typing import Any


class MissionError(ValueError):
    """A waypoint file, a schedule or a fault is impossible: the message says what, where and how to fix it.

    Args:
        what: What is wrong and where.
        hint: What to do about it.
    """

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(f"{what}: {hint}" if hint else what)


def check_keys(given: Iterable[str], known: Sequence[str], what: str) -> None:
    """Complain about an unknown key and name the nearest known one.

    Raises:
        MissionError: A key is unknown.
    """
    for key in given:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"it takes {', '.join(known)}"
            raise MissionError(f"{what} has an unknown entry {key!r}", hint)


def number(value: Any, what: str, low: float = -math.inf, high: float = math.inf) -> float:
    """A finite number within ``low..high``.

    Raises:
        MissionError: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise MissionError(f"{what} = {value!r} is not a finite number", "give one")
    if not low <= value <= high:
        raise MissionError(f"{what} = {value:g} is outside {low:g}..{high:g}", "choose a value inside")
    return float(value)


def numbers(value: Any, size: int, what: str, low: float = -math.inf, high: float = math.inf) -> tuple[float, ...]:
    """``size`` finite numbers within ``low..high``.

    Raises:
        MissionError: They are not.
    """
    if isinstance(value, str) or not isinstance(value, Iterable) or len(items := list(value)) != size:
        raise MissionError(f"{what} = {value!r} is not a list of {size} numbers", "give one number per channel")
    return tuple(number(item, f"{what}[{i}]", low, high) for i, item in enumerate(items))


def gains(value: Any, size: int, what: str, low: float, high: float, hint: str) -> tuple[float, ...]:
    """``size`` gains within ``low..high``, none of them zero.

    Raises:
        MissionError: They are not; for a zero the message ends with ``hint``.
    """
    found = numbers(value, size, what, low, high)
    for i, gain in enumerate(found):
        if gain == 0:
            raise MissionError(f"{what}[{i}] is zero, and no command can undo that", hint)
    return found
