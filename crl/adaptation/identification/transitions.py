"""Windows of executed transitions, from which contexts are identified."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Window:
    """Executed transitions of R bodies: observations [R, N, S], executed actions [R, N, A], changes [R, N, D].

    Attributes:
        weight: 1 for a transition that counts, 0 for padding, [R, N].
    """

    observation: Tensor
    action: Tensor
    change: Tensor
    weight: Tensor

    @classmethod
    def of(cls, observation: Tensor, action: Tensor, change: Tensor) -> Window:
        """A window of one body from [N, S], [N, A] and [N, D]."""
        weight = torch.ones(1, observation.shape[0], dtype=observation.dtype)
        return cls(observation.unsqueeze(0), action.unsqueeze(0), change.unsqueeze(0), weight)

    def flat(self) -> tuple[Tensor, Tensor, Tensor]:
        """Observations, actions and changes as rows [R * N, ...]."""
        return self.observation.flatten(0, 1), self.action.flatten(0, 1), self.change.flatten(0, 1)
