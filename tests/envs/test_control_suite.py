"""The DeepMind Control Suite by ids of Gymnasium, on the MuJoCo that is installed."""

from __future__ import annotations

import sys
from contextlib import closing
from importlib.metadata import entry_points

import numpy as np
import pytest

from crl.errors import CrlError
from crl.foreign.names import recipe_of
from crl.sequences import load_sequence

BALANCE = "gym:dm_control/cartpole-balance-v0"


def test_presets_are_named_by_body_and_task() -> None:
    assert recipe_of(BALANCE) == "cartpole_balance"
    assert recipe_of("gym:dm_control/cheetah-run-v0") == "cheetah_run"


@pytest.mark.parametrize("missing", ["dm_control", "shimmy"])
def test_without_it_the_extra_is_named(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "crl_envs.control_suite", raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(CrlError, match=r"which is not installed\n.*pip install 'crl\[dmc\]'"):
        load_sequence(BALANCE).spec(0)


@pytest.mark.parametrize(("env", "size", "actions"), [(BALANCE, 5, 1), ("gym:dm_control/cheetah-run-v0", 17, 6)])
def test_bodies_are_described_and_an_episode_can_be_repeated(env: str, size: int, actions: int) -> None:
    pytest.importorskip("shimmy", reason="needs the extra dmc")
    pytest.importorskip("dm_control", reason="needs the extra dmc")
    with closing(load_sequence(env).make(0)) as made:
        spec = made.task_spec
        assert (spec.observation.size, spec.action.size, spec.episode_steps) == (size, actions, 1000)
        assert spec.control_period == pytest.approx(0.01)
        assert spec.learned == ("reward", "terminated")
        episodes = []
        for _ in range(2):
            seen, rewards = [made.reset(seed=3)[0]], []
            for step in range(1000):
                action = np.full(actions, 0.5 if step < 3 else 0.0, np.float32)
                observation, reward, terminated, truncated, _ = made.step(action)
                seen.append(observation)
                rewards.append(reward)
                assert not terminated
                assert truncated == (step == 999)
            episodes.append((np.array(seen), rewards))
        np.testing.assert_array_equal(episodes[0][0], episodes[1][0])
        assert all(0 <= reward <= 1 for reward in episodes[0][1])  # a bound of 1,000, as the page of presets has it
        assert made.reset(seed=4)[0].tolist() != episodes[0][0][0].tolist()


def test_its_entry_point_loads_without_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("dm_control", "shimmy"):
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.delitem(sys.modules, "crl_envs.control_suite", raising=False)
    (point,) = entry_points(group="crl.namespaces", name="dm_control")
    with pytest.raises(ModuleNotFoundError):
        point.load()()
