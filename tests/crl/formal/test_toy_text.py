"""Toy-text environments against Gymnasium itself."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest

from crl.formal import (
    AverageReward,
    Discounted,
    FormalError,
    Limits,
    fixed_policies,
    fixed_policy,
    from_toy_text,
    reach,
    reactive_policy,
    value,
)

MADE: dict[str, dict[str, Any]] = {
    "FrozenLake-v1": {"is_slippery": True},
    "CliffWalking-v1": {},
    "Taxi-v4": {},
}


@pytest.mark.parametrize("name", MADE)
def test_outcomes_are_those_of_gymnasium(name: str) -> None:
    """From sampled states, every outcome that Gymnasium lists is there with its probability, and nothing else."""
    gym = gymnasium.make(name, **MADE[name]).unwrapped
    environment, rewards = from_toy_text(gym)
    width = len(environment.interface.observations)
    ends = {target for row in gym.P.values() for branches in row.values() for _, target, _, ended in branches if ended}
    compared = 0
    for index, state in enumerate(environment.states):
        if state == "reset":
            continue
        rows = slice(environment.first[index], environment.first[index + 1])
        for action in range(len(environment.interface.actions)):
            mine = environment.label[rows] // width == action
            found = {
                (environment.interface.observations[label % width], environment.states[target]): p
                for label, target, p in zip(
                    environment.label[rows][mine],
                    environment.target[rows][mine],
                    environment.probability[rows][mine],
                    strict=True,
                )
            }
            expected: dict[tuple[str, str], float] = {}
            for p, target, reward, _ in gym.P[int(state)][action]:
                key = (f"{target}:{reward:g}", str(int(target)))
                expected[key] = expected.get(key, 0.0) + p
            if found == pytest.approx(expected):
                compared += 1
            else:  # the end of an episode: any action begins the next one
                assert sum(found.values()) == pytest.approx(1)
                assert all(seen.endswith(":0") for seen, _ in found)
                assert int(state) in ends
    assert compared > 40
    for index, seen in enumerate(environment.interface.observations):
        assert (rewards[index] == float(seen.split(":")[1])).all()


def test_a_random_start_is_shown_by_a_first_step() -> None:
    environment, _ = from_toy_text(gymnasium.make("Taxi-v4"))
    assert environment.states[0] == "reset"
    assert environment.initial.tolist() == [1.0] + [0.0] * (len(environment.states) - 1)
    assert environment.first[1] == 300 * 6


def test_values_by_hand() -> None:
    """Along the cliff's edge the goal is 13 steps away; then comes the restart, which costs nothing."""
    environment, rewards = from_toy_text(gymnasium.make("CliffWalking-v1"), actions=["up", "right", "down", "left"])
    walk = dict.fromkeys(environment.interface.observations, "right")
    walk.update({seen: "up" for seen in walk if seen.startswith("36:")})
    walk.update({seen: "down" for seen in walk if seen.startswith("35:")})
    agent = reactive_policy(environment.interface, walk, first="up", name="edge")
    assert value(agent, environment, rewards, AverageReward()).number == pytest.approx(-13 / 14)
    absorbing, rewards = from_toy_text(
        gymnasium.make("CliffWalking-v1"), at_end="absorb", actions=["up", "right", "down", "left"]
    )
    agent = reactive_policy(absorbing.interface, {s: walk.get(s, "up") for s in absorbing.interface.observations}, "up")
    assert value(agent, absorbing, rewards, AverageReward()).number == pytest.approx(0)
    expected = -(1 - 0.9**13) / (1 - 0.9)
    assert value(agent, absorbing, rewards, Discounted(0.9)).number == pytest.approx(expected)


def test_a_frozen_lake_can_be_decided_on() -> None:
    environment, _ = from_toy_text(gymnasium.make("FrozenLake-v1"), actions=["left", "down", "right", "up"])
    basis = fixed_policies(environment.interface)
    mixed = fixed_policy(environment.interface, np.full(4, 0.25), "drunk")
    assert reach(mixed, basis, environment).never
    assert reach(basis[2], basis, environment, Limits()).always


def test_what_has_no_sound_table_is_refused() -> None:
    with pytest.raises(FormalError, match="has no transition table"):
        from_toy_text(SimpleNamespace())
    with pytest.raises(FormalError, match="at_end = 'stop'"):
        from_toy_text(gymnasium.make("FrozenLake-v1"), at_end="stop")  # type: ignore[arg-type]
    both = {0: {0: [(1.0, 1, 0.0, True)], 1: [(1.0, 1, 0.0, False)]}, 1: {0: [(1.0, 0, 0.0, False)]}}
    with pytest.raises(FormalError, match="state 1 both ends an episode and does not"):
        from_toy_text(SimpleNamespace(P=both, initial_state_distrib=np.array([1.0, 0.0])))
    short = {0: {0: [(0.9, 0, 0.0, False)]}}
    with pytest.raises(FormalError, match=r"sum to 0\.9"):
        from_toy_text(SimpleNamespace(P=short, initial_state_distrib=np.array([1.0])))
    with pytest.raises(FormalError, match="2 names for 4 actions"):
        from_toy_text(gymnasium.make("FrozenLake-v1"), actions=["left", "right"])
