"""Input delay: residuals of a nominal body that executes now what it was told some control steps ago.

A delay on the way to the motors is no effect of the present command, so no channel structure describes it. Without this
hypothesis it is identified as one regime after another, and each is acted upon. The hypothesis has no parameter to fit:
it is the nominal model under the command of k steps ago. No correction of a command cancels a delay, so the commands of
a delayed body are left alone, and the delay is reported.
"""

from __future__ import annotations

import torch
from torch import Tensor

from crl.adaptation.calibration import Calibration
from crl.adaptation.nominal_model import NominalModel, replaced


class InputDelays:
    """Residuals of the nominal body with commands late by 0, 1, .. control steps.

    Args:
        nominal: The nominal model.
        calibration: Distribution of its residuals.
        most: Greatest delay, in control steps.
    """

    def __init__(self, nominal: NominalModel, calibration: Calibration, most: int) -> None:
        self._nominal = nominal
        self._calibration = calibration
        self._most = most
        self._before = nominal.lags
        self.reset()

    def reset(self) -> None:
        """Forget all commands."""
        self._sent: list[Tensor] = []

    def residuals(self, observation: Tensor, executed: Tensor, change: Tensor) -> Tensor:
        """Normalised residuals of the newest transition, float64 [1 + most, D].

        Before a second transition they are all the same.

        Args:
            observation: Observation [S].
            executed: The command that was executed, [A].
            change: The wrapped change, [D].
        """
        before = observation[self._before] if self._before else executed
        if self._before and (not self._sent or not torch.equal(self._sent[-1], before)):
            self._sent = [before.clone()]  # after a gap, earlier commands do not count
        self._sent = [*self._sent, executed.clone()][-self._most - 2 :]
        # Commands of 0, 1, .. steps ago, and one more for the one before each; the oldest known stands for older ones.
        sent = [self._sent[max(len(self._sent) - 1 - delay, 0)] for delay in range(self._most + 2)]
        command = torch.stack(sent[:-1])
        observations = observation.expand(len(command), -1)
        if self._before:
            observations = replaced(observations, self._before, torch.stack(sent[1:]))
        return self._calibration.whiten(change - self._nominal(observations, command))

    def state_dict(self) -> list[Tensor]:
        """The newest commands."""
        return [command.clone() for command in self._sent]

    def load_state_dict(self, state: list[Tensor]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._sent = [command.clone() for command in state]
