"""Late commands: a nominal body that does now what it was told some control steps ago.

A delay on the way to the motors is no effect of the present command, so that no channel structure describes it; while
nobody thinks of it, it is taken for one regime after the other, and each is acted upon. It is a hypothesis without a
parameter to fit: the nominal model under the command of k steps ago. No correction of a command undoes it, so that a
body whose commands are late is left alone, and known to be late.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from crl.flow.detection import Calibration
from crl.flow.misfit import Misfit, plain
from crl.flow.nominal import Nominal, lags, replaced
from crl.flow.transitions import Row


class LateCommands:
    """Residuals of the nominal body with commands late by 0, 1, .. control steps.

    Args:
        nominal: The nominal model.
        calibration: Distribution of its residuals.
        most: Greatest delay, in control steps.
    """

    def __init__(self, nominal: Nominal, calibration: Calibration, most: int) -> None:
        self._nominal = nominal
        self._calibration = calibration
        self._most = most
        self._before = lags(nominal)
        self.reset()

    def reset(self) -> None:
        """Nothing was commanded yet."""
        self._sent: list[Tensor] = []

    def left(self, observation: Tensor, executed: Tensor, change: Tensor) -> Tensor:
        """Normalised residuals of the newest transition, float64 [1 + most, D]; of all the same before a second one.

        Args:
            observation: Observation [S].
            executed: The command that was executed, [A].
            change: The wrapped change, [D].
        """
        before = observation[self._before] if self._before else executed
        if self._before and (not self._sent or not torch.equal(self._sent[-1], before)):
            self._sent = [before.clone()]  # a gap: what was sent earlier is of another time
        self._sent = [*self._sent, executed.clone()][-self._most - 2 :]
        # Commands of 0, 1, .. steps ago, and one more for the one before each; the oldest known stands for older ones.
        sent = [self._sent[max(len(self._sent) - 1 - late, 0)] for late in range(self._most + 2)]
        command = torch.stack(sent[:-1])
        told = observation.expand(len(command), -1)
        if self._before:
            told = replaced(told, self._before, torch.stack(sent[1:]))
        return self._calibration.whiten(change - self._nominal(told, command))

    def state_dict(self) -> list[Tensor]:
        """The newest commands."""
        return [command.clone() for command in self._sent]

    def load_state_dict(self, state: list[Tensor]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._sent = [command.clone() for command in state]


def left_by(rows: Sequence[Row], delay: int) -> Tensor:
    """What the nominal body leaves of transitions if its commands are late by so many steps, [N, D]."""
    return torch.stack([row.late[delay - 1] for row in rows])


def latest(misfit: Misfit, rows: Sequence[Row], limit: float) -> tuple[Tensor, int]:
    """The delay that explains transitions best, and the residuals [N, D] that it leaves; 0 if none convinces.

    Args:
        misfit: Compares.
        rows: The transitions.
        limit: The greatest misfit that is acceptable.
    """
    best, delay = plain(rows), 0
    for steps in range(1, len(rows[0].late) + 1):
        left = left_by(rows, steps)
        total = misfit.total(left, rows)
        if total <= limit and misfit.convinces(left, rows):
            best, delay, limit = left, steps, total
    return best, delay
