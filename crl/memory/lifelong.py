"""What an agent needs of a memory of regimes: a model to plan on, limits, corrections; and it is shown every step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crl.adaptation.authority import reachable_spec
from crl.adaptation.nominal_model import replaced
from crl.adaptation.step_before import StepBefore
from crl.config.sections.memory import MemoryConfig
from crl.dynamics.body import Body
from crl.dynamics.task_model import TaskModel
from crl.memory.belief.learner import INLINE, Learner
from crl.memory.belief.loop import Belief
from crl.memory.models.bridge import Bridge
from crl.memory.models.memory import Memory
from crl.memory.models.units import Units
from crl.planning.body_rollout import BodyRollout
from crl.types import ActionSpec, Array, Transition


class Lifelong:
    """Memory and belief of one robot; episodes come and go, it stays.

    Args:
        settings: Settings.
        memory: The regimes.
        bridge: Identifies contexts.
        units: Common units of residuals.
        model: The base model, for rollouts.
        body: What it reads and predicts.
        action: Elements of the action.
        generator: Source of batches.
        hold: Control steps for which plans hold an action.

    Attributes:
        before: The change of the step before; a body may need it to be read.
        learner: Who takes the learning steps; can be set.
    """

    def __init__(
        self,
        settings: MemoryConfig,
        memory: Memory,
        bridge: Bridge,
        units: Units,
        model: TaskModel,
        body: Body,
        action: ActionSpec,
        generator: torch.Generator,
        hold: int = 1,
    ) -> None:
        self.settings, self.memory = settings, memory
        self.learner: Learner = INLINE
        self._body, self._hold = body, hold
        self.before = StepBefore(body.remembered)
        self._bridge, self._model, self._action, self._generator = bridge, model, action, generator
        self.belief = Belief(memory, bridge, units, bridge.box.middle, settings.belief)

    def rollout(self) -> BodyRollout:
        """What the planner unrolls: the model of the regime in force, within what a bridge leaves of its commands."""
        force = self.belief.force
        rollout = BodyRollout(self._body, self._model, self.memory.weights(force.regime))
        rollout.hold, rollout.before = self._hold, self.before.change
        if force.context is not None:
            rollout.reach = self._bridge.reach(force.context)
        return rollout

    def perceived(self, observation: Tensor) -> Tensor:
        """An observation [S] as what is unrolled reads it: the command before as what it amounts to under a bridge."""
        context, at = self.belief.force.context, list(self._body.command)
        if context is None or not at:
            return observation
        return replaced(observation, at, self._bridge.box.clip(self._bridge.effective(context, observation[at])))

    def limits(self) -> ActionSpec:
        """The range of planned actions that can be attained."""
        context = self.belief.force.context
        return self._action if context is None else reachable_spec(self._action, self._bridge.reachable(context))

    def refine(self, planned: Array) -> Array:
        """The action to execute for a planned one, float32 [A]; the planned one where no correction is finite."""
        context = self.belief.force.context
        if context is None:
            return planned.copy()
        corrected = self._bridge.correct(context, torch.from_numpy(planned.copy()))
        if not bool(torch.isfinite(corrected).all()):
            return planned.copy()
        result: Array = self._bridge.box.clip(corrected).numpy().astype(np.float32)
        return result

    def observe(self, transition: Transition) -> None:
        """Take note of one executed transition; the first of an episode only where nothing before it has to be read."""
        before, after = torch.from_numpy(transition.observation), torch.from_numpy(transition.next_observation)
        executed = torch.from_numpy(transition.executed)
        if transition.first:
            self.before.change = None
        with torch.no_grad():
            change = self._body.change(before, after)
            if self.before.complete:
                self.belief.observe(self.before.appended(before), executed, change)
            self.before.change = change

    def predict(self, observation: Array, executed: Array) -> Tensor:
        """The change [D] that is expected now of an executed action [A] at an observation [S]."""
        read = self.before.appended(torch.from_numpy(observation))
        return self.belief.predict(read, torch.from_numpy(executed))

    def learn(self, steps: int) -> float | None:
        """Have so many learning steps taken; returns the newest loss, ``None`` if nothing was learned."""
        return self.belief.learn(steps, self._generator, self.learner)

    def state_dict(self) -> dict[str, Any]:
        """All that is remembered and believed, as plain data."""
        return {
            "memory": self.memory.state_dict(),
            "belief": self.belief.state_dict(),
            "generator": self._generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.memory.load_state_dict(state["memory"])
        self.belief.load_state_dict(state["belief"])
        self._generator.set_state(state["generator"])
