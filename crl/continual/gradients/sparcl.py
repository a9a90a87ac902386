"""SparCL: Wang et al., NeurIPS 2022 (arXiv 2209.09476): sparse weights and sparse gradients.

Only sparcl_density of every matrix is not zero. Every sparcl_every steps the connections are weighed by |w| +
sparcl_gradient * |g|, g being the gradient of the current task's loss and of what a memory beside it replays. The least
important sparcl_moved share is dropped, and as many others, drawn at random, begin at zero; a new task begins with that
many more, which the first weighing takes away. Between two weighings only the sparcl_learning share of the connections
with the largest gradients learns; biases and heads always do. Deviations: the gradients of task and memory are weighed
together; easy data are not removed, because a part has no say in which transitions a batch has; averaged weights
(``learning.average``) hold a rest of what was dropped lately, until the next task begins.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.continual.generators.shared import SharedNetwork
from crl.continual.gradients.gradient import Gradient
from crl.continual.networks.connections import drawn, matrices
from crl.continual.part import Host


class SparCL(Gradient[SharedNetwork]):
    """Few connections, few of which learn at a time.

    Attributes:
        mask: The connections, and all biases, [trunk].
        learns: Those that learn at present, [trunk].
        counted: Steps that moved something.
    """

    HOSTS = (Host.NETWORK,)
    OPTIONS: ClassVar[dict[str, Any]] = {
        "sparcl_density": 0.5,
        "sparcl_learning": 0.8,
        "sparcl_moved": 0.1,
        "sparcl_every": 100,
        "sparcl_gradient": 1.0,
    }
    KEPT_ONCE = ("mask", "learns")
    CORRECTS = FOLLOWS = True

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.density, self.share = self.number("sparcl_density", most=1), self.number("sparcl_learning", most=1)
        self.moving, self.every = self.number("sparcl_moved", most=1), self.whole("sparcl_every", least=1)
        self.weight, self.counted = self.number("sparcl_gradient"), 0
        self._gradient = torch.zeros_like(host.trunk.detach())
        self.matrices = matrices(host.network, host.trunk)
        self.mask = torch.ones_like(host.trunk, dtype=torch.bool)
        for matrix in self.matrices:
            self.mask[matrix] = False
            self.mask[drawn(matrix, self.count(matrix), self.generator)] = True
        self.learns = self.mask.clone()
        self._apply()

    def count(self, matrix: Tensor) -> int:
        """How many connections a matrix has."""
        return max(1, round(self.density * len(matrix)))

    def _apply(self) -> None:
        """Take away what is no connection."""
        with torch.no_grad():
            self.host.trunk.masked_fill_(~self.mask, 0.0)

    def begin_task(self, task: int) -> None:
        """Begin a new task with more connections, until the first weighing."""
        if task not in self.host.heads or len(self.host.heads) == 1:
            return
        self._apply()
        for matrix in self.matrices:
            self.mask[drawn(matrix[~self.mask[matrix]], int(self.moving * self.count(matrix)), self.generator)] = True
        self.learns = self.mask.clone()

    def transform(self, gradients: Mapping[str, Tensor]) -> None:
        """Take the gradients of what does not learn away."""
        if "trunk" in gradients:
            self._gradient = gradients["trunk"].abs()
            gradients["trunk"].masked_fill_(~self.learns, 0.0)

    def correct(self, changes: Mapping[str, Tensor]) -> None:
        """Take the changes of what does not learn away, which Adam's moments would make."""
        changes["trunk"].masked_fill_(~self.learns, 0.0)

    def after_step(self, before: Mapping[str, Tensor]) -> None:
        """Count the step, and weigh the connections when it is time."""
        del before
        self.counted += int(self.host.moved)
        if self.host.moved and self.counted % self.every == 0:
            self.weigh()

    def weigh(self) -> None:
        """Drop what is least important, grow as much, and choose what learns until the next time."""
        importance, old = self.host.trunk.detach().abs() + self.weight * self._gradient, self.mask.clone()
        for matrix in self.matrices:
            mine, free = matrix[old[matrix]], matrix[~old[matrix]]
            grown = drawn(free, int(self.moving * self.count(matrix)), self.generator)
            kept = mine[importance[mine].topk(min(len(mine), self.count(matrix) - len(grown))).indices]
            self.mask[matrix] = False
            self.mask[torch.cat([kept, grown])] = True
            self.learns[matrix] = self.mask[matrix]
            mine = matrix[self.mask[matrix]]
            rest = len(mine) - max(1, round(self.share * len(mine)))
            self.learns[mine[self._gradient[mine].topk(rest, largest=False).indices]] = False
        self._apply()
        self.host.optimiser.forget("trunk", old ^ self.mask)

    def state_dict(self) -> dict[str, Any]:
        """Both masks and the count."""
        return {"mask": self.mask.clone(), "learns": self.learns.clone(), "counted": self.counted}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.mask = restoring.tensor(state["mask"], "mask", self.mask)
        self.learns = restoring.tensor(state["learns"], "learns", self.learns)
        self.counted = int(state["counted"])
