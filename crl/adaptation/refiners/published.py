"""The refiner of the flow as published: it holds a regime until the model is misaligned, and then probes.

Murillo-Gonzalez and Liu, *Action Flow Matching for Continual Robot Learning*, RSS 2025, and the authors'
implementation. A regime is one transition: a planned action that was executed unrefined (a probe), and by how much the
state that it led to differs from the planned one. Every other planned action is refined by the regime in force. When
the state that was reached differs from the planned one by more than a threshold, the next action is a probe.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any

import torch
from torch import Tensor

from crl.adaptation.flow_matching.published_flow import PublishedFlow
from crl.adaptation.refiners.base import Predict, Refiner
from crl.types import Array

THRESHOLD = 0.2
"""Length of an error, in deviations of the changes, above which the model is misaligned."""


class Phase(Enum):
    """What is done with planned actions."""

    HOLDING = "holding"
    """They are refined by the regime in force, if there is one."""
    PROBING = "probing"
    """The next one is executed as it is, and what comes of it is the new regime."""


class PublishedRefiner(Refiner):
    """Holds a regime until the model is misaligned, then probes.

    As published, the planner's model learns what the flow corrects, too: the nominal command is the executed one. A
    probe without an error above the threshold ends the regime.

    Args:
        flow: The fitted flow.
        predict: The model that plans are compared with until :meth:`plans_with` gives the planner's own.
        clipped: Keep to the action box.
    """

    def __init__(self, flow: PublishedFlow, predict: Predict, *, clipped: bool = True) -> None:
        super().__init__(flow.action)
        self.flow = flow
        self._predict = predict
        self._limits = flow.box if clipped else flow.box.scaled(flow.config.field.box_scale)
        self.begin()

    def begin(self) -> None:
        """Forget the regime."""
        self.phase = Phase.HOLDING
        self._held: tuple[Tensor, Tensor] | None = None
        self._planned: Tensor | None = None

    def plans_with(self, predict: Predict) -> None:
        """Compare with what the planner's model predicts: the planned state."""
        self._predict = predict

    def refine(self, planned: Array) -> Array:
        """The action to execute for a planned one, float32 [A]."""
        action = torch.from_numpy(planned.copy())
        self._planned = action
        if self.phase is Phase.PROBING or self._held is None:
            return planned.copy()
        refined = self.flow.refine(action.unsqueeze(0), *self._held)[0]
        if not bool(torch.isfinite(refined).all()):
            return planned.copy()
        result: Array = self._limits.clip(refined).numpy()
        return result

    def observe(self, observation: Tensor, executed: Tensor, change: Tensor) -> None:
        """Compare what a planned action led to with what was planned."""
        del executed
        if self._planned is None:
            return
        action = self._planned.unsqueeze(0)
        error = change.unsqueeze(0) - self._predict(observation.unsqueeze(0), action)
        misaligned = bool((error / self.flow.scale).norm() > THRESHOLD)
        self._planned = None
        if self.phase is Phase.PROBING:
            self._held = (action, error) if misaligned else None
            self.phase = Phase.HOLDING
        elif misaligned:
            self.phase = Phase.PROBING

    def state_dict(self) -> dict[str, Any]:
        """The regime, the phase and the action that was planned last."""
        return {
            "phase": self.phase.value,
            "held": None if self._held is None else [part.clone() for part in self._held],
            "planned": None if self._planned is None else self._planned.clone(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.phase = Phase(state["phase"])
        held, planned = state["held"], state["planned"]
        self._held = None if held is None else (held[0].clone(), held[1].clone())
        self._planned = None if planned is None else planned.clone()
