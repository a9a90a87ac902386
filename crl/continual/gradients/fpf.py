"""FPF: Zhao et al., ICML 2023 (arXiv 2304.04158): only what forgets is trained on the memory.

In all tasks but the first, the sensitivity of every matrix and bias of the trunk is measured: how far it moves in a
step, S = mean |theta_after - theta_before| over its weights and over the steps. Some transitions of every finished task
are kept. When a task ends, the fpf_share of the tensors with the largest S is trained on them for fpf_steps steps, with
the heads of all tasks, and the other tensors rest. Steps of the task itself replay nothing. Deviations: the paper
trains once, after the last task, which a robot does not know; it measures from epoch to epoch, and a robot has none; S
is over Adam's steps, whose sizes are alike, so it tells steady moves from moves back and forth.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config.declared.components import PARTS
from crl.continual.generators.shared import SharedNetwork
from crl.continual.gradients.gradient import Gradient
from crl.continual.memories.keeping import Keeping
from crl.continual.optimiser import Adam
from crl.continual.part import Host
from crl.dynamics.windows import Windows


class FPF(Keeping[SharedNetwork], Gradient[SharedNetwork]):
    """The tensors that move most are trained on the memory when a task ends.

    Attributes:
        sensitivity: Sum over steps of the mean absolute change of every tensor of the trunk, [tensors].
    """

    HOSTS = (Host.NETWORK,)
    SETTINGS = PARTS["fpf"]
    OPTIONS: ClassVar[dict[str, Any]] = {"fpf_share": 0.5, "fpf_steps": 200}
    FOLLOWS = True
    KEPT_ONCE = ("sensitivity",)

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.share = self.number("fpf_share", most=1)
        self.steps = self.whole("fpf_steps")
        sizes, total = host.network.tensor_sizes, len(host.trunk)
        self.sizes = [size for at, size in enumerate(sizes) if sum(sizes[: at + 1]) <= total]
        self.sensitivity = torch.zeros(len(self.sizes), device=host.device)

    def after_step(self, before: Mapping[str, Tensor]) -> None:
        """Measure how far every tensor moved."""
        if self.kept and self.host.moved:
            away = (self.host.trunk.detach() - before["trunk"]).abs()
            self.sensitivity += torch.stack([part.mean() for part in torch.split(away, self.sizes)])

    def chosen(self) -> Tensor:
        """The tensors that are trained: a mask [trunk]."""
        count = round(self.share * len(self.sizes))
        which = torch.zeros(len(self.sizes), dtype=torch.bool, device=self.host.device)
        which[self.sensitivity.topk(count).indices] = True
        return which.repeat_interleave(torch.tensor(self.sizes, device=self.host.device))

    def end_task(self, rows: Windows) -> None:
        """Keep some transitions, and train on all that are kept, if there are other tasks."""
        super().end_task(rows)
        if len(self.kept) > 1:
            self.finetune()

    def finetune(self) -> None:
        """Train the chosen tensors and the heads of all remembered tasks on the memory, one task a step."""
        host, chosen, tasks = self.host, self.chosen(), list(self.kept)
        heads = {f"head {task}": host.heads[task] for task in tasks}
        learned = {name: head.requires_grad for name, head in heads.items()}
        for head in heads.values():
            head.requires_grad_()
        optimiser = Adam({"trunk": host.trunk, **heads}, self.config.learning.lr, self.config.learning.clip)
        for _ in range(self.steps):
            task = tasks[int(torch.randint(len(tasks), (), generator=self.generator))]
            rows = self.kept[task].draw(self.config.learning.batch * host.network.ensemble, self.generator)
            optimiser.zero()
            host.evaluator.loss(task, host.join(task), rows).backward()
            if host.trunk.grad is not None:
                host.trunk.grad *= chosen
            optimiser.step()
        optimiser.zero()
        for name, head in heads.items():
            head.requires_grad_(learned[name])

    def state_dict(self) -> dict[str, Any]:
        """The kept transitions and what was measured."""
        return {**super().state_dict(), "sensitivity": self.sensitivity.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        self.sensitivity = restoring.tensor(state["sensitivity"], "sensitivity", self.sensitivity)
