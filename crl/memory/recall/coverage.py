"""Where a regime was seen: a few inputs that cover what its model was learned from, and how far another one is away.

A learned model is wrong where it was never taught. There a surprise says nothing of a change: the expectation is
widened by what the memory doubts of its model there, or, if it can't tell, with the distance to the nearest input that
was seen. That distance is a poor guide where many elements are read: a few inputs do not cover them. Only whether the
regime in force is over is judged so; recall compares in common units.
"""

from __future__ import annotations

import torch
from torch import Tensor

from crl.memory.models.base_model import BaseModel
from crl.memory.models.memory import Memory
from crl.memory.models.regime import Regime

MOST = 32
"""Inputs that are kept of a regime."""
SPACING = 0.25
"""Inputs nearer to each other than this (in deviations of what the network reads) are one."""
WIDER = 0.5
"""Deviations of the changes by which the expectation widens per unit of distance beyond the spacing."""


def add(regime: Regime, base: BaseModel, observation: Tensor, action: Tensor) -> None:
    """Note an input ([S] and [A]) that was learned, if none is near it and there is room."""
    row, inputs = (observation.unsqueeze(0), action.unsqueeze(0)), regime.inputs
    if inputs is None:
        regime.seen = (row[0].clone(), row[1].clone())
    elif len(inputs[1]) < MOST and float(distance(inputs, base, *row)) > SPACING:
        regime.seen = (torch.cat([inputs[0], row[0]]), torch.cat([inputs[1], row[1]]))


def join(regime: Regime, other: Regime, base: BaseModel) -> None:
    """Let a regime have the inputs of both, in turn, as long as there is room."""
    both = [entry.inputs for entry in (regime, other)]
    regime.seen = None
    for at in range(MOST):
        for inputs in both:
            if inputs is not None and at < len(inputs[1]):
                add(regime, base, inputs[0][at], inputs[1][at])


def widening(memory: Memory, regime: Regime, base: BaseModel, observation: Tensor, action: Tensor) -> Tensor:
    """What to add to the deviations of residuals, [N, D], at inputs [N, S] and [N, A]; 0 for a regime without any."""
    inputs = regime.inputs
    if inputs is None:
        return action.new_zeros(len(action), base.size)
    doubted = memory.doubt(regime.index, observation, action)
    if doubted is not None:
        return doubted
    beyond = (distance(inputs, base, observation, action) - SPACING).clamp_min(0.0)
    return WIDER * beyond.unsqueeze(-1) * base.scale


def distance(seen: tuple[Tensor, Tensor], base: BaseModel, observation: Tensor, action: Tensor) -> Tensor:
    """Distances [N] of inputs from the nearest one that was seen, per root of their number of elements."""
    apart = base.read(*seen).unsqueeze(0) - base.read(observation, action).unsqueeze(1)
    return apart.square().mean(dim=-1).amin(dim=1).sqrt()
