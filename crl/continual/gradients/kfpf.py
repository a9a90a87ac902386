"""k-FPF: Zhao et al., ICML 2023 (arXiv 2304.04158): fine-tuning of what forgets, every so many steps.

As in :mod:`crl.continual.gradients.fpf`, and also every kfpf_every steps of a task, wherever its boundaries are. It
takes the place of replay in every step. Deviation: in the course of a task its own transitions are not kept yet, so
that the memory then holds the earlier tasks alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from crl.config.declared.components import PARTS
from crl.continual.generators.shared import SharedNetwork
from crl.continual.gradients.fpf import FPF


class KFPF(FPF):
    """The tensors that move most are trained on the memory now and then.

    Attributes:
        counted: Steps of all tasks that moved something.
    """

    SETTINGS = PARTS["kfpf"]
    OPTIONS: ClassVar[dict[str, Any]] = {**FPF.OPTIONS, "kfpf_every": 500}

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.every = self.whole("kfpf_every", least=1)
        self.counted = 0

    def after_step(self, before: Mapping[str, Tensor]) -> None:
        """Measure, count the step, and train on the memory when it is time."""
        super().after_step(before)
        if not self.host.moved:
            return
        self.counted += 1
        if self.kept and self.counted % self.every == 0:
            self.finetune()

    def state_dict(self) -> dict[str, Any]:
        """The kept transitions, what was measured, and the count."""
        return {**super().state_dict(), "counted": self.counted}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        self.counted = int(state["counted"])
