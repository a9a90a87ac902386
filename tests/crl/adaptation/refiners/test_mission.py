"""A short mission of the unicycle: waypoints in order, the body changes on the way; with the flow it arrives."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from crl.adaptation.flow_matching.action_flow import ActionFlow
from crl.adaptation.refiners.base import NoRefiner, Refiner
from crl.adaptation.refiners.flow import FlowRefiner
from crl.adaptation.refiners.oracle import OracleRefiner
from tests.crl.adaptation import bodies
from tests.oracles import unicycle

WAYPOINTS = np.array([(3, 0), (5, 2), (5, 5), (2, 6), (0, 4), (-2, 5), (-3, 2), (-1, 0)], dtype=np.float32)
RADIUS, LIMIT = 0.5, 600


def steer(state: np.ndarray, goal: np.ndarray, refiner: Refiner) -> np.ndarray:
    """Turn towards the goal, drive as far as the heading allows, within the refiner's authority."""
    east, north = goal - state[:2]
    error = unicycle.wrapped(math.atan2(north, east) - float(state[2]))
    wanted = np.array([math.hypot(east, north) * max(0.0, math.cos(error)), 2 * error])
    range_ = refiner.authority()
    return np.clip(wanted, range_.low, range_.high).astype(np.float32)


def fly(refiner: Refiner, gains: tuple[float, float], seed: int = 0) -> tuple[int, int]:
    """Waypoints reached and steps taken; the gains hold from the second waypoint to the seventh."""
    rng = np.random.default_rng(seed)
    state, reached, steps = np.zeros(3, dtype=np.float32), 0, 0
    while reached < len(WAYPOINTS) and steps < LIMIT:
        now = gains if 2 <= reached < 7 else (1.0, 1.0)
        executed = refiner.refine(steer(state, WAYPOINTS[reached], refiner))
        executed = np.clip(executed, unicycle.ACTION.low, unicycle.ACTION.high).astype(np.float32)
        after = unicycle.step(state, executed, now, rng.normal(size=3))
        refiner.observe(*bodies.noted(state, executed, after))
        state, steps = after, steps + 1
        reached += int(np.linalg.norm(state[:2] - WAYPOINTS[reached]) < RADIUS)
    return reached, steps


def test_the_nominal_mission_is_flown_by_anyone() -> None:
    assert fly(NoRefiner(unicycle.ACTION), (1.0, 1.0))[0] == len(WAYPOINTS)


@pytest.mark.slow
@pytest.mark.parametrize("gains", [(-1.0, 1.0), (1.0, -0.5)])
def test_with_the_flow_the_mission_is_completed_without_it_fails(
    gains: tuple[float, float], unicycle_flow: ActionFlow
) -> None:
    refiner = FlowRefiner(unicycle_flow, bodies.NOMINAL)
    reached, steps = fly(refiner, gains)
    assert reached == len(WAYPOINTS)
    assert refiner.regime.changes >= 1
    assert not refiner.regime.off  # the end of the fault was noticed, too
    assert fly(NoRefiner(unicycle.ACTION), gains)[0] < len(WAYPOINTS)
    best = 0
    for seed in range(3):  # the oracle knows the gains from the first step on, so it flies with them all the way
        oracle = OracleRefiner(unicycle.ACTION)
        oracle.tell(torch.tensor(gains))
        best = max(best, _always(oracle, gains, seed))
    assert steps <= 1.5 * best


def _always(oracle: OracleRefiner, gains: tuple[float, float], seed: int) -> int:
    rng = np.random.default_rng(seed)
    state, reached, steps = np.zeros(3, dtype=np.float32), 0, 0
    while reached < len(WAYPOINTS):
        executed = oracle.refine(steer(state, WAYPOINTS[reached], oracle))
        state, steps = unicycle.step(state, executed, gains, rng.normal(size=3)), steps + 1
        reached += int(np.linalg.norm(state[:2] - WAYPOINTS[reached]) < RADIUS)
        assert steps < LIMIT
    return steps
