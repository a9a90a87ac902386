"""Half fine-tuning: Hui et al. 2024 (arXiv 2404.18466), section 3: a random half of the parameters rests in each task.

When a task begins, 1 - hft_share of the shared parameters are drawn, and stay as they are until the task ends.
Deviations: single weights are drawn and not whole matrices, of which a dynamics model has a few only; the share can
be set.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.continual.gradients.gradient import Gradient
from crl.continual.part import Host, HostT


class HFT(Gradient[HostT]):
    """Part of the parameters is frozen, another part in each task.

    Attributes:
        learns: Which of the shared parameters learn in this task, as factors 0 and 1, by name.
    """

    HOSTS = (Host.NETWORK, Host.HYPERNETWORK)
    OPTIONS: ClassVar[dict[str, Any]] = {"hft_share": 0.5}
    KEPT_ONCE = ("learns",)

    def __init__(self, host: HostT, name: str) -> None:
        super().__init__(host, name)
        self.share = self.number("hft_share", most=1)
        self.learns = {key: torch.ones_like(value.detach()) for key, value in host.shared().items()}

    def begin_task(self, task: int) -> None:
        """Draw what learns."""
        del task
        for key, learns in self.learns.items():
            drawn = torch.rand(learns.shape, generator=self.generator) < self.share
            self.learns[key] = drawn.to(learns)

    def transform(self, gradients: Mapping[str, Tensor]) -> None:
        """Take the others' gradients away; Adam starts afresh with a task, so that they do not move at all."""
        for key, gradient in gradients.items():
            gradient *= self.learns[key]

    def state_dict(self) -> dict[str, Any]:
        """What learns in this task."""
        return {"learns": {key: value.clone() for key, value in self.learns.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.learns = restoring.same(state["learns"], "learns", self.learns)
