"""What is left of the robot's authority: the nominal commands that some command inside the limits still amounts to.

A planner that samples in this box plans transitions that can be reached, so that a gain of 0.1 makes the robot slow
instead of lost: it knows that it cannot turn as fast as it used to.

An element that answers late reaches within a step only a share of what is asked, and asking for more costs: weak motors
spend on body rates that they do not reach the thrust that keeps the vehicle up. Its range shrinks to that share
(:meth:`crl.flow.responses.Responses.prompt`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from crl.flow.box import Box
from crl.flow.channels import damped_inverse
from crl.flow.identifier import Identifier
from crl.flow.regime import Regime
from crl.types import ActionSpec

SLOWEST = 0.25
"""Least share of its range that a slow element keeps: a plan has to be able to turn the vehicle at all."""

CAREFUL = 0.5
"""Share of its range in which what is fed back is planned, while the body is off nominal and nothing explains it."""


def reachable_box(identifier: Identifier, regime: Regime, box: Box) -> Box:
    """The smallest box around the nominal commands that are reachable under a regime, inside the action box.

    Computed from the corners, the faces' centres and the centre of the action box (3^A points), which is exact for a
    body that is affine in its command. Where channels are coupled the reachable set is no box: not all of this one is
    reachable, and the refiner takes the nearest that is. An interval that lies beyond the limits shrinks to the limit.
    Slow responses shrink it around the middle of the action box, to a quarter at the least.

    Args:
        identifier: Whose context the regime has.
        regime: The regime in force; a nominal one leaves the box as it is.
        box: The action box.
    """
    if not regime.active:
        return box
    corners = torch.tensor(list(itertools.product((-1.0, 0.0, 1.0), repeat=box.size)))
    actions = box.middle + box.half * corners
    commands = identifier.effective(actions, regime.context.expand(actions.shape[0], -1))
    if not bool(torch.isfinite(commands).all()):
        return box
    prompt = box.scaled(identifier.prompt(regime.context).clamp_min(SLOWEST))
    return Box(prompt.clip(commands.amin(dim=0)), prompt.clip(commands.amax(dim=0)))


@dataclass(frozen=True)
class Reach:
    """The nominal commands that are left to a body that couples its channels: a parallelepiped, and no box.

    With one side of a vehicle at a third of its speed, full speed and a turn to the weak side exclude each other, which
    the smallest box around what can be reached does not say. A plan that needs both would be executed as something
    else, at the choice of whoever corrects it; so plans are made of what remains of every command.

    Attributes:
        matrix: M, what the body makes of a command (in half ranges), [A, A].
        bias: b, what it adds, [A].
        box: The action box.
    """

    matrix: Tensor
    bias: Tensor
    box: Box

    @classmethod
    def of(cls, identifier: Identifier, context: Tensor, box: Box) -> Reach | None:
        """That under a context [C]; ``None`` if nothing is coupled: then :func:`reachable_box` says it all.

        ``None``, too, for an identifier that only approximates what commands do: to a gain of 0.05 its small couplings
        are large, and plans kept within them go nowhere.
        """
        if not identifier.affine:
            return None
        size = box.size
        points = torch.cat([torch.zeros(1, size), torch.diag(box.half)])
        done = identifier.effective(points, context.expand(size + 1, -1)) / box.half
        matrix = (done[1:] - done[0]).T
        coupled = (matrix - torch.diag(matrix.diagonal())).abs().max() > 1e-6
        return cls(matrix, done[0], box) if coupled and bool(torch.isfinite(done).all()) else None

    def __call__(self, planned: Tensor) -> Tensor:
        """What remains of planned actions [..., A]: the command of the action, clipped, that would do them."""
        half = self.box.half
        action = (planned / half - self.bias) @ self._inverse.T * half
        done: Tensor = self.box.clip(action) / half @ self.matrix.T + self.bias
        return done * half

    @cached_property
    def _inverse(self) -> Tensor:
        return damped_inverse(self.matrix)


def careful_box(elements: Sequence[int], box: Box) -> Box:
    """Where to plan while something is wrong with the body and nobody knows what: half the range of some elements.

    Gentle commands keep a body where its model is valid, so that what is wrong can be found, and late or overdone
    answers do the less harm. What carries the robot (thrust) must keep its range.

    Args:
        elements: Of the action, which are planned with care.
        box: The action box.
    """
    share = torch.ones(box.size)
    share[list(elements)] = CAREFUL
    return box.scaled(share)


def reachable_spec(action: ActionSpec, reachable: Box) -> ActionSpec:
    """The action as a planner should see it: the same names and units, the reachable range."""
    return replace(action, low=tuple(reachable.low.tolist()), high=tuple(reachable.high.tolist()))
