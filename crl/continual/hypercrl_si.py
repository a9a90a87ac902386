"""HyperCRL whose regulariser is weighted by synaptic intelligence on the generated weights (Huang et al. 2021).

omega_i = - sum over steps of dL/dw_i * (change of w_i in that step), as in :mod:`crl.continual.si`, but for the
weights w = h(e_t; Theta) that the hypernetwork makes: a step's change is known when the next one generates them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config import Config
from crl.config.components import STRATEGIES
from crl.continual.hypercrl_weighted import WeightedHyperCRL
from crl.continual.si import XI
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows


class HyperCRLSI(WeightedHyperCRL):
    """Holds those generated weights whose movement lowered the task's loss.

    Attributes:
        path: omega of the current task so far, [P].
        start, before, gradient: The weights when the task began and in the last step, and that step's gradient, [P].
    """

    SETTINGS = STRATEGIES["hypercrl_si"]

    kept_once: ClassVar[tuple[str, ...]] = (*WeightedHyperCRL.kept_once, "path", "start", "before", "gradient")

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(config, network, generator, device)
        self._clear()

    def _clear(self) -> None:
        zeros = torch.zeros(self.network.size, device=self.device)
        self.path, self.start, self.before, self.gradient = (zeros.clone() for _ in range(4))

    def begin_task(self, task: int) -> None:
        """Start a new path."""
        super().begin_task(task)
        self._clear()
        self.start = self.weights(task)
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
        super().end_task(rows)
        end = self.weights(self.task)
        path = self.path - self.gradient * (end - self.before)
        self.keep_importance(path.clamp(min=0) / ((end - self.start).square() + XI))
        self._clear()

    def state_dict(self) -> dict[str, Any]:
        """What the weighted variant keeps, and the path."""
        own = {name: getattr(self, name).clone() for name in ("path", "start", "before", "gradient")}
        return {**super().state_dict(), **own}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        for name in ("path", "start", "before", "gradient"):
            setattr(self, name, restoring.tensor(state[name], name, self.path))
