"""The box of actions, its coordinates, and least squares inside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from crl.types import ActionSpec


@dataclass(frozen=True)
class Box:
    """Lower and upper limits [A] of actions, in their own units."""

    low: Tensor
    high: Tensor

    @classmethod
    def of(cls, action: ActionSpec) -> Box:
        """The box of an action's limits."""
        return cls(torch.tensor(action.low), torch.tensor(action.high))

    @property
    def size(self) -> int:
        """Number A of action elements."""
        return int(self.low.shape[0])

    @property
    def middle(self) -> Tensor:
        """Centre [A]."""
        return (self.low + self.high) / 2

    @property
    def half(self) -> Tensor:
        """Half ranges [A]."""
        return (self.high - self.low) / 2

    def clip(self, action: Tensor) -> Tensor:
        """Actions [..., A] brought inside, element by element."""
        return torch.clamp(action, self.low.to(action), self.high.to(action))

    def scaled(self, factor: float | Tensor) -> Box:
        """The box ``factor`` times as wide, around the same centre; a factor for all elements, or one each, [A]."""
        if not isinstance(factor, Tensor) and factor == 1:
            return self
        return Box(self.middle - factor * self.half, self.middle + factor * self.half)

    def sample(self, count: int, generator: torch.Generator) -> Tensor:
        """Uniform actions [count, A]."""
        uniform = torch.rand(count, self.size, generator=generator)
        return self.low + (self.high - self.low) * uniform

    def to_flow(self, action: Tensor) -> Tensor:
        """Flow coordinates [..., A]: asinh of (action - middle) / half.

        Within the box they are nearly linear; beyond it equal *relative* errors count equally, which is what a flow
        that divides by a gain of 0.05 needs.
        """
        return torch.asinh((action - self.middle) / self.half)

    def from_flow(self, coordinates: Tensor) -> Tensor:
        """Actions [..., A] for flow coordinates."""
        return self.middle + self.half * torch.sinh(coordinates)


def box_least_squares(
    matrix: Tensor, target: Tensor, start: Tensor, box: Box, *, ridge: float = 1e-6, sweeps: int = 60
) -> Tensor:
    """Minimise |matrix x - target|^2 + ridge |x - start|^2 over the box, by cyclic coordinate descent.

    The problem is strictly convex, so that coordinate descent converges to its only solution (Tseng 2001). The
    ridge settles what the data leaves open: an element without any effect keeps its ``start``.

    Args:
        matrix: Effects of x, [N, D, A].
        target: What they should be, [N, D].
        start: Where to begin, and where to stay for want of reasons, [N, A]; it may lie outside the box.
        box: Limits of x.
        ridge: Weight of the distance to ``start``, relative to the largest squared column of the matrix.
        sweeps: Rounds over the elements.

    Returns:
        Solutions [N, A].
    """
    quadratic = matrix.mT @ matrix
    largest = quadratic.diagonal(dim1=-2, dim2=-1).amax(dim=-1, keepdim=True).clamp_min(1e-30)
    weight = ridge * largest
    linear = (matrix.mT @ target.unsqueeze(-1)).squeeze(-1) + weight * start
    quadratic = quadratic + torch.diag_embed(weight.expand_as(start))
    low, high = box.low.to(start), box.high.to(start)
    x = torch.clamp(start, low, high)
    diagonal = quadratic.diagonal(dim1=-2, dim2=-1)
    for _ in range(sweeps):
        before = x
        for i in range(box.size):
            others = (quadratic[:, i] * x).sum(dim=-1) - diagonal[:, i] * x[:, i]
            x = x.clone()
            x[:, i] = torch.clamp((linear[:, i] - others) / diagonal[:, i], low[i], high[i])
        if torch.equal(x, before):  # a sweep without effect has none the next time either
            break
    return x


def nearest_effect(effective: Callable[[Tensor], Tensor], planned: Tensor, box: Box) -> Tensor:
    """The action [A] in a box whose effect is nearest to a planned one [A], in half ranges; NaN if an effect is.

    Args:
        effective: The nominal commands [N, A] that actions [N, A] amount to; linearised about no command.
        planned: What the nominal body would be given.
        box: Limits of the action.
    """
    half, size = box.half, box.size
    points = torch.cat([torch.zeros(1, size), torch.diag(half)])
    effects = effective(points).to(planned) / half
    if not bool(torch.isfinite(effects).all()):
        return torch.full_like(planned, torch.nan)
    matrix, bias = (effects[1:] - effects[0]).T, effects[0]
    wanted, ends = planned / half, Box(box.low / half, box.high / half)
    solved = box_least_squares(matrix.unsqueeze(0), (wanted - bias).unsqueeze(0), wanted.unsqueeze(0), ends)
    return solved[0] * half
