"""Coloured noise: its spectrum, its variance, its determinism; the random episodes made of it."""

from __future__ import annotations

import numpy as np
import pytest

from crl.noise import coloured_noise, exploration_actions
from crl.types import ActionSpec, ExplorationPrior, Phase

ACTION = ActionSpec(("push", "grip"), ("N", "m"), (-1.0, 0.0), (1.0, 0.5))


@pytest.mark.parametrize("beta", [0.0, 1.0, 1.5, 2.0])
def test_the_spectrum_falls_as_the_law_says(beta: float) -> None:
    steps = 1024
    noise = coloured_noise(beta, steps, 400, np.random.default_rng(0)).astype(float)
    # A window against leakage: a piece of a drifting signal does not end where it began.
    power = (np.abs(np.fft.rfft(noise * np.hanning(steps)[:, None], axis=0)) ** 2).mean(axis=1)
    frequencies = np.fft.rfftfreq(steps)
    middle = slice(8, steps // 4)
    slope = np.polyfit(np.log(frequencies[middle]), np.log(power[middle]), 1)[0]
    assert slope == pytest.approx(-beta, abs=0.06)


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("steps", [1, 2, 3, 10, 101])
def test_every_step_has_unit_variance_and_no_mean(beta: float, steps: int) -> None:
    noise = coloured_noise(beta, steps, 20_000, np.random.default_rng(1))
    np.testing.assert_allclose(noise.std(axis=1), 1.0, atol=0.03)
    np.testing.assert_allclose(noise.mean(axis=1), 0.0, atol=0.04)


def test_an_episodes_end_does_not_resemble_its_beginning() -> None:
    noise = coloured_noise(1.5, 50, 20_000, np.random.default_rng(2)).astype(float)
    neighbours, ends = (noise[0] * noise[1]).mean(), (noise[0] * noise[-1]).mean()
    assert neighbours > 0.8
    assert ends < 0.3


def test_channels_are_independent() -> None:
    noise = coloured_noise(0.0, 5000, 3, np.random.default_rng(3))
    np.testing.assert_allclose(np.corrcoef(noise.T), np.eye(3), atol=0.06)


def test_the_generator_alone_decides() -> None:
    def draw(seed: int) -> np.ndarray:
        return coloured_noise(1.0, 30, 2, np.random.default_rng(seed))

    np.testing.assert_array_equal(draw(0), draw(0))
    assert not np.array_equal(draw(0), draw(1))
    assert draw(0).dtype == np.float32
    assert draw(0).shape == (30, 2)
    assert draw(0).flags.c_contiguous


@pytest.mark.parametrize(("beta", "steps", "size"), [(1.0, 0, 1), (np.nan, 10, 1), (1.0, 10, -1)])
def test_impossible_noise_is_refused(beta: float, steps: int, size: int) -> None:
    with pytest.raises(ValueError, match="no noise with"):
        coloured_noise(beta, steps, size, np.random.default_rng(0))


def test_free_noise_fills_an_episode_without_phases() -> None:
    prior = ExplorationPrior(beta=1.0, std=(0.3, 0.1))
    rng = np.random.default_rng(0)
    actions = np.stack([exploration_actions(prior, ACTION, 40, rng) for _ in range(500)])
    assert actions.shape == (500, 40, 2)
    assert actions.dtype == np.float32
    assert actions[..., 0].std() == pytest.approx(0.3, rel=0.05)
    assert actions[..., 1].min() == 0.0  # half of it is clipped
    assert actions.max() <= 1.0


def test_phases_come_first_and_in_order() -> None:
    quiet = (0.0, 0.0)
    prior = ExplorationPrior(
        beta=1.0, std=quiet, phases=(Phase((3, 3), (1.0, 0.0), quiet), Phase((2, 2), (-0.5, 0.5), quiet))
    )
    actions = exploration_actions(prior, ACTION, 8, np.random.default_rng(0))
    np.testing.assert_array_equal(actions, [[1, 0]] * 3 + [[-0.5, 0.5]] * 2 + [[0, 0]] * 3)


def test_phases_last_between_their_bounds_inclusive() -> None:
    prior = ExplorationPrior(beta=0.0, std=(0.0, 0.0), phases=(Phase((0, 4), (1.0, 0.5), (0.0, 0.0)),))
    rng = np.random.default_rng(0)
    lengths = [int((exploration_actions(prior, ACTION, 10, rng)[:, 0] == 1).sum()) for _ in range(300)]
    assert set(lengths) == {0, 1, 2, 3, 4}


def test_phases_longer_than_the_episode_are_cut() -> None:
    phases = (Phase((9, 9), (1.0, 0.5), (0.0, 0.0)), Phase((9, 9), (-1.0, 0.0), (0.0, 0.0)))
    actions = exploration_actions(ExplorationPrior(1.0, (0.5, 0.5), phases), ACTION, 5, np.random.default_rng(0))
    np.testing.assert_array_equal(actions, [[1, 0.5]] * 5)


def test_a_phase_scales_the_noise_and_everything_is_clipped() -> None:
    prior = ExplorationPrior(beta=0.0, std=(100.0, 100.0), phases=(Phase((5, 5), (0.2, 0.25), (0.1, 0.0)),))
    rng = np.random.default_rng(0)
    actions = np.stack([exploration_actions(prior, ACTION, 10, rng) for _ in range(500)])
    assert actions[:, :5, 0].mean() == pytest.approx(0.2, abs=0.01)
    assert actions[:, :5, 0].std() == pytest.approx(0.1, abs=0.01)
    assert (actions[:, :5, 1] == 0.25).all()
    assert (actions >= np.array(ACTION.low)).all()
    assert (actions <= np.array(ACTION.high)).all()
