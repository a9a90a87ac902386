"""The model-predictive agent: plans on the generated model of a task and learns it from what was executed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import torch

from crl import restoring
from crl.agents.base import Agent
from crl.agents.exploration import Exploration
from crl.agents.fingerprint import fingerprint_of
from crl.agents.judge import TaskJudge
from crl.agents.learner import Learner
from crl.config import Config
from crl.config.agents import MPC
from crl.continual.strategy import Storage, Strategy, make_strategy
from crl.dynamics.buffer import Buffer
from crl.dynamics.model import DynamicsModel, Scales
from crl.dynamics.plasticity import PROBES, Plasticity, plasticity
from crl.planning.planner import Model, Planner, PlanningFailed, make_planner
from crl.planning.rollout import Rollout
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

_PASSING = ("optimiser", "embedding_optimiser", "average", "generator")


class MPCAgent(Agent):
    """Plans with a sampling MPC on a dynamics model whose weights a retention strategy makes.

    Only the current task's transitions are kept. A finished task keeps its normalisers and whatever its strategy
    keeps. Training episodes (``explore=True``) first follow the task's exploration prior, then the planner with
    coloured noise; all others follow the planner alone, which then is as pessimistic as ``planner.pessimism`` says.

    Args:
        config: The run's settings.
        observation: Fields of the observation, the same for all tasks.
        action: Elements of the action, the same for all tasks.
        device: Where tensors live.
    """

    kind = MPC
    SETTINGS = MPC.settings

    def __init__(
        self, config: Config, observation: ObservationSpec, action: ActionSpec, device: torch.device | str = "cpu"
    ) -> None:
        self.config = config
        self.device = torch.device(device)
        self.model = DynamicsModel(config.dynamics, observation, action, self.device)
        self.strategy: Strategy = make_strategy(
            config, self.model.network, torch_generator(config.seed, "strategy"), self.device
        )
        self.learner = Learner(config.learning, self.model, self.strategy)
        self.planner: Planner = make_planner(config.planner, action, self.device)
        self.exploration = Exploration(config.exploration, action, config.seed, hands_over=True)
        self.buffer = Buffer(observation.size, action.size)
        self.scales: dict[int, Scales] = {}
        self.judge = TaskJudge(self.model, self.scales, self.strategy)
        self.strategy.judge = self.judge
        self.learning_task = -1
        self._sizes = (observation.size, action.size)
        self._sessions = 0
        self._normalised = 0
        self._learned_once: set[int] = set()
        self._rollouts: dict[tuple[int, bool], Rollout] = {}

    # ------------------------------------------------------------------ the four calls
    def begin(self, task: TaskSpec, episode: int, explore: bool) -> None:
        """Start an episode; a training episode of another task than before makes that the current task."""
        if explore and task.index != self.learning_task:
            self._start_task(task.index)
        self.task = task
        self._step = 0
        self._generator = torch_generator(self.config.seed, "plan", task.index, episode, int(explore))
        self.planner.reset()
        # Training episodes are there to find out what the members don't know yet, so they don't shun it.
        self.planner.pessimism = 0.0 if explore else self.config.planner.pessimism
        self.planner.until(task.terminated, task.success)
        if explore:
            self.exploration.begin(task, episode, known=task.index in self._learned_once)
        else:
            self.exploration.rest()

    def act(self, observation: Array) -> Decision:
        """Decide on an action; the task's safe action, with the reason, where no plan can be trusted."""
        step, self._step = self._step, self._step + 1
        if not np.isfinite(observation).all():
            return self._safe("the observation is not finite")
        scripted = self.exploration.scripted(step)
        if scripted is not None:
            return Decision(scripted, scripted)
        with torch.inference_mode():
            try:
                plan = self.planner.plan(
                    self._rollout(self.task.index),
                    self.task.reward,
                    torch.from_numpy(observation).to(self.device),
                    self._generator,
                )
            except PlanningFailed as failure:
                self.planner.reset()
                return self._safe(failure.message)
            planned: Array = plan.actions[0].cpu().numpy()
        return Decision(self.exploration.disturbed(planned, step), planned, sequences=plan.samples)

    def observe(self, transition: Transition) -> None:
        """Keep a transition of the current task to learn from."""
        if transition.task != self.learning_task:
            raise ValueError(
                f"a transition of task {transition.task} was observed while task {self.learning_task} is learned: "
                "begin an episode of it with explore=True first"
            )
        self.buffer.add(transition)
        if bool(self.task.success(transition.next_observation)):
            self.exploration.succeeded()

    def learn(self, budget: LearnBudget) -> LearnReport:
        """Spend gradient steps on the current task; with a closing budget the learning rate falls to its end.

        Without gradient steps nothing changes, the normalisers neither.
        """
        if budget.steps <= 0:
            return LearnReport()
        scales = self.scales[self.learning_task]
        rate = self.config.learning.lr_decay**self._sessions
        self._normalise(scales, rate)
        report = self.learner.session(
            self.buffer,
            scales,
            budget.steps,
            self.learning_task,
            torch_generator(self.config.seed, "learn", self.learning_task, self._sessions),
            rate=rate,
            closing=budget.closing,
            train_bounds=len(self._learned_once | {self.learning_task}) == 1,
        )
        self._sessions += 1
        self._rollouts.clear()
        return report

    # ------------------------------------------------------------------ tasks
    def _start_task(self, task: int) -> None:
        if self.learning_task >= 0:
            self._learned_once.add(self.learning_task)
            self.scales[self.learning_task].freeze()
            self.strategy.end_task(self.buffer.windows(self.config.dynamics.rollout, self.device))
        self.learning_task = task
        self.buffer = Buffer(*self._sizes)
        self.exploration.begin_task()
        self._normalised = 0
        if task not in self.scales:
            self.scales[task] = self.model.scales()
        self.strategy.begin_task(task)
        self._rollouts.clear()

    def _normalise(self, scales: Scales, weight: float) -> None:
        """Update the normalisers with the transitions that came since the last session."""
        start, self._normalised = self._normalised, len(self.buffer)
        if scales.features.frozen or start == self._normalised:
            return
        observation, action, after = (rows[start:] for rows in self.buffer.tensors(self.device))
        scales.features.update(self.model.features.encode(observation), weight)
        scales.actions.update(action, weight)
        scales.changes.update(self.model.features.change(observation, after), weight)

    def knows(self, task: int) -> bool:
        """Whether a task has been begun, so that it can be planned for."""
        return task in self.scales

    def model_of(self, task: int) -> Rollout:
        """The model that it plans on for a task that has begun."""
        return self._rollout(task)

    def members_of(self, task: int) -> list[Model]:
        """A rollout of each member of the ensemble."""
        network = self.strategy.network_of(task)
        weights, scales = self.strategy.weights(task), self.scales[task]
        return [Rollout(self.model, member, scales, alone) for alone, member in network.members(weights)]

    def _rollout(self, task: int) -> Rollout:
        apart = self.planner.pessimism > 0
        if (task, apart) not in self._rollouts:
            self._rollouts[task, apart] = Rollout(
                self.model,
                self.strategy.weights(task),
                self.scales[task],
                self.strategy.network_of(task),
                apart=apart,
            )
        return self._rollouts[task, apart]

    # ------------------------------------------------------------------ what is measured
    def basis_element(self) -> str:
        """Fingerprint of the current task's model (weights and normalisers) and of the planner on it."""
        task = self.learning_task
        if task < 0:
            return fingerprint_of("no task yet", asdict(self.config.planner))
        scales = {name: [part.mean, part.std] for name, part in self.scales[task].parts().items()}
        return fingerprint_of(task, self.strategy.weights(task), scales, asdict(self.config.planner))

    def storage(self) -> Storage:
        """What the strategy keeps per finished task."""
        return self.strategy.storage()

    def kept_bytes(self) -> int:
        """Bytes of the strategy's tensors but for its optimisers and averages: they grow with what old tasks leave."""
        return _bytes({name: part for name, part in self.strategy.state_dict().items() if name not in _PASSING})

    def kept_once_bytes(self) -> int:
        """Those of :meth:`kept_bytes` that are the same however many tasks were learned."""
        state = self.strategy.state_dict()
        return _bytes([state.get(name) for name in self.strategy.kept_once])

    def old_rows_read(self) -> int:
        """Transitions of earlier tasks that learning looked at again, so far."""
        return self.judge.old_rows

    def plasticity(self) -> Plasticity | None:
        """State of the current task's network on (up to 512 of) the task's transitions; ``None`` before there are."""
        count = len(self.buffer)
        if not count:
            return None
        index = np.linspace(0, count - 1, min(count, PROBES)).astype(np.int64)
        observation, action, _ = (rows[torch.from_numpy(index)] for rows in self.buffer.tensors(self.device))
        task = self.learning_task
        inputs = self.model.inputs(self.scales[task], observation, action)
        return plasticity(self.strategy.network_of(task), self.strategy.weights(task), inputs)

    def _safe(self, reason: str) -> Decision:
        action = as_array(self.task.safe_action)
        return Decision(action, action, reason)

    # ------------------------------------------------------------------ persistence
    def state_dict(self) -> dict[str, Any]:
        """Parameters, optimisers, normalisers, buffer and counters."""
        return {
            "strategy": self.strategy.state_dict(),
            "model": self.model.state_dict(),
            "scales": {task: scales.state_dict() for task, scales in self.scales.items()},
            "buffer": self.buffer.state_dict(),
            "learning_task": self.learning_task,
            **self.exploration.state_dict(),
            "sessions": self._sessions,
            "normalised": self._normalised,
            "learned_once": sorted(self._learned_once),
            "old_rows": self.judge.old_rows,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        with restoring.part("strategy"):
            self.strategy.load_state_dict(state["strategy"])
        with restoring.part("model"):
            self.model.load_state_dict(state["model"])
        self.scales.clear()  # the judge holds it too
        for task, saved in state["scales"].items():
            self.scales[task] = self.model.scales()
            with restoring.part(f"scales/{task}"):
                self.scales[task].load_state_dict(saved)
        with restoring.part("buffer"):
            self.buffer.load_state_dict(state["buffer"])
        self.learning_task = int(state["learning_task"])
        self.exploration.load_state_dict(state)
        self._sessions = int(state["sessions"])
        self._normalised = int(state["normalised"])
        self._learned_once = set(state["learned_once"])
        self.judge.old_rows = int(state.get("old_rows", 0))
        self._rollouts.clear()


def _bytes(state: Any) -> int:
    if isinstance(state, torch.Tensor):
        return state.numel() * state.element_size()
    if isinstance(state, Mapping):
        return sum(_bytes(part) for part in state.values())
    return sum(_bytes(part) for part in state) if isinstance(state, list | tuple) else 0
