"""Synaptic intelligence: Zenke, Poole, Ganguli, ICML 2017 (arXiv 1703.04200), equations 4 and 5.

While a task is learned, every weight collects how much its movement lowered the task's loss,
omega_i = - sum over steps of g_i * d(theta_i). When the task ends, its importance grows by
omega_i / (total change^2 + xi), and changes are penalised by si_c * sum_i Omega_i (theta_i - theta*_i)^2 around the
weights theta* at the end of the last task. Deviations: negative importance of a task counts as zero; xi is set in
units of the initial weights; only the trunk is penalised where tasks have heads of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config import Config
from crl.config.components import STRATEGIES
from crl.continual.shared import SharedNetwork
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows

XI = 1e-3
"""Damping of the division by the squared change."""


class SI(SharedNetwork):
    """A quadratic penalty on changes of weights whose movement mattered; nothing is kept per task but the head.

    Attributes:
        importance: Omega of all finished tasks together, [trunk].
        path: omega of the current task so far, [trunk].
        start: The trunk when the task began, [trunk].
        anchor: The trunk when the last task ended, [trunk].
    """

    SETTINGS = STRATEGIES["si"]

    kept_once: ClassVar[tuple[str, ...]] = (*SharedNetwork.kept_once, "importance", "path", "start", "anchor")

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(config, network, generator, device)
        self.importance = torch.zeros_like(self.trunk)
        self.path = torch.zeros_like(self.trunk)
        self.start = self.trunk.detach().clone()
        self.anchor = self.start.clone()

    def begin_task(self, task: int) -> None:
        """Start a new path."""
        super().begin_task(task)
        self.path = torch.zeros_like(self.trunk)
        self.start = self.trunk.detach().clone()

    def retain(self) -> Tensor | None:
        """Remember the task's own gradient, and add the penalty's."""
        self._gradient = None if self.trunk.grad is None else self.trunk.grad.clone()
        if self.trunk.grad is None or not bool(self.importance.any()):
            return None
        away = self.trunk.detach() - self.anchor
        pull = 2 * self.config.continual.si_c * self.importance * away
        self.trunk.grad += pull
        return 0.5 * (pull * away).sum()

    def move(self) -> None:
        """Take the step, and count what it contributed."""
        before = self.trunk.detach().clone()
        super().move()
        if self._gradient is not None and bool(torch.isfinite(self._gradient).all()):
            self.path -= self._gradient * (self.trunk.detach() - before)

    def end_task(self, rows: Windows) -> None:
        """Turn the path into importance."""
        super().end_task(rows)
        change = self.trunk.detach() - self.start
        self.importance = self.importance + self.path.clamp(min=0) / (change.square() + XI)
        self.anchor = self.trunk.detach().clone()

    def state_dict(self) -> dict[str, Any]:
        """The network, importance and path."""
        own = {name: getattr(self, name).clone() for name in ("importance", "path", "start", "anchor")}
        return {**super().state_dict(), **own}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        for name in ("importance", "path", "start", "anchor"):
            setattr(self, name, restoring.tensor(state[name], name, self.trunk))
