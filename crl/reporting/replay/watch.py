"""Watches an agent while it acts: what it decided, what its planner imagined, and what its model predicted.

Nothing of the agent is changed: the planner is wrapped for the time of an episode, and draws the same random numbers as
without. Agents without a planner are watched all the same; there is nothing to imagine then.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crl.adaptation.base import Belief
from crl.adaptation.refiners.base import Refiner
from crl.agents.base import Agent
from crl.planning.planner import Model, Plan, Planner, Worth
from crl.types import (
    ActionSpec,
    Array,
    Decision,
    LearnBudget,
    LearnReport,
    Reward,
    Success,
    TaskSpec,
    Terminated,
    Transition,
)

OTHERS = 6
"""Tried action sequences that are kept beside the chosen one: the best of the last round."""


@dataclass
class Imagination:
    """What a planner imagined at one decision.

    Attributes:
        chosen: Observations under the chosen actions, float32 [H + 1, S]; the first is the present one.
        others: Of the best other sequences of the last round, float32 [N, H + 1, S].
        value: Predicted return of the chosen one.
        tried: Sequences tried.
        model: The model that was planned with.
    """

    chosen: Array
    others: Array
    value: float
    tried: int
    model: Model

    def predict(self, observation: Array, action: Array) -> Array:
        """The model's next observation, float32 [S], for an observation [S] and an action [A]."""
        with torch.inference_mode():
            rows = self.model(torch.from_numpy(observation), torch.from_numpy(np.float32(action)).view(1, 1, -1))
        return _array(_mean(rows)[0, 1])


class WatchedPlanner(Planner):
    """A planner that remembers its last decision. Whoever acts with it uses the inner one all the same.

    Args:
        inner: Who plans.
    """

    def __init__(self, inner: Planner) -> None:
        self._inner = inner
        self.last: Imagination | None = None

    def plan(
        self,
        model: Model,
        reward: Reward,
        observation: Tensor,
        generator: torch.Generator,
        *,
        deadline: float | None = None,
    ) -> Plan:
        """Plan as the inner planner does, and keep what it saw."""
        self.last = None
        seen = _WatchedModel(model)
        # A plug-in's planner need not know of deadlines.
        given = {} if deadline is None else {"deadline": deadline}
        plan = self._inner.plan(seen, reward, observation, generator, **given)
        with torch.inference_mode():
            chosen = _mean(model(observation, plan.actions.unsqueeze(0)))[0]
            others = seen.best(reward, OTHERS)
        self.last = Imagination(_array(chosen), _array(others), float(plan.value), plan.samples, model)
        return plan

    def reset(self) -> None:
        """The inner planner's."""
        self._inner.reset()

    def limit(self, action: ActionSpec) -> None:
        """The inner planner's."""
        self._inner.limit(action)

    def until(self, terminated: Terminated | None, success: Success | None = None) -> None:
        """The inner planner's."""
        self._inner.until(terminated, success)

    def beyond(self, worth: Worth | None) -> None:
        """The inner planner's."""
        self._inner.beyond(worth)

    def state_dict(self) -> dict[str, Any]:
        """The inner planner's."""
        return self._inner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inner planner's."""
        self._inner.load_state_dict(state)

    @property
    def pessimism(self) -> float:
        """The inner planner's."""
        return self._inner.pessimism

    @pessimism.setter
    def pessimism(self, value: float) -> None:
        self._inner.pessimism = value


class _WatchedModel:
    """A model that remembers the last trajectories that it was asked for."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._last: tuple[Tensor, Tensor] | None = None

    def __call__(self, observation: Tensor, actions: Tensor) -> Tensor:
        trajectory = self._model(observation, actions)
        self._last = actions, trajectory
        return trajectory

    def best(self, reward: Reward, count: int) -> Tensor:
        """The best trajectories of the last call by predicted return, [N, H + 1, S]."""
        assert self._last is not None, "a planner asks its model"
        actions, trajectory = self._last[0], _mean(self._last[1])
        returns = torch.as_tensor(reward(trajectory[:, :-1], actions, trajectory[:, 1:])).sum(dim=-1)
        returns = torch.nan_to_num(returns, nan=-torch.inf)
        return trajectory[torch.topk(returns, min(count, len(returns))).indices]


class WatchedAgent(Agent):
    """An agent whose decisions and observed transitions are told to a listener.

    Args:
        inner: Who acts.
        listener: Has ``decided(observation, decision)``, called after every decision, and
            ``happened(transition)``, called with what the agent observes.
    """

    def __init__(self, inner: Agent, listener: Any) -> None:
        self._inner = inner
        self._listener = listener

    def begin(self, task: TaskSpec, episode: int, explore: bool) -> None:
        """The inner agent's."""
        self._inner.begin(task, episode, explore)

    def act(self, observation: Array) -> Decision:
        """The inner agent's decision, told."""
        decision = self._inner.act(observation)
        self._listener.decided(observation, decision)
        return decision

    def observe(self, transition: Transition) -> None:
        """The inner agent's, told."""
        self._listener.happened(transition)
        self._inner.observe(transition)

    def learn(self, budget: LearnBudget) -> LearnReport:
        """The inner agent's."""
        return self._inner.learn(budget)

    def basis_element(self) -> str:
        """The inner agent's."""
        return self._inner.basis_element()

    def state_dict(self) -> dict[str, Any]:
        """The inner agent's."""
        return self._inner.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """The inner agent's."""
        self._inner.load_state_dict(state)

    @property
    def actor(self) -> Agent:
        """The inner agent's."""
        return self._inner.actor

    @property
    def milliseconds(self) -> Mapping[str, list[float]]:
        """The inner agent's."""
        return self._inner.milliseconds

    def follow(self, transition: Transition) -> None:
        """The inner agent's."""
        self._inner.follow(transition)

    def tell(self, task: int) -> None:
        """The inner agent's."""
        self._inner.tell(task)

    def belief(self) -> Belief:
        """The inner agent's."""
        return self._inner.belief()

    @property
    def refiner(self) -> Refiner | None:
        """The inner agent's."""
        return self._inner.refiner


@contextmanager
def watched_planner(agent: Agent) -> Iterator[WatchedPlanner | None]:
    """Wrap the planner of an agent, or of the agent inside of it; ``None`` where there is none."""
    owner = agent.actor
    inner = owner.planner
    if inner is None:
        yield None
        return
    watched = WatchedPlanner(inner)
    owner.planner = watched
    try:
        yield watched
    finally:
        owner.planner = inner


def _mean(trajectories: Tensor) -> Tensor:
    """Trajectories [K, H + 1, S]: those of a model, or the mean of those [E, K, H + 1, S] of an ensemble's members."""
    return trajectories.mean(dim=0) if trajectories.dim() == 4 else trajectories


def _array(tensor: Tensor) -> Array:
    array: Array = tensor.detach().cpu().float().numpy().copy()
    return array
