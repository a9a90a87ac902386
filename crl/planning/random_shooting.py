"""Random shooting: K uniform action sequences, the best one is executed. The baseline of all planners."""

from __future__ import annotations

import torch
from torch import Tensor

from crl.config.declared.components import PLANNERS
from crl.planning.planner import Model, Plan, Planner, best_of
from crl.types import Reward


class RandomShooting(Planner):
    """Uniform samples in the action range; no warm start, no refits."""

    SETTINGS = PLANNERS["random_shooting"]

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
        within = self.within(deadline)
        shape = (self.config.samples, self.config.horizon, self.size)
        uniform = torch.rand(*shape, generator=generator).to(self.device)
        actions = self.clip(self.low + (self.high - self.low) * uniform)
        returns = self.scored(model, reward, observation, actions, within)
        return best_of(actions, returns, within.scored, 1, within.complete)
