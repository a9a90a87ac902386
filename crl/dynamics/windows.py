"""Windows of transitions: what a loss is taken on, and what a strategy may keep of a finished task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from crl import restoring


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
    def from_state(
        cls,
        state: Mapping[str, Tensor],
        device: torch.device | str = "cpu",
        sizes: tuple[int | None, int | None] = (None, None),
    ) -> Windows:
        """Restore what :meth:`state_dict` returned.

        Args:
            state: The state.
            device: Where tensors live.
            sizes: S and A, where they are known.

        Raises:
            UnfitStateError: It is of other sizes, or not finite.
        """
        count, (observation, action), like = len(state["observation"]), sizes, torch.empty(0, device=device)
        length = len(state["actions"])
        shapes: dict[str, restoring.Shape] = {
            "observation": (count, observation),
            "actions": (length, count, action),
            "next_observations": (length, count, observation),
        }
        return cls(**{name: restoring.tensor(state[name], name, like, shape) for name, shape in shapes.items()})


def gather(columns: tuple[Tensor, Tensor, Tensor], starts: Tensor, length: int) -> Windows:
    """Windows of ``length`` steps of the columns (observation, action, next observation), from given starts."""
    observation, action, after = columns
    steps = starts + torch.arange(length, device=starts.device).unsqueeze(1)
    return Windows(observation[starts], action[steps], after[steps])
