"""The sum of squared distances between generated weights of very many tasks, at a cost that hardly grows with them.

The weights of a full hypernetwork are linear in its last hidden layer: w_j = b + h_j M, with h_j [h] and the head M
[h, P]. The distance from what a snapshot (b*, M*) generates is, in differences,

    d_j = (b - b*) + h_j (M - M*) + (h_j - h*_j) M* = f_j V,
    f_j = [1, h_j, h_j - h*_j],  V = [b - b*; M - M*; M*]  [2h + 1, P].

So the sum over n tasks is sum_j f_j G f_j^T with the Gram matrix G = V V^T, and its gradient in the upper rows of V is
2 (F^T F) V: two products whose size does not depend on n. The differences keep the precision: with w_j and w*_j
themselves, their squares would cancel.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

LEAST_TASKS = 16
"""Fewer tasks are always summed one by one."""
PASSES = 160
"""What the element-wise operations of the plain sum cost, as floating point operations of a product per weight and
task: so that both take the same time where they were measured to (45 tasks; the paper's pusher network, one core of an
AMD EPYC with AVX-512, torch 2.13)."""


def pays(tasks: int, hidden: int) -> bool:
    """Whether the Gram form is expected to take less time than the plain sum.

    Args:
        tasks: Tasks n of the sum.
        hidden: Units h of the last hidden layer.
    """
    plain = tasks * (6 * hidden + PASSES)  # a product forwards, two backwards
    gram = 4 * (hidden + 1) * (2 * hidden + 1)  # G, and the gradient
    return tasks >= LEAST_TASKS and gram < plain


class OutputDistance:
    """Sum of squared distances of what is generated now from what a snapshot generates.

    Args:
        bias: Bias b* of the snapshot's head, [P].
        head: Its matrix M*, [h, P].
        hidden: Its last hidden layer h*_j for all n tasks, [n, h].
    """

    def __init__(self, bias: Tensor, head: Tensor, hidden: Tensor) -> None:
        units, weights = head.shape
        self._bias, self._hidden = bias, hidden
        self._stacked = head.new_empty(2 * units + 1, weights)
        self._stacked[units + 1 :] = head
        self.head = self._stacked[units + 1 :]
        """M* again: whoever keeps this view in place of the matrix saves its memory."""
        self._gram = head.new_empty(2 * units + 1, 2 * units + 1)
        self._gram[units + 1 :, units + 1 :] = self.head @ self.head.T

    def __call__(self, bias: Tensor, head: Tensor, hidden: Tensor) -> Tensor:
        """The sum (scalar), differentiable.

        Args:
            bias: Bias b now, [P].
            head: Matrix M now, [h, P].
            hidden: Last hidden layer h_j now, [n, h].
        """
        factors = torch.cat([hidden.new_ones(len(hidden), 1), hidden, hidden - self._hidden], dim=1)
        total: Tensor = _Sum.apply(self, factors, bias, head)  # type: ignore[no-untyped-call]
        return total

    def sum(self, factors: Tensor, bias: Tensor, head: Tensor) -> tuple[Tensor, Tensor]:
        """The sum for factors F [n, 2h + 1], and F G [n, 2h + 1]."""
        moved = len(head) + 1
        torch.sub(bias, self._bias, out=self._stacked[0])
        torch.sub(head, self.head, out=self._stacked[1:moved])
        upper = torch.mm(self._stacked[:moved], self._stacked.T, out=self._gram[:moved])
        self._gram[moved:, :moved] = upper[:, moved:].T
        weighed = factors @ self._gram
        return torch.dot(weighed.flatten(), factors.flatten()), weighed

    def gradient(self, factors: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """``scale`` times the gradient of the last :meth:`sum`, in the bias [P] and the head [h, P]."""
        moved = len(self._stacked) // 2 + 1
        found = torch.mm(2 * scale * (factors[:, :moved].T @ factors), self._stacked)
        return found[0], found[1:]


class _Sum(torch.autograd.Function):
    """:meth:`OutputDistance.sum` with the gradient that is known for it."""

    @staticmethod
    def forward(ctx: Any, distance: OutputDistance, factors: Tensor, bias: Tensor, head: Tensor) -> Tensor:
        total, weighed = distance.sum(factors, bias, head)
        ctx.distance = distance
        ctx.save_for_backward(factors, weighed)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, scale: Tensor) -> tuple[None, Tensor, Tensor, Tensor]:
        factors, weighed = ctx.saved_tensors
        return None, 2 * scale * weighed, *ctx.distance.gradient(factors, scale)
