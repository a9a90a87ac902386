"""Generative replay: CLNeRF, Cai and Mueller, ICCV 2023 (arXiv 2308.14816), section 4: the old model replays itself.

A model of a scene can render what it was trained on; only the camera's poses need to be kept. A dynamics model can
answer what it was trained on; only its inputs need to be known. When a task ends, mean and covariance of its normalised
inputs are kept, and the network before the current task answers draws of that Gaussian. Deviations: a Gaussian stands
for the kept poses, so that no input is kept either; a new task has a head in place of an embedding and a mask.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config.declared.components import PARTS
from crl.continual.generators.shared import SharedNetwork
from crl.continual.memories.answering import Answering
from crl.continual.part import Boundary
from crl.dynamics.windows import Windows

FLOOR = 1e-6
"""Added to the variances, so that a constant input has a Cholesky factor."""


class Generative(Answering):
    """The old model's answers to inputs like those of the task.

    Attributes:
        known: Of every finished task, mean and Cholesky factor of its inputs: [in + 1, in], the mean first.
    """

    STRENGTH = "generative_strength"
    OPTIONS: ClassVar[dict[str, Any]] = {"generative_strength": 1.0}
    SETTINGS = PARTS["generative"]
    BOUNDARY = Boundary.ROWS

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.known: dict[int, Tensor] = {}

    def inputs(self, task: int, count: int) -> Tensor | None:
        """Inputs [count, in] drawn from a finished task's Gaussian."""
        if task not in self.known:
            return None
        mean, factor = self.known[task][0], self.known[task][1:]
        return mean + torch.randn(count, len(mean), generator=self.generator).to(mean) @ factor.T

    def end_task(self, rows: Windows) -> None:
        """Fit the Gaussian."""
        inputs = self.host.evaluator.inputs(self.host.task, rows)
        mean = inputs.mean(dim=0)
        centred = (inputs - mean).double()
        covariance = centred.T @ centred / len(inputs) + FLOOR * torch.eye(len(mean), device=inputs.device)
        factor = torch.linalg.cholesky(covariance).to(inputs.dtype)
        self.known[self.host.task] = torch.cat([mean.unsqueeze(0), factor])

    def bytes_per_task(self) -> int:
        """A mean and a factor."""
        reads = self.host.network.layers[0][0]
        return 4 * reads * (reads + 1)

    def state_dict(self) -> dict[str, Any]:
        """The network that answers, and the Gaussians."""
        return {**super().state_dict(), "known": {task: value.clone() for task, value in self.known.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        reads = self.host.network.layers[0][0]
        self.known = restoring.tensors(state["known"], "known", self.host.trunk.new_empty(reads + 1, reads))
