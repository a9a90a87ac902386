"""Living: what is counted, and that the oracle is an oracle."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.sequences import load_sequence
from crl.settings import compose
from crl.training.lives.arms import Arm, OracleArm
from crl.training.lives.living import live
from crl.types import Array, TaskSpec, Transition

SEQUENCE = load_sequence("crl_envs.sequences:UGV_LIFE")
TASK = SEQUENCE.spec(0)


class Scripted(Arm):
    """Drives straight on; expects what the truth is, or that commands do nothing."""

    is_told = True

    def __init__(self, *, right: bool) -> None:
        super().__init__()
        self.right = right
        self.seen: list[Transition] = []

    def begin(self, task: TaskSpec) -> None:
        self.began = task.name

    def tell(self, effect: Any) -> None:
        self.effect = effect

    def act(self, observation: Array) -> Array:
        return np.array([2.0, 0.3], np.float32)

    def predict(self, observation: Array, executed: Array) -> Tensor:
        v, w = self.effect(executed.astype(np.float64)) if self.right else (0.0, 0.0)
        return torch.tensor([v * TASK.control_period, 0.0, w * TASK.control_period])

    def observe(self, transition: Transition) -> None:
        self.seen.append(transition)


def lived(arm: Arm, steps: int, seed: int = 1) -> dict[str, Any]:
    """A life's record."""
    env = SEQUENCE.make(0)
    record = live(arm, env, TASK, steps, seed)
    env.close()
    return record


def test_who_expects_the_truth_is_right_and_who_does_not_is_wrong() -> None:
    knows, ignores = (lived(Scripted(right=right), 300) for right in (True, False))
    assert knows["right"] == 1.0
    assert knows["returned"] in (0.0, 1.0)
    assert knows["returns"]["median"] == 0
    assert ignores["right"] == 0.0
    assert ignores["returned"] == 0.0


def test_what_is_shown_is_what_passed_the_limits() -> None:
    arm = Scripted(right=True)
    record = lived(arm, 60)
    assert len(arm.seen) == record["steps"] == len(record["timeline"]) == 60
    assert all(step.executed[0] == 1.0 and step.refined[0] == 2.0 for step in arm.seen)
    assert [step.first for step in arm.seen] == [True] + [False] * 59
    assert sum(part["steps"] for part in record["by_regime"].values()) == 60


@pytest.mark.parametrize("seed", [1, 2])
def test_the_oracle_keeps_to_its_legs_in_every_regime(seed: int) -> None:
    config = compose(["env=ugv_mission", "refiner=oracle"])
    record = lived(OracleArm(config, TASK), 500, seed)
    assert record["right"] == 1.0
    assert record["crashes"] == 0
    assert record["cross_track"] < 0.5
    assert record["waypoints"] > 20
