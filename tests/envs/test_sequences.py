"""The registered environments and the sequences made of them."""

from __future__ import annotations

import subprocess
import sys

import gymnasium
import pytest

import crl_envs
from crl_envs import sequences

ALL = (
    sequences.DOOR_OPEN,
    sequences.CARTPOLE_LENGTH,
    sequences.PUSHER,
    sequences.PUSHER_HELD_OUT,
    sequences.HALF_CHEETAH_BODY,
    sequences.UGV_MISSION,
    sequences.UGV_MISSION_HUSKY,
    sequences.QUADROTOR_MISSION,
    sequences.QUADROTOR_MISSION_RATES,
)


def test_the_orders_are_the_published_ones() -> None:
    doors = [task["kwargs"]["door"] for task in sequences.DOOR_OPEN["tasks"]]
    assert doors == ["pull", "round_minus", "lever_minus", "round_plus", "lever_plus"]
    lengths = [task["kwargs"]["length"] for task in sequences.CARTPOLE_LENGTH["tasks"]]
    assert lengths == [0.6, 0.8, 0.4, 1.0, 1.2, 0.7, 0.5, 0.9, 1.1, 1.3]
    known = [(500, 500), (100, 500), (500, 100), (500, 250), (250, 500)]
    held_out = [(1000, 100), (100, 1000), (300, 1000), (1000, 300), (1000, 1000)]
    for sequence, expected in ((sequences.PUSHER, known), (sequences.PUSHER_HELD_OUT, known + held_out)):
        assert [(task["kwargs"]["left"], task["kwargs"]["right"]) for task in sequence["tasks"]] == expected
    bodies = [task["kwargs"]["body"] for task in sequences.HALF_CHEETAH_BODY["tasks"]]
    assert bodies == ["base", "torso", "thigh", "shin", "foot"]


@pytest.mark.parametrize("sequence", ALL, ids=lambda sequence: sequence["name"])
def test_every_task_can_be_made_under_its_own_name(sequence: dict) -> None:
    names = [task["name"] for task in sequence["tasks"]]
    assert len(set(names)) == len(names)
    if any(task["kwargs"].get("body") == "husky" for task in sequence["tasks"]):
        pytest.importorskip("pybullet")  # has no wheels beyond Python 3.11
    for task in sequence["tasks"]:
        env = gymnasium.make(task["id"], **task["kwargs"])
        assert env.unwrapped.task["name"] == task["name"]
        env.close()


def test_registering_twice_changes_nothing(recwarn: pytest.WarningsRecorder) -> None:
    before = {name: gymnasium.spec(name) for name in crl_envs.ENVIRONMENTS}
    crl_envs.register_envs()
    assert {name: gymnasium.spec(name) for name in crl_envs.ENVIRONMENTS} == before
    assert not recwarn.list


def test_registering_imports_no_simulator() -> None:
    program = (
        "import sys, crl_envs, crl_envs.sequences; "
        "print(sorted({'mujoco', 'pybullet', 'torch', 'crl'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "[]"
