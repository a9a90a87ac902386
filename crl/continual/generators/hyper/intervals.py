"""Interval arithmetic through networks: what is inside of the inputs' and weights' intervals comes out inside.

An interval is a pair of a centre and half widths, of one shape. For a product of intervals, |a b - a_c b_c| <=
|a_c| b_r + a_r |b_c| + a_r b_r (Moore 1966); an activation maps an interval onto the interval between its smallest and
largest values there, exactly.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from crl.dynamics.hypernetwork import FullHypernetwork
from crl.dynamics.network import ACTIVATIONS, TargetNetwork

Interval = tuple[Tensor, Tensor]
"""Centre and half widths."""
SILU_LOWEST = -1.2784645
"""Where silu, the one activation here that does not grow everywhere, is smallest."""


def generated(hypernetwork: FullHypernetwork, parameters: Mapping[str, Tensor], embeddings: Interval) -> Interval:
    """Intervals of weights [T, P] for intervals of embeddings [T, N]."""
    centre, radius = embeddings
    for layer in range(len(hypernetwork.config.hidden)):
        matrix, bias = parameters[f"trunk.{layer}.weight"], parameters[f"trunk.{layer}.bias"]
        centre, radius = activated(hypernetwork.config.activation, (centre @ matrix + bias, radius @ matrix.abs()))
    matrix, bias = parameters["head.weight"], parameters["head.bias"]
    return centre @ matrix + bias, radius @ matrix.abs()


def predicted(network: TargetNetwork, weights: Interval, inputs: Tensor) -> Interval:
    """Intervals of outputs [E, B, out] for intervals of weights [P] and inputs [E, B, in]."""
    centre, radius = inputs, torch.zeros_like(inputs)
    layers = list(zip(network.unpack(weights[0]), network.unpack(weights[1]), strict=True))
    for at, ((matrix, bias), (matrix_radius, bias_radius)) in enumerate(layers):
        width = centre.abs() @ matrix_radius + radius @ (matrix.abs() + matrix_radius) + bias_radius
        centre, radius = centre @ matrix + bias, width
        if at + 1 < len(layers):
            centre, radius = activated(network.activation, (centre, radius))
    return centre, radius


def activated(activation: str, interval: Interval) -> Interval:
    """The interval that an activation makes of one."""
    act = ACTIVATIONS[activation]
    low, high = interval[0] - interval[1], interval[0] + interval[1]
    at_low, at_high = act(low), act(high)
    if activation == "silu":
        lowest = act(torch.full_like(low, SILU_LOWEST))
        inside = (low < SILU_LOWEST) & (high > SILU_LOWEST)
        at_low, at_high = torch.minimum(at_low, at_high), torch.maximum(at_low, at_high)
        at_low = torch.where(inside, lowest, at_low)
    return (at_low + at_high) / 2, (at_high - at_low) / 2
