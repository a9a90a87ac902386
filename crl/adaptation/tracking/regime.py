"""What is known of the body now, as others see it."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Regime:
    """What is known of the body now.

    Attributes:
        active: Whether the body is off nominal and the context explains it well enough to be acted upon.
        context: The context in force, [C].
        confidence: How far the data support it, in [0, 1].
        changes: Alarms so far.
        delay: Control steps by which commands are known to be late.
        off: Whether the body is believed to be off nominal, explained or not.
    """

    active: bool
    context: Tensor
    confidence: float
    changes: int
    delay: int = 0
    off: bool = False
