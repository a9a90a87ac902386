"""The base of quadratic penalties around one anchor: strength * sum_i Omega_i (theta_i - theta*_i)^2."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.continual.generators.shared import SharedNetwork
from crl.continual.penalties.penalty import Penalty


class Anchored(Penalty[SharedNetwork]):
    """Keeps an importance per weight of the trunk, and the weights that changes are measured from.

    Attributes:
        STRENGTH: The option that holds the penalty's strength.
        importance: Omega, [trunk]; all zero: no penalty yet.
        anchor: theta*, [trunk].
    """

    STRENGTH: ClassVar[str]
    KEPT_ONCE: ClassVar[tuple[str, ...]] = ("importance", "anchor")

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.strength = self.number(self.STRENGTH)
        self.anchor = host.trunk.detach().clone()
        self.importance = self.first_importance()

    @abstractmethod
    def first_importance(self) -> Tensor:
        """Omega before the first task ends, [trunk]."""

    def penalise(self) -> Tensor | None:
        """Add the penalty's gradient to the trunk's."""
        trunk = self.host.trunk
        if trunk.grad is None or self.strength == 0 or not bool(self.importance.any()):
            return None
        away = trunk.detach() - self.anchor
        pull = 2 * self.strength * self.importance * away
        trunk.grad += pull
        return 0.5 * (pull * away).sum()

    def state_dict(self) -> dict[str, Any]:
        """Importance and anchor."""
        return {"importance": self.importance.clone(), "anchor": self.anchor.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        like = torch.empty_like(self.anchor)
        self.importance = restoring.tensor(state["importance"], "importance", like)
        self.anchor = restoring.tensor(state["anchor"], "anchor", like)
