"""Experts with non-linear residual gates: NoRGa, Le et al., NeurIPS 2024 (arXiv 2405.14124).

Prefix tuning is a mixture of experts: what was trained before and the prefixes share one softmax. NoRGa makes a
prefix's score s into s + alpha tanh(tau s), with alpha and tau learned. Here the expert of what was trained before is
the trunk of the first task, with score zero, and each later task adds an expert of low rank, which rests when the task
ends. A task mixes all experts there are with scores of its own:

W_t = W_0 + sum_i p_i A_i B_i,  p = softmax([0, s_1 + alpha tanh(tau s_1), ...]).

Deviations: scores belong to a task and not to an input, because a task's weights are one vector, which planners fold;
experts change matrices, since a regression has no attention that prefixes could join. A new task's own expert starts
with half of the weight; a task that comes back learns in its scores and head alone, because later tasks read its
expert.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.continual.generators.lora.apart import Apart


class Experts(Apart):
    """An expert per task; every task has scores for its own and all earlier ones.

    Attributes:
        scores: The current task's scores, and alpha and tau at last: [experts + 2].
        returned: Whether the current task is one that came back, so that its expert rests.
        finished_scores: The same of every finished task.
    """

    def _fresh(self) -> tuple[Tensor, Tensor]:
        fresh = super()._fresh()
        self.scores = torch.zeros(2, device=self.device)
        self.finished_scores: dict[int, Tensor] = {}
        self.returned = False
        return fresh

    def begin_task(self, task: int) -> None:
        """Go on with the task's own scores, or begin some: earlier experts evenly, its own as much as the rest."""
        self.returned = task in self.finished
        if self.based and task != self.task:
            self.scores = self.finished_scores[task].clone() if task in self.finished else self._even()
        super().begin_task(task)

    def _even(self) -> Tensor:
        known = len(self.finished)
        tail = [math.log(known + 1.0), 0.0, 1.0]  # the trunk's score is zero, so are those of all known experts
        return torch.tensor([0.0] * known + tail, device=self.device)

    def finish(self) -> None:
        """Keep the expert and the scores."""
        if not self.based:
            self.scores = self._even()
        super().finish()
        self.finished_scores[self.task] = self.scores.detach().clone()

    def learning(self) -> dict[str, Tensor]:
        """The expert and the scores of the current task."""
        return {"scores": self.scores} if self.returned else {**super().learning(), "scores": self.scores}

    def adapted(self, task: int, tensors: Mapping[str, Tensor]) -> Tensor:
        """The trunk with the task's mixture of experts, [trunk]."""
        current = task == self.task
        scores = tensors["scores"] if current else self.finished_scores[task]
        shares = mixture(scores)
        trunk = self.trunk
        for place, share in zip(self._experts(task, len(shares)), shares, strict=True):
            learns = current and place == task and not self.returned
            own = tensors["adapter"] if learns else self.finished[place]
            trunk = trunk + share * self.change(own)
        return trunk

    def _experts(self, task: int, count: int) -> list[int]:
        """The tasks whose experts a task mixes, in the order in which they were learned."""
        return [*self.finished, task][:count] if task not in self.finished else list(self.finished)[:count]

    def state_dict(self) -> dict[str, Any]:
        """The network, all experts and scores."""
        scores = {task: value.clone() for task, value in self.finished_scores.items()}
        own = {"scores": self.scores.detach().clone(), "finished_scores": scores, "returned": self.returned}
        return {**super().state_dict(), **own}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.returned = bool(state["returned"])
        self.scores = restoring.tensor(state["scores"], "scores", self.scores.detach(), (None,))
        super().load_state_dict(state)
        self.finished_scores = {
            task: restoring.tensor(value, f"finished_scores[{task}]", self.scores.detach(), (None,))
            for task, value in state["finished_scores"].items()
        }


def mixture(scores: Tensor) -> Tensor:
    """Shares p of the experts, [experts], beside the one of what was trained before.

    Args:
        scores: s of every expert, and alpha and tau, [experts + 2].
    """
    raw, alpha, tau = scores[:-2], scores[-2], scores[-1]
    gated = raw + alpha * torch.tanh(tau * raw)
    return torch.softmax(torch.cat([gated.new_zeros(1), gated]), dim=0)[1:]
