"""GeRe: Zhang et al. 2025 (arXiv 2508.04676): a few general samples, whose activation states are held by a margin loss.

When the first task ends, continual.memory of its inputs are kept once and for all, with the state of every unit of the
last hidden layer: +1 where its activation is above the layer's mean by general_threshold deviations, -1 where it is as
far below, 0 between. Every step adds general_strength times the mean of max(0, top - h) where the state is +1, max(0, h
- bottom) where it is -1, and both excesses where it is 0. Activations may move as long as their state stays. Memory
does not grow with the tasks. Deviations: general texts become inputs of the first task; losses on the samples' labels
and balancing weights of the two losses are left out, because the samples' own head rests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.config.declared.components import PARTS
from crl.continual.generators.shared import SharedNetwork
from crl.continual.memories.memory import Replaying
from crl.continual.part import Boundary, Host
from crl.dynamics.windows import Windows


class General(Replaying[SharedNetwork]):
    """The activation states of a fixed set of samples stay.

    Attributes:
        samples: Normalised inputs [N, in]; none before the first task has ended.
        states: -1, 0 or 1 for every unit of the last hidden layer, [E, N, units].
        limits: Bottom and top of the middle state, [E, 2].
    """

    HOSTS = (Host.NETWORK,)
    BOUNDARY = Boundary.ROWS
    REVISITS = True
    MOVES_HEADS = False
    OPTIONS: ClassVar[dict[str, Any]] = {"general_strength": 10.0, "general_threshold": 0.5}
    SETTINGS = PARTS["general"]
    KEPT_ONCE = ("samples", "states", "limits")

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.strength = self.number("general_strength")
        self.threshold = self.number("general_threshold")
        units = host.network.layers[-1][0]
        self.samples = torch.zeros(0, host.network.layers[0][0], device=host.device)
        self.states = torch.zeros(host.network.ensemble, 0, units, device=host.device)
        self.limits = torch.zeros(host.network.ensemble, 2, device=host.device)

    def activations(self, inputs: Tensor) -> Tensor:
        """What the last layer reads, [E, N, units], for inputs [N, in], with the graph to the trunk."""
        host = self.host
        return host.network.layer_inputs(host.differentiable(host.task), inputs.unsqueeze(0))[-2]

    def replay(self) -> Tensor | None:
        """The margins that are broken on a batch of samples."""
        if not len(self.samples) or self.strength == 0:
            return None
        index = torch.randint(len(self.samples), (self.config.learning.batch,), generator=self.generator)
        index = index.to(self.samples.device)
        found, state = self.activations(self.samples[index]), self.states[:, index]
        bottom, top = (self.limits[:, at].view(-1, 1, 1) for at in (0, 1))
        low, high = (top - found).clamp(min=0), (found - bottom).clamp(min=0)
        middle = (bottom - found).clamp(min=0) + (found - top).clamp(min=0)
        broken = torch.where(state > 0, low, torch.where(state < 0, high, middle))
        return self.strength * broken.mean()

    def end_task(self, rows: Windows) -> None:
        """Choose the samples, after the first task."""
        if len(self.samples):
            return
        host = self.host
        self.samples = host.evaluator.inputs(host.task, rows.choose(self.config.continual.memory, self.generator))
        with torch.no_grad():
            found = self.activations(self.samples)
        mean, spread = found.mean(dim=(1, 2)), found.std(dim=(1, 2), unbiased=False)
        self.limits = torch.stack([mean - self.threshold * spread, mean + self.threshold * spread], dim=1)
        self.states = states(found, self.limits)

    def state_dict(self) -> dict[str, Any]:
        """Samples, states and limits."""
        return {"samples": self.samples.clone(), "states": self.states.clone(), "limits": self.limits.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        like, members = self.host.trunk.detach(), self.host.network.ensemble
        self.samples = restoring.tensor(state["samples"], "samples", like, (None, self.host.network.layers[0][0]))
        shape = (members, len(self.samples), self.host.network.layers[-1][0])
        self.states = restoring.tensor(state["states"], "states", like, shape)
        self.limits = restoring.tensor(state["limits"], "limits", like, (members, 2))


def states(found: Tensor, limits: Tensor) -> Tensor:
    """States -1, 0 and 1 of activations [E, N, units] for a bottom and a top per member, [E, 2]."""
    bottom, top = (limits[:, at].view(-1, 1, 1) for at in (0, 1))
    return (found > top).to(found.dtype) - (found < bottom).to(found.dtype)
