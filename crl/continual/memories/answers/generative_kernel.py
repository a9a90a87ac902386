"""Generative kernel continual learning: Derakhshani et al. 2021 (arXiv 2112.13410).

A task's head is not trained on old data but solved for: kernel ridge regression on what a generative model draws, with
a kernel on the trunk's features. With features Phi [N, h + 1] (a one at last) of N drawn inputs and the answers Y that
the network before the current task gives, the head is Phi^T (Phi Phi^T + generative_kernel_ridge * N I)^-1 Y. In every
step one half of a draw makes the head of an earlier task, and the trunk is trained so that this head answers the other
half; when the task ends, the heads of all earlier tasks are solved for anew. Deviations: the generative model is the
Gaussian of a task's inputs (:mod:`crl.continual.memories.answers.generative`) and not a variational autoencoder, since
inputs have a few numbers and not an image's; the kernel is that of the features, which a head can read, and not of
random Fourier features of them, which would be a layer that the network has not; so the contrastive loss on them is
left out, too.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from crl.config.declared.components import PARTS
from crl.continual.generators.shared import SharedNetwork
from crl.continual.memories.answers.generative import Generative
from crl.dynamics.windows import Windows
from crl.errors import SettingsError

ROWS = 512
"""Drawn inputs that a head is solved from when a task ends."""


class GenerativeKernel(Generative):
    """Heads of earlier tasks are solved for, from inputs that are drawn."""

    STRENGTH = "generative_kernel_strength"
    OPTIONS: ClassVar[dict[str, Any]] = {"generative_kernel_strength": 1.0, "generative_kernel_ridge": 1e-4}
    SETTINGS = PARTS["generative_kernel"]

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.ridge = self.number("generative_kernel_ridge", least=1e-8)
        if not host.head_per_task():
            raise SettingsError(
                f"{name} solves for the heads of tasks, and with continual.heads=shared they have none of their own",
                "set continual.heads=task",
            )

    def asked(self, task: int, count: int) -> tuple[Tensor, Tensor] | None:
        """Drawn inputs [1, count, in] of an earlier task, and the answers [E, count, out]; ``None``: it is unknown."""
        inputs = self.inputs(task, count)
        if inputs is None:
            return None
        with torch.no_grad():
            before = torch.cat([self.before, self.host.heads[task]])
            return inputs.unsqueeze(0), self.host.network.forward(before, inputs.unsqueeze(0))

    def features(self, trunk: Tensor, inputs: Tensor) -> Tensor:
        """What a head reads, with a one at last: [E, N, h + 1]."""
        network = self.host.network
        weights = torch.cat([trunk, trunk.new_zeros(network.head_size)])
        read = network.layer_inputs(weights, inputs)[-2]
        return torch.cat([read, torch.ones_like(read[..., :1])], dim=-1)

    def replay(self) -> Tensor | None:
        """How far a head that is solved from one half of a draw is from the answers to the other half."""
        others = [task for task in self.host.heads if task != self.host.task]
        if not others or self.strength == 0:
            return None
        task = others[int(torch.randint(len(others), (), generator=self.generator))]
        half = self.config.learning.batch
        drawn = self.asked(task, 2 * half)
        if drawn is None:
            return None
        features, answers = self.features(self.host.trunk, drawn[0]), drawn[1]
        head = solve(features[:, :half], answers[:, :half], self.ridge)
        return self.strength * (features[:, half:] @ head - answers[:, half:]).square().mean()

    def end_task(self, rows: Windows) -> None:
        """Solve for the heads of all other tasks, and fit the Gaussian of this one."""
        trunk = self.host.trunk.detach()
        for task in [task for task in self.known if task != self.host.task]:
            drawn = self.asked(task, ROWS)
            assert drawn is not None
            head = solve(self.features(trunk, drawn[0]), drawn[1], self.ridge)
            matrix, bias = head[:, :-1], head[:, -1:]
            self.host.heads[task] = torch.cat([matrix.flatten(), bias.flatten()])
        super().end_task(rows)


def solve(features: Tensor, targets: Tensor, ridge: float) -> Tensor:
    """Kernel ridge regression: weights [E, h, out] for features [E, N, h] and targets [E, N, out].

    Args:
        features: What the weights read.
        targets: What they are to say.
        ridge: Penalty on their squares, per row.
    """
    rows = features.shape[1]
    kernel = features @ features.mT + ridge * rows * torch.eye(rows, device=features.device)
    solved: Tensor = torch.linalg.solve(kernel, targets)
    return features.mT @ solved
