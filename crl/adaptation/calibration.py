"""Calibration of the detection: thresholds of CUSUMs of normalised residuals (Page 1954) for a stated false-alarm rate.

The statistics are the mean square of the normalised residual, for large changes, and each of its elements in either
direction, for small changes that last (a load, a weak motor), which a mean over many elements hides. With statistics x
of a nominal body, S <- max(0, S + x - k) alarms at S >= h. If eta > 0 solves E[exp(eta (x - k))] = 1, the mean time
between false alarms of independent x is at least exp(eta h) (Lorden 1971, via Wald's inequality), so that h = ln(1 /
rate) / eta keeps the rate, of which each statistic gets an equal share. eta is computed from the measured nominal
statistics. One that is 1.5 times as large as any measured is added to them, because the tail of a sample is too light.
The theory assumes independent steps. For dependent ones, h also exceeds three times the greatest excursion of S over
the calibration in its order of time.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.errors import CrlError

LEAST = 100
"""Nominal residuals that a calibration needs."""
SHIFT = 1.0
"""Allowance of an element, in deviations: shifts of twice as much are found the fastest."""
LARGE = 3.0
"""Allowance of the mean square, in deviations above the mean. It is for large changes, and in a manoeuvre that the
model does not know well the residual is twice the usual for seconds."""
PATIENT = 3
"""An alarm by one element takes so many times the evidence of one by the mean square: it is for changes that last."""
MARGIN = 3.0
"""A threshold is at least so many times the greatest level of the calibration."""
GREATEST = 1e12
"""What a statistic that is not finite counts as."""


@dataclass(frozen=True)
class Calibration:
    """Distribution of the nominal residuals and the thresholds that follow from it.

    Of J = 1 + 2 D statistics: the mean square, every element, every element's negative.

    Attributes:
        mean: Mean residual, float64 [D].
        whitener: Matrix [D, D], float64, that gives centred residuals unit covariance.
        usual: Mean of the mean square.
        allowance: Mean square up to which a step is no surprise.
        drifts: Allowances k per step, [J].
        thresholds: Levels h of an alarm, [J].
        caps: Greatest statistics of one step, [J].
    """

    mean: Tensor
    whitener: Tensor
    usual: float
    allowance: float
    drifts: Tensor
    thresholds: Tensor
    caps: Tensor

    def whiten(self, residual: Tensor) -> Tensor:
        """Normalised residuals, float64 [..., D]."""
        return (residual.double() - self.mean) @ self.whitener.mT

    def score(self, residual: Tensor) -> Tensor:
        """Mean squared normalised residual, float64 [...]; a residual that is not finite scores without bound."""
        score = self.whiten(residual).square().mean(dim=-1)
        return torch.where(torch.isfinite(score), score, torch.inf)

    def state_dict(self) -> dict[str, Any]:
        """The calibration as plain data."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any], size: int | None = None) -> Calibration:
        """The calibration that :meth:`state_dict` described.

        Args:
            state: What was saved.
            size: Number D of changes; that of the saved mean by default.

        Raises:
            CrlError: It is one of an earlier version, of other sizes, or not finite.
        """
        if "allowance" not in state:
            raise CrlError(
                "the calibration of the detection is of an earlier version, which set other thresholds",
                "fit the flow again (crl fit-flow), or run the training again",
            )
        like, width = torch.empty(0, dtype=torch.float64), len(state["mean"]) if size is None else size
        drifts, thresholds, caps = (
            restoring.tensor(state[name], name, like, (1 + 2 * width,)) for name in ("drifts", "thresholds", "caps")
        )
        return cls(
            restoring.tensor(state["mean"], "mean", like, (width,)),
            restoring.tensor(state["whitener"], "whitener", like, (width, width)),
            restoring.number(state["usual"], "usual"),
            restoring.number(state["allowance"], "allowance"),
            drifts,
            thresholds,
            caps,
        )


def statistics(normalised: Tensor, error_allowance: Tensor | float = 0.0) -> Tensor:
    """The J statistics [..., J] of normalised residuals [..., D]; one that is not finite is as large as can be.

    Args:
        normalised: Residuals.
        error_allowance: Mean square of the model's error that is allowed for in addition to the nominal residuals,
            [...]. Its direction is unknown; in the worst case it is all of one element.
    """
    extra = torch.as_tensor(error_allowance, dtype=normalised.dtype).unsqueeze(-1)
    single = normalised / (1 + normalised.shape[-1] * extra).sqrt()
    found = torch.cat([normalised.square().mean(dim=-1, keepdim=True) / (1 + extra), single, -single], dim=-1)
    return torch.where(torch.isfinite(found), found, GREATEST).clamp_max(GREATEST)


def calibrate(
    residuals: Tensor, floor: Tensor, *, rate: float = 1e-5, evidence: int = 2, margin: float = MARGIN
) -> Calibration:
    """Thresholds from residuals of the nominal body.

    Args:
        residuals: Changes minus the model's, [N, D], in order of time; not what the model was trained on.
        floor: Deviations [D] below which residuals do not matter.
        rate: False alarms per nominal step, in (0, 1).
        evidence: Steps that an alarm takes at least.
        margin: Replaces the factor of three for the mean square, whose tail is the heaviest.

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
    seen = statistics((values - mean) @ whitener.mT)
    scores = seen[:, 0]
    # At least 1, because residuals of the size of the floor do not matter, however small the noise is. Eta is at most
    # 1, and at most that of normal elements, because the tail of the sample may be lighter than the true one.
    drifts = torch.full((seen.shape[1],), SHIFT, dtype=torch.float64)
    usual, spread = float(scores.mean()), float(scores.std())
    drifts[0] = max(usual + LARGE * spread, 1.0)
    share = rate / seen.shape[1]
    tail = torch.cat([seen, 1.5 * seen.max(dim=0, keepdim=True).values]) - drifts
    eta = torch.tensor([_exponent(column) for column in tail.mT], dtype=torch.float64).clamp_max(2 * SHIFT)
    eta[0].clamp_(max=1.0)
    margins = torch.full_like(drifts, MARGIN)
    margins[0] = margin
    thresholds = torch.maximum(math.log(1 / share) / eta, margins * _excursions(seen - drifts))
    least = torch.full_like(drifts, PATIENT * evidence)
    least[0] = evidence
    return Calibration(
        mean, whitener, usual, max(usual + spread, 1.0), drifts, thresholds, drifts + thresholds / least * (1 + 1e-9)
    )


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


def _excursions(increments: Tensor) -> Tensor:
    """Greatest levels [J] that sums of increments [N, J] reach."""
    level = greatest = torch.zeros(increments.shape[1], dtype=increments.dtype)
    for increment in increments:
        level = torch.clamp_min(level + increment, 0.0)
        greatest = torch.maximum(greatest, level)
    return greatest
