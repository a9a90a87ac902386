"""Which regimes can't be told apart: by their predictions on a dense grid of commands, and wherever both were seen.

The grid has to be dense: a coarse one can't tell a dead zone from plain gains. But it is given at one observation, and
most of its commands may be ones that neither regime was ever given. There both may predict anything, so nothing is held
against them: two poles of other lengths and masses, kept upright by small commands, would look alike. So they are
compared at the inputs at which they were seen as well, where nothing is forgiven.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.quasirandom import SobolEngine

from crl.adaptation.box import Box
from crl.memory.models.base_model import BaseModel
from crl.memory.models.memory import Memory
from crl.memory.models.units import Units, mean_square
from crl.memory.recall.coverage import widening
from crl.memory.recall.likelihood import FIT

POINTS = 512
"""Commands of the grid."""
COMMON, NEAR = 0.2, 0.1
"""Share of the grid at which both regimes have to be known, and the widening (in deviations of changes) up to which
they count as known somewhere."""


def dense_grid(box: Box, points: int = POINTS) -> Tensor:
    """At least ``points`` commands [N, A] that fill a box: a lattice of two elements at most, else a Sobol sequence."""
    if box.size <= 2:
        axis = torch.linspace(-1, 1, math.ceil(points ** (1 / box.size)))
        unit = torch.cartesian_prod(*[axis] * box.size).view(-1, box.size)
    else:
        unit = 2 * SobolEngine(box.size).draw(points) - 1
    return box.middle + box.half * unit


def apart(
    memory: Memory, regime: int, base: BaseModel, units: Units, observation: Tensor, actions: Tensor
) -> dict[int, float]:
    """How far every other regime is from one: mean squares of the differences of their predictions.

    In common units, with the same share of the command's effect allowed as model error as in recall, and as much as
    either regime is far from where it was seen: what a network was never taught tells nothing apart. Regimes that were
    hardly seen at the same commands are infinitely far from each other. Where they differ more at the inputs at which
    both were seen (:func:`where_seen`), that is how far they are.

    Args:
        memory: The regimes.
        regime: The one.
        base: Says how far inputs are from each other.
        units: Common units.
        observation: Where the commands are given, [S].
        actions: The grid, [N, A].
    """
    rows = observation.expand(len(actions), -1)
    predicted = memory.predict(rows, actions)
    own = predicted[memory.order.index(regime)]
    effect = own - own.mean(dim=0)
    mine = widening(memory, memory.regimes[regime], base, rows, actions)
    found = {}
    for entry, other in zip(memory.regimes.values(), predicted, strict=True):
        if entry.index == regime:
            continue
        wider = mine + widening(memory, entry, base, rows, actions)
        common = bool((wider.amax(dim=-1) < NEAR * base.scale.amax()).float().mean() >= COMMON)
        found[entry.index] = float(mean_square(units.scaled(other - own, effect, wider))) if common else math.inf
        if found[entry.index] <= FIT:  # else they are apart already
            seen = where_seen(memory, (regime, entry.index), base, units, actions.mean(dim=0))
            found[entry.index] = max(found[entry.index], seen)
    return found


def where_seen(memory: Memory, pair: tuple[int, int], base: BaseModel, units: Units, neutral: Tensor) -> float:
    """Mean square of the differences of two regimes' predictions at inputs near which both were seen; 0 without any.

    Args:
        memory: The regimes.
        pair: The two.
        base: Says how far inputs are from each other.
        units: Common units.
        neutral: The action [A] that effects of commands are measured from.
    """
    entries = [memory.regimes[index] for index in pair]
    inputs = [seen for entry in entries if (seen := entry.inputs) is not None]
    if not inputs:
        return 0.0
    observation, action = (torch.cat(parts) for parts in zip(*inputs, strict=True))
    wider = [widening(memory, entry, base, observation, action) for entry in entries]
    near = [each.amax(dim=-1) < NEAR * base.scale.amax() for each in wider]
    rows = near[0] & near[1]
    if not bool(rows.any()):
        return 0.0
    observation, action = observation[rows], action[rows]
    at = [memory.order.index(index) for index in pair]
    one, other = memory.predict(observation, action)[at]
    effect = one - memory.predict(observation, neutral.expand_as(action))[at[0]]
    return float(mean_square(units.scaled(other - one, effect)))


def twin(
    memory: Memory, regime: int, base: BaseModel, units: Units, observation: Tensor, actions: Tensor
) -> int | None:
    """The nearest regime that can't be told from one; ``None`` if there is none. See :func:`apart`."""
    distances = apart(memory, regime, base, units, observation, actions)
    if not distances:
        return None
    nearest = min(distances, key=lambda index: distances[index])
    return nearest if distances[nearest] <= FIT else None
