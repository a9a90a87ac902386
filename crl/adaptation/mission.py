"""How an agent keeps to its mission when its body changes.

Murillo-Gonzalez and Liu, *Action Flow Matching for Continual Robot Learning*, RSS 2025. The closing session fits what
is needed (:mod:`crl.adaptation.fitting`). During a mission the residual of every transition is attributed once, in this
order:

1. The disturbance as estimated so far is subtracted from the change.
2. The regime: the refiner identifies the context from the rest.
3. The disturbance: what the regime leaves corrects its estimate.
4. The planner's model learns the rest, under the command that the context says the body executed. A model that reads
   the context learns all of it, under that context and the command as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.adaptation.base import Adaptation, Belief
from crl.adaptation.box import Box
from crl.adaptation.fitted import Fitted, measured_fields
from crl.adaptation.fitting import fit_fitted
from crl.adaptation.nominal_model import replaced
from crl.adaptation.online_learner import Online, OnlineLearner
from crl.adaptation.random_bodies import randomised
from crl.adaptation.refiners.base import NoRefiner
from crl.adaptation.refiners.making import check_refiner, make_refiner
from crl.adaptation.step_before import StepBefore
from crl.adaptation.tracking.disturbance import Disturbance
from crl.config import Config
from crl.dynamics.body import Body
from crl.dynamics.buffer import Buffer
from crl.dynamics.task_model import TaskModel
from crl.errors import CrlError
from crl.planning.body_rollout import BodyRollout
from crl.planning.motion_rollout import MotionRollout
from crl.planning.planner import Plan, Planner
from crl.seeding import torch_generator
from crl.types import ActionSpec, Array, LearnBudget, LearnReport, ObservationSpec, TaskSpec, Transition


class MissionAdaptation(Adaptation):
    """Follows the regime, refines planned actions, and learns what is left.

    Args:
        config: The run's settings; ``config.refiner`` says what is done to planned actions.
        observation: Fields of the observation, with roles (:class:`~crl.dynamics.body.Body`).
        action: Elements of the action.

    Raises:
        CrlError: ``flow.identification.measured`` does not fit the observation or the action, or the refiner is not for
            such a body.

    Attributes:
        body: What is read and predicted.
        fitted: What the closing session fitted; ``None`` before.
        online: What learns during the present mission; ``None`` before the first.
        make_learner: Makes what learns during a mission; on a robot it is in another process.
    """

    def __init__(self, config: Config, observation: ObservationSpec, action: ActionSpec) -> None:
        super().__init__(action)
        self.config = config
        self.body = self.features = Body(observation, action)
        self.stride = config.body.stride
        self.box = Box.of(action)
        check_refiner(config, measured_fields(config, self.body, action))  # now, and not after the training
        self.fitted: Fitted | None = None
        self.online: Online | None = None
        self.make_learner: Callable[..., Online] = OnlineLearner
        self._observation, self._action = observation, action

    def unroll(self, model: TaskModel) -> BodyRollout:
        """A body is unrolled by its own, faster way."""
        return BodyRollout(self.body, model)

    # ------------------------------------------------------------------ before missions
    @property
    def ready(self) -> bool:  # type: ignore[override]
        """Whether the closing session has taken place."""
        return self.fitted is not None

    def training_rows(self, buffer: Buffer) -> Buffer | None:
        """With domain randomisation: steps as bodies with random regimes would have made them."""
        if not self.config.refiner.randomised:
            return None
        steps = buffer if self.stride == 1 else buffer.strided(self.stride)
        return randomised(self.config, self.body, self._action, steps)

    def fit(self, buffer: Buffer, budget: LearnBudget) -> dict[str, float]:
        """Fit the model of one control step, the calibration and the flow."""
        steps, told = budget.steps, budget.told
        self.fitted, losses = fit_fitted(self.config, self._observation, self._action, buffer, steps, told)
        return losses

    def save_flow(self, folder: Path) -> None:
        """Write the flow that was fitted to a folder."""
        if self.fitted is None:
            super().save_flow(folder)
        else:
            self.fitted.save_flow(folder)

    def load_flow(self, folder: Path) -> None:
        """Fly with a flow that `crl fit-flow` wrote to a folder."""
        if self.fitted is None:
            raise CrlError("the body's model is not fitted yet, and a flow needs it", "let the training end first")
        self.fitted.load_flow(folder, self._action)

    # ------------------------------------------------------------------ a mission
    def begin(self, model: TaskModel, task: TaskSpec, episode: int) -> None:
        """Begin a mission with the nominal body, and nothing learned of another."""
        assert self.fitted is not None
        config, fitted = self.config, self.fitted
        self._model, rows = fitted.mission_model(model), fitted.rehearsed
        self.refiner = make_refiner(config, fitted, self._action)
        generator = torch_generator(config.seed, "online", task.index, episode)
        self.online = self.make_learner(config.body, self._model, rows, generator, clip=config.learning.clip)
        self.disturbance = Disturbance(self.body, config.body.disturbance, task.control_period, fitted.spread)
        self._rollout: BodyRollout | None = None
        self._history: list[tuple[Tensor, Tensor]] = []  # observations and commands as the planner's model reads them
        self._before = StepBefore(self.body.changes if config.body.memory else 0)
        self.refiner.plans_with(self._predicted)

    def plan(self, planner: Planner, task: TaskSpec, observation: Tensor, generator: torch.Generator) -> Plan:
        """Plan within what the body can still attain, under the disturbance that is estimated."""
        assert self.online is not None
        if self.refiner.motion is not None:
            return planner.plan(MotionRollout(self.refiner.motion), task.reward, observation, generator)
        if self._rollout is None:
            self._rollout = BodyRollout(self.body, self._model, self.online.weights, self.refiner.context())
        if self.config.refiner.authority:
            planner.limit(self.refiner.authority())
            self._rollout.reach = self.refiner.reach()
            self._rollout.effect = self.refiner.effect
        if self.disturbance.on and self.body.heading is not None:
            self._rollout.offset = self.stride * self.disturbance.offset(observation[self.body.heading])
        if self.refiner.context() is None:
            observation = self._as_nominal(observation)
        plan = planner.plan(self._rollout, task.reward, observation, generator)
        reach = self._rollout.reach
        return plan if reach is None else replace(plan, actions=reach(plan.actions))

    def _as_nominal(self, observation: Tensor) -> Tensor:
        """An observation [S] with the command before as the nominal one that it amounted to."""
        at = self.body.command
        if not at:
            return observation
        command = self.refiner.nominal_command(observation[at])
        return replaced(observation, at, self.box.clip(command))

    def _as_read(self, observation: Tensor, executed: Tensor) -> tuple[Tensor, Tensor]:
        """An observation [S] and a command [A] as the planner's model reads them."""
        context = self.refiner.context()
        if context is None:
            return self._as_nominal(observation), self.refiner.nominal_command(executed)
        return torch.cat([observation, context]), executed

    def observe(self, transition: Transition) -> None:
        """Attribute the residual of a transition; see the module's text."""
        assert self.fitted is not None and self.online is not None
        before, after = torch.from_numpy(transition.observation), torch.from_numpy(transition.next_observation)
        executed = torch.from_numpy(transition.executed)
        heading = self._heading(before)
        if transition.first:  # of a mission, or after a gap in it: what came before says nothing of this step
            self._history.clear()
            self._before.change = None
        with torch.no_grad():
            change = self.body.change(before, after)
            if self.disturbance.on:
                change = change - self.disturbance.offset(heading)
            alarms = self.refiner.regime.changes
            # The first step of a mission has none before it that the model could read.
            seen = self._before.appended(before) if self._before.complete else None
            if seen is not None:
                self.refiner.observe(seen, executed, change)
            alarmed = self.refiner.regime.changes != alarms
            read = self._as_read(before, executed)
            if self.disturbance.on and seen is not None:
                told, command = self._as_nominal(seen), self.refiner.nominal_command(executed)
                residual = change - self.fitted.one_step.predict(told.unsqueeze(0), command.unsqueeze(0))[0]
                self.disturbance.observe(residual, heading)
            self._before.change = change
        if alarmed:
            self.online.alarm()
            self._history.clear()
        if self.refiner.context() is not None:
            self._rollout = None  # it holds the context that was
        self._history.append(read)
        del self._history[: -self.stride]
        if len(self._history) < self.stride:
            return
        start = self._history[0][0]
        whole = self.body.change(start, after)
        if self.disturbance.on:
            whole = whole - self.stride * self.disturbance.offset(self._heading(start))
        mean = torch.stack([past for _, past in self._history]).mean(dim=0)
        self.online.add(self.body.encode(start), mean, whole, wait=self.refiner.tracks)

    def _heading(self, observation: Tensor) -> Tensor:
        """The heading (rad) of an observation [S]; 0 for a body without one."""
        return observation[self.body.heading] if self.body.heading is not None else torch.zeros(())

    def learn(self, steps: int) -> LearnReport:
        """Learn the planner's model of this mission from its newest transitions."""
        assert self.online is not None
        losses = [self.online.learn() for _ in range(steps)] if self.config.refiner.online else []
        taken = [loss for loss in losses if loss is not None]
        if not taken:
            return LearnReport()
        self._rollout = None
        return LearnReport(len(taken), {"online": sum(taken) / len(taken)})

    def expected(self, observation: Array, executed: Array) -> Tensor:
        """What the planner's model expects of an action, per control step."""
        seen = torch.from_numpy(observation)
        if self.refiner.motion is not None:
            after = self.refiner.motion(seen, torch.from_numpy(executed))
            return self.body.change(seen, after)
        read, command = self._as_read(seen, torch.from_numpy(executed))
        change = self._predicted(read.unsqueeze(0), command.unsqueeze(0))[0]
        return change + self.disturbance.offset(self._heading(seen)) if self.disturbance.on else change

    def _predicted(self, observation: Tensor, command: Tensor) -> Tensor:
        """Changes [N, D] of one control step by the planner's model as it is now, without a disturbance."""
        assert self.online is not None
        model, weights = self._model, self.online.weights
        now = TaskModel(model.model, weights, model.normalisers, model.network)
        read = observation[..., : self._observation.size]  # what a memory appends, the planner's model does not read
        context = self.refiner.context()
        if context is not None:
            read = torch.cat([read, context.expand(len(read), -1)], dim=-1)
        return now.predict(read, command) / self.stride

    # ------------------------------------------------------------------ what is measured
    def belief(self) -> Belief:
        """The nominal body, or what its refiner has identified in its place."""
        if not self.refiner.tracks:
            return Belief()
        regime = self.refiner.regime
        phase = "nominal" if not regime.off else "bridged" if regime.active else "unexplained"
        return Belief(None if regime.off else 0, phase)

    def in_force(self) -> list[Any]:
        """The flow, and what the present mission has changed so far."""
        flow = None if self.fitted is None or self.fitted.flow is None else self.fitted.flow.field.weights
        now = None if self.online is None else self.online.weights.detach()
        return [flow, now, self.refiner.state_dict()]

    def kept_bytes(self) -> int:
        """The rows that online learning rehearses, and the model that reads the context, if there is one."""
        if self.fitted is None:
            return 0
        rows, contextual = self.fitted.rehearsed, self.fitted.contextual
        kept = [rows.inputs, rows.action, rows.change] + ([] if contextual is None else [contextual.model.weights])
        return sum(part.numel() * part.element_size() for part in kept)

    def old_rows_read(self) -> int:
        """Nominal rows that online learning looked at again during the present mission."""
        if self.online is None:
            return 0
        return self.online.steps * round(self.config.body.nominal * self.config.body.online_batch)

    # ------------------------------------------------------------------ persistence
    def episode_state(self) -> dict[str, Any]:
        """What the present mission has shown so far."""
        assert self.online is not None
        return {
            "refiner": self.refiner.state_dict(),
            "online": self.online.state_dict(),
            "disturbance": self.disturbance.state_dict(),
            "history": [[start.clone(), command.clone()] for start, command in self._history],
            **self._before.state_dict(),
        }

    def set_episode_state(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`episode_state` returned."""
        assert self.online is not None
        self.refiner.load_state_dict(state["refiner"])
        self.online.load_state_dict(state["online"])
        self.disturbance.load_state_dict(state["disturbance"])
        self._history = [(start, command) for start, command in state["history"]]
        self._before.load_state_dict(state)
        self._rollout = None

    def state_dict(self) -> dict[str, Any]:
        """What was fitted."""
        return {"fitted": None if self.fitted is None else self.fitted.state_dict()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.fitted = self.online = None
        self.refiner = NoRefiner(self._action)
        if state["fitted"] is not None:
            with restoring.part("fitted"):
                self.fitted = Fitted.from_state(self.config, self._observation, self._action, state["fitted"])
