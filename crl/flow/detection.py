"""Change detection with a stated false-alarm rate: a CUSUM of normalised residuals (Page 1954).

With scores s of a nominal body, S <- max(0, S + s - k) alarms at S >= h. If eta > 0 solves E[exp(eta (s - k))] = 1,
the mean time between false alarms of independent scores is at least exp(eta h) (Lorden 1971, via Wald's
inequality), so that h = ln(1 / rate) / eta keeps the rate. eta is taken from the measured nominal scores, with
one score 1.5 times as large as any seen added to them, because a sample's tail is too light. What the theory
leaves out, dependence between steps, is measured: h also exceeds twice the greatest excursion of S over the
calibration in its order of time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from crl.errors import CrlError

LEAST = 100
"""Nominal residuals that a calibration needs."""


@dataclass(frozen=True)
class Calibration:
    """Distribution of the nominal residuals and the thresholds that follow from it.

    Attributes:
        mean: Mean residual, float64 [D].
        whitener: Matrix [D, D], float64, that gives centred residuals unit covariance.
        drift: Allowance k per step.
        threshold: Level h of an alarm.
        cap: Greatest score of one step.
    """

    mean: Tensor
    whitener: Tensor
    drift: float
    threshold: float
    cap: float

    def whiten(self, residual: Tensor) -> Tensor:
        """Normalised residuals, float64 [..., D]."""
        return (residual.double() - self.mean) @ self.whitener.mT

    def score(self, residual: Tensor) -> Tensor:
        """Mean squared normalised residual, float64 [...]; a residual that is not finite scores without bound."""
        score = self.whiten(residual).square().mean(dim=-1)
        return torch.where(torch.isfinite(score), score, torch.inf)

    def state_dict(self) -> dict[str, Any]:
        """The calibration as plain data."""
        return {name: getattr(self, name) for name in ("mean", "whitener", "drift", "threshold", "cap")}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Calibration:
        """The calibration that :meth:`state_dict` described."""
        drift, threshold, cap = (float(state[name]) for name in ("drift", "threshold", "cap"))
        return cls(state["mean"].clone(), state["whitener"].clone(), drift, threshold, cap)


def calibrate(residuals: Tensor, floor: Tensor, *, rate: float = 1e-5, evidence: int = 2) -> Calibration:
    """Thresholds from residuals of the nominal body.

    Args:
        residuals: Changes minus the model's, [N, D], in order of time; not what the model was trained on.
        floor: Deviations [D] below which a residual is of no interest.
        rate: False alarms per nominal step, in (0, 1).
        evidence: Steps that an alarm takes at least.

    Raises:
        CrlError: Too few residuals, or some that are not finite.
    """
    if residuals.shape[0] < LEAST:
        raise CrlError(
            f"{residuals.shape[0]} nominal residuals are too few to calibrate the detection of regimes",
            f"give at least {LEAST}, from transitions that the model was not trained on",
        )
    if not bool(torch.isfinite(residuals).all()):
        raise CrlError("nominal residuals are not all finite", "check the nominal model and its data for NaN")
    if not 0 < rate < 1 or evidence < 1:
        raise CrlError(f"a rate of {rate} with {evidence} steps of evidence is impossible: use 0 < rate < 1 and >= 1")
    values = residuals.double()
    mean = values.mean(dim=0)
    covariance = torch.cov(values.mT).reshape(mean.shape[0], -1) + torch.diag(floor.double().square())
    whitener = torch.linalg.inv(torch.linalg.cholesky(covariance))
    scores = ((values - mean) @ whitener.mT).square().mean(dim=-1)
    # At least 1: residuals of the size of the floor are of no interest, however small the noise is. And eta at most 1.
    drift = max(float(scores.mean() + scores.std()), 1.0)
    eta = min(1.0, _exponent(torch.cat([scores, 1.5 * scores.max().unsqueeze(0)]) - drift))
    threshold = max(math.log(1 / rate) / eta, 2.0 * _excursion(scores, drift))
    return Calibration(mean, whitener, drift, threshold, drift + threshold / evidence * (1 + 1e-9))


def _exponent(increments: Tensor) -> float:
    """The positive root of mean(exp(eta * increments)) = 1; the increments have a negative mean."""

    def log_mean(eta: float) -> float:
        return float(torch.logsumexp(eta * increments, dim=0)) - math.log(increments.shape[0])

    if float(increments.max()) <= 0:  # every step scores alike: nothing ever accumulates
        return 1.0
    high = 1.0
    while log_mean(high) < 0:
        high *= 2
    low = 0.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if log_mean(middle) < 0 else (low, middle)
    return max(low, 1e-6)


def _excursion(scores: Tensor, drift: float) -> float:
    level = greatest = 0.0
    for score in scores.tolist():
        level = max(0.0, level + score - drift)
        greatest = max(greatest, level)
    return greatest


MEMORY = 256
"""Steps that the sum remembers one by one."""


class Cusum:
    """The running sum; remembers the increments since it was last zero, to say when the change began.

    Args:
        calibration: Thresholds.
    """

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration
        self.level = 0.0
        self._increments: list[float] = []

    def update(self, score: float) -> bool:
        """Add the score of one step; true if the sum reaches the threshold."""
        increment = min(score, self.calibration.cap) - self.calibration.drift
        if self.level + increment <= 0:
            self.reset()
            return False
        self.level += increment
        self._increments.append(increment)
        del self._increments[:-MEMORY]
        return self.level >= self.calibration.threshold

    def since(self) -> int:
        """Steps that made nine tenths of the present level, counted back from now: how long the change is ago."""
        total, steps = 0.0, 0
        for increment in reversed(self._increments):
            total += increment
            steps += 1
            if total >= 0.9 * self.level:
                break
        return steps

    def reset(self) -> None:
        """Start again at zero."""
        self.level = 0.0
        self._increments.clear()

    def state_dict(self) -> dict[str, Any]:
        """Level and increments."""
        return {"level": self.level, "increments": list(self._increments)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.level = float(state["level"])
        self._increments = [float(value) for value in state["increments"]]
