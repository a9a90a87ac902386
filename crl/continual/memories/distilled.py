"""Distilled coreset: DataDAM, Sajedi et al., ICCV 2023 (arXiv 2310.00093), for regression: inputs that are learned.

When a task ends, continual.memory of its normalised inputs are drawn, and then learned: for distilled_steps steps a
network with new random weights reads all inputs of the task and the kept ones, which move so that both come to the
same, layer by layer. In DataDAM that is the mean attention of every layer, the squares of its units, and the mean of
the last features, class by class. Here it is the second moments of (units, 1) in every layer, which hold both: the
normal equations of regression on these units depend on the inputs through them alone. The network's answers are kept
and replayed as in :mod:`crl.continual.memories.clonex`. Deviations: that; and only the model knows the target of an
input that nobody saw.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config.declared.components import PARTS
from crl.continual.memories.memory import Replaying
from crl.continual.part import Boundary, HostT
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows


class Distilled(Replaying[HostT]):
    """Learned inputs are answered as they were when their task ended.

    Attributes:
        inputs: Learned inputs of every finished task, [N, in].
        outputs: What the network said about them, [E, N, out].
    """

    BOUNDARY = Boundary.ROWS
    REVISITS = True
    OPTIONS: ClassVar[dict[str, Any]] = {"distilled_steps": 200, "distilled_rate": 0.02}
    SETTINGS = PARTS["distilled"]

    def __init__(self, host: HostT, name: str) -> None:
        super().__init__(host, name)
        self.steps, self.rate = int(self.number("distilled_steps")), self.number("distilled_rate")
        self.inputs, self.outputs = dict[int, Tensor](), dict[int, Tensor]()

    def replay(self) -> Tensor | None:
        """The distance from the kept answers on a batch of an earlier task."""
        allowed = self.host.replayable()
        others = [task for task in self.inputs if task != self.host.task and (allowed is None or task in allowed)]
        if not others or self.config.continual.replay_weight == 0:
            return None
        task = others[int(torch.randint(len(others), (), generator=self.generator))]
        index = torch.randint(len(self.inputs[task]), (self.config.learning.batch,), generator=self.generator)
        index = index.to(self.host.device)
        found = self.host.network.forward(self.host.differentiable(task), self.inputs[task][index].unsqueeze(0))
        return self.config.continual.replay_weight * (found - self.outputs[task][:, index]).square().mean()

    def end_task(self, rows: Windows) -> None:
        """Learn inputs that stand for the task's, and keep the answers to them."""
        host, count = self.host, self.config.continual.memory
        every = host.evaluator.inputs(host.task, rows)
        self.inputs[host.task] = distil(host.network, every, count, self.steps, self.rate, self.generator)
        with torch.no_grad():
            weights, inputs = host.weights(host.task), self.inputs[host.task].unsqueeze(0)
            self.outputs[host.task] = host.network.forward(weights, inputs)

    def bytes_per_task(self) -> int:
        """Inputs and answers."""
        tables = (self.inputs, self.outputs)
        return sum(4 * value.numel() for table in tables for value in table.values()) // max(1, len(self.inputs))

    def state_dict(self) -> dict[str, Any]:
        """Inputs and answers."""
        tables = {"inputs": self.inputs, "outputs": self.outputs}
        return {name: {task: value.clone() for task, value in table.items()} for name, table in tables.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        network, like = self.host.network, torch.empty(0, device=self.host.device)
        self.inputs, self.outputs = {}, {}
        for task, value in state["inputs"].items():
            self.inputs[task] = restoring.tensor(value, f"inputs[{task}]", like, (None, network.layers[0][0]))
            shape = (network.ensemble, len(self.inputs[task]), network.layers[-1][1])
            self.outputs[task] = restoring.tensor(state["outputs"][task], f"outputs[{task}]", like, shape)


def distil(
    network: TargetNetwork, every: Tensor, count: int, steps: int, rate: float, generator: torch.Generator
) -> Tensor:
    """Inputs [count, in] whose second moments in random networks are those of all inputs [N, in].

    Args:
        network: The networks' shape.
        every: All inputs; if there are no more than ``count``, they are what is returned.
        count: How many to learn.
        steps: Gradient steps, each with a network of its own.
        rate: Learning rate of Adam.
        generator: Source of the first inputs and of the networks.
    """
    drawn = every[torch.randperm(len(every), generator=generator)[:count].to(every.device)]
    if len(every) <= count:
        return drawn
    learned = drawn.clone().requires_grad_()
    optimiser = torch.optim.Adam([learned], lr=rate)
    for _ in range(steps):
        weights = network.initial(generator).to(every.device)
        distance = torch.zeros((), device=every.device)
        for aim, found in zip(moments(network, weights, every), moments(network, weights, learned), strict=True):
            distance = distance + (found - aim).square().sum() / aim.square().sum()
        optimiser.zero_grad(set_to_none=True)
        distance.backward()
        optimiser.step()
    return learned.detach()


def moments(network: TargetNetwork, weights: Tensor, inputs: Tensor) -> list[Tensor]:
    """Second moments [E, D + 1, D + 1] of what every layer of a network reads, and a constant, for inputs [N, in]."""
    reads = network.layer_inputs(weights, inputs.unsqueeze(0))[:-1]
    units = [torch.cat([read, torch.ones_like(read[..., :1])], dim=-1) for read in reads]
    return [layer.transpose(1, 2) @ layer / layer.shape[1] for layer in units]
