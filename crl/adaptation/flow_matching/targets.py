"""What a flow should make of a planned action: the action whose transition under the regime is nearest to the plan's.

One control step shows little of some commands: a set-point that a body follows over half a second, or one that is out
of its reach. There the nearest transition alone would allow any action. So the effective command of an action counts,
too, with a small weight.
"""

from __future__ import annotations

import torch
from torch import Tensor

from crl.adaptation.box import Box, box_least_squares
from crl.adaptation.identification.simulator import RegimeSimulator
from crl.adaptation.nominal_model import linearise

ITERATIONS = 3
CANDIDATES = 8
COMMAND = 0.01
"""Weight of the difference of commands, in half ranges, beside that of the changes, in deviations."""
ROWS = 1024
"""Rows that are solved at a time."""


def nearest_actions(
    simulator: RegimeSimulator,
    observation: Tensor,
    action: Tensor,
    regime: Tensor,
    box: Box,
    generator: torch.Generator,
) -> Tensor:
    """Actions a* [N, A] in ``box`` that minimise |(T(o, a*; regime) - T(o, a; nominal)) / scale|^2 + w |u(a*) - a|^2.

    With w = ``COMMAND`` and the command u that the body makes of a*, in half ranges.

    Starts from the best of the planned action and random candidates, then Gauss-Newton with the box kept exactly
    (one iteration solves a body that is linear in its command); only improvements are accepted. Where the command has
    no influence, a* is the planned action.

    Args:
        simulator: The body.
        observation: Observations [N, S].
        action: Planned actions [N, A].
        regime: Regimes [N, G].
        box: Where a* may lie; the action box, or a wider one.
        generator: For the candidates.
    """
    if action.shape[0] > ROWS:  # in parts that fit in a cache: twice as fast
        parts = zip(observation.split(ROWS), action.split(ROWS), regime.split(ROWS), strict=True)
        return torch.cat([nearest_actions(simulator, *part, box, generator) for part in parts])
    goal = torch.cat([simulator.nominal(observation, action) / simulator.scale, COMMAND**0.5 * action / box.half], -1)

    def shown(seen: Tensor, tried: Tensor) -> Tensor:
        under = regime_of(seen, regime)
        command = simulator.effective(tried, under)
        return torch.cat(
            [simulator.changed(seen, tried, under) / simulator.scale, COMMAND**0.5 * command / box.half], -1
        )

    def miss(tried: Tensor) -> Tensor:
        error = shown(observation, tried) - goal
        away = ((tried - action) / box.half).square().sum(dim=-1)
        return error.square().sum(dim=-1) + 1e-9 * away

    best = box.clip(action)
    least = miss(best)
    for _ in range(CANDIDATES):
        tried = box.sample(action.shape[0], generator)
        best, least = _improve(best, least, tried, miss(tried))
    for _ in range(ITERATIONS):
        value, slope = linearise(shown, observation, best, box)
        at = (best - box.middle) / box.half
        target = goal - value + (slope @ at.unsqueeze(-1)).squeeze(-1)
        ones = torch.ones(box.size)
        # The ridge pulls towards the plan, not towards where the search has got to.
        start = (action - box.middle) / box.half
        solved = box_least_squares(slope, target, start, Box(-ones, ones), ridge=1e-7)
        tried = box.middle + box.half * solved
        best, least = _improve(best, least, tried, miss(tried))
    return best


def regime_of(observation: Tensor, regime: Tensor) -> Tensor:
    """Regimes repeated for stacked copies of the rows: [N, G] -> [M, G] for observations [M, S], M a multiple of N."""
    return regime.repeat(observation.shape[0] // regime.shape[0], 1)


def _improve(best: Tensor, least: Tensor, tried: Tensor, value: Tensor) -> tuple[Tensor, Tensor]:
    better = value < least
    return torch.where(better.unsqueeze(-1), tried, best), torch.where(better, value, least)
