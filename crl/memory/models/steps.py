"""Executed transitions as rows: what recall, identification and learning are given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Row = tuple[Tensor, Tensor, Tensor]
"""A transition: observation [S], action [A] and change [D]."""


@dataclass(frozen=True)
class Steps:
    """Observations [N, S], executed actions [N, A] and what they changed [N, D]."""

    observation: Tensor
    action: Tensor
    change: Tensor

    def __len__(self) -> int:
        return self.change.shape[0]

    def __getitem__(self, index: slice | Tensor) -> Steps:
        return Steps(self.observation[index], self.action[index], self.change[index])

    def draw(self, count: int, generator: torch.Generator) -> Steps:
        """``count`` rows, or as many as there are, drawn with replacement."""
        return self[torch.randint(len(self), (min(count, len(self)),), generator=generator)]

    @classmethod
    def stacked(cls, rows: Sequence[Row]) -> Steps:
        """Rows of an observation [S], an action [A] and a change [D] each; at least one."""
        return cls(*(torch.stack(column) for column in zip(*rows, strict=True)))

    @property
    def parts(self) -> Row:
        """All three."""
        return self.observation, self.action, self.change

    def plus(self, other: Steps) -> Steps:
        """These, and others after them."""
        return Steps(*(torch.cat(pair) for pair in zip(self.parts, other.parts, strict=True)))


def copied(row: Sequence[Tensor]) -> Row:
    """A copy of a transition, or of rows of them."""
    observation, action, change = row
    return observation.clone(), action.clone(), change.clone()
