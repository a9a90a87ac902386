"""A-GEM: Chaudhry et al., ICLR 2019 (arXiv 1812.00420), equation 11.

Some transitions of every finished task are kept. The gradient g of the current task must not raise their loss: with
the gradient g_ref of a batch of them, g becomes g - (g . g_ref / g_ref . g_ref) g_ref wherever g . g_ref < 0.
Deviations: the batch is spread evenly over at most four earlier tasks, drawn anew in every step, so that a step costs
the same for any number of tasks; only the trunk is projected where tasks have heads of their own, because their
gradients have nothing else in common; Adam rescales the projected gradient, as in the code of Continual World.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from crl.config.declared.components import PARTS
from crl.continual.generators.shared import SharedNetwork
from crl.continual.gradients.gradient import Gradient
from crl.continual.memories.keeping import Keeping
from crl.continual.part import Host

TASKS = 4
"""Earlier tasks in a reference batch, at most."""


class AGEM(Keeping[SharedNetwork], Gradient[SharedNetwork]):
    """Gradients that would raise the loss on kept transitions are projected."""

    HOSTS = (Host.NETWORK,)
    SETTINGS = PARTS["agem"]

    def transform(self, gradients: Mapping[str, Tensor]) -> None:
        """Project the trunk's gradient, if it points against the reference."""
        reference = self.reference()
        if reference is not None and "trunk" in gradients:
            project(gradients["trunk"], reference)

    def reference(self) -> Tensor | None:
        """Gradient [trunk] of the loss on a batch of kept transitions; ``None`` if there are none."""
        host = self.host
        others = [task for task in self.kept if task != host.task]
        if not others:
            return None
        drawn = [others[int(at)] for at in torch.randperm(len(others), generator=self.generator)[:TASKS]]
        count = max(1, self.config.learning.batch // len(drawn)) * host.network.ensemble
        total = torch.zeros((), device=host.device)
        for task in drawn:
            rows = self.kept[task].draw(count, self.generator)
            total = total + host.evaluator.loss(task, host.join(task), rows) / len(drawn)
        (gradient,) = torch.autograd.grad(total, [host.trunk])
        return gradient


def project(gradient: Tensor, reference: Tensor) -> None:
    """Take from a gradient, in place, what points against a reference."""
    against = gradient @ reference
    if float(against) < 0:
        gradient -= against / (reference @ reference) * reference
