"""What the loop of belief is doing, and what is acted on."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from torch import Tensor


class Phase(Enum):
    """What the loop is doing."""

    KNOWN = "known"
    BRIDGED = "bridged"
    OPENING = "opening"


@dataclass(frozen=True)
class InForce:
    """What is acted on: a regime, and the context relative to it that corrects actions, if any."""

    regime: int
    context: Tensor | None = None
