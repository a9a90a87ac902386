"""HyperCRL's regulariser weighted by synaptic intelligence on the generated weights (Huang et al. 2021).

omega_i = - sum over steps of dL/dw_i * (change of w_i in that step), as in :mod:`crl.continual.penalties.si`, but for
the weights w = h(e_t; Theta) that the hypernetwork makes: a step's change is known when the next one generates them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl import restoring
from crl.config.declared.components import PARTS
from crl.continual.generators.hypercrl import HyperCRL
from crl.continual.penalties.si import XI
from crl.continual.penalties.weighting import Weighting
from crl.dynamics.windows import Windows


class OutputPath(Weighting):
    """Holds those generated weights whose movement lowered the task's loss.

    Attributes:
        path: omega of the current task so far, [P].
        start, before, gradient: The weights when the task began and in the last step, and that step's gradient, [P].
    """

    SETTINGS = PARTS["output_path"]
    KEPT_ONCE = ("path", "start", "before", "gradient")

    def __init__(self, host: HyperCRL, name: str) -> None:
        super().__init__(host, name)
        self._clear()

    def _clear(self) -> None:
        zeros = torch.zeros(self.host.network.size, device=self.host.device)
        self.path, self.start, self.before, self.gradient = (zeros.clone() for _ in range(4))

    def begin_task(self, task: int) -> None:
        """Start a new path."""
        super().begin_task(task)
        self._clear()
        self.start = self.host.weights(task)
        self.before = self.start.clone()

    def watch(self, weights: Tensor) -> None:
        """Count what the last step contributed."""
        weights.retain_grad()
        now = weights.detach().clone()
        self.path -= self.gradient * (now - self.before)
        self.before = now

    def watched(self, weights: Tensor) -> None:
        """Remember this step's gradient; one that is not finite moves nothing and counts nothing."""
        gradient = weights.grad
        good = gradient is not None and bool(torch.isfinite(gradient).all())
        self.gradient = gradient.clone() if gradient is not None and good else torch.zeros_like(self.path)

    def end_task(self, rows: Windows) -> None:
        """Turn the path into importance."""
        del rows
        end = self.host.weights(self.host.task)
        path = self.path - self.gradient * (end - self.before)
        self.keep_importance(path.clamp(min=0) / ((end - self.start).square() + XI))
        self._clear()

    def state_dict(self) -> dict[str, Any]:
        """The importances, and the path."""
        own = {"path": self.path, "start": self.start, "before": self.before, "gradient": self.gradient}
        return {**super().state_dict(), **{name: value.clone() for name, value in own.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        like = torch.empty_like(self.path)
        self.path = restoring.tensor(state["path"], "path", like)
        self.start = restoring.tensor(state["start"], "start", like)
        self.before = restoring.tensor(state["before"], "before", like)
        self.gradient = restoring.tensor(state["gradient"], "gradient", like)
