"""The reach monitor: its verdicts on changes that are known, what it compares, and that watching changes nothing."""

from __future__ import annotations

import copy
import math

import numpy as np
import pytest

from crl.agents.base import Agent
from crl.agents.frozen import Frozen
from crl.agents.monitor import PROBE_EPISODE, Change, ReachMonitor, judge
from crl.config import MonitorConfig
from crl.types import LearnBudget
from tests.crl.agents.test_mpc import make
from tests.crl.point_mass import point_mass, small, train
from tests.crl.states import differences
from tests.tiny import Puppet

WINDOW = 100


def changes(distances: list[float], every: int = 10, *, moved: bool = True) -> list[Change]:
    return [Change((i + 1) * every, "task", distance, moved) for i, distance in enumerate(distances)]


def verdict(distances: list[float], **options: bool):  # type: ignore[no-untyped-def]
    found = changes(distances, **options)
    return judge(found, 0, found[-1].step, WINDOW, 1e-3)


def test_steady_changes_are_not_settled() -> None:
    random = np.random.default_rng(0)
    found = verdict([float(x) for x in random.lognormal(-1, 0.5, 40)])
    assert found.kind == "not settled"
    assert found.text == "has not settled within 400 steps at tolerance 0.001"
    assert found.steps_since_behaviour_changed == 0
    assert found.recent_change == pytest.approx(0.4, abs=0.2)


def test_without_a_change_for_a_window_it_is_settled_and_not_before() -> None:
    assert verdict([0.5] * 5 + [0.0] * 10).kind == "settled"
    assert verdict([0.5] * 5 + [0.0] * 9).kind != "settled"
    found = verdict([0.5] * 5 + [0.0009] * 12)
    assert (found.kind, found.steps_since_behaviour_changed) == ("settled", 120)
    assert found.steps_since_change == 0, "the element still changes, by less than the tolerance"
    assert verdict([0.0] * 10, moved=False).kind == "settled"


def test_vanishing_changes_are_settling() -> None:
    random = np.random.default_rng(1)
    noise = random.lognormal(0, 0.3, 40)
    found = verdict([float(0.5 * 0.9**i * noise[i]) for i in range(40)])
    assert found.kind == "settling"
    assert found.trend is not None
    assert found.trend[0] == pytest.approx(0.9**10, rel=0.3), "per window of ten sessions"
    assert found.trend[1] < found.trend[0] < found.trend[2] < 1


def test_slowly_falling_changes_are_not_called_settling() -> None:
    assert verdict([0.5 * 0.99**i for i in range(40)]).kind == "not settled"


def test_a_watch_shorter_than_a_window_is_undecided() -> None:
    assert verdict([0.0] * 9).kind == "undecided"
    assert judge([], 0, 0, WINDOW, 1e-3).kind == "undecided"


def test_a_new_task_is_a_change_whatever_the_probes_say() -> None:
    found = [*changes([0.0] * 8), Change(90, "next", math.nan, True), Change(100, "next", 0.0, False)]
    result = judge(found, 0, 100, WINDOW, 1e-3)
    assert result.kind != "settled"
    assert result.steps_since_behaviour_changed == 10


def test_the_frozen_share_counts_steps_without_a_new_element() -> None:
    found = [Change(10, "a", 0.1, True), Change(40, "a", 0.0, False), Change(50, "a", 0.1, True)]
    assert judge(found, 0, 50, WINDOW, 1e-3).frozen_share == pytest.approx(30 / 50)


def watch(agent: Agent, sessions: int, *, monitor: ReachMonitor | None = None) -> ReachMonitor:
    monitor = monitor or ReachMonitor(MonitorConfig(probes=4, window=WINDOW, tolerance=1e-3))
    task = point_mass(0, episode_steps=6)
    if not monitor.knows(task):
        monitor.set_probes(task, np.linspace(-0.5, 0.5, 8, dtype=np.float32).reshape(4, 2))
        train(agent, task, range(2), steps=5)
        monitor.update(agent, task, 0)
    first = len(monitor.changes)
    for session in range(first, first + sessions):
        train(agent, task, range(session + 2, session + 3), steps=5)
        monitor.update(agent, task, 20 * (session + 1))
    return monitor


def test_an_agent_that_learns_is_not_settled_and_frozen_it_is() -> None:
    agent = make()
    learning = watch(agent, 8)
    assert learning.verdict().kind == "not settled"
    assert learning.verdict().frozen_share == 0.0
    frozen = watch(Frozen(agent), 5)
    assert frozen.verdict().kind == "settled"
    assert [change.distance for change in frozen.changes] == [0.0] * 5, "equal random numbers, equal plans"
    assert frozen.verdict().frozen_share == 1.0


def test_the_distance_is_the_root_mean_square_in_half_ranges() -> None:
    puppet = Puppet(lambda puppet: [0.1 * puppet.version])
    monitor = ReachMonitor(MonitorConfig(probes=2, window=10, tolerance=0.0))
    task = point_mass(0)
    monitor.set_probes(task, np.zeros((2, 2), np.float32))
    assert monitor.update(puppet, task, 0) is None
    puppet.learn(LearnBudget(1))
    change = monitor.update(puppet, task, 10)
    half = (task.action.high[0] - task.action.low[0]) / 2
    assert change is not None
    assert change.distance == pytest.approx(0.1 / half, rel=1e-5)
    assert change.moved
    again = monitor.update(puppet, task, 20)
    assert again is not None
    assert (again.distance, again.moved) == (0.0, False)


def test_watching_changes_nothing() -> None:
    watched, alone = make(), make()
    watch(watched, 3)
    task = point_mass(0, episode_steps=6)
    train(alone, task, range(2), steps=5)
    for session in range(3):
        train(alone, task, range(session + 2, session + 3), steps=5)
    assert not differences(watched.state_dict(), alone.state_dict())


def test_a_restored_monitor_goes_on_where_it_was() -> None:
    one, two = make(), make()
    monitor = watch(one, 3)
    state = copy.deepcopy(monitor.state_dict())
    two.load_state_dict(one.state_dict())
    restored = ReachMonitor(monitor.config)
    restored.load_state_dict(state)
    assert not differences(monitor.state_dict(), state)
    watch(one, 3, monitor=monitor)
    watch(two, 3, monitor=restored)
    assert not differences(restored.state_dict(), monitor.state_dict())


def test_probes_use_random_numbers_of_their_own() -> None:
    puppet = Puppet()
    monitor = ReachMonitor(MonitorConfig(probes=3))
    task = point_mass(0)
    monitor.set_probes(task, np.zeros((3, 2), np.float32))
    monitor.update(puppet, task, 0)
    assert puppet.begun == [(task.name, PROBE_EPISODE + i, False) for i in range(3)]


def test_a_vanishing_step_size_vanishes() -> None:
    """After enough sessions the rate is below what float32 weights can show."""
    agent = make(small(learning={"lr_decay": 0.1}))
    monitor = watch(agent, 14)
    assert monitor.verdict().recent_change is not None
    assert monitor.changes[-1].distance <= monitor.changes[0].distance
    weights = agent.knowledge.strategy.weights(0)
    train(agent, point_mass(0, episode_steps=6), range(90, 91), steps=5)
    assert float((agent.knowledge.strategy.weights(0) - weights).abs().max()) < 1e-6
