"""Doors with one part of the recipe missing differ in that part alone."""

from __future__ import annotations

import numpy as np
import pytest

from crl.sequences import load_sequence
from crl_envs.doors.door import DoorOpenEnv


def test_without_the_script_random_episodes_are_noise() -> None:
    whole, bare = load_sequence("door_open"), load_sequence("crl_envs.doors.ablations:NO_SCRIPT")
    for index in range(5):
        assert whole.spec(index).exploration.phases and not bare.spec(index).exploration.phases
        assert whole.spec(index).observation == bare.spec(index).observation


@pytest.mark.parametrize("door", ["pull", "lever_minus", "round_plus"])
def test_without_holding_only_the_holding_part_of_the_reward_is_missing(door: str) -> None:
    whole, bare = DoorOpenEnv(door), DoorOpenEnv(door, holding=False)  # type: ignore[arg-type]
    random = np.random.default_rng(0)
    observations = random.uniform(-0.02, 0.02, (50, 16))
    observations[:, 12] = random.uniform(-0.8, 0.8, 50)
    actions = random.uniform(-1, 1, (50, 5))
    near = np.exp(-np.square(observations[:, :3]).sum(axis=-1) / (2 * 0.012**2))
    opening = observations[:, 4] + observations[:, 5]
    closed = np.clip((0.09 - opening) / (0.09 - whole.handle.thickness), 0, 1)
    missing = whole.reward(observations, actions, observations) - bare.reward(observations, actions, observations)
    np.testing.assert_allclose(missing, 3 * near * closed, atol=1e-9)


def test_a_pose_without_the_script_has_none_either() -> None:
    assert all(task.kwargs == {"door": task.name} for task in load_sequence("crl_envs.doors.ablations:POSE").tasks)
