"""Continual World: ten tasks of Meta-World on the MuJoCo that is installed."""

from __future__ import annotations

import sys
from contextlib import closing
from typing import Any

import numpy as np
import pytest

from crl.errors import CrlError
from crl.sequences import load_sequence
from crl_envs.sequences import CONTINUAL_WORLD


def test_a_task_that_comes_again_is_a_position_of_its_own() -> None:
    ten, twenty = load_sequence("cw10"), load_sequence("cw20")
    assert [task.name for task in ten.tasks] == list(CONTINUAL_WORLD)
    assert [twenty.identity(i) for i in range(20)] == list(range(20))
    for i in range(10):
        assert dict(twenty.tasks[i].kwargs) == dict(twenty.tasks[i + 10].kwargs) == {"task": CONTINUAL_WORLD[i]}


def test_without_metaworld_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "crl_envs.continual_world", raising=False)
    monkeypatch.setitem(sys.modules, "metaworld.env_dict", None)
    monkeypatch.setitem(sys.modules, "metaworld", None)
    with pytest.raises(CrlError, match=r"needs 'metaworld.*, which is not installed\n.*pip install 'crl\[metaworld\]'"):
        load_sequence("cw10").spec(0)


def policy_of(task: str) -> Any:
    """The scripted policy that Meta-World has for a task."""
    policies = pytest.importorskip("metaworld.policies", reason="needs the extra metaworld")
    return getattr(policies, f"Sawyer{''.join(word.capitalize() for word in task.split('-'))}V3Policy")()


def rollout(env: Any, seed: int, steps: int = 200) -> tuple[np.ndarray, bool]:
    """Observations [T + 1, 40] of Meta-World's own policy, and whether the episode was solved."""
    policy = policy_of(env.get_wrapper_attr("task")["name"])
    seen, over, info = [env.reset(seed=seed)[0]], False, {}
    while not over and len(seen) <= steps:
        told = seen[-1][:39].astype(float)
        told[18:36] = told[:18] - told[18:36]  # as Meta-World has it
        action = np.clip(policy.get_action(told), -1, 1).astype(np.float32)
        observation, _, _, over, info = env.step(action)
        seen.append(observation)
    return np.array(seen), bool(info["is_success"])


@pytest.fixture(scope="module")
def windows() -> Any:
    pytest.importorskip("metaworld", reason="needs the extra metaworld")
    with closing(load_sequence("cw10").make(CONTINUAL_WORLD.index("window-close"))) as env:
        yield env


@pytest.mark.filterwarnings("ignore:Constant")
def test_metaworlds_own_policy_succeeds_and_an_episode_can_be_repeated(windows: Any) -> None:
    first, solved = rollout(windows, 3)
    assert solved
    assert len(first) == 201
    other, _ = rollout(windows, 4)
    assert not np.array_equal(first[0], other[0])  # other positions
    again, _ = rollout(windows, 3)
    np.testing.assert_array_equal(first, again)


@pytest.mark.filterwarnings("ignore:Constant")
def test_the_observation_says_what_its_names_say(windows: Any) -> None:
    seen, _ = rollout(windows, 5, steps=120)
    spec = windows.task_spec
    names = [field.name for field in spec.observation.fields]
    assert (len(names), names[39], names[36]) == (40, "solved", "goal_x")
    np.testing.assert_allclose(seen[1:, 18:36], np.diff(seen[:, :18], axis=0), atol=1e-6)  # change_...
    assert np.all(seen[0, 18:36] == 0)
    assert np.unique(seen[:, 36:39], axis=0).shape[0] == 1
    assert np.any(seen[0, 36:39] != 0)  # the goal is shown
    solved = seen[:, 39]
    assert solved[0] == 0
    assert solved[-1] == 1
    assert (np.diff(solved) >= 0).all()
    assert spec.success(seen).tolist() == (solved == 1).tolist()
    assert spec.learned == ("reward",)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:Constant")
@pytest.mark.parametrize("task", range(10))
def test_all_ten_tasks_can_be_solved(task: int) -> None:
    pytest.importorskip("metaworld", reason="needs the extra metaworld")
    with closing(load_sequence("cw10").make(task)) as env:
        assert sum(rollout(env, seed)[1] for seed in range(5)) >= 4


def test_another_task_is_refused() -> None:
    pytest.importorskip("metaworld", reason="needs the extra metaworld")
    from crl_envs.continual_world import ContinualWorldEnv

    with pytest.raises(ValueError, match="task='door-open' is not offered: use one of hammer"):
        ContinualWorldEnv("door-open")  # type: ignore[arg-type]


@pytest.mark.filterwarnings("ignore:Constant")
@pytest.mark.parametrize("task", ["window-close", "push"])
def test_the_first_observation_is_of_where_the_episode_begins(task: str) -> None:
    pytest.importorskip("metaworld", reason="needs the extra metaworld")
    with closing(load_sequence("cw10").make(CONTINUAL_WORLD.index(task))) as env:
        first, _ = env.reset(seed=3)
        still = env.step(np.zeros(4, np.float32))[0]
    np.testing.assert_allclose(first[4:18], still[4:18], atol=5e-3)  # window-close was 0.2 m off
