"""Change detection: CUSUMs of the statistics of normalised residuals (Page 1954), and of a likelihood ratio."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl.adaptation.calibration import Calibration

MEMORY = 256
"""Steps whose increments are kept."""


class Cusum:
    """The running sums, with their newest increments, which date a change.

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
        """How many steps ago the change began: the newest steps that make up nine tenths of the greatest level."""
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


class LikelihoodRatioCusum:
    """CUSUM of the log-likelihood ratio of one hypothesis against the one in force.

    The end of a fault is a change whose outcome is known: the nominal body. For a known outcome this CUSUM detects the
    change the soonest (Moustakides 1986). Without it, a context that is identified again after every surprise adapts
    to the mixture of both bodies.

    Args:
        rate: False alarms per step, in (0, 1): the sum has to reach ln(1 / rate).
        evidence: Steps that an alarm takes at least.

    Attributes:
        steps: Steps since the sum was zero.
    """

    def __init__(self, rate: float, evidence: int) -> None:
        self._threshold = math.log(1 / rate)
        self._cap = self._threshold / evidence
        self.reset()

    def reset(self) -> None:
        """Start again at zero."""
        self.level, self.steps = 0.0, 0

    def update(self, alternative: Tensor, in_force: Tensor, error_allowance: Tensor) -> bool:
        """Add the normalised residuals [D] of one step under either hypothesis; true at an alarm.

        Args:
            alternative: Residuals under the hypothesis that is watched for.
            in_force: Residuals under the hypothesis in force.
            error_allowance: Mean square of the model's error that both are allowed, [].
        """
        ratio = 0.5 * float((in_force.square() - alternative.square()).sum() / (1 + error_allowance))
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
