"""Coloured noise, and the random episodes made of it.

Timmer and Koenig, "On generating power law noise", A&A 300 (1995): normal Fourier coefficients, scaled by
f**(-beta / 2), transformed back. Deviations: the lowest frequency, infinite in the law, takes the power of the first
harmonic; and twice the wanted length is drawn and half of it used, since otherwise an episode's end would
resemble its beginning (the transform is periodic).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from crl.types import ActionSpec, ExplorationPrior


def coloured_noise(beta: float, steps: int, size: int, generator: np.random.Generator) -> NDArray[np.float32]:
    """Normal noise of unit variance with the power spectrum 1 / f**beta.

    Args:
        beta: Exponent; 0 is white, 1 pink, 2 red noise.
        steps: Length, at least 1.
        size: Number of independent channels.
        generator: Source of randomness.

    Returns:
        Noise, float32 [steps, size]. The variance is 1 over many draws; a single draw of large ``beta`` may be far
        from it, for much of its power lies in an offset and a drift.

    Raises:
        ValueError: ``steps`` or ``size`` is too small, or ``beta`` is not finite.
    """
    if steps < 1 or size < 0 or not math.isfinite(beta):
        raise ValueError(f"no noise with beta={beta}, steps={steps}, size={size}: steps >= 1 and a finite beta, please")
    period = 2 * steps
    frequencies = np.fft.rfftfreq(period)
    frequencies[0] = frequencies[1]
    amplitude = frequencies ** (-beta / 2)
    # The first and the last coefficient are real and must carry all their power in that part.
    amplitude[[0, -1]] *= math.sqrt(2)
    normal = generator.standard_normal((2, size, len(frequencies)))
    noise = np.fft.irfft((normal[0] + 1j * normal[1]) * amplitude, n=period)[:, :steps]
    # Var(x) = (a_0^2 + 4 sum a_k^2 + a_n^2) / period^2 by the definition of the inverse transform.
    weight = np.full(len(amplitude), 4.0)
    weight[[0, -1]] = 1.0
    deviation = math.sqrt(float(weight @ amplitude**2)) / period
    return np.ascontiguousarray((noise / deviation).T, dtype=np.float32)


def exploration_actions(
    prior: ExplorationPrior, action: ActionSpec, steps: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """The actions of a random episode: the prior's phases one after another, then its free noise.

    One stream of noise runs through the whole episode, so that it does not jump where a phase ends; a phase
    shifts and scales it.

    Args:
        prior: Exploration prior of the task.
        action: Elements of the action, for their range.
        steps: Length of the episode.
        rng: Source of randomness.

    Returns:
        Actions, float32 [steps, A], clipped to their range.
    """
    noise = coloured_noise(prior.beta, steps, action.size, rng)
    actions = noise * np.asarray(prior.std, dtype=np.float32)
    start = 0
    for phase in prior.phases:
        length = int(rng.integers(phase.steps[0], phase.steps[1], endpoint=True))
        part = slice(start, start + length)
        actions[part] = np.asarray(phase.mean, np.float32) + np.asarray(phase.std, np.float32) * noise[part]
        start += length
    low, high = np.asarray(action.low, dtype=np.float32), np.asarray(action.high, dtype=np.float32)
    clipped: NDArray[np.float32] = np.clip(actions, low, high)
    return clipped
