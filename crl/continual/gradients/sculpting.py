"""Sculpting: Nayak et al. 2025 (arXiv 2504.07097), section 3: steps keep away from the large singular directions.

When a task begins, every layer's weights are taken apart, W = U S V^T. The largest singular values that hold the share
sculpting_energy of the squared length say what the network knows; U_hi and V_hi are their vectors. A gradient becomes G
- U_hi U_hi^T G V_hi V_hi^T, so that the block U_hi^T W V_hi stays, and the small singular directions learn. Nothing is
kept of any task. Deviations: the first task is learned freely; the share stands where the paper takes the rank from the
similarity of a layer's input and output, which have one size in a transformer only; those of
:mod:`crl.continual.gradients.projected`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.continual.generators.shared import SharedNetwork
from crl.continual.gradients.projected import Projected


class Sculpting(Projected):
    """What the large singular directions of a layer map onto each other does not change.

    Attributes:
        learned: Whether a task has been learned, so that there is something to protect.
        left, right: U_hi [in + 1, k] and V_hi [out, k], by "layer member".
    """

    OPTIONS: ClassVar[dict[str, Any]] = {"sculpting_energy": 0.9}
    KEPT_ONCE = ("left", "right")

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.energy = self.number("sculpting_energy", most=1)
        self.learned = False
        self.left: dict[str, Tensor] = {}
        self.right: dict[str, Tensor] = {}

    def begin_task(self, task: int) -> None:
        """Find what the network knows."""
        del task
        if self.learned:
            for layer, whole in enumerate(self.both(self.host.trunk.detach())):
                for member, own in enumerate(whole):
                    key = f"{layer} {member}"
                    self.left[key], self.right[key] = large(own, self.energy)
        self.learned = True

    def active(self) -> bool:
        """From the second task on."""
        return bool(self.left)

    def project(self, layer: int, change: Tensor) -> Tensor:
        """Remove from a change [E, in + 1, out] what maps large directions onto large ones."""
        found = []
        for member, own in enumerate(change):
            left, right = self.left[f"{layer} {member}"], self.right[f"{layer} {member}"]
            found.append(own - left @ (left.T @ own @ right) @ right.T)
        return torch.stack(found)

    def state_dict(self) -> dict[str, Any]:
        """The directions of this task."""
        tables = {"left": self.left, "right": self.right}
        kept = {name: {key: value.clone() for key, value in table.items()} for name, table in tables.items()}
        return {**kept, "learned": self.learned}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.learned, like = bool(state["learned"]), self.host.trunk
        self.left, self.right = {}, {}
        for key in self.names if state["left"] else ():
            reads, gives = self.network.layers[int(key.split()[0])]
            self.left[key] = restoring.tensor(state["left"][key], f"left/{key}", like, (reads + 1, None))
            self.right[key] = restoring.tensor(state["right"][key], f"right/{key}", like, (gives, None))


def large(weights: Tensor, energy: float) -> tuple[Tensor, Tensor]:
    """Left and right singular vectors [D, k], [C, k] of the fewest values that hold a share of weights [D, C]."""
    left, lengths, right = torch.linalg.svd(weights, full_matrices=False)
    held = torch.cumsum(lengths.square(), dim=0)
    count = 0 if energy == 0 else min(len(lengths), int((held < energy * held[-1]).sum()) + 1)
    return left[:, :count].clone(), right[:count].T.clone()
