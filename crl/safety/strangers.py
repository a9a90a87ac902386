"""Values that somebody else made: reading one may raise anything, and the wall must go on."""

from __future__ import annotations

import math
from collections.abc import Callable
from numbers import Real
from typing import Any, TypeVar

LARGEST = 1e300
"""Numbers from here on count as infinite: their differences would be."""
Value = TypeVar("Value")


class UnusableError(ValueError):
    """Why a message can't be used."""


def attempt(read: Callable[..., Value], *arguments: Any) -> Value | None:
    """What a call gives; ``None`` if it raises, whatever it raises.

    A stranger's object may raise more than an ``Exception``: bindings of other languages have panics and cancellations
    of their own. Only what ends the program passes, and the reader's own :class:`UnusableError`.
    """
    try:
        return read(*arguments)
    except (KeyboardInterrupt, SystemExit, UnusableError):
        raise
    except BaseException:
        return None


def real(number: Any) -> float | None:
    """A number as a plain float, infinite or NaN if it is not finite; ``None`` if it is no real number.

    May raise what the number raises: call it through :func:`attempt`.
    """
    if isinstance(number, bool) or not isinstance(number, Real):
        return None
    try:
        value = float(number)
    except OverflowError:  # an integer
        return math.inf
    return math.inf if abs(value) >= LARGEST else value
