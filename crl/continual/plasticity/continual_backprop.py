"""Continual backpropagation: Dohare et al., Nature 632, 2024 (arXiv 2306.13812), algorithm 1.

The utility of a hidden unit is an exponential average of what it contributes, |h_i| sum_k |w_ik|, with a decay of
0.99. Every step adds cbp_rate times the number of units older than cbp_maturity steps to a counter per layer; when it
reaches one, the mature unit of the least utility gets fresh incoming weights, zero outgoing ones and age zero.
Deviations: at most one unit per layer, member and step; outgoing weights become zero in the heads of all tasks; |h_i|
is the mean over the batch; the incoming weights are drawn as the network's initial ones.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor

from crl import restoring
from crl.continual.generators.shared import SharedNetwork
from crl.continual.part import Boundary
from crl.continual.plasticity.plasticity import Plasticity

DECAY = 0.99


class ContinualBackprop(Plasticity):
    """The least useful units are replaced, a few at a time.

    Attributes:
        utility, age: Of every hidden unit: [E, units] by layer.
        due: Units that are due to be replaced, [E] by layer.
    """

    OPTIONS: ClassVar[dict[str, Any]] = {"cbp_rate": 1e-4, "cbp_maturity": 100}
    BOUNDARY = Boundary.NOTHING
    FOLLOWS = True
    WATCHES = True
    KEPT_ONCE = ("utility", "age", "due")

    def __init__(self, host: SharedNetwork, name: str) -> None:
        super().__init__(host, name)
        self.rate = self.number("cbp_rate", most=1)
        self.maturity = self.number("cbp_maturity")
        self.utility, self.age = self.units(), self.units()
        self.due = {name: torch.zeros(host.network.ensemble, device=host.device) for name in self.age}

    def after_step(self, before: Mapping[str, Tensor]) -> None:
        """Count what the units contribute, and replace those that are due."""
        del before
        if not self.moves:
            return
        weights = self.host.network.unpack(self.host.join(self.host.task).detach())
        for layer, active in enumerate(self._seen):
            name = str(layer)
            contribution = active * weights[layer + 1][0].abs().sum(dim=-1)
            self.utility[name] = DECAY * self.utility[name] + (1 - DECAY) * contribution
            self.age[name] += 1
            mature = self.age[name] > self.maturity
            self.due[name] += self.rate * mature.sum(dim=1)
            chosen = self._least(name, mature)
            if bool(chosen.any()):
                self.renew(layer, chosen)
                self.due[name] -= chosen.any(dim=1).to(self.due[name].dtype)
                for table in (self.utility, self.age):
                    table[name].masked_fill_(chosen, 0.0)

    def _least(self, name: str, mature: Tensor) -> Tensor:
        """Mask [E, units] of the unit to replace in each member, if one is due."""
        corrected = self.utility[name] / (1 - DECAY ** self.age[name])
        least = corrected.masked_fill(~mature, torch.inf).argmin(dim=1, keepdim=True)
        chosen = torch.zeros_like(mature).scatter_(1, least, True)
        return chosen & mature & (self.due[name] >= 1).unsqueeze(1)

    def state_dict(self) -> dict[str, Any]:
        """Utilities, ages and counters."""
        own = {"utility": self.utility, "age": self.age, "due": self.due}
        return {key: {name: value.clone() for name, value in table.items()} for key, table in own.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        self.utility = restoring.same(state["utility"], "utility", self.utility)
        self.age = restoring.same(state["age"], "age", self.age)
        self.due = restoring.same(state["due"], "due", self.due)
