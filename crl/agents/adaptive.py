"""The agent of missions: plans on a model of the body, refines what it planned, and adapts while it goes.

Murillo-Gonzalez and Liu, *Action Flow Matching for Continual Robot Learning*, RSS 2025. In training episodes it
collects data of the nominal body and learns its model; the closing session fits the rest
(:mod:`crl.adaptation.fitting`). During a mission the residual of every transition is attributed once, in this order:

1. The disturbance as estimated so far is subtracted from the change.
2. The regime: the refiner identifies the context from the rest.
3. The disturbance: what the regime leaves corrects its estimate.
4. The planner's model learns the rest, under the command that the context says the body executed.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crl import restoring
from crl.adaptation.box import Box
from crl.adaptation.fitted import Fitted, measured_fields
from crl.adaptation.fitting import fit_fitted, rows_of
from crl.adaptation.nominal_model import replaced
from crl.adaptation.online_learner import OnlineLearner
from crl.adaptation.refiners.base import NoRefiner, Refiner
from crl.adaptation.refiners.making import make_refiner
from crl.adaptation.tracking.disturbance import Disturbance
from crl.agents.base import Agent
from crl.agents.exploration import Exploration
from crl.agents.fingerprint import fingerprint_of
from crl.config import Config
from crl.config.agents import ADAPTIVE
from crl.dynamics.body import Body
from crl.dynamics.body_model import BodyModel
from crl.dynamics.buffer import Buffer
from crl.errors import CrlError
from crl.planning.body_rollout import BodyRollout
from crl.planning.planner import Planner, PlanningFailed, make_planner
from crl.seeding import torch_generator
from crl.types import (
    ActionSpec,
    Array,
    Decision,
    LearnBudget,
    LearnReport,
    ObservationSpec,
    TaskSpec,
    Transition,
    as_array,
)

PHASES = ("plan", "identify", "refine", "learn")


class AdaptiveAgent(Agent):
    """Learns the nominal body, then keeps to its missions when the body changes.

    Args:
        config: The run's settings; ``config.refiner`` says what is done to planned actions.
        observation: Fields of the observation, with roles (:class:`~crl.dynamics.body.Body`).
        action: Elements of the action.
        device: Where tensors live; the networks of a body are so small that a CPU is faster than any other device.

    Raises:
        CrlError: ``flow.measured`` does not fit the observation or the action.

    Attributes:
        fitted: What the closing session fitted; ``None`` before.
        refiner: What refines planned actions.
        make_learner: Makes what learns during a mission; on a robot it is in another process.
    """

    kind = ADAPTIVE
    SETTINGS = ADAPTIVE.settings

    def __init__(
        self, config: Config, observation: ObservationSpec, action: ActionSpec, device: torch.device | str = "cpu"
    ) -> None:
        del device
        self.config = config
        self.body = Body(observation, action)
        self.box = Box.of(action)
        measured_fields(config, self.body, action)  # now, and not after the training
        self.planner: Planner = make_planner(config.planner, action)
        self.exploration = Exploration(config.exploration, action, config.seed, hands_over=False)
        self.buffer = Buffer(observation.size, action.size)
        self.model = BodyModel(config.body, self.body, action.size, torch_generator(config.seed, "body"))
        self.fitted: Fitted | None = None
        self.refiner: Refiner = NoRefiner(action)
        self._milliseconds: dict[str, list[float]] = {phase: [] for phase in PHASES}
        self.make_learner: Callable[..., Any] = OnlineLearner
        self._observation, self._action = observation, action
        self._task = -1
        self._sessions = 0
        self._explore = False
        self._rollout: BodyRollout | None = None
        self._history: list[tuple[Tensor, Tensor]] = []

    # ------------------------------------------------------------------ the four calls
    def begin(self, task: TaskSpec, episode: int, explore: bool) -> None:
        """Start a training episode, or a mission: with the nominal body, and nothing learned of another."""
        self.task = task
        self._explore = explore
        self._step = 0
        self._generator = torch_generator(self.config.seed, "plan", task.index, episode, int(explore))
        self.planner.limit(self._action)
        self.planner.reset()
        self.planner.until(task.terminated, task.success)
        self._rollout = None
        self.exploration.rest()
        if explore:
            self._task = task.index
            self.exploration.begin(task, episode, known=False)
        elif self.fitted is not None:
            self._begin_mission(task, episode)

    def _begin_mission(self, task: TaskSpec, episode: int) -> None:
        assert self.fitted is not None
        config, fitted = self.config, self.fitted
        self.refiner = make_refiner(config, fitted, self._action)
        self.online: OnlineLearner = self.make_learner(
            config.body, self.model, fitted.rows, torch_generator(config.seed, "online", task.index, episode)
        )
        self.disturbance = Disturbance(self.body, config.body.disturbance, task.control_period, fitted.spread)
        self._history = []
        self._before: Tensor | None = None
        self._milliseconds = {phase: [] for phase in PHASES}

    def act(self, observation: Array) -> Decision:
        """Decide on an action; the task's safe action, with the reason, where no plan can be trusted."""
        step, self._step = self._step, self._step + 1
        if not np.isfinite(observation).all():
            return self._safe("the observation is not finite")
        scripted = self.exploration.scripted(step)
        if scripted is not None:
            return Decision(scripted, scripted)
        with self._timed("plan"), torch.inference_mode():
            try:
                plan = self._plan(torch.from_numpy(observation))
            except PlanningFailed as failure:
                self.planner.reset()
                return self._safe(failure.message)
        planned: Array = plan.actions[0].numpy()
        if self._explore:
            return Decision(self.exploration.disturbed(planned, step), planned, sequences=plan.samples)
        with self._timed("refine"):
            action = planned if self.fitted is None else self.refiner.refine(planned)
        return Decision(action, planned, sequences=plan.samples)

    def _plan(self, observation: Tensor) -> Any:
        mission = not self._explore and self.fitted is not None
        if self._rollout is None:
            self._rollout = BodyRollout(self.model, self.online.weights if mission else None)
        if mission:
            if self.config.refiner.authority:
                self.planner.limit(self.refiner.authority())
                self._rollout.reach = self.refiner.reach()
                self._rollout.effect = self.refiner.effect
            if self.disturbance.on and self.body.heading is not None:
                self._rollout.offset = self.config.body.stride * self.disturbance.offset(observation[self.body.heading])
            observation = self._as_nominal(observation)
        plan = self.planner.plan(self._rollout, self.task.reward, observation, self._generator)
        reach = self._rollout.reach
        return plan if reach is None else replace(plan, actions=reach(plan.actions))

    def _as_nominal(self, observation: Tensor) -> Tensor:
        """An observation [S] with the command before as the nominal one that it amounted to."""
        at = self.body.command
        if not at:
            return observation
        command = self.refiner.nominal_command(observation[at])
        return replaced(observation, at, self.box.clip(command))

    def observe(self, transition: Transition) -> None:
        """Keep a training transition; during a mission, find out what it says of the body."""
        if self._explore:
            self.buffer.add(transition)
        elif self.fitted is not None:
            self._adapt(transition)

    def _adapt(self, transition: Transition) -> None:
        assert self.fitted is not None
        before, after = torch.from_numpy(transition.observation), torch.from_numpy(transition.next_observation)
        executed = torch.from_numpy(transition.executed)
        heading = self._heading(before)
        if transition.first:  # of a mission, or after a gap in it: what came before says nothing of this step
            self._history.clear()
            self._before = None
        with self._timed("identify"), torch.no_grad():
            change = self.body.change(before, after)
            if self.disturbance.on:
                change = change - self.disturbance.offset(heading)
            alarms = self.refiner.regime.changes
            seen = self._remembering(before)
            if seen is not None:
                self.refiner.observe(seen, executed, change)
            alarmed = self.refiner.regime.changes != alarms
            command = self.refiner.nominal_command(executed)
            nominal = self._as_nominal(before)
            if self.disturbance.on and seen is not None:
                told = self._as_nominal(seen)
                residual = change - self.fitted.one_step.predict(told.unsqueeze(0), command.unsqueeze(0))[0]
                self.disturbance.observe(residual, heading)
            self._before = change
        if alarmed:
            self.online.alarm()
            self._history.clear()
        self._history.append((nominal, command))
        stride = self.config.body.stride
        del self._history[:-stride]
        if len(self._history) < stride:
            return
        start = self._history[0][0]
        whole = self.body.change(start, after)
        if self.disturbance.on:
            whole = whole - stride * self.disturbance.offset(self._heading(start))
        mean = torch.stack([past for _, past in self._history]).mean(dim=0)
        self.online.add(self.body.encode(start), mean, whole, wait=self.refiner.tracks)

    def _remembering(self, observation: Tensor) -> Tensor | None:
        """An observation [S] with the changes of the step before, [S + D], if the model reads them.

        ``None`` for the first step of a mission, which has none before it.
        """
        if not self.config.body.memory:
            return observation
        return None if self._before is None else torch.cat([observation, self._before])

    def _heading(self, observation: Tensor) -> Tensor:
        """The heading (rad) of an observation [S]; 0 for a body without one."""
        return observation[self.body.heading] if self.body.heading is not None else torch.zeros(())

    def learn(self, budget: LearnBudget) -> LearnReport:
        """Train the body's model; the closing session fits it anew, and what missions need. Online in a mission."""
        if budget.steps <= 0:
            return LearnReport()
        if not self._explore and self.fitted is not None:
            return self._learn_online(budget.steps)
        generator = torch_generator(self.config.seed, "learn", self._sessions)
        self._sessions += 1
        self._rollout = None
        rows = rows_of(self.body, self.buffer, self.config.body.stride)
        if budget.closing:
            self.fitted, losses = fit_fitted(self.config, self.body, self.buffer, self._action, budget.steps)
            self.model = self.fitted.model
            return LearnReport(budget.steps, losses)
        if not self.model.scale.frozen:
            self.model.normalise(rows)
        loss = self.model.fit(rows, budget.steps, generator, final=0.3)
        return LearnReport(budget.steps, {"task": loss})

    def _learn_online(self, steps: int) -> LearnReport:
        with self._timed("learn"):
            losses = [self.online.learn() for _ in range(steps)] if self.config.refiner.online else []
        taken = [loss for loss in losses if loss is not None]
        if not taken:
            return LearnReport()
        self._rollout = None
        return LearnReport(len(taken), {"online": sum(taken) / len(taken)})

    @contextmanager
    def _timed(self, phase: str) -> Iterator[None]:
        started = time.process_time()
        yield
        self._milliseconds[phase].append(1e3 * (time.process_time() - started))

    def load_flow(self, folder: Path) -> None:
        """Fly with a flow that `crl fit-flow` wrote to a folder.

        Raises:
            CrlError: Nothing is fitted yet, or the flow is one of another body or model.
        """
        if self.fitted is None:
            raise CrlError("the body's model is not fitted yet, and a flow needs it", "let the training end first")
        self.fitted.load_flow(folder, self._action)

    # ------------------------------------------------------------------ what is measured
    @property
    def milliseconds(self) -> Mapping[str, list[float]]:
        """CPU milliseconds of each step of the present mission, by phase."""
        return self._milliseconds

    def basis_element(self) -> str:
        """Fingerprint of the body's model, of the flow, and of what a mission has changed of them so far."""
        fitted = self.fitted
        if fitted is None:
            return fingerprint_of("nominal", self.model.weights, self.exploration.episodes)
        flow = None if fitted.flow is None else fitted.flow.field.weights
        now = [] if self._explore or not hasattr(self, "online") else [self.online.weights.detach()]
        return fingerprint_of("missions", self.model.weights, flow, now, self.refiner.state_dict())

    def knows(self, task: int) -> bool:
        """Whether missions can be flown: a body's model serves all tasks of its sequence."""
        del task
        return self.fitted is not None

    def kept_bytes(self) -> int:
        """Bytes kept for earlier regimes: the nominal rows that online learning rehearses."""
        if self.fitted is None:
            return 0
        rows = self.fitted.rows
        return sum(part.numel() * part.element_size() for part in (rows.inputs, rows.action, rows.change))

    def kept_once_bytes(self) -> int:
        """All of :meth:`kept_bytes`: there is one nominal body, however many regimes come."""
        return self.kept_bytes()

    def old_rows_read(self) -> int:
        """Nominal rows that online learning looked at again during the present mission."""
        if not hasattr(self, "online"):
            return 0
        return self.online.steps * round(self.config.body.nominal * self.config.body.online_batch)

    def _safe(self, reason: str) -> Decision:
        action = as_array(self.task.safe_action)
        return Decision(action, action, reason)

    # ------------------------------------------------------------------ persistence
    def state_dict(self) -> dict[str, Any]:
        """Model, data and what was fitted. Between missions: a mission begins with nothing of the one before."""
        return {
            "model": self.model.state_dict(),
            "buffer": self.buffer.state_dict(),
            "fitted": None if self.fitted is None else self.fitted.state_dict(),
            "task": self._task,
            "episodes": self.exploration.episodes,
            "sessions": self._sessions,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        with restoring.part("buffer"):
            self.buffer.load_state_dict(state["buffer"])
        self.fitted = None
        with restoring.part("model"):
            self.model.load_state_dict(state["model"])
        if state["fitted"] is not None:
            with restoring.part("fitted"):
                self.fitted = Fitted.from_state(self.config, self.body, self._action, state["fitted"])
            self.model = self.fitted.model
        self._task = int(state["task"])
        self.exploration.load_state_dict({"episodes": state["episodes"]})
        self._sessions = int(state["sessions"])
        self._rollout = None
