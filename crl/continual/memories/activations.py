"""SHARP: Gurbuz, Moorman, Dovrolis 2023 (arXiv 2305.18563): hidden activations are replayed, the recent ones first.

When a task ends, what the first hidden layer gives for some of its inputs is kept, with the network's answers. Every
step replays those of one earlier task through the layers above: replay_weight * E ||f_above(h; theta) - y||^2. A task
that ended k tasks ago is drawn with a probability in proportion to activations_recency^k. From the first task's end on
the first layer rests, so that its activations stay what was kept. Deviations: the paper's sparse connections and their
rewiring are left out (:mod:`crl.continual.gradients.migu` and the generators have such); its feature extractor is the
first layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config.declared.components import PARTS
from crl.continual.generators.shared import SharedNetwork
from crl.continual.gradients.gradient import Gradient
from crl.continual.memories.memory import Replaying
from crl.continual.part import Boundary, Host, Kind
from crl.dynamics.network import ACTIVATIONS, TargetNetwork
from crl.dynamics.windows import Windows


class Activations(Replaying[SharedNetwork], Gradient[SharedNetwork]):
    """Kept activations of the first hidden layer are answered as they were when their task ended.

    Attributes:
        kept: Of every finished task, in the order of their ends: activations and answers [E, N, units + out].
    """

    KIND = Kind.MEMORY
    HOSTS = (Host.NETWORK,)
    BOUNDARY = Boundary.ROWS
    REVISITS = True
    OPTIONS: ClassVar[dict[str, Any]] = {"activations_recency": 0.7}
    SETTINGS = PARTS["activations"]

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.recency = self.number("activations_recency", most=1)
        self.kept: dict[int, Tensor] = {}
        self.first = sum(host.network.tensor_sizes[:2])

    def transform(self, gradients: Mapping[str, Tensor]) -> None:
        """Let the first layer rest; Adam starts afresh with a task, so that a gradient of zero moves nothing."""
        if "trunk" in gradients and self.kept:
            gradients["trunk"][: self.first] = 0.0

    def replay(self) -> Tensor | None:
        """The distance from the kept answers on a batch of an earlier task."""
        others = [task for task in self.kept if task != self.host.task]
        if not others or self.config.continual.replay_weight == 0:
            return None
        chances = torch.tensor([max(self.recency, 1e-3) ** age for age in reversed(range(len(others)))])
        task = others[int(torch.multinomial(chances, 1, generator=self.generator))]
        kept = self.kept[task]
        index = torch.randint(kept.shape[1], (self.config.learning.batch,), generator=self.generator).to(kept.device)
        units = self.host.network.layers[1][0]
        found = above(self.host.network, self.host.differentiable(task), kept[:, index, :units])
        return self.config.continual.replay_weight * (found - kept[:, index, units:]).square().mean()

    def end_task(self, rows: Windows) -> None:
        """Keep activations and answers of some of the task's inputs."""
        host = self.host
        inputs = host.evaluator.inputs(host.task, rows.choose(self.config.continual.memory, self.generator))
        with torch.no_grad():
            seen = host.network.layer_inputs(host.weights(host.task), inputs.unsqueeze(0))
        self.kept.pop(host.task, None)
        self.kept[host.task] = torch.cat([seen[1], seen[-1]], dim=-1)

    def bytes_per_task(self) -> int:
        """The kept activations and answers."""
        return sum(4 * value.numel() for value in self.kept.values()) // max(1, len(self.kept))

    def state_dict(self) -> dict[str, Any]:
        """The kept activations and answers."""
        return {"kept": {task: value.clone() for task, value in self.kept.items()}}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        width = self.host.network.layers[1][0] + self.host.network.layers[-1][1]
        shape, like = (self.host.network.ensemble, None, width), self.host.trunk.detach()
        self.kept = {
            int(task): restoring.tensor(value, f"kept[{task}]", like, shape) for task, value in state["kept"].items()
        }


def above(network: TargetNetwork, weights: Tensor, units: Tensor) -> Tensor:
    """Outputs [E, N, out] of a network with weights [P] whose first hidden layer gives units [E, N, units]."""
    layers = network.unpack(weights)[1:]
    for matrix, bias in layers[:-1]:
        units = ACTIVATIONS[network.activation](torch.baddbmm(bias, units, matrix))
    return torch.baddbmm(layers[-1][1], units, layers[-1][0])
