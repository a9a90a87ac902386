"""Windows of transitions: what a loss is taken on, and what a strategy may keep of a finished task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Windows:
    """Tensors of sampled windows: observations [N, S], actions [L, N, A], next observations [L, N, S]."""

    observation: Tensor
    actions: Tensor
    next_observations: Tensor

    def __len__(self) -> int:
        return self.observation.shape[0]

    def at(self, index: Tensor) -> Windows:
        """The windows of an index [M], copied."""
        return Windows(self.observation[index], self.actions[:, index], self.next_observations[:, index])

    def draw(self, count: int, generator: torch.Generator) -> Windows:
        """``count`` windows, drawn with replacement."""
        index = torch.randint(len(self), (count,), generator=generator)
        return self.at(index.to(self.observation.device))

    def choose(self, count: int, generator: torch.Generator) -> Windows:
        """``count`` different windows (all of them if there are no more)."""
        index = torch.randperm(len(self), generator=generator)[:count]
        return self.at(index.to(self.observation.device))

    @property
    def bytes(self) -> int:
        """Size of the tensors."""
        return sum(part.numel() * part.element_size() for part in self.state_dict().values())

    def state_dict(self) -> dict[str, Tensor]:
        """The tensors by name, copied."""
        return {
            "observation": self.observation.clone(),
            "actions": self.actions.clone(),
            "next_observations": self.next_observations.clone(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Tensor], device: torch.device | str = "cpu") -> Windows:
        """Restore what :meth:`state_dict` returned."""
        return cls(**{name: part.to(device).clone() for name, part in state.items()})


def gather(columns: tuple[Tensor, Tensor, Tensor], starts: Tensor, length: int) -> Windows:
    """Windows of ``length`` steps of the columns (observation, action, next observation), from given starts."""
    observation, action, after = columns
    steps = starts + torch.arange(length, device=starts.device).unsqueeze(1)
    return Windows(observation[starts], action[steps], after[steps])
