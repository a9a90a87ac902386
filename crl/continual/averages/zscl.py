"""ZSCL's weight ensemble: Zheng et al., ICCV 2023 (arXiv 2303.06628), equation 6: the mean of the weights on the way.

From the task's begin on, every zscl_every steps, the weights join a plain mean whose first member is the network before
the task: theta_hat <- (theta + t theta_hat) / (t + 1). The mean is the model. Deviation: the first task is not
averaged, because there is nothing yet to be kept, and the first member would be random weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from torch import Tensor

from crl.continual.averages.average import AveragePart
from crl.continual.generators.shared import SharedNetwork
from crl.continual.optimiser import Average
from crl.continual.part import Host


class PlainMean(Average):
    """A plain mean of tensors, taken every so many steps, once it was started.

    Args:
        every: Steps between two members.
        still: Says whether nothing may move at present.
    """

    def __init__(self, every: int, still: Callable[[], bool]) -> None:
        super().__init__(0.0, every)
        self._still = still

    def start(self, parameters: Mapping[str, Tensor]) -> None:
        """Begin with a first member."""
        self._weight, self._sums = 1.0, {name: value.detach().clone() for name, value in parameters.items()}

    def update(self, parameters: Mapping[str, Tensor]) -> None:
        """Count a step, and take the parameters in when it is due."""
        self.steps += 1
        if self._weight and self.steps % self.every == 0 and not self._still():
            self._weight += 1
            for name, parameter in parameters.items():
                self._sums[name] += parameter.detach()


class WeightEnsemble(AveragePart[SharedNetwork]):
    """From the second task on, the weights are their mean since the task began.

    Attributes:
        learned: Whether a task has begun before.
    """

    average: PlainMean

    HOSTS = (Host.NETWORK,)
    OPTIONS: ClassVar[dict[str, Any]] = {"zscl_every": 100}

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.average = PlainMean(self.whole("zscl_every", least=1), lambda: host.still)
        self.learned = False

    def begin_task(self, task: int) -> None:
        """Start with the network before the task."""
        del task
        if self.learned:
            self.average.start(self.host.moving())
        self.learned = True

    def state_dict(self) -> dict[str, Any]:
        """Whether a task has begun; the host saves the average."""
        return {"learned": self.learned}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.learned = bool(state["learned"])
