"""The model-predictive agent on a point mass: decisions, exploration, what it learns from, determinism, persistence."""

from __future__ import annotations

import copy
import itertools
import math
from importlib.metadata import entry_points
from typing import Any

import numpy as np
import pytest
import torch

from crl.agents.planning import PlanningAgent
from crl.agents.planning_making import planning_agent
from crl.config import Config
from crl.config.declared.compositions import compositions
from crl.noise import exploration_actions
from crl.seeding import numpy_generator
from crl.types import ExplorationPrior, LearnBudget, Phase, TaskSpec
from tests.crl.every_strategy import KINDS, sampled
from tests.crl.point_mass import ACTION, OBSERVATION, Track, episode, point_mass, small, train, transition
from tests.crl.states import differences

STRATEGIES = sorted(compositions())
PLANNERS = sorted(point.name for point in entry_points(group="crl.planners"))
PAIRS = [
    *(pytest.param(strategy, "icem", marks=() if strategy in KINDS else pytest.mark.slow) for strategy in STRATEGIES),
    *(("hypercrl", planner) for planner in PLANNERS if planner != "icem"),
]
"""Every strategy and every planner; they meet in the weights alone, so not every pair."""
LOW, HIGH = np.array(ACTION.low, np.float32), np.array(ACTION.high, np.float32)
SAFE = np.array([0.25], np.float32)
TASKS = [point_mass(0), point_mass(1)]
SHORT = [point_mass(0, episode_steps=6), point_mass(1, episode_steps=6)]


def make(config: Config | None = None, **changes: Any) -> PlanningAgent:
    return planning_agent(config or small(**changes), OBSERVATION, ACTION)


def planning(**changes: Any) -> PlanningAgent:
    """An agent whose random episode is over."""
    agent = make(**changes)
    train(agent, TASKS[0], range(1))
    return agent


# ---------------------------------------------------------------------- decisions
@pytest.mark.parametrize("planner", PLANNERS)
def test_decisions_are_plain_actions_inside_their_limits(planner: str) -> None:
    agent = planning(planner={"name": planner})
    agent.begin(TASKS[0], 1, explore=True)
    decision = agent.act(np.array([0.5, -0.5], np.float32))
    assert decision.reason is None
    for action in (decision.action, decision.planned):
        assert action.shape == (1,)
        assert action.dtype == np.float32
        assert ((action >= LOW) & (action <= HIGH)).all()


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("explore", [False, True])
def test_an_observation_that_is_not_finite_gets_the_safe_action_with_a_reason(bad: float, explore: bool) -> None:
    agent, sound = planning(), planning()
    good, broken = np.array([0.5, -0.5], np.float32), np.array([0.5, bad], np.float32)
    agent.begin(TASKS[0], 1, explore=explore)
    sound.begin(TASKS[0], 1, explore=explore)
    decision = agent.act(broken)
    assert decision.reason == "the observation is not finite"
    np.testing.assert_array_equal(decision.action, SAFE)
    # It recovers at once, and as if nothing had been planned in between.
    after = agent.act(good)
    assert after.reason is None
    np.testing.assert_array_equal(after.action, sound.act(good).action)


def spoil(part: Any) -> None:
    """Fill all tensors with NaN."""
    if isinstance(part, torch.Tensor):
        part.data.fill_(math.nan)
    for inner in part.values() if isinstance(part, dict) else []:
        spoil(inner)


@pytest.mark.parametrize(("strategy", "planner"), PAIRS)
def test_a_broken_model_gets_the_safe_action_with_a_reason_and_recovers(strategy: str, planner: str) -> None:
    agent = planning(continual={"name": strategy}, planner={"name": planner})
    healthy = agent.state_dict()
    observation = np.array([0.5, -0.5], np.float32)
    with torch.no_grad():  # a state that is not finite is refused: what is broken here went wrong in learning
        for name in ("trunk", "parameters", "columns"):
            spoil(vars(agent.knowledge.strategy).get(name))
        # Plans use the average of the weights, where there is one.
        spoil(vars(vars(agent.knowledge.strategy)["_average"])["_sums"])
    agent.begin(TASKS[0], 1, explore=False)
    for _ in range(2):
        decision = agent.act(observation)
        assert "none of" in decision.reason
        assert "finite predicted return" in decision.reason
        np.testing.assert_array_equal(decision.action, SAFE)
    agent.load_state_dict(healthy)
    agent.begin(TASKS[0], 1, explore=False)
    assert agent.act(observation).reason is None


# ---------------------------------------------------------------------- exploration
def test_the_first_episodes_of_a_task_follow_its_prior() -> None:
    agent = make(exploration={"random_episodes": 2})
    for task, number in itertools.product(TASKS, range(2)):
        expected = exploration_actions(
            task.exploration, ACTION, task.episode_steps, numpy_generator(0, "explore", task.index, number)
        )
        np.testing.assert_array_equal(list(episode(agent, task, number)), expected)
        agent.learn(LearnBudget(2))
    planned = list(episode(agent, TASKS[1], 2))
    prior = exploration_actions(TASKS[1].exploration, ACTION, 10, numpy_generator(0, "explore", 1, 2))
    assert not np.array_equal(planned, prior)


def test_a_task_that_comes_back_needs_no_random_episodes() -> None:
    agent = make()
    for task in (*TASKS, TASKS[0]):
        first = list(episode(agent, task, 5))
        agent.learn(LearnBudget(2))
    prior = exploration_actions(TASKS[0].exploration, ACTION, 10, numpy_generator(0, "explore", 0, 5))
    assert not np.array_equal(first, prior)


def planned_and_sent(agent: PlanningAgent, task: TaskSpec, number: int, explore: bool) -> tuple[np.ndarray, np.ndarray]:
    track = Track()
    observation = track.reset(number)
    agent.begin(task, number, explore)
    decisions = []
    for _ in range(task.episode_steps):
        decisions.append(agent.act(observation))
        observation = track.step(decisions[-1].action)
    return np.array([d.planned for d in decisions]), np.array([d.action for d in decisions])


def test_noise_is_added_to_training_plans_only_and_every_nth_episode_is_quiet() -> None:
    agent = planning(exploration={"noise": 0.2, "every": 3})
    noisy = []
    for number in range(1, 10):
        planned, sent = planned_and_sent(agent, TASKS[0], number, explore=True)
        noisy.append(not np.array_equal(planned, sent))
        assert ((sent >= LOW) & (sent <= HIGH)).all()
        still, same = planned_and_sent(agent, TASKS[0], number, explore=False)
        np.testing.assert_array_equal(still, same)
    # The random episode was the first: the third, sixth and ninth are quiet.
    assert noisy == [True, False, True, True, False, True, True, False, True]


def test_noise_has_the_deviation_of_its_share_of_half_the_range() -> None:
    agent = planning(exploration={"noise": 0.05, "every": 1000})
    noise: list[float] = []
    for number in range(1, 40):
        planned, sent = planned_and_sent(agent, TASKS[0], number, explore=True)
        inside = (planned > LOW + 0.25) & (planned < HIGH - 0.25)  # where hardly anything is clipped
        noise += (sent - planned)[inside].tolist()
    assert np.std(noise) == pytest.approx(0.05 * 1.5, rel=0.2)


def handover_starts(agent: PlanningAgent, task: TaskSpec, episodes: range) -> list[int | None]:
    """At which step the script took over, if it did; the prior's last phase is known by its exact actions."""
    starts: list[int | None] = []
    for number in episodes:
        sent = np.array(list(episode(agent, task, number)))[:, 0]
        scripted = np.flatnonzero(sent == np.float32(1.875))
        starts.append(int(scripted[0]) if len(scripted) else None)
        if len(scripted):
            np.testing.assert_array_equal(scripted, range(scripted[0], len(sent)))
    return starts


PRIOR = ExplorationPrior(1.0, (0.3,), (Phase((2, 4), (0.5,), (0.2,)), Phase((3, 3), (1.875,), (0.0,))))


def test_while_nothing_succeeds_the_last_phase_of_the_prior_takes_over_at_a_random_step() -> None:
    task = point_mass(exploration=PRIOR, success=lambda observation: observation[..., 0] > 1e9)
    agent = make(exploration={"handover": 1.0})
    train(agent, task, range(1))
    starts = handover_starts(agent, task, range(1, 31))
    assert None not in starts
    assert set(starts) == set(range(1, 8))  # a tenth of the episode at least is planned, a fifth at least scripted
    half = make(exploration={"handover": 0.5})
    train(half, task, range(1))
    assert 8 <= sum(start is not None for start in handover_starts(half, task, range(1, 31))) <= 22


def test_with_success_the_handover_ends_and_evaluation_never_has_one() -> None:
    task = point_mass(exploration=PRIOR, success=lambda observation: observation[..., 0] < 1e9)
    agent = make(exploration={"handover": 1.0})
    train(agent, task, range(1))
    assert handover_starts(agent, task, range(1, 12))[1:] == [None] * 10
    never = point_mass(exploration=PRIOR, success=lambda observation: observation[..., 0] > 1e9)
    failing = make(exploration={"handover": 1.0})
    train(failing, never, range(1))
    for number in range(5):
        _, sent = planned_and_sent(failing, never, number, explore=False)
        assert not (sent == np.float32(1.875)).any()


# ---------------------------------------------------------------------- what it learns from
def test_it_keeps_the_executed_actions_of_the_current_task_only() -> None:
    agent = make()
    train(agent, TASKS[0], range(2))
    assert len(agent.knowledge.buffer) == 20
    agent.begin(TASKS[1], 0, explore=True)
    assert len(agent.knowledge.buffer) == 0
    observation, after = np.zeros(2, np.float32), np.ones(2, np.float32)
    moved = transition(TASKS[1], observation, np.array([0.5], np.float32), after)
    agent.observe(type(moved)(**{**vars(moved), "executed": np.array([-0.75], np.float32)}))
    np.testing.assert_array_equal(agent.knowledge.buffer.column("action"), [[-0.75]])


def test_a_transition_of_another_task_is_refused() -> None:
    agent = planning()
    observation = np.zeros(2, np.float32)
    agent.begin(TASKS[1], 0, explore=False)  # to evaluate is not to learn
    with pytest.raises(
        ValueError, match="a transition of task 1 was observed while task 0 is learned: begin an episode"
    ):
        agent.observe(transition(TASKS[1], observation, SAFE, observation))


def test_evaluation_changes_nothing_that_is_kept_or_decided_later() -> None:
    def train_on(agent: PlanningAgent, *, evaluate: bool) -> dict[str, Any]:
        for task in TASKS:
            for number in range(3):
                train(agent, task, range(number, number + 1))
                if evaluate:
                    before = agent.state_dict()
                    for seen in TASKS[: task.index + 1]:
                        for e in range(2):
                            list(episode(agent, seen, e, explore=False))
                    assert not differences(agent.state_dict(), before)
        return agent.state_dict()

    assert not differences(train_on(make(), evaluate=True), train_on(make(), evaluate=False))


def test_an_evaluation_episode_depends_on_its_number_alone() -> None:
    agent = make()
    for task in TASKS:
        train(agent, task, range(2))
    alone = list(episode(agent, TASKS[0], 7, explore=False))
    list(episode(agent, TASKS[1], 3, explore=False))
    np.testing.assert_array_equal(list(episode(agent, TASKS[0], 7, explore=False)), alone)
    assert not np.array_equal(list(episode(agent, TASKS[0], 8, explore=False)), alone)


def test_normalisers_hold_the_tasks_own_data_and_freeze_with_its_end() -> None:
    agent = make()
    train(agent, TASKS[0], range(3))
    rows = {
        name: agent.knowledge.buffer.column(name).astype(float)
        for name in ("observation", "action", "next_observation")
    }
    normalisers = agent.knowledge.normalisers[0]
    np.testing.assert_allclose(normalisers.features.mean, rows["observation"].mean(axis=0), rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(normalisers.features.std, rows["observation"].std(axis=0), rtol=1e-4)
    np.testing.assert_allclose(normalisers.actions.std, rows["action"].std(axis=0), rtol=1e-4)
    change = rows["next_observation"] - rows["observation"]
    np.testing.assert_allclose(normalisers.changes.std, np.sqrt((change**2).mean(axis=0)), rtol=1e-4)
    before = normalisers.state_dict()
    train(agent, TASKS[1], range(1))
    assert normalisers.features.frozen
    train(agent, TASKS[0], range(1))  # it comes back: what the old weights were learned with stays
    assert not differences(
        {**agent.knowledge.normalisers[0].state_dict()}, {name: {**s, "frozen": True} for name, s in before.items()}
    )


def test_it_learns_to_bring_the_point_home() -> None:
    """With so few steps any agent that plans on what it learned beats its own exploration by far."""
    agent = make(
        dynamics=small(dynamics={"hidden": [16]}).dynamics,
        learning={"lr": 5e-3, "lr_embedding": 5e-3, "average": 0.0},
        planner={"samples": 32, "horizon": 8, "rounds": 2, "elites": 6},
    )
    task = point_mass(episode_steps=25, exploration=ExplorationPrior(1.0, (1.0,)))
    train(agent, task, range(2), steps=400)

    def final_distance(*, explore: bool) -> float:
        distances = []
        for number in range(4):
            track = Track()
            observation = track.reset(number)
            agent.begin(task, number, explore)
            for step in range(25):
                action = agent.act(observation).action if not explore else random[step]
                observation = track.step(action)
            distances.append(abs(observation[0]))
        return float(np.mean(distances))

    random = exploration_actions(task.exploration, ACTION, 25, np.random.default_rng(0))
    planned = final_distance(explore=False)
    assert planned < 0.15
    assert planned < 0.3 * final_distance(explore=True)
    assert agent.knows(0)
    assert not agent.knows(1)


# ---------------------------------------------------------------------- determinism and persistence
def life(config: Config) -> tuple[list[np.ndarray], dict[str, Any]]:
    """Two tasks, one of which comes back; all actions and the final state."""
    agent = make(config)
    actions = []
    for task in (*SHORT, SHORT[0]):
        actions += train(agent, task, range(2), steps=7)
        agent.learn(LearnBudget(4, closing=True))
        actions += list(episode(agent, SHORT[0], 0, explore=False))
    return actions, agent.state_dict()


@pytest.mark.parametrize(("strategy", "planner"), PAIRS)
def test_a_seed_decides_every_bit(strategy: str, planner: str) -> None:
    torch.manual_seed(0)
    untouched = torch.get_rng_state()
    legacy = np.random.get_state()[1].copy()  # noqa: NPY002
    config = small(
        continual={"name": strategy},
        planner={"name": planner},
        dynamics={"ensemble": 2, "rollout": 2, "out_var": True},
        exploration={"noise": 0.1, "handover": 0.5},
    )
    one, state = life(config)
    same, again = life(config)
    np.testing.assert_array_equal(one, same)
    assert not differences(state, again)
    if planner == "icem" or strategy == "hypercrl":  # every one of them once
        config.seed = 1
        other, elsewhere = life(config)
        assert not np.array_equal(one, other)
        assert differences(state["strategy"], elsewhere["strategy"])
    assert torch.equal(torch.get_rng_state(), untouched)
    assert np.array_equal(np.random.get_state()[1], legacy)  # noqa: NPY002


STAGES = ("fresh", "random episode", "learned once", "planned episode", "closed", "second task", "first task again")


def live(agent: PlanningAgent, stage: str) -> None:
    """An agent's life up to a stage."""
    episodes = iter(range(100))

    def collect(task: TaskSpec) -> None:
        list(episode(agent, task, next(episodes)))

    steps = [
        lambda: collect(SHORT[0]),
        lambda: agent.learn(LearnBudget(7)),
        lambda: collect(SHORT[0]),
        lambda: agent.learn(LearnBudget(6, closing=True)),
        lambda: (collect(SHORT[1]), agent.learn(LearnBudget(8)), collect(SHORT[1])),
        lambda: (agent.learn(LearnBudget(3)), collect(SHORT[0]), agent.learn(LearnBudget(3))),
    ]
    for step in steps[: STAGES.index(stage)]:
        step()


def future(agent: PlanningAgent) -> tuple[list[np.ndarray], dict[str, Any]]:
    actions = []
    for task, number in ((SHORT[0], 50), (SHORT[0], 51), (SHORT[1], 52)):
        actions += list(episode(agent, task, number))
        agent.learn(LearnBudget(6))
    agent.learn(LearnBudget(5, closing=True))
    for task in SHORT:
        actions += list(episode(agent, task, 9, explore=False))
    return actions, agent.state_dict()


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("strategy", sampled(STRATEGIES))
def test_a_restored_agent_has_the_same_future_to_the_bit(strategy: str, stage: str) -> None:
    config = small(
        continual={"name": strategy},
        dynamics={"ensemble": 2, "out_var": True},
        exploration={"noise": 0.1, "handover": 0.5, "every": 2},
    )
    original = make(config)
    live(original, stage)
    state = original.state_dict()
    kept = copy.deepcopy(state)
    actions, end = future(original)
    assert not differences(state, kept)  # a copy: what came later is not in it
    restored = make(config)
    live(restored, "random episode")  # nothing of a former life remains
    restored.load_state_dict(state)
    assert not differences(restored.state_dict(), state)
    again, same = future(restored)
    np.testing.assert_array_equal(again, actions)
    assert not differences(same, end)
    assert not differences(state, kept)
