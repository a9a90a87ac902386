"""The solvers converge with their orders, and agree with the closed form."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.adaptation.flow_matching.integration import ORDERS, transport
from crl.errors import CrlError


def field(time: Tensor, point: Tensor) -> Tensor:
    """dx/dt = t - 2 x, solved by x = t / 2 - 1 / 4 + (x(0) + 1 / 4) exp(-2 t)."""
    return time - 2 * point


START = torch.tensor([[1.0, -2.0], [0.3, 0.0]], dtype=torch.float64)
EXACT = 0.25 + (START + 0.25) * math.exp(-2)


@pytest.mark.parametrize(("solver", "order"), ORDERS.items())
def test_order_of_convergence(solver: str, order: int) -> None:
    steps = np.array([8, 16, 32, 64])
    errors = [float((transport(field, START, solver=solver, steps=int(n)) - EXACT).abs().max()) for n in steps]
    slope = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(-order, abs=0.25)


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 7, 10])
def test_a_constant_field_is_exact_on_every_grid(steps: int) -> None:
    end = transport(lambda t, x: torch.full_like(x, 0.7), START, steps=steps)
    torch.testing.assert_close(end, START + 0.7)


def test_the_adaptive_solver_keeps_its_tolerance() -> None:
    end = transport(field, START, solver="dopri5", tolerance=1e-7)
    assert float((end - EXACT).abs().max()) < 1e-5


def test_unknown_solvers_and_empty_grids_are_named() -> None:
    with pytest.raises(CrlError, match="did you mean 'midpoint'"):
        transport(field, START, solver="midpont")
    with pytest.raises(CrlError, match=r"flow\.integration\.steps = 0"):
        transport(field, START, steps=0)
