"""Which learned task is in force, inferred from transitions alone: acting without labels.

The models of all learned tasks predict every transition. Residuals are compared in common units, and judged by
Student's t with few degrees of freedom (:mod:`crl.memory.recall.likelihood` says why both). What was seen long ago
counts less and less, so that a task that changes is noticed. Where the observation has event fields, transitions
without an event do not count: nothing that tells tasks apart happens in them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from crl.learning.knowledge import Knowledge
from crl.memory.models.regime import robust_scale
from crl.memory.models.units import Units
from crl.memory.recall.informative import informative
from crl.memory.recall.likelihood import log_likelihood
from crl.types import Transition

KEPT = 0.9
"""What is left of a transition's log-likelihood after each further informative one."""
SURE = math.log(10)
"""How much more likely (nats) another task must be before it takes over."""
FINEST = 1e-3
"""A common unit is at least this share of the deviation of changes."""
SAMPLE = 4096
"""Transitions that common units are measured on, at most."""


class TaskInference:
    """A posterior over the tasks that an agent has learned, from the transitions of one episode.

    Args:
        knowledge: The agent's models of tasks.
        tasks: Indices of the learned tasks.
    """

    def __init__(self, knowledge: Knowledge, tasks: Sequence[int]) -> None:
        self._models = [knowledge.task_model(task) for task in tasks]
        self._tasks = list(tasks)
        self._first = self._tasks.index(knowledge.task) if knowledge.task in self._tasks else len(tasks) - 1
        self._features = knowledge.model.features
        self._device = knowledge.device
        self._spread = torch.stack([model.scale for model in self._models]).median(dim=0).values
        self._units = Units(self._common_unit(knowledge))
        self.begin()

    def begin(self) -> int:
        """Forget the last episode; returns the task that is believed before anything is seen: the newest."""
        self._sums = torch.zeros(len(self._tasks), dtype=torch.float64)
        self._missed, self._moved = self._sums.clone(), 0.0
        self._believed = self._first
        return self.believed

    @property
    def believed(self) -> int:
        """Index of the task that is believed to be in force."""
        return self._tasks[self._believed]

    @property
    def posterior(self) -> list[float]:
        """Probability of every task, in the order of ``tasks``; equal priors."""
        return torch.softmax(self._sums, dim=0).tolist()

    @property
    def unexplained(self) -> float:
        """Share of the squared changes since the episode began, in deviations, that the best of the tasks misses."""
        return float(self._missed.min()) / self._moved if self._moved else 0.0

    def update(self, transition: Transition) -> int:
        """Take note of a transition; returns the task that is believed now."""
        before, action, after = (
            torch.as_tensor(part, dtype=torch.float32, device=self._device).unsqueeze(0)
            for part in (transition.observation, transition.executed, transition.next_observation)
        )
        change = self._features.change(before, after)
        if not bool(informative(self._features, change)):
            return self.believed
        residuals = torch.stack([change - model.predict(before, action) for model in self._models])
        found = log_likelihood(self._units.scaled(residuals, change)).squeeze(-1)
        self._sums = KEPT * self._sums + found.double().cpu()
        self._missed += (residuals / self._spread).square().sum(dim=(1, 2)).double().cpu()
        self._moved += float((change / self._spread).square().sum())
        best = int(self._sums.argmax())
        if float(self._sums[best] - self._sums[self._believed]) > SURE:
            self._believed = best
        return self.believed

    def _common_unit(self, knowledge: Knowledge) -> Tensor:
        """Robust deviation of the residuals of the task whose transitions are there, [D]."""
        spread, buffer = self._spread, knowledge.buffer
        if knowledge.task not in self._tasks or not len(buffer):
            return FINEST * spread
        rows = torch.linspace(0, len(buffer) - 1, min(len(buffer), SAMPLE)).long()
        before, action, after = (part[rows] for part in buffer.tensors(self._device))
        change = self._features.change(before, after)
        residuals = change - knowledge.task_model(knowledge.task).predict(before, action)
        return torch.maximum(robust_scale(residuals), FINEST * spread)
