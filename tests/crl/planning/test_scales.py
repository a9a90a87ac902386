"""Noise of several scales: its deviations, and what it is for."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from crl.config import PlannerConfig
from crl.planning.colour import coloured, colouring
from crl.planning.planner import make_planner
from crl.types import ActionSpec

ACTION = ActionSpec(("force",), ("N",), (-1.0,), (1.0,))
GENTLE, STRONG = 0.05, 5.0


def test_sequences_have_the_scales_in_turn() -> None:
    matrix = colouring(2.0, 8)
    white = torch.randn(3000, 2, matrix.shape[1], generator=torch.Generator().manual_seed(0))
    one, three = coloured(white, matrix, 1), coloured(white, matrix, 3)
    for scale in range(3):
        torch.testing.assert_close(three[scale::3], one[scale::3] / 4**scale)
    assert float(one.std()) == pytest.approx(1.0, abs=0.03)


@pytest.mark.parametrize(("strength", "scales", "survives"), [(GENTLE, 1, True), (STRONG, 1, False), (STRONG, 4, True)])
def test_one_setting_serves_weak_and_strong_motors(strength: float, scales: int, survives: bool) -> None:
    """A point that actions drive must stay near 0: with a strong motor only small actions keep it there."""
    drawn: list[Tensor] = []

    def model(observation: Tensor, actions: Tensor) -> Tensor:
        drawn.append(actions)
        way = observation + strength * actions.cumsum(dim=1)
        return torch.cat([observation.expand(len(actions), 1, 1), way], dim=1)

    def alive(before: Tensor, action: Tensor, after: Tensor) -> Tensor:
        return torch.ones_like(after[..., 0])

    config = PlannerConfig(samples=32, horizon=10, rounds=1, elites=4, keep=1, std=0.5, scales=scales)
    planner = make_planner(config, ACTION)
    planner.until(lambda observation: observation[..., 0].abs() > 0.5)
    planner.plan(model, alive, torch.zeros(1), torch.Generator().manual_seed(0))
    returns = planner.returns(model, alive, torch.zeros(1), drawn[0][:32])  # without the mean, which stays at 0
    assert bool((returns == 10).any()) is survives
