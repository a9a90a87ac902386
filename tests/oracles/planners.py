"""The planners as pseudo-code: one sequence, one step, one action element at a time.

Random numbers come from the same ``torch.Generator`` in the same order as the package draws them, so that the results
can be compared number by number. ``simulate(observation, actions)`` gives the return of one sequence [H, A].
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch

from crl.config import PlannerConfig
from crl.types import ActionSpec

Simulate = Callable[[np.ndarray, np.ndarray], float]


def clip(sequence: np.ndarray, spec: ActionSpec) -> np.ndarray:
    """Every action element inside its range."""
    clipped = sequence.copy()
    for h in range(sequence.shape[0]):
        for a in range(sequence.shape[1]):
            clipped[h, a] = min(max(sequence[h, a], spec.low[a]), spec.high[a])
    return clipped


def start(config: PlannerConfig, spec: ActionSpec) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation before anything is known: the middle of the range, a share of half of it."""
    low, high = np.array(spec.low), np.array(spec.high)
    mean = np.tile((low + high) / 2, (config.horizon, 1))
    return mean, np.tile(config.std * (high - low) / 2, (config.horizon, 1))


def elite_indices(returns: list[float], count: int) -> list[int]:
    """Indices of the best finite returns, best first."""
    finite = [i for i, value in enumerate(returns) if math.isfinite(value)]
    return sorted(finite, key=lambda i: -returns[i])[:count]


def refit(config: PlannerConfig, elites: list[np.ndarray], mean: np.ndarray, std: np.ndarray) -> tuple[np.ndarray, ...]:
    """Mean and deviation of the elites, mixed with the old ones."""
    keep = config.momentum
    stack = np.array(elites)
    return keep * mean + (1 - keep) * stack.mean(axis=0), keep * std + (1 - keep) * stack.std(axis=0)


def cem(
    config: PlannerConfig, spec: ActionSpec, simulate: Simulate, observation: np.ndarray, generator: torch.Generator
) -> tuple[np.ndarray, float]:
    """Cross-entropy method: refit to the elites, then the best of a last draw."""
    mean, std = start(config, spec)
    for index in range(config.rounds + 1):
        normal = torch.randn(config.samples, config.horizon, spec.size, generator=generator).double().numpy()
        sequences = [clip(mean + std * normal[k], spec) for k in range(config.samples)]
        returns = [simulate(observation, sequence) for sequence in sequences]
        elites = elite_indices(returns, config.elites)
        if index < config.rounds and elites:
            mean, std = refit(config, [sequences[i] for i in elites], mean, std)
    return sequences[elites[0]], returns[elites[0]]


def powerlaw_noise(beta: float, normal: np.ndarray, horizon: int) -> np.ndarray:
    """Coloured noise [A, H] from normal numbers [A, M]: the real parts of all frequencies, then the imaginary ones.

    Timmer and Koenig 1995, as in the ``colorednoise`` package that iCEM uses: amplitudes f**(-beta / 2), the lowest
    frequency like the first harmonic, a real coefficient at both ends, divided by the theoretical deviation.
    """
    f = np.fft.rfftfreq(horizon)
    f[0] = f[1]
    scale = f ** (-beta / 2)
    real_only = [0] + ([len(f) - 1] if horizon % 2 == 0 else [])
    noise, variance = [], 0.0
    for k in range(len(f)):
        # A coefficient of the whole spectrum, with its mirror image, contributes 2 s^2 (both parts) or 2 s^2 (real).
        variance += (1 if k in real_only else 2) * 2 * scale[k] ** 2
    for row in normal:
        rest = list(row)
        coefficients = [complex(rest.pop(0), 0.0) * s for s in scale]
        for k in range(len(f)):
            if k in real_only:
                coefficients[k] *= math.sqrt(2)
            else:
                coefficients[k] += 1j * rest.pop(0) * scale[k]
        assert not rest, "more numbers than coefficients"
        noise.append(np.fft.irfft(coefficients, n=horizon) * horizon / math.sqrt(variance))
    return np.array(noise)


@dataclass
class PlainICEM:
    """iCEM, algorithm 1 of Pinneri et al. 2020, with its memory between decisions."""

    config: PlannerConfig
    spec: ActionSpec
    mean: np.ndarray | None = None
    kept: list[np.ndarray] = field(default_factory=list)

    def plan(
        self, simulate: Simulate, observation: np.ndarray, generator: torch.Generator
    ) -> tuple[np.ndarray, float, int]:
        """Best sequence ever tried in this decision, its return, and how many were tried."""
        config, horizon, size = self.config, self.config.horizon, self.spec.size
        mean, std = start(config, self.spec)
        if self.mean is not None:
            mean = self.mean
        kept, best, tried = self.kept, (None, -math.inf), 0
        numbers = horizon if horizon > 1 else 1
        for index in range(config.rounds):
            samples = max(round(config.samples * config.decay ** (-index)), 2 * config.elites)
            normal = torch.randn(samples, size, numbers, generator=generator).double().numpy()
            sequences = []
            for k in range(samples):
                scale = 1 / 4 ** (k % config.scales)
                sequences.append(mean + scale * std * powerlaw_noise(config.beta, normal[k], horizon).T)
            sequences += kept
            if index == config.rounds - 1:
                sequences.append(mean)
            sequences = [clip(sequence, self.spec) for sequence in sequences]
            returns = [simulate(observation, sequence) for sequence in sequences]
            tried += len(sequences)
            elites = [sequences[i] for i in elite_indices(returns, config.elites)]
            if max(returns) > best[1]:
                best = (elites[0], max(returns))
            mean, std = refit(config, elites, mean, std)
            kept = elites[: config.keep]
        self.mean = np.array([*mean[1:], mean[-1]])
        tails = torch.randn(len(kept), 1, size, generator=generator).double().numpy()
        shifted = []
        for sequence, tail in zip(kept, tails, strict=True):
            last = mean[-1] + start(config, self.spec)[1][-1] * tail[0]
            shifted.append(clip(np.array([*sequence[1:], last]), self.spec))
        self.kept = shifted
        return (*best, tried)


def without_hopeless(losses: list[float]) -> float:
    """Deviation of sorted losses, leaving out what is too far for the best tenth, quarter or half of them.

    Too far is where chi-square of one degree of freedom has its last percent, measured by its quantile of that share.
    """
    quantile = {0.1: 0.01579, 0.25: 0.10153, 0.5: 0.45494, 0.99: 6.6349}
    limits = [losses[int(p * (len(losses) - 1))] * quantile[0.99] / quantile[p] for p in (0.1, 0.25, 0.5)]
    return float(np.std([loss for loss in losses if loss <= min(limits)]))


@dataclass
class PlainMPPI:
    """MPPI with an AR(1) noise written as its recursion, and its memory between decisions."""

    config: PlannerConfig
    spec: ActionSpec
    mean: np.ndarray | None = None

    def plan(self, simulate: Simulate, observation: np.ndarray, generator: torch.Generator) -> np.ndarray:
        """Weighted mean of the sampled sequences."""
        config = self.config
        mean, std = start(config, self.spec)
        if self.mean is not None:
            mean = self.mean
        correlation = config.smoothing
        for _ in range(config.rounds):
            white = torch.randn(config.samples, config.horizon, self.spec.size, generator=generator).double().numpy()
            sequences = [mean]
            for k in range(config.samples):
                noise = np.zeros_like(mean)
                for h in range(config.horizon):
                    fresh = white[k, h]
                    noise[h] = fresh if h == 0 else correlation * noise[h - 1] + math.sqrt(1 - correlation**2) * fresh
                sequences.append(mean + std * noise)
            sequences = [clip(sequence, self.spec) for sequence in sequences]
            returns = [simulate(observation, sequence) for sequence in sequences]
            finite = [i for i, value in enumerate(returns) if math.isfinite(value)]
            best = max(returns[i] for i in finite)
            spread = without_hopeless(sorted(best - returns[i] for i in finite))
            weights = {i: math.exp((returns[i] - best) / (config.temperature * spread)) for i in finite}
            mean = sum(weights[i] * sequences[i] for i in finite) / sum(weights.values())
        self.mean = np.array([*mean[1:], mean[-1]])
        return mean
