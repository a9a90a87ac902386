"""What is noted of a regime beside the way it is predicted: how well, how often and when it was met."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import torch
from torch import Tensor

from crl import restoring

COUNTS = 5
"""Whole numbers that an entry has: its own, visits, transitions, first and last step."""
CONSISTENT = 1.4826
"""Median absolute deviation times this is the standard deviation of normal residuals."""


class Standing(Enum):
    """Whether a regime is remembered for good."""

    PROVISIONAL = "provisional"
    """It is being learned, and dropped if it is left before it has proved itself."""
    KEPT = "kept"


@dataclass
class Regime:
    """One regime of a memory.

    Attributes:
        index: Number, never used again.
        size: Number D of changes.
        name: Name that a user gave it.
        visits: How often it was in force.
        transitions: Informative transitions seen of it.
        first: Step at which it was met first.
        last: Step at which it was met last.
        standing: Whether it is kept.
        scale: Robust deviation (MAD) of its residuals in common units, [D], zero before any is known.
        seen: Where it was seen: a few observations [K, S] and actions [K, A] that cover what it was learned from. As
            16-bit numbers once a memory has made them few.
    """

    index: int
    size: int
    name: str | None = None
    visits: int = 0
    transitions: int = 0
    first: int = 0
    last: int = 0
    standing: Standing = Standing.PROVISIONAL
    scale: Tensor = field(default_factory=lambda: torch.zeros(0))
    seen: tuple[Tensor, Tensor] | None = None

    def __post_init__(self) -> None:
        if not len(self.scale):
            self.scale = torch.zeros(self.size)

    def judge(self, residuals: Tensor) -> None:
        """Set the robust deviation by residuals in common units [N, D]; rare ones (stops, spins) must not widen it."""
        self.scale = robust_scale(residuals)

    @property
    def inputs(self) -> tuple[Tensor, Tensor] | None:
        """:attr:`seen` as what models read."""
        return None if self.seen is None else (self.seen[0].float(), self.seen[1].float())

    def kept_bytes(self) -> int:
        """Bytes of the tensors, and 4 for its number and for each of its four counts."""
        return COUNTS * 4 + sum(int(part.nbytes) for part in (self.scale, *(self.seen or ())))

    def state_dict(self) -> dict[str, Any]:
        """The entry as plain data."""
        seen = None if self.seen is None else [part.clone() for part in self.seen]
        half = seen is not None and seen[0].dtype is torch.float16
        own = {"standing": self.standing.value, "scale": self.scale.clone(), "seen": seen, "half": half}
        return {**vars(self), **own}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], size: int) -> Regime:
        """What :meth:`state_dict` described.

        Raises:
            UnfitStateError: It is one of other changes.
        """
        with restoring.part("regime"):
            scale = restoring.tensor(state["scale"], "scale", torch.zeros(size))
            counts = {key: int(state[key]) for key in ("index", "visits", "transitions", "first", "last")}
            name = None if state["name"] is None else str(state["name"])
            seen = None
            if state["seen"] is not None:
                like = torch.zeros(0, dtype=torch.float16 if state.get("half", False) else torch.float32)
                first, second = (restoring.tensor(part, "seen", like, (None, None)) for part in state["seen"])
                seen = (first, second)
            return cls(size=size, name=name, standing=Standing(state["standing"]), scale=scale, seen=seen, **counts)


def robust_scale(residuals: Tensor) -> Tensor:
    """Deviation [D] of residuals [N, D] by the median of their absolute values."""
    return CONSISTENT * residuals.abs().median(dim=0).values
