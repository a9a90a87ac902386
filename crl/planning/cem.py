"""Cross-entropy method as published for HyperCRL (Huang et al. 2021): no warm start.

K samples x H steps, ``rounds`` refits of an independent Gaussian per step to the elites, then a last draw whose
best sample's first action is executed. Deviations: samples are clipped to the action range (the published ones
were unbounded, so that the model saw what the controller never did); the initial deviation is ``std`` of half the
range, and a refit keeps the share ``momentum`` of the old mean and deviation (0 gives the plain refit).
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from crl.config.declared.components import PLANNERS
from crl.planning.deadline import Deadline
from crl.planning.planner import Model, Plan, Planner, best_of
from crl.types import Reward


class CEM(Planner):
    """Plain CEM; see the module's text."""

    SETTINGS = PLANNERS["cem"]

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
        mean = self.middle.expand(config.horizon, -1)
        std = (config.std * self.half).expand(config.horizon, -1)
        best = None  # with a deadline, what an earlier round found may be the best
        for index in range(config.rounds + 1):
            actions, returns = self._draw(model, reward, observation, mean, std, generator, within)
            if within.limited and bool(torch.isfinite(returns).any()):
                found = best_of(actions, returns, within.scored)
                best = found if best is None or found.value > best.value else best
            if index == config.rounds or within.over():
                break
            values, order = torch.topk(returns, min(config.elites, len(actions)))
            elites = actions[order[torch.isfinite(values)]]
            if len(elites) == 0:
                continue
            mean = config.momentum * mean + (1 - config.momentum) * elites.mean(dim=0)
            std = config.momentum * std + (1 - config.momentum) * elites.std(dim=0, correction=0)
        if best is not None and not within.complete:
            return replace(best, samples=within.scored, rounds=index + 1, complete=False)
        return best_of(actions, returns, within.scored, index + 1)

    def _draw(
        self,
        model: Model,
        reward: Reward,
        observation: Tensor,
        mean: Tensor,
        std: Tensor,
        generator: torch.Generator,
        within: Deadline,
    ) -> tuple[Tensor, Tensor]:
        noise = self.normal(generator, self.config.samples, self.config.horizon, self.size)
        actions = self.clip(mean + std * noise)
        return actions, self.scored(model, reward, observation, actions, within)
