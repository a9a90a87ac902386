"""Lives with regimes that drift from one to another, and with some that combine two."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from crl_envs.lives.regimes.mixing import Mixture, draw_mixtures
from crl_envs.missions import MissionError

HALF = np.array([1.0, np.pi / 2])


def make(**kwargs: Any) -> gymnasium.Env[Any, Any]:
    """A unicycle's life of short visits."""
    return gymnasium.make("crl/UGVLife-v0", disable_env_checker=True, lengths=(10, 20), **kwargs)


def test_shares_are_kept_and_what_is_mixed_came_earlier() -> None:
    for seed in range(5):
        drawn = draw_mixtures(12, 0.2, 0.3, np.random.default_rng(seed))
        assert sorted(drawn) == [7, 8, 9, 10, 11]
        assert sum(made.drifts for made in drawn.values()) == 2
        for made in drawn.values():
            assert made.one != made.other
            assert max(made.one, made.other) < 7
            assert made.drifts or min(made.one, made.other) > 0
    assert draw_mixtures(12, 0.0, 0.0, np.random.default_rng(0)) == {}


def test_effects_by_hand() -> None:
    command = np.array([0.4, -0.2])
    both = Mixture(1, 2, drifts=False).effect(lambda c: c + 0.1, lambda c: -2 * c, 0.5)
    assert both(command) == pytest.approx([-1.0, 0.2])
    for share, wanted in ((0.0, [0.4, -0.2]), (0.25, [0.1, -0.05]), (1.0, [-0.8, 0.4])):
        drift = Mixture(0, 2, drifts=True).effect(lambda c: c, lambda c: -2 * c, share)
        assert drift(command) == pytest.approx(wanted)


def test_a_life_meets_them_and_an_oracle_is_told() -> None:
    env = make(regimes=6, drift=0.2, combine=0.2)
    env.reset(seed=2)
    life: Any = env.unwrapped
    names, moved = set(), []
    for action in np.random.default_rng(0).uniform(-1, 1, size=(600, 2)).astype(np.float32):
        told = life.next_effect()
        share, made = life.stream.share, life._mixtures.get(life.next_regime)
        info = env.step(action)[4]
        assert told(torch.from_numpy(action)).numpy() == pytest.approx(info["effect"], abs=1e-5)
        names.add(info["regime_name"].split("_")[1] if "_" in info["regime_name"] else "nominal")
        if made is not None and made.drifts:
            ends = [life.regimes[at].effect(action / HALF) * HALF for at in (made.one, made.other)]
            assert info["effect"] == pytest.approx((1 - share) * ends[0] + share * ends[1], abs=1e-6)
            moved.append(share)
    assert {"nominal", "drift", "combined"} <= names
    assert min(moved) == 0.0
    assert max(moved) > 0.8


def test_without_them_the_life_is_what_it_was_and_with_them_it_goes_on_to_the_bit() -> None:
    plain, mixed = make(), make(drift=0.2, combine=0.2)
    plain.reset(seed=3)
    mixed.reset(seed=3)
    one, two = (env.unwrapped for env in (plain, mixed))
    assert one.regimes == two.regimes  # type: ignore[attr-defined]
    other = make(drift=0.2, combine=0.2)
    other.reset(seed=4)
    actions = np.random.default_rng(1).uniform(-1, 1, size=(300, 2)).astype(np.float32)
    for action in actions[:250]:
        mixed.step(action)
    other.unwrapped.set_episode_state(mixed.unwrapped.get_episode_state())  # type: ignore[attr-defined]
    for action in actions[250:]:
        first, second = mixed.step(action), other.step(action)
        assert np.array_equal(first[0], second[0])
        assert first[4]["regime_name"] == second[4]["regime_name"]


@pytest.mark.parametrize("wrong", [{"drift": 1.5}, {"combine": -0.1}, {"drift": 0.5, "combine": 0.5}])
def test_what_leaves_nothing_to_mix_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(MissionError):
        make(**wrong)
