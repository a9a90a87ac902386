"""Planners on a linear system with a quadratic cost, whose best return is known exactly; and their promises."""

from __future__ import annotations

import math
from collections.abc import Callable
from importlib.metadata import entry_points
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.config import PlannerConfig
from crl.errors import CrlError
from crl.planning.planner import GROUP, Plan, Planner, PlanningFailed, make_planner
from crl.types import ActionSpec
from tests.crl.states import bits
from tests.oracles.linear_quadratic import best_cost

NAMES = sorted(point.name for point in entry_points(group=GROUP))
A = np.array([[1.0, 0.1], [0.0, 1.0]])
B = np.array([[0.005, 0.0], [0.1, 0.05]])
Q, R = np.diag([1.0, 0.1]), np.diag([0.01, 0.02])
START = torch.tensor([0.6, 0.0])
# Neither symmetric nor equal: a planner that mixes up its range shows it.
ACTION = ActionSpec(("push", "help"), ("N", "N"), (-6.0, -1.0), (4.0, 3.0))


def point(observation: Tensor, actions: Tensor) -> Tensor:
    """A double integrator that two motors push."""
    states = [observation.expand(len(actions), 2)]
    a, b = torch.tensor(A, dtype=torch.float32), torch.tensor(B, dtype=torch.float32)
    for step in range(actions.shape[1]):
        states.append(states[-1] @ a.T + actions[:, step] @ b.T)
    return torch.stack(states, dim=1)


def reward(observation: Any, action: Any, next_observation: Any) -> Any:
    q, r = (torch.tensor(np.diagonal(m).copy(), dtype=torch.float32) for m in (Q, R))
    return -(next_observation**2 * q).sum(-1) - (action**2 * r).sum(-1)


def make(name: str, **changes: Any) -> Planner:
    given: dict[str, Any] = {"samples": 64, "horizon": 15, "rounds": 4, "elites": 8, "keep": 3}
    return make_planner(PlannerConfig(name=name, **(given | changes)), ACTION)


def seeded(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def value(actions: Tensor, start: Tensor = START) -> float:
    """The true return of one action sequence."""
    batch = actions.unsqueeze(0)
    states = point(start, batch)
    return float(reward(states[:, :-1], batch, states[:, 1:]).sum())


def regret(plan: Plan) -> float:
    """What a plan loses, as a share of what doing nothing loses."""
    best, _ = best_cost(A, B, Q, R, START.double().numpy(), len(plan.actions))
    nothing = value(torch.zeros_like(plan.actions))
    return (-best - value(plan.actions)) / (-best - nothing)


def test_the_yardstick_is_right() -> None:
    """Riccati's return is that of its actions, inside the range, and any other action is worse."""
    cost, actions = best_cost(A, B, Q, R, START.double().numpy(), 15)
    found = torch.tensor(actions, dtype=torch.float32)
    assert ((torch.tensor(ACTION.low) < found) & (found < torch.tensor(ACTION.high))).all()
    assert value(found) == pytest.approx(-cost, rel=1e-5)
    for seed in range(20):
        assert value(found + 0.05 * torch.randn(15, 2, generator=seeded(seed))) < -cost


@pytest.mark.parametrize(
    ("name", "settings", "most"),
    [
        ("icem", {"samples": 400, "rounds": 15, "elites": 40, "decay": 1.0, "beta": 1.0}, 0.015),
        ("cem", {"samples": 400, "rounds": 15, "elites": 40}, 0.01),
        ("mppi", {"samples": 400, "rounds": 15, "std": 0.3}, 0.04),
        ("random_shooting", {"samples": 4000}, 0.5),
    ],
)
def test_plans_come_near_the_best_possible(name: str, settings: dict, most: float) -> None:
    regrets = [regret(make(name, **settings).plan(point, reward, START, seeded(seed))) for seed in range(5)]
    assert np.mean(regrets) < most
    assert min(regrets) > -1e-4  # nothing beats Riccati


def test_every_planner_is_in_the_test_above() -> None:
    assert set(NAMES) >= {"icem", "cem", "mppi", "random_shooting"}


def test_icem_needs_fewer_samples_than_random_shooting() -> None:
    icem, shooting = [], []
    for seed in range(10):
        plan = make("icem", samples=48, rounds=4).plan(point, reward, START, seeded(seed))
        icem.append(regret(plan))
        shooting.append(regret(make("random_shooting", samples=plan.samples).plan(point, reward, START, seeded(seed))))
    assert np.mean(icem) < 0.4 * np.mean(shooting)


@pytest.mark.parametrize("name", ["icem", "mppi"])
def test_a_warm_start_makes_up_for_samples(name: str) -> None:
    """Closed loop with few samples: a planner that remembers loses far less than one that begins anew each time."""
    costs: dict[bool, list[float]] = {True: [], False: []}
    for remembers, seed in ((r, s) for r in costs for s in range(6)):
        planner, generator, state, total = make(name, rounds=1, samples=20, std=0.2), seeded(seed), START, 0.0
        for _ in range(15):
            if not remembers:
                planner.reset()
            action = planner.plan(point, reward, state, generator).actions[None, :1]
            after = point(state, action)[0, 1]
            total -= float(reward(state, action[0, 0], after))
            state = after
        costs[remembers].append(total)
    best, _ = best_cost(A, B, Q, R, START.double().numpy(), 15)
    assert np.mean(costs[True]) - best < 0.8 * (np.mean(costs[False]) - best)


@pytest.mark.parametrize("name", NAMES)
def test_closed_loop_control_brings_the_point_home(name: str) -> None:
    planner, generator, state = make(name, samples=150), seeded(), START
    for _ in range(40):
        plan = planner.plan(point, reward, state, generator)
        state = point(state, plan.actions[None, :1])[0, 1]
    assert float(state.abs().max()) < 0.25


class Watched:
    """A model that notes which actions it sees, and may answer with nonsense."""

    def __init__(self, spoil: Callable[[Tensor, Tensor], None] | None = None) -> None:
        self.seen: list[Tensor] = []
        self.spoil = spoil

    def __call__(self, observation: Tensor, actions: Tensor) -> Tensor:
        self.seen.append(actions.clone())
        trajectory = point(observation, actions)
        if self.spoil is not None:
            self.spoil(trajectory, actions)
        return trajectory


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("horizon", [1, 2, 7, 15])
def test_the_model_never_sees_an_action_outside_the_range(name: str, horizon: int) -> None:
    model, planner, generator = Watched(), make(name, std=3.0, horizon=horizon), seeded()
    low, high = torch.tensor(ACTION.low), torch.tensor(ACTION.high)
    for _ in range(3):
        plan = planner.plan(model, reward, START, generator)
        assert plan.actions.shape == (horizon, 2)
        assert ((low <= plan.actions) & (plan.actions <= high)).all()
    seen = torch.cat(model.seen)
    assert seen.shape[1:] == (horizon, 2)
    assert ((low <= seen) & (seen <= high)).all()
    # The whole range is used: with this deviation, both ends are reached.
    assert (seen.amax(dim=(0, 1)) > 0.9 * high).all()
    assert (seen.amin(dim=(0, 1)) < 0.9 * low).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_number_of_samples_is_told_truly(name: str) -> None:
    model, planner, generator = Watched(), make(name), seeded()
    for _ in range(2):
        model.seen.clear()
        plan = planner.plan(model, reward, START, generator)
        assert plan.samples == sum(len(actions) for actions in model.seen)


@pytest.mark.parametrize("name", ["icem", "cem", "random_shooting"])
def test_the_plan_is_the_best_sequence_that_was_tried(name: str) -> None:
    model, planner = Watched(), make(name)
    plan = planner.plan(model, reward, START, seeded())
    tried = torch.cat(model.seen[-1:] if name == "cem" else model.seen)  # CEM takes the best of its last draw
    returns = torch.tensor([value(actions) for actions in tried])
    assert plan.value == pytest.approx(float(returns.max()), rel=1e-5)
    assert bits(plan.actions) == bits(tried[int(returns.argmax())])


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", NAMES)
def test_a_return_that_is_not_finite_is_never_chosen(name: str, bad: float) -> None:
    """A model that explodes wherever the first action helps: the tempting half of all samples."""

    def spoil(trajectory: Tensor, actions: Tensor) -> None:
        trajectory[actions[:, 0, 0] < -0.5, -1] = bad

    plan = make(name).plan(Watched(spoil), reward, START, seeded())
    assert math.isfinite(plan.value)
    assert torch.isfinite(plan.actions).all()
    assert float(plan.actions[0, 0]) >= -0.5
    honest = make(name).plan(point, reward, START, seeded())
    assert float(honest.actions[0, 0]) < -0.5  # it would have been tempted


@pytest.mark.parametrize("name", NAMES)
def test_a_state_that_is_not_finite_counts_though_the_reward_does_not_look_at_it(name: str) -> None:
    def spoil(trajectory: Tensor, actions: Tensor) -> None:
        trajectory[actions[:, 0, 0] < -0.5, -1] = math.nan

    def blind(observation: Any, action: Any, next_observation: Any) -> Any:
        """Comparisons with NaN are false, so this reward is finite whatever happens."""
        return -action[..., 0] - 1.0 * (next_observation[..., 0] > 2)

    plan = make(name).plan(Watched(spoil), blind, START, seeded())
    assert float(plan.actions[0, 0]) >= -0.5


@pytest.mark.parametrize("name", NAMES)
def test_without_any_finite_return_planning_fails_and_then_recovers(name: str) -> None:
    def spoil(trajectory: Tensor, actions: Tensor) -> None:
        trajectory[:, -1] = math.nan

    planner, generator = make(name), seeded()
    planner.plan(point, reward, START, generator)
    with pytest.raises(PlanningFailed, match=r"none of \d+ sampled action sequences has a finite predicted return"):
        planner.plan(Watched(spoil), reward, START, generator)
    assert math.isfinite(planner.plan(point, reward, START, generator).value)


@pytest.mark.parametrize("name", NAMES)
def test_the_generator_alone_decides(name: str) -> None:
    torch.manual_seed(0)
    untouched = torch.get_rng_state()

    def decisions(seed: int) -> list[bytes]:
        planner, generator = make(name), seeded(seed)
        return [bits(planner.plan(point, reward, START, generator).actions) for _ in range(3)]

    assert decisions(0) == decisions(0)
    assert decisions(0) != decisions(1)
    assert torch.equal(torch.get_rng_state(), untouched)


@pytest.mark.parametrize("name", NAMES)
def test_reset_forgets_everything(name: str) -> None:
    used, fresh = make(name), make(name)
    for seed in range(3):
        used.plan(point, reward, -START, seeded(seed))
    used.reset()
    for seed in range(2):
        plans = [planner.plan(point, reward, START, seeded(seed)) for planner in (used, fresh)]
        assert bits(plans[0].actions) == bits(plans[1].actions)


@pytest.mark.parametrize("keep", [0, 1])
def test_icem_may_keep_nothing(keep: int) -> None:
    planner, generator = make("icem", keep=keep), seeded()
    model = Watched()
    counts = []
    for _ in range(2):
        model.seen.clear()
        planner.plan(model, reward, START, generator)
        counts.append([len(actions) for actions in model.seen])
    # 64 samples decay by 1.25 per round; kept elites join from the second round, or decision, on; then the mean.
    assert counts[0] == [64, 51 + keep, 41 + keep, 33 + keep + 1]
    assert counts[1] == [64 + keep, 51 + keep, 41 + keep, 33 + keep + 1]


def test_an_unknown_planner_names_the_nearest() -> None:
    with pytest.raises(CrlError, match=r"unknown planner 'icme'.*icem"):
        make("icme")
