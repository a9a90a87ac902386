"""What is left of the robot's authority: the nominal commands that some command inside the limits still amounts to.

A planner that samples in this box plans transitions that can be reached, so that a gain of 0.1 makes the robot slow
instead of lost: it knows that it cannot turn as fast as it used to.
"""

from __future__ import annotations

import itertools
from dataclasses import replace

import torch

from crl.flow.box import Box
from crl.flow.identifier import Identifier
from crl.flow.regime import Regime
from crl.types import ActionSpec


def reachable_box(identifier: Identifier, regime: Regime, box: Box) -> Box:
    """The smallest box around the nominal commands that are reachable under a regime, inside the action box.

    Computed from the corners, the faces' centres and the centre of the action box (3^A points), which is exact for a
    body that is affine in its command. Where channels are coupled the reachable set is no box: not all of this one is
    reachable, and the refiner takes the nearest that is. An interval that lies beyond the limits shrinks to the limit.

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
    return Box(box.clip(commands.amin(dim=0)), box.clip(commands.amax(dim=0)))


def reachable_spec(action: ActionSpec, reachable: Box) -> ActionSpec:
    """The action as a planner should see it: the same names and units, the reachable range."""
    return replace(action, low=tuple(reachable.low.tolist()), high=tuple(reachable.high.tolist()))
