"""Fine-tuning: one ordinary network that goes on learning with every task and protects nothing.

The control experiment of every retention claim. All tasks share the same weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from crl.config import Config
from crl.continual.optimiser import Adam, Average
from crl.continual.strategy import Loss, Storage, Strategy
from crl.dynamics.network import TargetNetwork


class Finetune(Strategy):
    """One set of target weights for all tasks."""

    def __init__(
        self, config: Config, network: TargetNetwork, generator: torch.Generator, device: torch.device | str = "cpu"
    ) -> None:
        super().__init__(config, network, generator, device)
        self.parameters = self._fresh()
        self._average = Average(config.learning.average)
        self._start_task()

    def _fresh(self) -> dict[str, Tensor]:
        return {"weights": self.network.initial(self.generator).to(self.device).requires_grad_()}

    def begin_task(self, task: int) -> None:
        """Go on with the same weights; the optimiser starts afresh."""
        del task
        self._start_task()

    def _start_task(self) -> None:
        config = self.config.learning
        self._optimiser = Adam(self.parameters, config.lr, config.clip)
        self._average.clear()

    def step(self, loss: Loss) -> dict[str, Tensor]:
        """One gradient step on the current task's loss."""
        self._optimiser.zero()
        value = loss(self.parameters["weights"])
        value.backward()
        self._optimiser.step()
        self._average.update(self.parameters)
        return {"task": value.detach()}

    def weights(self, task: int) -> Tensor:
        """The shared weights [P]."""
        del task
        return self._average.of(self.parameters)["weights"].detach().clone()

    def end_task(self) -> None:
        """Make the averaged weights the weights."""
        averaged = self._average.of(self.parameters)["weights"]
        with torch.no_grad():
            self.parameters["weights"].copy_(averaged)
        self._average.clear()

    def scale_lr(self, factor: float) -> None:
        """Set the learning rate to ``factor`` times the configured one."""
        self._optimiser.factor = factor

    def storage(self) -> Storage:
        """Nothing is kept."""
        return Storage(bytes_per_task=0, revisits_data=False)

    def state_dict(self) -> dict[str, Any]:
        """Weights, optimiser and average."""
        return {
            "weights": self.parameters["weights"].detach().clone(),
            "optimiser": self._optimiser.state_dict(),
            "average": self._average.state_dict(),
            "generator": self.generator.get_state(),
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.generator.set_state(state["generator"])
        with torch.no_grad():
            self.parameters["weights"].copy_(state["weights"])
        self._start_task()
        self._optimiser.load_state_dict(state["optimiser"])
        self._average.load_state_dict(state["average"], self.device)
