"""Variational continual learning: Nguyen, Li, Bui, Turner, ICLR 2018 (arXiv 1710.10628), equations 4 and 5.

The trunk has a Gaussian posterior with a mean and a standard deviation per weight. Every step draws the weights
(Blundell et al. 2015), and the loss gets vcl_strength * KL(q || q_before), q_before being the posterior when the last
task ended. Tasks are judged, and plans made, with the means. Deviations: the first task has no prior, as in Continual
World; heads, one per task, are ordinary weights; vcl_strength stands where the paper has one over the number of rows,
because the loss is a mean; one draw serves the whole batch.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config.declared.components import GENERATORS
from crl.continual import options
from crl.continual.generators.shared import SharedNetwork
from crl.continual.strategy import Labels, Loss
from crl.dynamics.windows import Windows


class VCL(SharedNetwork):
    """A trunk with a standard deviation per weight, held near the posterior of the tasks before.

    Attributes:
        log_std: Logarithm of the standard deviations, [trunk]; the trunk holds the means.
        prior: Means and logarithms when the last task ended, [2, trunk]; all zero before.
    """

    SETTINGS = GENERATORS["vcl"]
    LABELS = Labels.BOUNDARIES
    OPTIONS: ClassVar[dict[str, Any]] = {"vcl_strength": 1e-4, "vcl_std": 0.02}
    kept_once = (*SharedNetwork.kept_once, "log_std", "prior")

    def _fresh(self) -> tuple[Tensor, Tensor]:
        trunk, head = super()._fresh()
        self.strength = options.number(self.config, self.OPTIONS, "vcl_strength")
        std = options.number(self.config, self.OPTIONS, "vcl_std", above=True)
        self.log_std = torch.full_like(trunk.detach(), math.log(std))
        self.prior = torch.zeros(2, len(trunk), device=self.device)
        self._noise: Tensor | None = None
        return trunk, head

    def moving(self) -> dict[str, Tensor]:
        """The parameters that learn in the current task, by name."""
        return {**super().moving(), "log_std": self.log_std}

    def step(self, loss: Loss) -> dict[str, Tensor]:
        """One gradient step with drawn weights."""
        self._noise = torch.randn(len(self.trunk), generator=self.generator).to(self.device)
        try:
            return super().step(loss)
        finally:
            self._noise = None

    def join(self, task: int) -> Tensor:
        """Target weights [P] of a task: in a step those that were drawn, else the means."""
        trunk = self.trunk if self._noise is None else self.trunk + self.log_std.exp() * self._noise
        return torch.cat([trunk, self.heads[task]]) if self.head_per_task() else trunk

    def retain(self) -> Tensor | None:
        """Add the gradients of the divergence from the last posterior."""
        if self.strength == 0 or not bool(self.prior.any()):
            return None
        cost = self.strength * divergence(self.trunk, self.log_std, self.prior[0], self.prior[1])
        cost.backward()
        return cost.detach()

    def end_task(self, rows: Windows) -> None:
        """Take the posterior as the next task's prior."""
        super().end_task(rows)
        self.prior = torch.stack([self.trunk.detach(), self.log_std.detach()])

    def state_dict(self) -> dict[str, Any]:
        """Means, deviations, optimiser, average and prior."""
        return {**super().state_dict(), "log_std": self.log_std.detach().clone(), "prior": self.prior.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.log_std = restoring.tensor(state["log_std"], "log_std", self.log_std.detach())
        super().load_state_dict(state)
        self.prior = restoring.tensor(state["prior"], "prior", self.prior)


def divergence(mean: Tensor, log_std: Tensor, prior_mean: Tensor, prior_log_std: Tensor) -> Tensor:
    """KL divergence of one diagonal Gaussian [D] from another."""
    ratio = (2 * (log_std - prior_log_std)).exp()
    distance = (mean - prior_mean).square() / (2 * prior_log_std).exp()
    return 0.5 * (ratio + distance - 1).sum() - (log_std - prior_log_std).sum()
