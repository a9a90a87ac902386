"""How an agent keeps to its work in a life: it remembers regimes, recalls them, and learns new ones.

What :class:`crl.adaptation.mission.MissionAdaptation` is for single missions. Episodes come and go; what is remembered
and believed stays, and is part of the agent's state.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.adaptation.base import Adaptation, Belief
from crl.adaptation.fitted import measured_fields
from crl.adaptation.refiners.base import NoRefiner
from crl.adaptation.step_before import StepBefore
from crl.config import Config
from crl.dynamics.body import Body
from crl.dynamics.buffer import Buffer
from crl.dynamics.task_model import TaskModel
from crl.memory.beside.letters import Foundation
from crl.memory.beside.process import ProcessLearner
from crl.memory.lifelong import Lifelong
from crl.memory.making import Ground, fit_ground, make_lifelong, read_body
from crl.memory.models.memory import Memory
from crl.memory.recall.phase import Phase
from crl.memory.refiner import LifelongRefiner
from crl.planning.body_rollout import BodyRollout
from crl.planning.planner import Plan, Planner
from crl.types import ActionSpec, Array, LearnBudget, LearnReport, ObservationSpec, TaskSpec, Transition


class LifelongAdaptation(Adaptation):
    """A memory of regimes with its loop of belief.

    Args:
        config: The run's settings; ``config.memory`` says what is remembered and how.
        observation: Fields of the observation, with roles (:class:`~crl.dynamics.body.Body`).
        action: Elements of the action.

    Raises:
        CrlError: ``flow.identification.measured`` does not fit.

    Attributes:
        known: Memory and belief; ``None`` before the closing session.
        helper: Learns the memory: in this process, or in another one once it is started.
    """

    def __init__(self, config: Config, observation: ObservationSpec, action: ActionSpec) -> None:
        super().__init__(action)
        self.body = self.features = Body(observation, action)
        self.stride = config.body.stride
        self.known: Lifelong | None = None
        self._ground: Ground | None = None
        self._measured = measured_fields(config, self.body, action)
        self._config, self._observation, self._action = config, observation, action
        self.helper: ProcessLearner = ProcessLearner(self._stands)

    def _stands(self) -> tuple[Memory, Foundation] | None:
        """The memory, and what it is made from."""
        if self.known is None or self._ground is None:
            return None
        ground = Foundation(self._config, self._observation, self._action, self._measured, self._ground)
        return self.known.memory, ground

    def unroll(self, model: TaskModel) -> BodyRollout:
        """A body is unrolled by its own, faster way."""
        return BodyRollout(self.body, model)

    # ------------------------------------------------------------------ before episodes
    @property
    def ready(self) -> bool:  # type: ignore[override]
        """Whether the closing session has taken place."""
        return self.known is not None

    def fit(self, buffer: Buffer, budget: LearnBudget) -> dict[str, float]:
        """Fit what the memory stands on; it knows the nominal regime then."""
        ground, loss = fit_ground(self._config, self._observation, self._action, buffer, budget.told)
        self._stand_on(ground)
        return {"nominal_regime": loss}

    def _stand_on(self, ground: Ground) -> Lifelong:
        self._ground = ground
        read = read_body(self._config, self._observation, self._action)
        self.known = make_lifelong(self._config, ground, read, self._action, self._measured)
        self.known.learner = self.helper
        self.refiner = LifelongRefiner(self._action, self.known)
        return self.known

    # ------------------------------------------------------------------ an episode
    def begin(self, model: TaskModel, task: TaskSpec, episode: int) -> None:
        """An episode begins: what is remembered and believed stays."""
        assert self.known is not None
        self.known.before.change = None
        self.refiner.begin()

    def plan(self, planner: Planner, task: TaskSpec, observation: Tensor, generator: torch.Generator) -> Plan:
        """Plan on the model of the regime in force, within what a bridge leaves of its commands."""
        assert self.known is not None
        planner.limit(self.known.limits())
        model = self.known.rollout()
        plan = planner.plan(model, task.reward, self.known.perceived(observation), generator)
        return plan if model.reach is None else replace(plan, actions=model.reach(plan.actions))

    def observe(self, transition: Transition) -> None:
        """Believe, recall, bridge: see :mod:`crl.memory.belief.loop`."""
        assert self.known is not None
        self.known.observe(transition)

    def learn(self, steps: int) -> LearnReport:
        """Learn the regime in force, ``memory.steps`` gradient steps per control step."""
        assert self.known is not None
        count = steps * self._config.memory.steps
        loss = self.known.learn(count)
        return LearnReport() if loss is None else LearnReport(count, {"regime": loss})

    def expected(self, observation: Array, executed: Array) -> Tensor:
        """What the regime in force, with its bridge, makes of an action."""
        assert self.known is not None
        return self.known.predict(observation, executed)

    # ------------------------------------------------------------------ what is measured
    def belief(self) -> Belief:
        """The regime in force by its number, and the phase of the loop."""
        if self.known is None:
            return super().belief()
        belief, regimes = self.known.belief, self.known.memory.regimes
        name, settled = regimes[belief.force.regime].name, belief.phase is Phase.KNOWN
        return Belief(belief.force.regime, belief.phase.value, len(regimes), name, settled)

    def in_force(self) -> list[Any]:
        """The weights of the regime in force, and the context relative to it."""
        if self.known is None:
            return []
        force = self.known.belief.force
        return [self.known.memory.weights(force.regime), force.context]

    # ------------------------------------------------------------------ persistence
    def episode_state(self) -> dict[str, Any]:
        """The change of the step before."""
        return StepBefore(0).state_dict() if self.known is None else self.known.before.state_dict()

    def set_episode_state(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`episode_state` returned."""
        assert self.known is not None
        self.known.before.load_state_dict(state)

    def remembered(self) -> dict[str, Any] | None:
        """All of it: a memory can't be read without what it stands on."""
        return None if self.known is None else self.state_dict()

    def remembered_bytes(self) -> dict[str, float] | None:
        """What the memory takes, without caches; see :meth:`crl.memory.models.memory.Memory.kept_bytes`."""
        return None if self.known is None else self.known.memory.kept_bytes()

    def recollect(self, state: Mapping[str, Any]) -> None:
        """Go on with the memory of another run or robot; see :meth:`load_state_dict`."""
        self.load_state_dict(state)

    def state_dict(self) -> dict[str, Any]:
        """What is remembered and believed, and what it stands on."""
        if self.known is None or self._ground is None:
            return {"known": None}
        return {"known": {"ground": self._ground.state_dict(), **self.known.state_dict()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.known = self._ground = None
        self.refiner = NoRefiner(self._action)
        if state.get("known") is None:
            return
        known = state["known"]
        with restoring.part("known/ground"):
            ground = Ground.from_state(self._config, self._observation, self._action, known["ground"])
        with restoring.part("known"):
            self._stand_on(ground).load_state_dict(known)
