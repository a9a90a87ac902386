"""Least squares inside a box against a fine grid; coordinates; the nearest action under a regime."""

from __future__ import annotations

import pytest
import torch

from crl.adaptation.box import Box, box_least_squares
from crl.adaptation.flow_matching.targets import nearest_actions
from crl.config.sections.flow import FlowConfig
from tests.crl.adaptation import bodies
from tests.oracles import unicycle

BOX = Box(torch.tensor([-1.0, -0.5]), torch.tensor([0.5, 2.0]))


def test_least_squares_in_the_box_beat_every_point_of_a_grid() -> None:
    generator = torch.Generator().manual_seed(0)
    matrix, target = torch.randn(40, 3, 2, generator=generator), 3 * torch.randn(40, 3, generator=generator)
    found = box_least_squares(matrix, target, torch.zeros(40, 2), BOX)
    assert bool((BOX.clip(found) == found).all())
    grid = torch.cartesian_prod(torch.linspace(-1, 0.5, 101), torch.linspace(-0.5, 2, 101))

    def cost(x: torch.Tensor) -> torch.Tensor:
        return ((matrix.unsqueeze(1) @ x.unsqueeze(-1)).squeeze(-1) - target.unsqueeze(1)).square().sum(dim=-1)

    best = cost(grid.expand(40, -1, -1)).amin(dim=1)
    ours = cost(found.unsqueeze(1))[:, 0]
    assert bool((ours <= best + 1e-4).all())
    assert float((best - ours).max()) < 0.05  # the grid is fine enough to have caught a worse solution


def test_an_element_without_effect_keeps_its_start() -> None:
    matrix = torch.tensor([[[1.0, 0.0], [0.5, 0.0]]])
    found = box_least_squares(matrix, torch.tensor([[0.2, 0.1]]), torch.tensor([[0.4, 1.3]]), BOX)
    torch.testing.assert_close(found, torch.tensor([[0.2, 1.3]]), atol=1e-4, rtol=0)


def test_flow_coordinates_are_undone() -> None:
    actions = BOX.scaled(20).sample(100, torch.Generator().manual_seed(0))
    torch.testing.assert_close(BOX.from_flow(BOX.to_flow(actions)), actions, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("gains", unicycle.GAINS)
@pytest.mark.parametrize("wide", [1.0, 25.0])
def test_the_nearest_action_of_the_unicycle_is_the_quotient_clipped(gains: tuple[float, float], wide: float) -> None:
    generator = torch.Generator().manual_seed(0)
    simulator = bodies.simulator(FlowConfig())
    action = bodies.BOX.sample(64, generator)
    regime = torch.tensor(gains).expand(64, -1)
    box = bodies.BOX.scaled(wide)
    found = nearest_actions(simulator, simulator.observations(64, generator), action, regime, box, generator)
    torch.testing.assert_close(found / box.half, box.clip(action / torch.tensor(gains)) / box.half, atol=2e-3, rtol=0)


def test_the_nearest_action_of_a_body_that_is_not_linear() -> None:
    """The regime squares its command, whose effect the plan can only have where it is positive."""

    class Squared:
        box = Box(torch.tensor([-1.0]), torch.tensor([1.0]))
        scale = torch.ones(1)
        lags: list[int] = []  # noqa: RUF012

        def observations(self, count: int, generator: torch.Generator) -> torch.Tensor:
            return torch.zeros(count, 1)

        def regimes(self, count: int, generator: torch.Generator) -> torch.Tensor:
            return torch.zeros(count, 1)

        def nominal(self, observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
            return action

        def changed(self, observation: torch.Tensor, action: torch.Tensor, regime: torch.Tensor) -> torch.Tensor:
            return action.square()

        def effective(self, action: torch.Tensor, regime: torch.Tensor) -> torch.Tensor:
            return action.square()

    action = torch.linspace(-1, 1, 21).unsqueeze(1)
    body = Squared()
    none = torch.zeros(21, 1)
    found = nearest_actions(body, none, action, none, body.box, torch.Generator().manual_seed(0))
    torch.testing.assert_close(found.square(), action.clamp_min(0), atol=0.05, rtol=0)
