"""Change detection with a stated false-alarm rate: CUSUMs of normalised residuals (Page 1954), one per statistic.

What is watched: the mean square of the normalised residual, which shows what is large, and each of its elements in
either direction, which shows what is small but lasts (a load, a weak motor) and drowns in a mean over many elements.
With statistics x of a nominal body, S <- max(0, S + x - k) alarms at S >= h. If eta > 0 solves
E[exp(eta (x - k))] = 1, the mean time between false alarms of independent x is at least exp(eta h) (Lorden 1971, via
Wald's inequality), so that h = ln(1 / rate) / eta keeps the rate, of which each statistic gets an equal share. eta is
taken from the measured nominal statistics, with one 1.5 times as large as any seen added to them, because a
sample's tail is too light. What the theory leaves out, dependence between steps, is measured: h also exceeds three
times the greatest excursion of S over the calibration in its order of time.
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
"""Allowance of the mean square, in deviations above the mean: it is for what is large, and a manoeuvre that the model
does not know well leaves twice the usual for seconds."""
PATIENT = 3
"""An alarm by one element takes so many times the evidence of one by the mean square: it is for what lasts."""
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
        usual: Mean square that is usual.
        allowance: Mean square up to which a step is not worth a thought.
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


def statistics(normalised: Tensor, forgiven: Tensor | float = 0.0) -> Tensor:
    """The J statistics [..., J] of normalised residuals [..., D]; one that is not finite is as large as can be.

    Args:
        normalised: Residuals.
        forgiven: Mean square that is forgiven beside the nominal one, [...]: an error of unknown direction, which in
            the worst case is all of one element.
    """
    extra = torch.as_tensor(forgiven, dtype=normalised.dtype).unsqueeze(-1)
    single = normalised / (1 + normalised.shape[-1] * extra).sqrt()
    found = torch.cat([normalised.square().mean(dim=-1, keepdim=True) / (1 + extra), single, -single], dim=-1)
    return torch.where(torch.isfinite(found), found, GREATEST).clamp_max(GREATEST)


def calibrate(
    residuals: Tensor, floor: Tensor, *, rate: float = 1e-5, evidence: int = 2, margin: float = MARGIN
) -> Calibration:
    """Thresholds from residuals of the nominal body.

    Args:
        residuals: Changes minus the model's, [N, D], in order of time; not what the model was trained on.
        floor: Deviations [D] below which a residual is of no interest.
        rate: False alarms per nominal step, in (0, 1).
        evidence: Steps that an alarm takes at least.
        margin: What takes the place of three for the mean square: its tail is the heaviest.

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
    # At least 1: residuals of the size of the floor are of no interest, however small the noise is. And eta at most 1,
    # and at most that of normal elements: a light tail is no promise.
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


MEMORY = 256
"""Steps that the sums remember one by one."""


class Cusum:
    """The running sums; they remember their newest increments, to say when a change began.

    Args:
        calibration: Thresholds.
    """

    def __init__(self, calibration: Calibration) -> None:
        self.calibration = calibration
        self.levels: Tensor = torch.zeros_like(calibration.drifts)
        self._increments: list[Tensor] = []

    def update(self, seen: Tensor) -> bool:
        """Add the statistics [J] of one step; true if a sum reaches its threshold."""
        calibration = self.calibration
        increment = torch.minimum(seen, calibration.caps) - calibration.drifts
        self.levels = torch.clamp_min(self.levels + increment, 0.0)
        self._increments.append(increment)
        del self._increments[:-MEMORY]
        return bool((self.levels >= calibration.thresholds).any())

    def since(self) -> int:
        """Steps that made nine tenths of the greatest level, counted back from now: how long the change is ago."""
        greatest = int((self.levels / self.calibration.thresholds).argmax())
        wanted, total, steps = 0.9 * float(self.levels[greatest]), 0.0, 0
        for increment in reversed(self._increments):
            total += float(increment[greatest])
            steps += 1
            if total >= wanted:
                break
        return steps

    def reset(self) -> None:
        """Start again at zero."""
        self.levels = torch.zeros_like(self.calibration.drifts)
        self._increments = []

    def state_dict(self) -> dict[str, Any]:
        """Levels and increments."""
        return {"levels": self.levels.clone(), "increments": [part.clone() for part in self._increments]}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.levels = state["levels"].clone()
        self._increments = [part.clone() for part in state["increments"]]


class Return:
    """Whether the body is nominal again: the sum of log-likelihood ratios of the nominal body and the context in force.

    The end of a fault is a change whose outcome is known, and the CUSUM of the likelihood ratio is the quickest to see
    it (Moustakides 1986). A context that is identified anew at every surprise else bends around it.

    Args:
        rate: False returns per step, in (0, 1): the sum has to reach ln(1 / rate).
        evidence: Steps that it takes at least.
    """

    def __init__(self, rate: float, evidence: int) -> None:
        self._threshold = math.log(1 / rate)
        self._cap = self._threshold / evidence
        self.reset()

    def reset(self) -> None:
        """Start again at zero."""
        self.level, self.steps = 0.0, 0

    def update(self, nominal: Tensor, context: Tensor, forgiven: Tensor) -> bool:
        """Add the normalised residuals [D] that either leaves of a step, and the mean square forgiven of both [].

        ``steps`` counts those since the sum was zero.
        """
        ratio = 0.5 * float((context.square() - nominal.square()).sum() / (1 + forgiven))
        self.level += min(ratio, self._cap * (1 + 1e-9)) if math.isfinite(ratio) else -self.level
        self.steps += 1
        if self.level <= 0:
            self.reset()
        return self.level >= self._threshold

    def state_dict(self) -> dict[str, Any]:
        """Level and steps."""
        return {"level": self.level, "steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.level, self.steps = float(state["level"]), int(state["steps"])
