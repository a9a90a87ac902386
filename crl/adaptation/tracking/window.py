"""The window of executed transitions that a tracker judges hypotheses by, with the nominal body's residuals of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from crl.adaptation.box import Box
from crl.adaptation.calibration import Calibration
from crl.adaptation.identification.identifier import Information
from crl.adaptation.nominal_model import NominalModel
from crl.adaptation.tracking.input_delay import InputDelays


@dataclass
class Row:
    """A transition of the window.

    Attributes:
        seen: Observation [S], executed action [A] and change [D].
        step: When it was.
        size: Its largest command, in half ranges.
        nominal: Normalised residual of the nominal body, [D].
        delayed: Those if its commands are late by 1, 2, .. control steps, [K, D].
        information: What it says of the context, as far as an identifier was asked.
    """

    seen: tuple[Tensor, Tensor, Tensor]
    step: int
    size: float
    nominal: Tensor
    delayed: Tensor
    information: Information | None = None


def columns(rows: Sequence[Row]) -> tuple[Tensor, Tensor, Tensor]:
    """Observations [N, S], executed actions [N, A] and changes [N, D]."""
    first, second, third = (torch.stack(column) for column in zip(*(row.seen for row in rows), strict=True))
    return first, second, third


def nominal_residuals(rows: Sequence[Row]) -> Tensor:
    """Normalised residuals of the nominal body, [N, D]."""
    return torch.stack([row.nominal for row in rows])


class TransitionWindow:
    """The newest transitions of what is taken for one regime.

    Args:
        length: Greatest number of transitions.
        delays: Greatest input delay of which residuals are kept, in control steps.
        nominal: The nominal model.
        calibration: Distribution of its residuals.
        box: The action box.

    Attributes:
        rows: The transitions, the oldest first.
        now: Number of transitions so far.
    """

    def __init__(self, length: int, delays: int, nominal: NominalModel, calibration: Calibration, box: Box) -> None:
        self._length = length
        self._box = box
        self._delays = InputDelays(nominal, calibration, delays)
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.rows: list[Row] = []
        self.now = 0
        self._activity = torch.ones(self._box.size)
        self._delays.reset()

    @property
    def excitation(self) -> Tensor:
        """Root mean square of every element of recent commands, in half ranges, [A]; it fades over a window."""
        return self._activity.sqrt()

    def add(self, observation: Tensor, executed: Tensor, change: Tensor, *, explained: bool) -> Row | None:
        """Add a transition, [S], [A] and [D]; returns the one that leaves, if the window is full.

        The least command among the older half leaves. All transitions of an explained window are of one regime, however
        old they are: a contradiction raises an alarm, which cuts the window. So calm driving after a fault does not
        push out the transitions that show the fault. While no hypothesis explains the window, it may be of two regimes,
        and the oldest transition leaves.

        Args:
            observation: The observation.
            executed: The action that was executed.
            change: The wrapped change.
            explained: Whether the hypothesis in force explains the window.
        """
        self.now += 1
        self._activity += ((executed / self._box.half).square() - self._activity) / self._length
        seen = (observation.clone(), executed.clone(), change.clone())
        size = float(((executed - self._box.middle) / self._box.half).abs().max())
        residuals = self._delays.residuals(*seen)
        self.rows.append(Row(seen, self.now, size, residuals[0], residuals[1:]))
        if len(self.rows) <= self._length:
            return None
        older = [row.size for row in self.rows[: len(self.rows) - self._length // 2]]
        return self.rows.pop(older.index(min(older)) if explained else 0)

    def cut(self, steps: int) -> None:
        """Keep the transitions of the newest ``steps`` control steps only."""
        self.rows = [row for row in self.rows if row.step > self.now - steps]

    def state_dict(self) -> dict[str, Any]:
        """Transitions and commands, as plain data."""
        return {
            "rows": [asdict(row) for row in self.rows],
            "now": self.now,
            "activity": self._activity.clone(),
            "delays": self._delays.state_dict(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.rows = [
            Row(**{**row, "seen": tuple(row["seen"]), "information": Information.from_state(row["information"])})
            for row in state["rows"]
        ]
        self.now = int(state["now"])
        self._activity = state["activity"].clone()
        self._delays.load_state_dict(state["delays"])
