"""Model-predictive path integral control: Williams et al., ICRA 2017, and IEEE T-RO 2018 (arXiv 1707.02342).

Samples around the shifted last plan with smoothed noise, weighted by exp(return / temperature). Deviations: the
temperature is in deviations of the returns, so that it means the same for every reward; the noise is an AR(1)
process (``smoothing``) of unit variance, as PDDM smooths its own; the plan that is scored is the clipped one.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from crl.config import PlannerConfig
from crl.planning.planner import Model, Plan, Planner, PlanningFailed
from crl.types import ActionSpec, Reward


class MPPI(Planner):
    """MPPI with a warm start; see the module's text."""

    def __init__(self, config: PlannerConfig, action: ActionSpec, device: torch.device | str = "cpu") -> None:
        super().__init__(config, action, device)
        self._smoothing = _ar1(config.smoothing, config.horizon).to(self.device)
        self._mean: Tensor | None = None

    def reset(self) -> None:
        """Forget the last plan."""
        self._mean = None

    def plan(self, model: Model, reward: Reward, observation: Tensor, generator: torch.Generator) -> Plan:
        """Plan from an observation [S]; see :meth:`Planner.plan`."""
        config = self.config
        mean = self.middle.expand(config.horizon, -1) if self._mean is None else self.clip(self._mean)
        value = -torch.inf
        for _ in range(config.rounds):
            white = self.normal(generator, config.samples, config.horizon, self.size)
            noise = torch.einsum("hm,kma->kha", self._smoothing, white)
            # The unperturbed plan is a sample too, so that a round never has to give up what it had.
            actions = self.clip(torch.cat([mean.unsqueeze(0), mean + config.std * self.half * noise]))
            returns = self.returns(model, reward, observation, actions)
            finite = torch.isfinite(returns)
            if not bool(finite.any()):
                continue
            kept, actions = returns[finite], actions[finite]
            value = float(kept.max())
            spread = kept.std(correction=0).clamp_min(1e-8)
            weights = torch.softmax((kept - kept.max()) / (config.temperature * spread), dim=0)
            mean = (weights.view(-1, 1, 1) * actions).sum(dim=0)
        tried = (config.samples + 1) * config.rounds
        if value == -torch.inf:
            raise PlanningFailed(f"none of {tried} sampled action sequences has a finite predicted return")
        # The first plan is followed for `shift` of its first step.
        self._mean = torch.lerp(mean, torch.cat([mean[1:], mean[-1:]]), config.shift)
        return Plan(self.clip(mean), value, tried)


def _ar1(correlation: float, horizon: int) -> Tensor:
    """Matrix [H, H] that turns white noise into a stationary AR(1) process of unit variance."""
    matrix = torch.zeros(horizon, horizon)
    fresh = math.sqrt(1 - correlation**2)
    for row in range(horizon):
        for column in range(row + 1):
            matrix[row, column] = correlation ** (row - column) * (1.0 if column == 0 else fresh)
    return matrix
