"""Who can live a life: the lifelong agent with each kind of memory, today's agents without one, and an oracle."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crl.adaptation.fitted import Fitted
from crl.agents.adaptive import AdaptiveAgent
from crl.config import Config
from crl.dynamics.body import Body
from crl.memory.lifelong import Lifelong
from crl.memory.making import make_lifelong
from crl.memory.settings import KINDS, MemoryConfig
from crl.planning.planner import Model, PlanningFailed, make_planner
from crl.seeding import torch_generator
from crl.types import Array, LearnBudget, TaskSpec, Transition, as_array

ARMS = ("oracle", "afm", "online", *KINDS)
Effect = Callable[[Any], Any]
"""The nominal commands [..., A] that commands [..., A] amount to in the next step."""


class Arm(ABC):
    """One who lives a life.

    Attributes:
        is_told: Whether it is told the truth.
        milliseconds: CPU time of every decision, and of what followed it: seeing and learning.
    """

    is_told = False

    def __init__(self) -> None:
        self.milliseconds: dict[str, list[float]] = {"decide": [], "learn": []}

    @abstractmethod
    def begin(self, task: TaskSpec) -> None:
        """A life begins."""

    def tell(self, effect: Effect) -> None:
        """The truth of the next step."""
        del effect

    @abstractmethod
    def act(self, observation: Array) -> Array:
        """The action to execute."""

    @abstractmethod
    def predict(self, observation: Array, executed: Array) -> Tensor:
        """The change [D] that it expects of an executed action, before it sees it."""

    @abstractmethod
    def observe(self, transition: Transition) -> None:
        """See one transition, and learn."""

    def known(self) -> tuple[int | None, str]:
        """The number of the regime that it believes in, and what it is doing."""
        return None, ""

    def summary(self) -> dict[str, Any]:
        """What it says of itself at the end."""
        return {}


class PlanningArm(Arm):
    """One who plans on a model of its own.

    Args:
        config: Settings.
        task: The life's task.
    """

    def __init__(self, config: Config, task: TaskSpec) -> None:
        super().__init__()
        self.task = task
        self.body = Body(task.observation, task.action)
        self.planner = make_planner(config.planner, task.action)
        self._generator = torch_generator(config.seed, "life")

    def begin(self, task: TaskSpec) -> None:
        """See :class:`Arm`."""
        self.planner.reset()
        self.planner.until(task.terminated, None)

    def _planned(self, model: Model, observation: Array) -> Array | None:
        try:
            plan = self.planner.plan(model, self.task.reward, torch.from_numpy(observation), self._generator)
        except PlanningFailed:
            self.planner.reset()
            return None
        first: Array = plan.actions[0].numpy()
        return first


class OracleArm(PlanningArm):
    """Told what the body really makes of every command, it plans on that: an upper bound that no robot reaches.

    For bodies whose nominal change is a displacement by the speed and a turn by the turn rate (a unicycle).
    """

    is_told = True

    def tell(self, effect: Effect) -> None:
        """See :class:`Arm`."""
        self._effect = effect

    def _changes(self, actions: Tensor) -> Tensor:
        done = self._effect(actions) * self.task.control_period
        return torch.stack([done[..., 0], torch.zeros_like(done[..., 0]), done[..., 1]], dim=-1)

    def act(self, observation: Array) -> Array:
        """See :class:`Arm`."""

        def model(start: Tensor, actions: Tensor) -> Tensor:
            samples, horizon, _ = actions.shape
            return self.body.assemble(start, actions.new_zeros(samples, horizon, 0), self._changes(actions), actions)

        with torch.inference_mode():
            planned = self._planned(model, observation)
        return as_array(self.task.safe_action) if planned is None else planned

    def predict(self, observation: Array, executed: Array) -> Tensor:
        """See :class:`Arm`."""
        del observation
        return self._changes(torch.from_numpy(executed))

    def observe(self, transition: Transition) -> None:
        """It knows."""


class LifelongArm(PlanningArm):
    """The memory of regimes and the loop of belief.

    Args:
        config: Settings of the run that fitted the nominal body.
        task: The life's task.
        lifelong: Memory and belief.
    """

    def __init__(self, config: Config, task: TaskSpec, lifelong: Lifelong) -> None:
        super().__init__(config, task)
        self.lifelong = lifelong
        self._wakes = 0

    def begin(self, task: TaskSpec) -> None:
        """See :class:`Arm`."""
        super().begin(task)
        self.lifelong.begin(task, 0)

    def act(self, observation: Array) -> Array:
        """See :class:`Arm`."""
        with torch.inference_mode():
            self.planner.limit(self.lifelong.limits())
            model = self.lifelong.rollout()
            planned = self._planned(model, observation)
            if planned is None:
                return as_array(self.task.safe_action)
            if model.reach is not None:
                planned = model.reach(torch.from_numpy(planned)).numpy()
            return self.lifelong.refine(planned)

    def predict(self, observation: Array, executed: Array) -> Tensor:
        """See :class:`Arm`."""
        return self.lifelong.predict(observation, executed)

    def observe(self, transition: Transition) -> None:
        """See :class:`Arm`."""
        self.lifelong.observe(transition)
        self.lifelong.learn(self.lifelong.settings.steps)

    def known(self) -> tuple[int | None, str]:
        """See :class:`Arm`."""
        belief = self.lifelong.belief
        return belief.force.regime, belief.phase.value

    def summary(self) -> dict[str, Any]:
        """See :class:`Arm`."""
        memory = self.lifelong.memory
        events = [list(event) for event in self.lifelong.belief.events]
        return {"opened": memory.opened, "regimes": len(memory.regimes), "events": events}


class AdaptiveArm(Arm):
    """Today's agent of missions: action flow matching, or online learning alone.

    Args:
        config: Settings.
        task: The life's task.
        fitted: State of what the closing session fitted.
    """

    def __init__(self, config: Config, task: TaskSpec, fitted: Mapping[str, Any]) -> None:
        super().__init__()
        self.agent = AdaptiveAgent(config, task.observation, task.action)
        self.agent.load_state_dict(fitted)

    def begin(self, task: TaskSpec) -> None:
        """See :class:`Arm`."""
        self.agent.begin(task, 0, False)

    def act(self, observation: Array) -> Array:
        """See :class:`Arm`."""
        return self.agent.act(observation).action

    def predict(self, observation: Array, executed: Array) -> Tensor:
        """See :class:`Arm`."""
        model = self.agent.model
        command = self.agent.refiner.nominal_command(torch.from_numpy(executed)).unsqueeze(0)
        inputs = model.encode(torch.from_numpy(observation).unsqueeze(0))
        with torch.no_grad():
            mean = model.outputs(self.agent.online.weights, inputs, command, model.bounds)[0]
        return mean.mean(dim=0)[0] * model.scale.std

    def observe(self, transition: Transition) -> None:
        """See :class:`Arm`."""
        self.agent.observe(transition)
        self.agent.learn(LearnBudget(1))


def make_arm(
    name: str, config: Config, task: TaskSpec, state: Mapping[str, Any], settings: MemoryConfig | None = None
) -> Arm:
    """An arm by name, from the state of a trained agent of missions.

    Raises:
        KeyError: There is no such arm.
    """
    if name == "oracle":
        return OracleArm(config, task)
    if name == "afm":
        return AdaptiveArm(config, task, state)
    if name == "online":
        return AdaptiveArm(replace(config, refiner=replace(config.refiner, kind="none")), task, state)
    body = Body(task.observation, task.action)
    fitted = Fitted.from_state(config, body, task.action, state["fitted"])
    memory = replace(settings or MemoryConfig(), kind={kind: kind for kind in KINDS}[name])
    return LifelongArm(config, task, make_lifelong(config, memory, fitted, task.action))


def timed(arm: Arm, phase: str, call: Callable[[], Any]) -> Any:
    """The result of a call whose CPU time is noted."""
    started = time.process_time()
    result = call()
    arm.milliseconds[phase].append(1e3 * (time.process_time() - started))
    return result


def median(values: list[float]) -> float:
    """Median; 0 for nothing."""
    return float(np.median(values)) if values else 0.0
