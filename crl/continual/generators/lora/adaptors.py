"""EAR: Daniels et al. 2023 (arXiv 2308.02084): small adaptors on an encoder that rests, found by codes of the data.

The encoder is the network of the first task, an adaptor a change of low rank, and the task's head stands on top. In the
first learning step of a new task the batch gets the hyperdimensional code c, k = 1 ... 1024,

c_k = sign sum_i (r_k . h_i)(q_k . d_i),

h_i being what the first task's head reads of transition i, and a one, d_i how its answer would have to change (the
derivative of the loss), r_k and q_k random signs. The product binds what was read to what followed, the sum bundles the
batch: it is the derivative by the head. If mean_k c_k c'_k >= adaptors_similarity for a known code c', the task reads
the adaptor of the nearest, which rests, and learns a copy of its head; if not, an adaptor is added. Deviations: codes
of inputs alone can't tell bodies apart, whose inputs are normalised task by task, so what followed is bound in; all
adaptors have one shape; routes belong to a task (told, or inferred without labels) and not to an input, because a
task's weights are one vector; the first task has no code, its own network leaves noise; a task that comes back learns
in its head alone. Codes are of a body and of how its data came about: bodies share where both began to explore alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config.declared.components import GENERATORS
from crl.continual.generators.lora.apart import Apart
from crl.continual.strategy import Loss, Storage

SIZE = 1024  # elements of a code


class Adaptors(Apart):
    """Tasks with like codes share an adaptor.

    Attributes:
        routes: The task whose adaptor a task reads; of all finished ones, and of the current one if it shares.
        codes: Codes, [1024] of -1, 0 and 1, of tasks with adaptors of their own; ``code``: the current one's, or zeros.
        first_head: The head of the first task when it ended, [head].
    """

    SETTINGS = GENERATORS["adaptors"]
    HEADS = True
    OPTIONS: ClassVar[dict[str, Any]] = {**Apart.OPTIONS, "adaptors_similarity": 0.65}
    kept_once = (*Apart.kept_once, "first_head", "code")

    def _fresh(self) -> tuple[Tensor, Tensor]:
        self.similarity = self.option("adaptors_similarity")
        self.routes, self.codes = dict[int, int](), dict[int, Tensor]()
        self.code = torch.zeros(SIZE, dtype=torch.int8, device=self.device)
        trunk, self.first_head = super()._fresh()
        return trunk, self.first_head

    def step(self, loss: Loss) -> dict[str, Tensor]:
        """Decide, if nothing was decided yet, and take one gradient step."""
        if self.based and self.task not in self.routes and not self.still and not self.code.any():
            self._decide(loss)
        return super().step(loss)

    def _decide(self, loss: Loss) -> None:
        weights = torch.cat([self.trunk.detach(), self.first_head]).requires_grad_()
        (derivative,) = torch.autograd.grad(loss(weights), weights)
        if not torch.isfinite(derivative).all():
            return
        self.code = code(torch.cat(self.network.unpack(derivative)[-1], dim=1))
        near = {task: float((self.code.float() * known).mean()) for task, known in self.codes.items()}
        nearest = max(near, key=lambda task: near[task], default=self.task)
        if near.get(nearest, -1.0) >= self.similarity:
            self.routes[self.task] = nearest
            self.heads[self.task] = self.heads[nearest].clone()
            self._start_task()

    def learning(self) -> dict[str, Tensor]:
        """The adaptor of a task that has one of its own and has not ended yet."""
        return {} if self.task in self.routes else super().learning()

    def adapted(self, task: int, tensors: Mapping[str, Tensor]) -> Tensor:
        """The trunk with the adaptor that the task reads, [trunk]."""
        return self.trunk + self.change(self.finished[self.routes[task]] if task in self.routes else tensors["adapter"])

    def finish(self) -> None:
        """Keep the adaptor and the code of a task that has them for itself."""
        if not self.based:
            self.first_head = self.heads[self.task].detach().clone()
        if self.task not in self.routes:
            super().finish()
            self.routes[self.task] = self.task
            if self.based:
                self.codes[self.task] = self.code
        self.code = torch.zeros_like(self.code)

    def storage(self) -> Storage:
        """A head, and the share of tasks that have an adaptor and a code of their own."""
        kept = 4 * self.adapter.numel() * len(self.finished) + SIZE * len(self.codes)
        return self._with_parts(4 * len(self._next_head) + kept // max(1, len(self.routes)))

    def state_dict(self) -> dict[str, Any]:
        """The network, adaptors, codes and routes."""
        own = {"routes": dict(self.routes), "codes": dict(self.codes)}  # nothing of the latter changes in place
        return {**super().state_dict(), **own, "code": self.code, "first_head": self.first_head}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.routes = dict(state["routes"])
        super().load_state_dict(state)
        self.code = restoring.tensor(state["code"], "code", self.code)
        self.codes = restoring.tensors(state["codes"], "codes", self.code)
        self.first_head = restoring.tensor(state["first_head"], "first_head", self.first_head)


def code(bound: Tensor) -> Tensor:
    """The code [1024] of the sum [E, h, out] over transitions of what was read times what followed."""
    members, read, said = bound.shape
    signs = 2.0 * torch.randint(2, (members * read + said, SIZE), generator=torch.Generator().manual_seed(0)) - 1
    q, r = signs[:said].to(bound), signs[said:].to(bound).view(members, read, SIZE)
    return torch.sign((torch.einsum("eho,ehk->ok", bound, r) * q).sum(dim=0)).to(torch.int8)
