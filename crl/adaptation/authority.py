"""The robot's remaining authority under a context: the nominal commands that some command inside the limits amounts to.

A planner that samples in this box plans transitions that the body can reach. With a gain of 0.1 the robot is then slow,
but it knows that it cannot turn as fast as before, and does not get lost.

A slow element reaches within a step only a share of what is asked, and asking for more costs: weak motors that spend
their range on body rates lack it for the thrust that keeps the vehicle up. The element's range shrinks to that share
(:meth:`crl.adaptation.identification.responses.Responses.usable_share`).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from crl.adaptation.box import Box
from crl.adaptation.identification.channels import damped_inverse
from crl.adaptation.identification.identifier import Identifier
from crl.types import ActionSpec

SLOWEST = 0.25
"""Least share of its range that a slow element keeps: a plan has to be able to turn the vehicle at all."""
CAREFUL = 0.5
"""Share of its range in which an element is planned while the body is off nominal and no hypothesis explains it."""
DEAD = 0.1
"""Share of its range below which an element seems to be dead."""


def reachable_box(identifier: Identifier, context: Tensor, box: Box) -> Box:
    """The smallest box around the nominal commands that are reachable under a context, inside the action box.

    Computed from the corners, the centres of the faces and the centre of the action box (3^A points). This is exact for
    a body that is affine in its command. Where channels are coupled the reachable set is smaller than this box, and the
    refiner takes the nearest reachable command. An interval beyond the limits shrinks to the limit. Slow responses
    shrink the box around the middle of the action box, to a quarter at the least.

    Args:
        identifier: Whose context it is.
        context: The context, [C].
        box: The action box.
    """
    corners = torch.tensor(list(itertools.product((-1.0, 0.0, 1.0), repeat=box.size)))
    actions = box.middle + box.half * corners
    commands = identifier.effective(actions, context.expand(actions.shape[0], -1))
    if not bool(torch.isfinite(commands).all()):
        return box
    usable = box.scaled(identifier.usable_share(context).clamp_min(SLOWEST))
    return Box(usable.clip(commands.amin(dim=0)), usable.clip(commands.amax(dim=0)))


def seems_dead(reachable: Box, box: Box) -> bool:
    """Whether some element of the action is out of reach, except for a small remainder."""
    return bool((reachable.half < DEAD * box.half).any())


@dataclass(frozen=True)
class Reach:
    """The nominal commands that a body with coupled channels can still reach: a parallelepiped, not a box.

    With one side of a vehicle at a third of its speed, full speed and a turn to the weak side exclude each other. The
    smallest box around the reachable commands does not show that. A plan that needs both would be executed as something
    else. So plans are made of the reachable part of every command.

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
        """The reach under a context [C]; ``None`` if no channels are coupled: then :func:`reachable_box` is exact.

        It is ``None``, too, for an identifier that only approximates what commands do. Its small couplings are large
        beside a gain of 0.05, and plans kept within them go nowhere.
        """
        if not identifier.affine:
            return None
        size = box.size
        points = torch.cat([torch.zeros(1, size), torch.diag(box.half)])
        commands = identifier.effective(points, context.expand(size + 1, -1)) / box.half
        matrix = (commands[1:] - commands[0]).T
        coupled = (matrix - torch.diag(matrix.diagonal())).abs().max() > 1e-6
        return cls(matrix, commands[0], box) if coupled and bool(torch.isfinite(commands).all()) else None

    def __call__(self, planned: Tensor) -> Tensor:
        """The reachable part of planned actions [..., A]: the effect of the clipped action that aims at them."""
        half = self.box.half
        action = (planned / half - self.bias) @ self._inverse.T * half
        reached: Tensor = self.box.clip(action) / half @ self.matrix.T + self.bias
        return reached * half

    @cached_property
    def _inverse(self) -> Tensor:
        return damped_inverse(self.matrix)


def careful_box(elements: Sequence[int], box: Box) -> Box:
    """Where to plan while the body is off nominal and no hypothesis explains it: half the range of some elements.

    Gentle commands keep a body where its model is valid, so that the fault can be identified, and late or excessive
    responses do less harm. The element that carries the robot (thrust) must keep its range.

    Args:
        elements: Elements of the action that are planned with care.
        box: The action box.
    """
    share = torch.ones(box.size)
    share[list(elements)] = CAREFUL
    return box.scaled(share)


def reachable_spec(action: ActionSpec, reachable: Box) -> ActionSpec:
    """The action as a planner should see it: the same names and units, the reachable range."""
    return replace(action, low=tuple(reachable.low.tolist()), high=tuple(reachable.high.tolist()))
