"""Model-predictive path integral control: Williams et al., ICRA 2017, and IEEE T-RO 2018 (arXiv 1707.02342).

Samples around the shifted last plan with smoothed noise, weighted by exp(return / temperature). Deviations: the
temperature is in deviations of the returns, so that it means the same for every reward, and hopeless samples do not
count in that deviation (:func:`spread_of`); the noise is an AR(1) process (``smoothing``) of unit variance, as PDDM
smooths its own; the plan that is scored is the clipped one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crl.config import PlannerConfig
from crl.config.declared.components import PLANNERS
from crl.planning.planner import Model, Plan, Planner, none_finite
from crl.types import ActionSpec, Reward

REACH = ((0.1, 420.0), (0.25, 65.0), (0.5, 14.6))
"""Shares of the samples, and how many times further from the best one than that share a sample may be without being
hopeless. The numbers are the 99 % quantile of chi-square with one degree of freedom over its quantile of that share:
the losses of a quadratic cost spread no wider, so its samples count (nearly) all."""
RESOLUTION = 1e-6
"""Differences below this share of the best return are rounding in float32."""
LEAST_SPREAD = 1e-8


class MPPI(Planner):
    """MPPI with a warm start; see the module's text."""

    SETTINGS = PLANNERS["mppi"]

    def __init__(self, config: PlannerConfig, action: ActionSpec, device: torch.device | str = "cpu") -> None:
        super().__init__(config, action, device)
        self._smoothing = ar1(config.smoothing, config.horizon).to(self.device)
        self._mean: Tensor | None = None

    def reset(self) -> None:
        """Forget the last plan."""
        self._mean = None

    def state_dict(self) -> dict[str, Any]:
        """The last plan."""
        return {"mean": None if self._mean is None else self._mean.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._mean = state["mean"]

    def plan(
        self,
        model: Model,
        reward: Reward,
        observation: Tensor,
        generator: torch.Generator,
        *,
        deadline: float | None = None,
    ) -> Plan:
        """Plan from an observation [S]; see :meth:`Planner.plan`."""
        config, within = self.config, self.within(deadline)
        mean = self.middle.expand(config.horizon, -1) if self._mean is None else self.inside(self._mean)
        value = -torch.inf
        rounds = 0
        for index in range(config.rounds):
            if index and within.over():
                break
            rounds += 1
            white = self.normal(generator, config.samples, config.horizon, self.size)
            noise = torch.einsum("hm,kma->kha", self._smoothing, white)
            # The unperturbed plan is a sample too, so that a round never has to give up what it had.
            actions = self.clip(torch.cat([mean.unsqueeze(0), mean + config.std * self.half * noise]))
            returns = self.scored(model, reward, observation, actions, within)
            finite = torch.isfinite(returns)
            if not bool(finite.any()):
                continue
            kept, actions = returns[finite], actions[finite]
            value = float(kept.max())
            # In float64: the square of a large difference overflows float32.
            losses = (kept.max().double() - kept.double()) / (config.temperature * spread_of(kept))
            weights = torch.softmax(-losses, dim=0).to(actions.dtype)
            mean = (weights.view(-1, 1, 1) * actions).sum(dim=0)
        if value == -torch.inf:
            raise none_finite(within.scored)
        # The first plan is followed for `shift` of its first step.
        self._mean = torch.lerp(mean, torch.cat([mean[1:], mean[-1:]]), config.shift)
        return Plan(self.clip(mean), value, within.scored, rounds, within.complete)


def spread_of(returns: Tensor) -> float:
    """Deviation of finite returns [N] without the hopeless ones, at least 1e-8.

    One sample that crashes, or all that cross a cliff of the cost, would set the scale alone; to the rest, all sound
    samples would then be equally good. So a sample counts only as long as it is not further from the best one than
    ``REACH`` times the best tenth, quarter and half of all samples. Without such samples it is the plain deviation.
    """
    values = np.sort(returns.double().cpu().numpy())[::-1]  # numpy: a handful of tiny operations, every decision
    losses = values[0] - values
    limit = np.inf
    for share, reach in REACH:
        loss = losses[int(share * (len(losses) - 1))]
        if loss > RESOLUTION * abs(values[0]):  # a share of samples that all are the best says nothing of a scale
            limit = min(limit, reach * loss)
    return max(float(losses[losses <= limit].std()), LEAST_SPREAD)


def ar1(correlation: float, horizon: int) -> Tensor:
    """Matrix [H, H] that turns white noise into a stationary AR(1) process of unit variance."""
    matrix = torch.zeros(horizon, horizon)
    fresh = math.sqrt(1 - correlation**2)
    for row in range(horizon):
        for column in range(row + 1):
            matrix[row, column] = correlation ** (row - column) * (1.0 if column == 0 else fresh)
    return matrix
