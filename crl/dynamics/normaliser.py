"""Running mean and deviation (Welford 1962, in Chan's batch form), one per task, frozen when the task ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring

_CONSTANT = 1e-9


class Normaliser:
    """Mean and deviation of vectors [N], learned from batches.

    A deviation under 1e-9 counts as 1 (the element never varied); a deviation under its floor counts as the
    floor, so that a field that hardly moved yet does not get a huge weight.

    Args:
        floor: Smallest deviation per element, [N].
        centred: Keep the mean at zero and scale by the root mean square (for changes, whose zero means "stays").
    """

    def __init__(self, floor: Tensor, *, centred: bool = False) -> None:
        self._floor = floor
        self._centred = centred
        size = floor.shape[0]
        self.count = 0.0
        self._mean = torch.zeros(size, dtype=torch.float64, device=floor.device)
        self._squares = torch.zeros(size, dtype=torch.float64, device=floor.device)
        self.frozen = False
        self._kept: tuple[Tensor, Tensor] | None = None

    def update(self, values: Tensor, weight: float = 1.0) -> None:
        """Add a batch [B, N], each row counted ``weight`` times; does nothing once frozen."""
        if self.frozen or values.shape[0] == 0 or weight == 0:
            return
        values = values.double()
        added = weight * values.shape[0]
        mean = torch.zeros_like(self._mean) if self._centred else values.mean(dim=0)
        squares = weight * (values - mean).square().sum(dim=0)
        total = self.count + added
        difference = mean - self._mean
        self._mean = self._mean + difference * (added / total)
        self._squares = self._squares + squares + difference.square() * (self.count * added / total)
        self.count = total
        self._kept = None

    def begin_at(self, other: Normaliser, weight: float) -> None:
        """Have the mean and deviation of another one of the same size, as if from ``weight`` rows."""
        if other.count <= 0 or weight <= 0:
            return
        self.count = weight
        self._mean, self._squares = other._mean.clone(), other._squares * (weight / other.count)
        self._kept = None

    def freeze(self) -> None:
        """Keep mean and deviation as they are from now on."""
        self.frozen = True

    @property
    def mean(self) -> Tensor:
        """Mean, float32 [N]."""
        return self._moments()[0]

    @property
    def std(self) -> Tensor:
        """Deviation, float32 [N], with constants and floors taken care of."""
        return self._moments()[1]

    def _moments(self) -> tuple[Tensor, Tensor]:
        if self._kept is None:  # models ask for them with every prediction
            with torch.inference_mode(False):  # whoever asks first may plan, and a later one learn
                self._kept = self._computed()
        return self._kept

    def _computed(self) -> tuple[Tensor, Tensor]:
        std = torch.ones_like(self._floor)
        if self.count > 0:
            std = (self._squares / self.count).sqrt().float()
            std = torch.where(std < _CONSTANT, torch.ones_like(std), std)
            std = torch.maximum(std, self._floor) if self._floor.numel() else std
        return self._mean.float(), std

    def state_dict(self) -> dict[str, Any]:
        """Mean, squares, count and whether frozen."""
        return {
            "count": self.count,
            "mean": self._mean.clone(),
            "squares": self._squares.clone(),
            "frozen": self.frozen,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.count = restoring.number(state["count"], "count")
        self._mean = restoring.tensor(state["mean"], "mean", self._mean)
        self._squares = restoring.tensor(state["squares"], "squares", self._squares)
        self.frozen = bool(state["frozen"])
        self._kept = None
