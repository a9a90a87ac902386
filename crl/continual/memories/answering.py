"""The base of replay without kept transitions: the network before the task answers inputs that are drawn anew.

Every step adds strength * E ||f(x; theta) - f(x; theta_before)||^2 for one earlier task, drawn at random, theta_before
being the trunk when the current task began. Where x comes from is the subclasses' matter.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.continual.generators.shared import SharedNetwork
from crl.continual.memories.memory import Replaying
from crl.continual.part import Host


class Answering(Replaying[SharedNetwork]):
    """What the network said of earlier tasks when the current one began, it says again.

    Attributes:
        STRENGTH: The option that holds the loss's weight.
        before: theta_before, [trunk].
    """

    HOSTS = (Host.NETWORK,)
    STRENGTH: ClassVar[str]
    MOVES_HEADS = False
    KEPT_ONCE: ClassVar[tuple[str, ...]] = ("before",)

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.strength = self.number(self.STRENGTH)
        self.before = host.trunk.detach().clone()

    @abstractmethod
    def inputs(self, task: int, count: int) -> Tensor | None:
        """Inputs [count, in] to ask about a task; ``None`` if there are none."""

    def begin_task(self, task: int) -> None:
        """The network as it is now is the one that answers."""
        del task
        self.before = self.host.trunk.detach().clone()

    def replay(self) -> Tensor | None:
        """The distance from the answers about one earlier task."""
        host = self.host
        others = [task for task in host.heads if task != host.task]
        if not others or self.strength == 0:
            return None
        task = others[int(torch.randint(len(others), (), generator=self.generator))]
        inputs = self.inputs(task, self.config.learning.batch)
        if inputs is None:
            return None
        head = host.heads[task]
        with torch.no_grad():
            target = host.network.forward(torch.cat([self.before, head]), inputs.unsqueeze(0))
        found = host.network.forward(host.differentiable(task), inputs.unsqueeze(0))
        return self.strength * (found - target).square().mean()

    def state_dict(self) -> dict[str, Any]:
        """The network that answers."""
        return {"before": self.before.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.before = restoring.tensor(state["before"], "before", self.host.trunk.detach())
