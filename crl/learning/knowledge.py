"""What an agent has learned: one dynamics model per task, from the transitions of the task that it learns now.

Only the current task's transitions are kept. A finished task keeps its normalisers, and whatever its strategy keeps.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from crl import restoring
from crl.config import Config
from crl.config.declared.agents import MPC
from crl.continual.composing import make_strategy
from crl.continual.strategy import Storage, Strategy
from crl.dynamics.buffer import Buffer
from crl.dynamics.features import Features
from crl.dynamics.model import DynamicsModel, Normalisers
from crl.dynamics.plasticity import PROBES, Plasticity, plasticity
from crl.dynamics.task_model import TaskModel
from crl.learning.computing import Computing
from crl.learning.learner import Learner
from crl.learning.loss_evaluator import TaskLossEvaluator
from crl.planning.planner import Model
from crl.planning.rollout import Rollout
from crl.recent import Recent
from crl.seeding import torch_generator
from crl.types import ActionSpec, LearnBudget, LearnReport, ObservationSpec, Transition

MODEL_BYTES = 8 << 20
"""Most bytes of weights of tasks' models that are kept to be used again, and as much again of what planners unroll."""
LEAST_MODELS = 4
_PASSING = ("optimiser", "embedding_optimiser", "average", "generator")
Unroll = Callable[[TaskModel], Model]


def plain_rollout(model: TaskModel) -> Rollout:
    """What a planner unrolls of a model of any features."""
    return Rollout(model.model, model.weights, model.normalisers, model.network)


class Knowledge:
    """Models of tasks, and their learning.

    Args:
        config: The run's settings.
        observation: Fields of the observation, the same for all tasks.
        action: Elements of the action, the same for all tasks.
        device: Where tensors live.
        features: What the models read and predict; every field of the observation by default.
        unroll: What a planner unrolls of a task's model.
        stride: Control steps that a model predicts at once, under the mean of their actions.

    Attributes:
        model: The dynamics model that all tasks share.
        strategy: Who makes the weights of every task.
        normalisers: Normalisers of every task that has begun.
        buffer: Transitions of the current task.
        task: The task that is learned; -1 before the first.
    """

    kind = MPC
    SETTINGS = MPC.settings

    def __init__(
        self,
        config: Config,
        observation: ObservationSpec,
        action: ActionSpec,
        device: torch.device | str = "cpu",
        *,
        features: Features | None = None,
        unroll: Unroll = plain_rollout,
        stride: int = 1,
    ) -> None:
        self.config = config
        self.device = torch.device(device)
        self.model = DynamicsModel(config.dynamics, observation, action, self.device, features)
        self.strategy: Strategy = make_strategy(
            config, self.model.network, torch_generator(config.seed, "strategy"), self.device
        )
        self.learner = Learner(config.learning, self.model, self.strategy)
        self.normalisers: dict[int, Normalisers] = {}
        self.evaluator = TaskLossEvaluator(self.model, self.normalisers, self.strategy)
        self.strategy.evaluator = self.evaluator
        self.buffer = Buffer(observation.size, action.size)
        self.task = -1
        self._sizes = (observation.size, action.size)
        self._unroll = unroll
        self._stride = stride
        self._computing = Computing()
        self._sessions = 0
        self._normalised = 0
        self._learned_once: set[int] = set()
        kept = max(LEAST_MODELS, MODEL_BYTES // (4 * self.model.network.size))
        self._models: Recent[int, TaskModel] = Recent(kept)
        self._rollouts: Recent[tuple[int, bool], Model] = Recent(kept)

    def compute_with(self, computing: Computing) -> None:
        """Have losses and rollouts computed by another one from now on."""
        self._computing = self.learner.computing = self.evaluator.computing = computing
        self._forget()

    # ------------------------------------------------------------------ tasks
    def begin_task(self, task: int) -> None:
        """Finish the current task, and learn another one from now on, or go on with it."""
        if self.task >= 0:
            self._learned_once.add(self.task)
            self.normalisers[self.task].freeze()
            self.strategy.end_task(self.rows().windows(self.config.dynamics.rollout, self.device))
        self.task = task
        self.buffer = Buffer(*self._sizes)
        self._normalised = 0
        if task not in self.normalisers:
            self.normalisers[task] = self.model.normalisers()
        self.strategy.begin_task(task)
        self._forget()

    def knows(self, task: int) -> bool:
        """Whether a task has been begun, so that it can be planned for."""
        return task in self.normalisers

    def learned_before(self, task: int) -> bool:
        """Whether a task was learned, and another one after it."""
        return task in self._learned_once

    def has_learned(self, task: int) -> bool:
        """Whether anything was learned of a task."""
        return task in self.normalisers and self.normalisers[task].features.count > 0

    # ------------------------------------------------------------------ learning
    def observe(self, transition: Transition) -> None:
        """Keep a transition of the current task to learn from."""
        if transition.task != self.task:
            raise ValueError(
                f"a transition of task {transition.task} was observed while task {self.task} is learned: "
                "begin an episode of it with explore=True first"
            )
        self.buffer.add(transition)

    def rows(self) -> Buffer:
        """The current task's transitions, of as many control steps as the model predicts at once."""
        return self.buffer if self._stride == 1 else self.buffer.strided(self._stride)

    def learn(self, budget: LearnBudget, rows: Buffer | None = None) -> LearnReport:
        """Spend gradient steps on the current task; with a closing budget the learning rate falls to its end.

        Without gradient steps nothing changes, the normalisers neither.

        Args:
            budget: Gradient steps.
            rows: What to learn from in place of :meth:`rows`; the normalisers still follow those.
        """
        if budget.steps <= 0:
            return LearnReport()
        own = self.rows()
        normalisers = self.normalisers[self.task]
        rate = self.config.learning.lr_decay**self._sessions
        start = self._start(own) if normalisers.features.count == 0 else None
        if start is not None and self.config.continual.start == "recalled":
            normalisers.begin_at(self.normalisers[start], rate * len(own))
        self._normalise(own, normalisers, rate)
        if start is not None:
            self.strategy.start_like(self.task, start)
        report = self.learner.session(
            own if rows is None else rows,
            normalisers,
            budget.steps,
            self.task,
            torch_generator(self.config.seed, "learn", self.task, self._sessions),
            rate=rate,
            closing=budget.closing,
            train_bounds=len(self._learned_once | {self.task}) == 1,
            told=budget.told,
        )
        self._sessions += 1
        self._forget()
        return report

    def _start(self, rows: Buffer) -> int | None:
        """The task that the current one starts like: the one that is named, or that predicts its rows best."""
        others = [task for task in self.normalisers if task != self.task]
        if not others or not self.strategy.STARTS_LIKE or self.config.continual.start == "fresh":
            return None
        like = self.config.continual.like
        return like if like in others else self.nearest(rows, others)

    def nearest(self, rows: Buffer, tasks: Sequence[int]) -> int:
        """The task whose model predicts transitions best, by the median error in deviations of their changes.

        Args:
            rows: The transitions.
            tasks: Tasks that have begun.
        """
        observation, action, after = rows.tensors(self.device)
        change = self.model.features.change(observation, after)
        unit = change.std(dim=0).clamp_min(1e-9)

        def error(task: int) -> float:
            residual = change - self.task_model(task).predict(observation, action)
            return float((residual / unit).abs().mean(dim=-1).median())

        return min(tasks, key=error)

    def _normalise(self, rows: Buffer, normalisers: Normalisers, weight: float) -> None:
        """Update the normalisers with the transitions that came since the last session."""
        start, self._normalised = self._normalised, len(rows)
        if normalisers.features.frozen or start == self._normalised:
            return
        observation, action, after = (part[start:] for part in rows.tensors(self.device))
        normalisers.features.update(self.model.features.encode(observation), weight)
        normalisers.actions.update(action, weight)
        normalisers.changes.update(self.model.features.change(observation, after), weight)

    # ------------------------------------------------------------------ models
    def task_model(self, task: int) -> TaskModel:
        """The model of a task that has begun."""
        return self._models.get(task, lambda: self._made(task))

    def _made(self, task: int) -> TaskModel:
        network = self.strategy.network_of(task)
        return TaskModel(self.model, self.strategy.weights(task), self.normalisers[task], network)

    def rollout(self, task: int, *, apart: bool = False) -> Model:
        """What a planner unrolls for a task; each member on its own with ``apart``."""
        return self._rollouts.get((task, apart), lambda: self._unrolled(task, apart))

    def _unrolled(self, task: int, apart: bool) -> Model:
        known = self.task_model(task)
        if not apart:
            return self._computing.unrolling(known, self._unroll)
        return Rollout(self.model, known.weights, known.normalisers, known.network, apart=True)

    def members(self, task: int) -> list[Model]:
        """A rollout of each member of the ensemble."""
        known = self.task_model(task)
        return [
            self._unroll(TaskModel(self.model, member, known.normalisers, alone))
            for alone, member in known.network.members(known.weights)
        ]

    def _forget(self) -> None:
        self._models.clear()
        self._rollouts.clear()

    # ------------------------------------------------------------------ what is measured
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

    def plasticity(self) -> Plasticity | None:
        """State of the current task's network on (up to 512 of) the task's transitions; ``None`` before there are."""
        count = len(self.buffer)
        if not count:
            return None
        index = np.linspace(0, count - 1, min(count, PROBES)).astype(np.int64)
        observation, action, _ = (rows[torch.from_numpy(index)] for rows in self.buffer.tensors(self.device))
        inputs = self.model.inputs(self.normalisers[self.task], observation, action)
        return plasticity(self.strategy.network_of(self.task), self.strategy.weights(self.task), inputs)

    # ------------------------------------------------------------------ persistence
    def state_dict(self) -> dict[str, Any]:
        """Parameters, optimisers, normalisers, buffer and counters."""
        return {
            "strategy": self.strategy.state_dict(),
            "model": self.model.state_dict(),
            "scales": {task: normalisers.state_dict() for task, normalisers in self.normalisers.items()},
            "buffer": self.buffer.state_dict(),
            "learning_task": self.task,
            "sessions": self._sessions,
            "normalised": self._normalised,
            "learned_once": sorted(self._learned_once),
            "old_rows": self.evaluator.old_rows,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        with restoring.part("strategy"):
            self.strategy.load_state_dict(state["strategy"])
        with restoring.part("model"):
            self.model.load_state_dict(state["model"])
        self.normalisers.clear()  # the loss evaluator holds it too
        for task, saved in state["scales"].items():
            self.normalisers[task] = self.model.normalisers()
            with restoring.part(f"scales/{task}"):
                self.normalisers[task].load_state_dict(saved)
        with restoring.part("buffer"):
            self.buffer.load_state_dict(state["buffer"])
        self.task = int(state["learning_task"])
        self._sessions = int(state["sessions"])
        self._normalised = int(state["normalised"])
        self._learned_once = set(state["learned_once"])
        self.evaluator.old_rows = int(state.get("old_rows", 0))
        self._forget()


def _bytes(state: Any) -> int:
    if isinstance(state, torch.Tensor):
        return state.numel() * state.element_size()
    if isinstance(state, Mapping):
        return sum(_bytes(part) for part in state.values())
    return sum(_bytes(part) for part in state) if isinstance(state, list | tuple) else 0
