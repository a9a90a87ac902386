"""Selection by reconstruction and a gated regulariser: after CLeaR, He and Sick 2021 (AI Perspectives 3:2).

CLeaR learns regressions one after another. A sample that an autoencoder reconstructs badly is novel and is kept to
learn from; one that it reconstructs well is familiar. A gate opens the update where errors are above a limit, and a
regulariser holds what was learned. Here both act on the memory of :mod:`crl.continual.memories.clonex`.

Selection: the inputs x of a task that ends are reconstructed from those kept so far by kernel regression, k(x, x') =
exp(-||x - x'||^2 / in), with the squared error k(x, x) - k_S(x)^T K_S^-1 k_S(x). Kept next is the input that lowers the
mean error of all inputs most, up to continual.memory.
Gate: an answer that has moved by d_i = E ||f(x_i; theta) - y_i||^2 costs replay_weight * d_i if d_i > selected_gate *
e, and nothing otherwise, e being the mean squared error of the answers y when the task ended: to move by less than what
was wrong anyway is free, and leaves room to learn.

Deviations: an input has a few numbers, of which an autoencoder learns the identity, so a kernel reconstructs; samples
are selected when a task ends and not one by one; to keep what is reconstructed worst, as CLeaR does, keeps extremes
here, and leaves more error than random ones; the regulariser is on answers, where CLeaR's is on weights (online EWC),
so that there is a gate per sample.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config.declared.components import PARTS
from crl.continual.memories.clonex import ClonEx
from crl.continual.part import HostT
from crl.dynamics.windows import Windows

EXACT = 1e-9
"""Inputs whose squared error is below this are reconstructed: no more are kept."""
CONSIDERED = 1024
"""Inputs of a task that are considered, at most: their kernel matrix is computed."""


class Selected(ClonEx[HostT]):
    """Inputs that reconstruct the others are kept; answers to them that moved too far are drawn back.

    Attributes:
        errors: e of every finished task.
    """

    SETTINGS = PARTS["selected"]
    OPTIONS: ClassVar[dict[str, Any]] = {"selected_gate": 0.1}

    def __init__(self, host: HostT, name: str) -> None:
        super().__init__(host, name)
        self.gate = self.number("selected_gate")
        self.errors: dict[int, float] = {}

    def choose(self, rows: Windows) -> Windows:
        """The windows whose inputs reconstruct all others."""
        considered = rows.choose(CONSIDERED, self.generator)
        inputs = self.host.evaluator.inputs(self.host.task, considered)
        return considered.at(selection(inputs, self.config.continual.memory))

    def cost(self, task: int, distance: Tensor) -> Tensor:
        """The mean of those squared distances [E, N, out] of a task's answers whose gate is open."""
        moved = distance.mean(dim=(0, 2))
        return torch.where(moved > self.gate * self.errors[task], moved, 0.0).mean()

    def end_task(self, rows: Windows) -> None:
        """Keep some of the task's transitions, what is said about them, and how wrong that is."""
        super().end_task(rows)
        task = self.host.task
        observed = self.host.evaluator.targets(task, self.kept[task])
        said = self.outputs[task][..., : observed.shape[-1]]
        self.errors[task] = float((said - observed).square().mean())

    def state_dict(self) -> dict[str, Any]:
        """The kept transitions, outputs and errors."""
        return {**super().state_dict(), "errors": dict(self.errors)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        self.errors = {task: restoring.number(value, "errors") for task, value in state["errors"].items()}


def selection(inputs: Tensor, count: int) -> Tensor:
    """Places of at most so many inputs [N, in]; each lowers the error of reconstructing all of them most."""
    left = torch.exp(-torch.cdist(inputs.double(), inputs.double()).square() / inputs.shape[1])
    places: list[int] = []
    for _ in range(min(count, len(inputs))):
        errors = left.diagonal()
        if float(errors.max()) < EXACT:
            break
        gains = torch.where(errors > EXACT, left.square().sum(dim=0) / errors, 0.0)
        places.append(int(gains.argmax()))
        column = left[:, places[-1]]
        left = left - torch.outer(column, column) / column[places[-1]]
    return torch.tensor(places, device=inputs.device)
