"""Integration of a flow from t = 0 to 1 with torchdiffeq: a fixed grid by default, adaptive by option."""

from __future__ import annotations

import torch
from torch import Tensor
from torchdiffeq import odeint

from crl.adaptation.flow_matching.velocity_field import Velocity
from crl.errors import CrlError
from crl.matching import nearest

ORDERS = {"euler": 1, "midpoint": 2, "rk4": 4}
"""Solvers on a fixed grid and their orders of convergence."""
ADAPTIVE = ("dopri5",)


def transport(
    velocity: Velocity, start: Tensor, *, solver: str = "midpoint", steps: int = 4, tolerance: float = 1e-4
) -> Tensor:
    """Points [B, A] at t = 1 of the flow that begins at ``start`` [B, A].

    Args:
        velocity: The field.
        start: Points at t = 0.
        solver: ``euler``, ``midpoint``, ``rk4`` (fixed grid) or ``dopri5`` (adaptive).
        steps: Steps of the fixed grid.
        tolerance: Relative and absolute tolerance of the adaptive solver.

    Raises:
        CrlError: The solver is unknown or the number of steps is not positive.
    """
    ends = torch.tensor([0.0, 1.0], dtype=start.dtype)
    if solver in ADAPTIVE:
        path = odeint(velocity, start, ends, method=solver, rtol=tolerance, atol=tolerance)
    elif solver in ORDERS:
        if steps < 1:
            raise CrlError(f"flow.integration.steps = {steps}: use 1 or more")
        grid = torch.linspace(0, 1, steps + 1, dtype=start.dtype)
        path = odeint(velocity, start, ends, method=solver, options={"grid_constructor": lambda *_: grid})
    else:
        raise CrlError(f"flow.integration.solver = {solver!r} is unknown{nearest(solver, [*ORDERS, *ADAPTIVE])}")
    end: Tensor = path[-1]
    return end
