"""Agents of Stable-Baselines3: what they act on, learn from, keep and restore, on a point mass."""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from stable_baselines3 import SAC

from crl.agents.model_free.sb3 import SB3Agent
from crl.agents.model_free.state import model_state
from crl.agents.planning_making import planning_agent
from crl.agents.sb3_model import algorithm, algorithms
from crl.errors import CrlError
from crl.noise import exploration_actions
from crl.seeding import numpy_generator
from crl.training.checkpoints.store import CheckpointStore
from crl.types import LearnBudget, ObservationField, ObservationSpec, TaskSpec
from tests.crl.point_mass import ACTION, OBSERVATION, Track, episode, point_mass, small, train, transition
from tests.crl.states import differences, numbers

NAMES = sorted(algorithms())
TASKS = [point_mass(0), point_mass(1)]
ROW = 4 * (2 + 1 + 2 + 1) + 8 + 1
"""Bytes of a stored transition: float32 observations, action and reward, the task, and whether it ended an episode."""


def make(name: str = "sb3_sac", **agent: Any) -> SB3Agent:
    given = {"name": name, "hidden": [8], "batch": 16, **agent}
    return SB3Agent(small(agent=given), OBSERVATION, ACTION)


def acts(agent: SB3Agent, task: TaskSpec, number: int, *, explore: bool) -> np.ndarray:
    return np.concatenate(list(episode(agent, task, number, explore=explore)))


# ---------------------------------------------------------------------- acting
@pytest.mark.parametrize("name", NAMES)
def test_policies_vary_their_actions_in_training_only(name: str) -> None:
    agent = make(name, noise=0.0 if name == "sb3_sac" else 0.1)
    train(agent, TASKS[0], range(2))
    observation = np.array([0.5, -0.5], np.float32)
    for explore, distinct in ((True, 10), (False, 1)):
        actions = []
        for number in range(10):
            agent.begin(TASKS[0], 100 + number, explore)
            actions.append(agent.act(observation).action[0])
        assert len(set(actions)) == distinct


def test_deterministic_policies_without_noise_do_not_vary() -> None:
    agent = make("sb3_td3")
    train(agent, TASKS[0], range(2))
    assert np.array_equal(acts(agent, TASKS[0], 3, explore=True), acts(agent, TASKS[0], 3, explore=False))


def test_actions_use_their_whole_range() -> None:
    """A policy that saturates reaches both ends of the unequal range -1..2, and not more."""
    agent = make("sb3_td3")
    train(agent, TASKS[0], range(1))
    ends = []
    for bias in (-1e3, 1e3):
        with torch.no_grad():
            agent.model.actor.mu[-2].bias.fill_(bias)
        agent.begin(TASKS[0], 1, explore=False)
        ends.append(float(agent.act(np.zeros(2, np.float32)).action[0]))
    assert ends == [ACTION.low[0], ACTION.high[0]]


def test_random_episodes_are_those_of_the_model_based_agent() -> None:
    config = small(agent={"name": "sb3_sac", "hidden": [8], "batch": 16}, exploration={"random_episodes": 2}, seed=3)
    agents = [SB3Agent(config, OBSERVATION, ACTION), planning_agent(config, OBSERVATION, ACTION)]
    for task, number, scripted in ((0, 0, True), (0, 1, True), (0, 2, False), (1, 0, True), (0, 3, False)):
        random = numpy_generator(3, "explore", task, number)
        expected = exploration_actions(TASKS[task].exploration, ACTION, TASKS[task].episode_steps, random)
        for agent in agents:
            actions = np.stack(list(episode(agent, TASKS[task], number)))
            assert np.array_equal(actions, expected) == scripted
            agent.learn(LearnBudget(2))


@pytest.mark.parametrize("explore", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_a_policy_that_is_not_finite_gives_the_safe_action(name: str, explore: bool) -> None:
    agent = make(name)
    train(agent, TASKS[0], range(1))
    with torch.no_grad():
        for parameter in agent.model.actor.parameters():
            parameter.fill_(float("nan"))
    agent.begin(TASKS[0], 1, explore=explore)
    decision = agent.act(np.zeros(2, np.float32))
    assert decision.action == pytest.approx(TASKS[0].safe_action)
    assert decision.reason == "the policy's action is not finite"


def test_an_angle_is_the_same_after_a_turn() -> None:
    spec = ObservationSpec((ObservationField("angle", "rad", kind="angle"), ObservationField("velocity", "rad/s")))
    task = point_mass(0, observation=spec)
    agent = SB3Agent(small(agent={"name": "sb3_sac", "hidden": [8], "batch": 16}), spec, ACTION)
    train(agent, task, range(2))
    agent.begin(task, 5, explore=False)
    one, other = (agent.act(np.array([angle, 0.3], np.float32)).action for angle in (np.pi - 1e-6, 1e-6 - np.pi))
    assert one == pytest.approx(other, abs=1e-5)


# ---------------------------------------------------------------------- learning
def constant_reward(gamma: float, scale: float) -> float:
    """What the critic makes of a reward of 1 per step in short episodes."""
    agent = make("sb3_ddpg", gamma=gamma, tau=0.05, lr=3e-3, reward_scale=scale, hidden=[32], batch=32)
    task = point_mass(0, episode_steps=2, reward=lambda observation, action, after: 1.0)
    train(agent, task, range(20), steps=0)
    for _ in range(4):
        agent.learn(LearnBudget(150))
    batch = agent.replay.sample(64)
    (values,) = agent.model.critic(batch.observations, batch.actions)  # type: ignore[operator]
    assert float(values.detach().std()) < 0.1 * float(values.detach().mean())
    return float(values.detach().mean())


@pytest.mark.parametrize(("gamma", "scale"), [(0.0, 1.0), (0.5, 1.0), (0.5, 3.0)])
def test_values_are_those_of_a_task_without_end(gamma: float, scale: float) -> None:
    """Q = r / (1 - gamma) at every step, the last before the time limit included; else they would be lower."""
    assert constant_reward(gamma, scale) == pytest.approx(scale / (1 - gamma), rel=0.1)


def test_nothing_comes_after_a_step_that_terminated_the_episode() -> None:
    """Episodes of one step from the left end on failure, those from the right at their time limit; each step pays 1."""
    agent = make("sb3_ddpg", gamma=0.5, tau=0.05, lr=3e-3, hidden=[32], batch=32)
    task, random = point_mass(0, episode_steps=1), np.random.default_rng(0)
    left, right = np.array([-1, 0], np.float32), np.array([1, 0], np.float32)
    agent.begin(task, 0, explore=True)
    for number in range(60):
        start = left if number % 2 else right
        seen = transition(task, start, random.uniform(-1, 2, 1).astype(np.float32), start)
        agent.observe(replace(seen, reward=1.0, last=True, terminated=bool(number % 2)))
    for _ in range(4):
        agent.learn(LearnBudget(150))
    starts, actions = torch.tensor(np.stack([left, right])), torch.zeros(2, 1)
    (values,) = agent.model.critic(agent._inputs(starts), actions)  # type: ignore[operator]
    assert values.flatten().tolist() == pytest.approx([1.0, 1 / (1 - 0.5)], rel=0.1)


def test_a_buffer_of_the_version_before_has_no_terminations() -> None:
    agent, again = make(), make()
    train(agent, TASKS[0], range(2))
    state = agent.state_dict()
    del state["replay"]["terminated"]
    again.load_state_dict(state)
    assert not differences(again.state_dict(), agent.state_dict())
    assert not again.replay.sample(64).dones.any()


def test_it_learns_from_what_was_executed() -> None:
    agent = make()
    agent.begin(TASKS[0], 0, explore=True)
    planned, executed = np.array([2.0], np.float32), np.array([0.5], np.float32)
    seen = transition(TASKS[0], np.zeros(2, np.float32), executed, np.ones(2, np.float32))
    agent.observe(type(seen)(**{**vars(seen), "planned": planned, "refined": planned}))
    assert agent.replay.state_dict()["action"].tolist() == [[0.0]], "the middle of -1..2, scaled to -1..1"


def test_a_session_spends_its_budget() -> None:
    agent = make()
    assert agent.learn(LearnBudget(5)).steps == 0, "nothing to learn from"
    train(agent, TASKS[0], range(1), steps=0)
    before = model_state(agent.model)
    report = agent.learn(LearnBudget(5))
    assert (report.steps, agent.model._n_updates) == (5, 5)
    assert set(report.losses) == {"task", "actor", "entropy_coefficient"}
    assert differences(model_state(agent.model), before)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("reward", [1e38, float("nan")])
def test_a_session_that_breaks_the_networks_is_undone(name: str, reward: float) -> None:
    agent = make(name)
    train(agent, TASKS[0], range(2))
    before = model_state(agent.model)
    row = transition(TASKS[0], np.zeros(2, np.float32), np.zeros(1, np.float32), np.zeros(2, np.float32), step=1)
    for _ in range(100):
        agent.observe(type(row)(**{**vars(row), "reward": reward}))
    report = agent.learn(LearnBudget(5))
    assert report.losses == {"skipped": 5.0}
    assert not differences(model_state(agent.model), before)


def test_a_transition_of_another_task_is_refused() -> None:
    agent = make()
    train(agent, TASKS[0], range(1))
    with pytest.raises(ValueError, match="task 1 was observed while task 0"):
        agent.observe(transition(TASKS[1], np.zeros(2, np.float32), np.zeros(1, np.float32), np.zeros(2, np.float32)))


@pytest.mark.slow
def test_it_learns_to_reach_the_origin() -> None:
    """The mean return of evaluation episodes, against that of the untrained policy."""

    def score(agent: SB3Agent) -> float:
        total = 0.0
        for number in range(10):
            agent.begin(TASKS[0], number, explore=False)
            track = Track()
            observation = track.reset(1000 + number)
            for _ in range(TASKS[0].episode_steps):
                action = agent.act(observation).action
                after = track.step(action)
                total += float(TASKS[0].reward(observation, action, after))
                observation = after
        return total / 10

    agent = make(hidden=[64, 64], batch=64, lr=1e-3, options={"ent_coef": "auto_0.1"})
    untrained = score(agent)
    train(agent, TASKS[0], range(60), steps=20)
    assert score(agent) > untrained / 2, "at least half of the cost is gone"


# ---------------------------------------------------------------------- tasks
def test_the_buffer_is_emptied_with_each_task() -> None:
    agent = make()
    for task in (0, 1, 0):
        train(agent, TASKS[task], range(2))
        assert len(agent.replay) == 20
        assert set(agent.replay.state_dict()["task"]) == {task}
        assert (agent.kept_bytes(), agent.old_rows_read()) == (0, 0)
    storage = agent.storage()
    assert (storage.bytes_per_task, storage.revisits_data) == (0, False)


def test_a_buffer_that_is_kept_is_counted() -> None:
    agent = make(keep_buffer=True)
    train(agent, TASKS[0], range(2))
    assert (agent.kept_bytes(), agent.old_rows_read()) == (0, 0)
    train(agent, TASKS[1], range(1), steps=0)
    assert agent.kept_bytes() == 20 * ROW
    agent.learn(LearnBudget(50))
    # 20 of 30 rows are old: 800 draws of probability 2/3 have a deviation of 13.
    assert agent.old_rows_read() == pytest.approx(16 * 50 * 2 / 3, abs=60)
    storage = agent.storage()
    assert (storage.bytes_per_task, storage.revisits_data) == (20 * ROW, True)
    train(agent, TASKS[0], range(2, 3), steps=0)
    assert agent.kept_bytes() == 10 * ROW, "the first task is the current one again"


def test_a_full_buffer_forgets_the_oldest() -> None:
    agent = make(keep_buffer=True, buffer=25)
    for task in (0, 1):
        train(agent, TASKS[task], range(2), steps=1)
    rows = agent.replay.state_dict()
    assert len(rows["task"]) == 25
    assert (rows["task"] == 1).sum() == 20
    assert agent.replay.newest(25, "task").tolist() == [0] * 5 + [1] * 20
    train(agent, TASKS[1], range(2, 300), steps=0)
    assert len(agent.replay) == 25


@pytest.mark.parametrize("renew", [True, False])
def test_exploration_starts_afresh_with_each_task(renew: bool) -> None:
    agent = make(renew_entropy=renew, options={"ent_coef": "auto_0.5"}, lr=0.05)
    train(agent, TASKS[0], range(3))
    learned = float(agent.model.log_ent_coef.detach())
    assert learned != pytest.approx(np.log(0.5), abs=0.1)
    networks = copy.deepcopy(model_state(agent.model)["modules"])
    list(episode(agent, TASKS[1], 0))
    assert float(agent.model.log_ent_coef.detach()) == pytest.approx(np.log(0.5) if renew else learned)  # type: ignore[arg-type]
    assert not differences(model_state(agent.model)["modules"], networks)


def test_plasticity_counts_dormant_units() -> None:
    agent = make(hidden=[8, 10])
    assert agent.plasticity() is None
    train(agent, TASKS[0], range(2))
    before = agent.plasticity()
    assert before is not None
    with torch.no_grad():
        second = agent.model.critic.q_networks[0][2]  # type: ignore[union-attr, index]
        second.weight.zero_()
        second.bias.fill_(-1.0)
        second.bias[0] = 1.0
    after = agent.plasticity()
    assert after is not None
    assert after.effective_rank == pytest.approx(1.0)
    assert after.effective_rank_share == pytest.approx(0.1)
    first = round(18 * after.dormant_units) - 9
    assert 0 <= first <= 8
    assert after.dormant_units >= 9 / 18 >= before.dormant_units


# ---------------------------------------------------------------------- persistence
@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_holds_it_all(name: str, tmp_path: Path) -> None:
    """Through the real file format: networks, targets, optimisers, coefficients, buffer and counters."""
    agent = make(name)
    for task in TASKS:
        train(agent, task, range(2))
    store = CheckpointStore(tmp_path)
    store.save(1, agent.state_dict())
    restored = make(name)
    restored.load_state_dict(store.load_latest().state)
    assert not differences(restored.state_dict(), agent.state_dict())
    assert numbers(agent.state_dict()["model"]) > 1000
    futures = [train(one, TASKS[1], range(2, 5)) for one in (agent, restored)]
    assert np.array_equal(*futures)
    assert not differences(restored.state_dict(), agent.state_dict())
    written = {path.suffix for path in tmp_path.rglob("*") if path.is_file()}
    assert written == {".safetensors", ".json"}


def test_the_state_names_the_parts_of_soft_actor_critic() -> None:
    agent = make()
    train(agent, TASKS[0], range(2))
    state = agent.state_dict()["model"]
    networks = {name.split(".")[0] for name in state["modules"]["policy"]}
    assert networks == {"actor", "critic", "critic_target"}
    assert set(state["optimisers"]) == {"actor.optimizer", "critic.optimizer", "ent_coef_optimizer"}
    assert all(
        entry.keys() == {"step", "exp_avg", "exp_avg_sq"} for entry in state["optimisers"]["critic.optimizer"].values()
    )
    assert set(state["tensors"]) == {"log_ent_coef"}


# ---------------------------------------------------------------------- settings
def test_settings_reach_the_algorithm() -> None:
    model = make("sb3_td3", lr=2e-3, gamma=0.9, tau=0.02, hidden=[7, 5], options={"policy_delay": 4}).model
    assert (model.learning_rate, model.gamma, model.tau) == (2e-3, 0.9, 0.02)
    assert model.policy_delay == 4  # type: ignore[attr-defined]
    assert [tuple(weight.shape) for weight in model.actor.mu.parameters() if weight.ndim == 2] == [
        (7, 2),
        (5, 7),
        (1, 5),
    ]  # type: ignore[operator, union-attr]


@pytest.mark.parametrize(
    ("name", "options", "expected"),
    [
        (
            "sb3_td3",
            {"policy_dealy": 3},
            "agent.options.policy_dealy is no option of TD3: did you mean 'policy_delay'?",
        ),
        ("sb3_sac", {"seed": 3}, "agent.options.seed is no option of SAC"),
        ("sb3_sac", {"ent_coef": "often"}, "SAC refuses agent.options="),
    ],
)
def test_a_wrong_option_is_explained(name: str, options: dict[str, Any], expected: str) -> None:
    with pytest.raises(CrlError) as caught:
        make(name, options=options)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("sb3_dqn", "DQN chooses among discrete actions"),
        ("sb3_a2c", "A2C is on-policy"),
        ("sb3_tdd3", "no algorithm for agent=sb3_tdd3: did you mean 'sb3_td3'?"),
    ],
)
def test_an_algorithm_that_does_not_serve_is_explained(name: str, expected: str) -> None:
    assert NAMES == ["sb3_ddpg", "sb3_sac", "sb3_td3"]
    with pytest.raises(CrlError) as caught:
        algorithm(name)
    assert expected in str(caught.value)


def test_a_plug_in_brings_an_algorithm_of_its_own() -> None:
    class Greedy(SAC):
        """Not one of the library's, and without a learned entropy coefficient."""

    given = {"name": "mine", "hidden": [8], "batch": 16, "options": {"ent_coef": 0.01}}
    agent, restored = (SB3Agent(small(agent=given), OBSERVATION, ACTION, kind=Greedy) for _ in range(2))
    for task in TASKS:
        train(agent, task, range(2))
    restored.load_state_dict(copy.deepcopy(agent.state_dict()))
    assert np.array_equal(train(agent, TASKS[0], range(5, 7)), train(restored, TASKS[0], range(5, 7)))
    assert set(agent.state_dict()["model"]["tensors"]) == {"ent_coef_tensor"}
