"""Every door can be opened: iCEM over the true dynamics, with the reward that the learner gets."""

from __future__ import annotations

import numpy as np
import pytest

from crl_envs.doors.door import DoorOpenEnv
from crl_envs.doors.model import HANDLES

HORIZON, SAMPLES, ROUNDS, ELITES = 12, 64, 3, 8


def coloured(rng: np.random.Generator, beta: float, shape: tuple[int, ...]) -> np.ndarray:
    """Noise of unit deviation with spectrum 1 / f**beta along the last axis."""
    length = shape[-1]
    frequency = np.fft.rfftfreq(length)
    frequency[0] = frequency[1]
    size = (*shape[:-1], frequency.size)
    spectrum = (rng.standard_normal(size) + 1j * rng.standard_normal(size)) * frequency ** (-beta / 2)
    noise = np.fft.irfft(spectrum, n=length, axis=-1)
    return noise / noise.std()


def decisions_to_open(door: str, seed: int) -> int | None:
    """Decisions that iCEM with true dynamics needs to open a door; ``None`` when 50 do not suffice."""
    env, imagined = DoorOpenEnv(door), DoorOpenEnv(door)
    env.reset(seed=seed)
    imagined.reset(seed=seed)
    rng = np.random.default_rng(seed)
    mean = np.zeros((HORIZON, 5))
    kept = np.zeros((0, HORIZON, 5))
    for decision in range(50):
        state = {**env.get_episode_state(), "steps": 0}
        deviation = np.full((HORIZON, 5), 0.5)
        for i in range(ROUNDS):
            count = max(int(SAMPLES / 1.25**i), 2 * ELITES)
            noise = np.moveaxis(coloured(rng, 2.0, (count, 5, HORIZON)), 1, 2)
            plans = np.concatenate([np.clip(mean + deviation * noise, -1.0, 1.0), kept, mean[None]])
            returns = np.zeros(len(plans))
            for k, plan in enumerate(plans):
                imagined.set_episode_state(state)
                returns[k] = sum(imagined.step(action)[1] for action in plan)
            elites = plans[np.argsort(-returns)[:ELITES]]
            kept = elites[:3]
            mean, deviation = elites.mean(0), elites.std(0)
        info = env.step(elites[0, 0])[4]
        if info["is_success"]:
            return decision + 1
        mean = np.concatenate([mean[1:], mean[-1:]])
        kept = np.concatenate([kept[:, 1:], kept[:, -1:]], axis=1)
    return None


@pytest.mark.slow
@pytest.mark.parametrize("door", HANDLES)
def test_true_dynamics_open_the_door(door: str) -> None:
    assert decisions_to_open(door, seed=0) is not None
