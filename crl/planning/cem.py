"""Cross-entropy method as published for HyperCRL (Huang et al. 2021): no warm start.

K samples x H steps, ``rounds`` refits of an independent Gaussian per step to the elites, then a last draw whose
best sample's first action is executed. Deviations: samples are clipped to the action range (the published ones
were unbounded, so that the model saw what the controller never did); the initial deviation is ``std`` of half the
range, and a refit keeps the share ``momentum`` of the old mean and deviation (0 gives the plain refit).
"""

from __future__ import annotations

import torch
from torch import Tensor

from crl.config.declared.components import PLANNERS
from crl.planning.planner import Model, Plan, Planner, best_of
from crl.types import Reward


class CEM(Planner):
    """Plain CEM; see the module's text."""

    SETTINGS = PLANNERS["cem"]

    def plan(self, model: Model, reward: Reward, observation: Tensor, generator: torch.Generator) -> Plan:
        """Plan from an observation [S]; see :meth:`Planner.plan`."""
        config = self.config
        mean = self.middle.expand(config.horizon, -1)
        std = (config.std * self.half).expand(config.horizon, -1)
        for _ in range(config.rounds):
            actions, returns = self._draw(model, reward, observation, mean, std, generator)
            values, order = torch.topk(returns, min(config.elites, len(actions)))
            elites = actions[order[torch.isfinite(values)]]
            if len(elites) == 0:
                continue
            mean = config.momentum * mean + (1 - config.momentum) * elites.mean(dim=0)
            std = config.momentum * std + (1 - config.momentum) * elites.std(dim=0, correction=0)
        actions, returns = self._draw(model, reward, observation, mean, std, generator)
        return best_of(actions, returns, config.samples * (config.rounds + 1))

    def _draw(
        self,
        model: Model,
        reward: Reward,
        observation: Tensor,
        mean: Tensor,
        std: Tensor,
        generator: torch.Generator,
    ) -> tuple[Tensor, Tensor]:
        noise = self.normal(generator, self.config.samples, self.config.horizon, self.size)
        actions = self.clip(mean + std * noise)
        return actions, self.returns(model, reward, observation, actions)
