"""The base of penalties."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from torch import Tensor

from crl.continual.part import HostT, Kind, Part


class Penalty(Part[HostT]):
    """Adds a cost on changes to the loss of the current task."""

    KIND: ClassVar[Kind] = Kind.PENALTY

    def penalise(self) -> Tensor | None:
        """Add the penalty's gradients to those of the shared parameters; returns its value, detached, if any."""
        return None

    def weighting(self, tasks: Sequence[int]) -> Tensor | None:
        """What each generated weight of some tasks counts in a hypernetwork's regulariser, [n, P]; ``None``: alike."""
        del tasks
        return None

    def watch(self, weights: Tensor) -> None:
        """See the generated weights [P] of the current task before they are judged (hypernetworks only)."""

    def watched(self, weights: Tensor) -> None:
        """See them again when their gradients are known (hypernetworks only)."""
