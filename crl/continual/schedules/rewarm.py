"""Re-warming: Gupta et al. 2023 (arXiv 2308.04014), section 3: the learning rate rises anew with every task.

In the first rewarm_steps steps of a task the learning rate rises linearly from zero to rewarm_height times what the
learner asks for, and stays there. Deviation: the paper's cosine decay is the learner's ``learning.lr_final``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from crl.continual.part import HostT
from crl.continual.schedules.schedule import Schedule


class Rewarm(Schedule[HostT]):
    """A warm-up per task.

    Attributes:
        steps: Steps of this task so far.
    """

    OPTIONS: ClassVar[dict[str, Any]] = {"rewarm_steps": 50, "rewarm_height": 1.0}

    def __init__(self, host: HostT, name: str) -> None:
        super().__init__(host, name)
        self.length = self.number("rewarm_steps", least=1)
        self.height = self.number("rewarm_height")
        self.steps = 0

    def begin_task(self, task: int) -> None:
        """Start at the bottom."""
        del task
        self.steps = 0

    def before_step(self) -> None:
        """Count the step."""
        self.steps += 1

    def factor(self) -> float:
        """What the learning rate of the step that was counted last is multiplied by."""
        return self.height * min(1.0, self.steps / self.length)

    def state_dict(self) -> dict[str, Any]:
        """The counter."""
        return {"steps": self.steps}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.steps = int(state["steps"])
