"""CEM, iCEM and MPPI against pseudo-code that handles one sequence, one step, one number at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from crl.config import PlannerConfig
from crl.planning.planner import make_planner
from crl.types import ActionSpec
from tests.crl.planning.test_planners import A, B, Q, R, point, reward
from tests.oracles import planners as oracle

ACTION = ActionSpec(("push", "help"), ("N", "N"), (-1.5, -0.2), (1.0, 0.6))  # narrow: much is clipped
STATES = [[1.0, 0.0], [0.9, -0.5], [0.7, -0.6], [0.1, 0.4]]


def simulate(observation: np.ndarray, actions: np.ndarray) -> float:
    """The return of one sequence, step by step."""
    x, total = observation, 0.0
    for u in actions:
        x = A @ x + B @ u
        total -= x @ Q @ x + u @ R @ u
    return float(total)


def settings(name: str, **changes: Any) -> PlannerConfig:
    given = {"samples": 20, "horizon": 6, "rounds": 3, "elites": 6, "keep": 2, "momentum": 0.2, "std": 0.7}
    return PlannerConfig(name=name, **(given | changes))


@pytest.mark.parametrize("changes", [{}, {"rounds": 1}, {"momentum": 0.0}, {"elites": 20}])
def test_cem_is_its_pseudo_code(changes: dict) -> None:
    config = settings("cem", **changes)
    planner = make_planner(config, ACTION)
    ours, theirs = (torch.Generator().manual_seed(3) for _ in range(2))
    for state in STATES:
        plan = planner.plan(point, reward, torch.tensor(state), ours)
        actions, value = oracle.cem(config, ACTION, simulate, np.array(state), theirs)
        np.testing.assert_allclose(plan.actions, actions, atol=1e-4)
        assert plan.value == pytest.approx(value, rel=1e-4)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"rounds": 1},
        {"beta": 0.0},
        {"horizon": 7, "beta": 3.0},
        {"keep": 0},
        {"scales": 3},
        {"decay": 2.0},
        {"momentum": 0.0},
    ],
)
def test_icem_is_its_pseudo_code(changes: dict) -> None:
    config = settings("icem", **changes)
    planner, plain = make_planner(config, ACTION), oracle.PlainICEM(config, ACTION)
    ours, theirs = (torch.Generator().manual_seed(3) for _ in range(2))
    for state in STATES:  # with its memory from decision to decision
        plan = planner.plan(point, reward, torch.tensor(state), ours)
        actions, value, tried = plain.plan(simulate, np.array(state), theirs)
        np.testing.assert_allclose(plan.actions, actions, atol=1e-4)
        assert plan.value == pytest.approx(value, rel=1e-4)
        assert plan.samples == tried


@pytest.mark.parametrize("changes", [{}, {"rounds": 1}, {"smoothing": 0.0}, {"temperature": 2.0}])
def test_mppi_is_its_pseudo_code(changes: dict) -> None:
    config = settings("mppi", **changes)
    planner, plain = make_planner(config, ACTION), oracle.PlainMPPI(config, ACTION)
    ours, theirs = (torch.Generator().manual_seed(3) for _ in range(2))
    for state in STATES:
        plan = planner.plan(point, reward, torch.tensor(state), ours)
        np.testing.assert_allclose(plan.actions, plain.plan(simulate, np.array(state), theirs), atol=1e-4)
