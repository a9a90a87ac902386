"""Learned mixing: replayed tasks are drawn by how much they have lost on rows that are not replayed.

Exponentiated gradient on excess losses, as DoReMi weighs domains (Xie et al., NeurIPS 2023, arXiv 2305.10429, algorithm
1). Of the kept windows of a task the fourth quarter is for validation. Every mixing_every steps each earlier task's
loss on it is compared with that when the task ended, and its weight grows by the factor exp(mixing_rate * excess /
scale), scale being the mean loss at the end of the tasks. Tasks are drawn in proportion to the weights, a tenth evenly.
Deviations: the reference is the same network when the task ended, and not another one; the current task is always
learned, so that only earlier ones are mixed; a negative excess counts as zero.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch

from crl import restoring
from crl.continual.memories.memory import Memory
from crl.continual.part import HostT
from crl.dynamics.windows import Windows

EVEN = 0.1
"""Share of the draws that do not look at the weights."""


class Mixing(Memory[HostT]):
    """Tasks that were forgotten more are replayed more.

    Attributes:
        reference: Loss on the validation rows of every finished task when it ended.
        logs: Logarithms of the weights of the finished tasks.
        steps: Steps since the last comparison.
    """

    OPTIONS: ClassVar[dict[str, Any]] = {"mixing_every": 50, "mixing_rate": 0.5}

    def __init__(self, host: HostT, name: str) -> None:
        super().__init__(host, name)
        self.every = self.whole("mixing_every", least=1)
        self.rate = self.number("mixing_rate")
        self.reference: dict[int, float] = {}
        self.logs: dict[int, float] = {}
        self.steps = 0

    def _parts(self, task: int) -> tuple[Windows, Windows]:
        """What is replayed of a task, and what is for validation: a multiple of the ensemble's size."""
        kept, members = self.kept[task], self.host.network.ensemble
        count = max(1, len(kept) // 4 // members) * members
        index = torch.arange(max(len(kept), count), device=kept.observation.device) % len(kept)
        return kept.at(index[: max(1, len(kept) - count)]), kept.at(index[-count:])

    def weights(self) -> dict[int, float]:
        """Probability of every earlier task that can be replayed in this step."""
        allowed = self.host.replayable()
        others = [task for task in self.kept if task != self.host.task and (allowed is None or task in allowed)]
        if not others:
            return {}
        top = max(self.logs[task] for task in others)
        sizes = [math.exp(self.logs[task] - top) for task in others]
        even = EVEN / len(others)
        return {task: (1 - EVEN) * size / sum(sizes) + even for task, size in zip(others, sizes, strict=True)}

    def draw(self) -> tuple[int, Windows] | None:
        """An earlier task by its weight, and a batch of what is replayed of it."""
        found = self.weights()
        if not found or self.config.continual.replay_weight == 0:
            return None
        self._compare()
        chosen = torch.multinomial(torch.tensor(list(found.values())), 1, generator=self.generator)
        task = list(found)[int(chosen)]
        count = self.config.learning.batch * self.host.network.ensemble
        return task, self._parts(task)[0].draw(count, self.generator)

    def _compare(self) -> None:
        """Measure what the earlier tasks have lost, when it is time."""
        self.steps += 1
        if self.steps < self.every:
            return
        self.steps = 0
        scale = max(1e-8, sum(map(abs, self.reference.values())) / len(self.reference))
        for task in self.weights():
            lost = self._validate(task) - self.reference[task]
            if math.isfinite(lost):
                self.logs[task] += self.rate * min(4.0, max(0.0, lost) / scale)

    def _validate(self, task: int) -> float:
        with torch.no_grad():
            return float(self.loss(task, self.host.weights(task), self._parts(task)[1]))

    def end_task(self, rows: Windows) -> None:
        """Keep some of the task's transitions, and its loss now; all weights start anew."""
        super().end_task(rows)
        self.reference[self.host.task] = self._validate(self.host.task)
        self.logs = dict.fromkeys(self.kept, 0.0)
        self.steps = 0

    def state_dict(self) -> dict[str, Any]:
        """The kept transitions, losses and weights."""
        return {**super().state_dict(), "reference": dict(self.reference), "logs": dict(self.logs), "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        self.reference = {int(task): restoring.number(value, "reference") for task, value in state["reference"].items()}
        self.logs = {int(task): restoring.number(value, "logs") for task, value in state["logs"].items()}
        self.steps = int(state["steps"])
