"""Improved cross-entropy method (iCEM): Pinneri et al., CoRL 2020 (arXiv 2008.06389), algorithm 1.

Coloured noise, elites kept within a decision and shifted in time between decisions, a population that
decays from round to round, the mean added in the last round; the best sequence ever tried is executed.
Deviations: the clipped sample is the one that is scored and refitted, so the model sees what is executed. With
``planner.scales`` above 1 the noise has several scales (:func:`crl.planning.colour.coloured`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl.config import PlannerConfig
from crl.config.declared.components import PLANNERS
from crl.planning.colour import coloured, colouring
from crl.planning.planner import Model, Plan, Planner, best_of
from crl.types import ActionSpec, Reward


class ICEM(Planner):
    """iCEM with a warm start; see the module's text."""

    SETTINGS = PLANNERS["icem"]

    def __init__(self, config: PlannerConfig, action: ActionSpec, device: torch.device | str = "cpu") -> None:
        super().__init__(config, action, device)
        self._colouring = colouring(config.beta, config.horizon).to(self.device)
        self._mean: Tensor | None = None
        self._kept: Tensor | None = None

    def reset(self) -> None:
        """Forget mean and elites of the last decision."""
        self._mean = None
        self._kept = None

    def state_dict(self) -> dict[str, Any]:
        """The last plan and its elites."""
        return {
            "mean": None if self._mean is None else self._mean.clone(),
            "kept": None if self._kept is None else self._kept.clone(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._mean, self._kept = state["mean"], state["kept"]

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
        horizon = config.horizon
        mean = self.middle.expand(horizon, -1) if self._mean is None else self._mean
        std = (config.std * self.half).expand(horizon, -1)
        kept = self._kept
        best: Plan | None = None
        rounds = 0
        for index in range(config.rounds):
            if index and within.over():
                break
            rounds += 1
            samples = max(round(config.samples * config.decay**-index), 2 * config.elites)
            actions = mean + std * self._noise(samples, generator)
            extra = [] if kept is None else [kept]
            if index == config.rounds - 1:
                extra.append(mean.unsqueeze(0))
            actions = self.clip(torch.cat([actions, *extra]))
            urgent = sum(len(part) for part in extra)
            returns = self.scored(model, reward, observation, actions, within, urgent=urgent)
            values, order = torch.topk(returns, min(config.elites, len(actions)))
            finite = torch.isfinite(values)
            if not bool(finite.any()):
                continue
            elites = actions[order[finite]]
            if best is None or float(values[0]) > best.value:
                best = Plan(elites[0].clone(), float(values[0]), within.scored)
            mean = config.momentum * mean + (1 - config.momentum) * elites.mean(dim=0)
            std = config.momentum * std + (1 - config.momentum) * elites.std(dim=0, correction=0)
            kept = elites[: config.keep]
        if best is None:
            return best_of(actions, returns, within.scored, rounds, within.complete)
        best.samples, best.rounds, best.complete = within.scored, rounds, within.complete
        self._mean = torch.cat([mean[1:], mean[-1:]])
        if kept is not None and config.keep:
            # A kept elite moves one step on; its last action is drawn anew around the mean.
            tail = mean[-1] + config.std * self.half * self.normal(generator, len(kept), 1, self.size)
            self._kept = self.clip(torch.cat([kept[:, 1:], tail], dim=1))
        return best

    def _noise(self, samples: int, generator: torch.Generator) -> Tensor:
        white = self.normal(generator, samples, self.size, self._colouring.shape[1])
        return coloured(white, self._colouring, self.config.scales)
