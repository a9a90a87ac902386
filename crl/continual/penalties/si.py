"""Synaptic intelligence: Zenke, Poole, Ganguli, ICML 2017 (arXiv 1703.04200), equations 4 and 5.

While a task is learned, every weight collects how much its movement lowered the task's loss,
omega_i = - sum over steps of g_i * d(theta_i). When the task ends, its importance grows by
omega_i / (total change^2 + xi), and changes are penalised by si_c * sum_i Omega_i (theta_i - theta*_i)^2 around the
weights theta* at the end of the last task. Deviations: negative importance of a task counts as zero; xi is set in
units of the initial weights; only the trunk is penalised where tasks have heads of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.config.declared.components import PARTS
from crl.continual.generators.shared import SharedNetwork
from crl.continual.penalties.penalty import Penalty
from crl.dynamics.windows import Windows

XI = 1e-3
"""Damping of the division by the squared change."""


class SI(Penalty[SharedNetwork]):
    """A quadratic penalty on changes of weights whose movement mattered; nothing is kept per task.

    Attributes:
        importance: Omega of all finished tasks together, [trunk].
        path: omega of the current task so far, [trunk].
        start: The trunk when the task began, [trunk].
        anchor: The trunk when the last task ended, [trunk].
    """

    SETTINGS = PARTS["si"]
    FOLLOWS = True
    KEPT_ONCE = ("importance", "path", "start", "anchor")

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.importance = torch.zeros_like(host.trunk)
        self.path = torch.zeros_like(host.trunk)
        self.start = host.trunk.detach().clone()
        self.anchor = self.start.clone()

    def begin_task(self, task: int) -> None:
        """Start a new path."""
        del task
        self.path = torch.zeros_like(self.host.trunk)
        self.start = self.host.trunk.detach().clone()

    def before_step(self) -> None:
        """Remember the task's own gradient."""
        gradient = self.host.trunk.grad
        self._gradient = None if gradient is None else gradient.clone()

    def penalise(self) -> Tensor | None:
        """Add the penalty's gradient to the trunk's."""
        trunk = self.host.trunk
        if trunk.grad is None or not bool(self.importance.any()):
            return None
        away = trunk.detach() - self.anchor
        pull = 2 * self.config.continual.si_c * self.importance * away
        trunk.grad += pull
        return 0.5 * (pull * away).sum()

    def after_step(self, before: Mapping[str, Tensor]) -> None:
        """Count what the step contributed."""
        if self._gradient is not None and bool(torch.isfinite(self._gradient).all()):
            self.path -= self._gradient * (self.host.trunk.detach() - before["trunk"])

    def end_task(self, rows: Windows) -> None:
        """Turn the path into importance."""
        del rows
        change = self.host.trunk.detach() - self.start
        self.importance = self.importance + self.path.clamp(min=0) / (change.square() + XI)
        self.anchor = self.host.trunk.detach().clone()

    def state_dict(self) -> dict[str, Any]:
        """Importance and path."""
        return {
            "importance": self.importance.clone(),
            "path": self.path.clone(),
            "start": self.start.clone(),
            "anchor": self.anchor.clone(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        like = self.host.trunk.detach()
        self.importance = restoring.tensor(state["importance"], "importance", like)
        self.path = restoring.tensor(state["path"], "path", like)
        self.start = restoring.tensor(state["start"], "start", like)
        self.anchor = restoring.tensor(state["anchor"], "anchor", like)
