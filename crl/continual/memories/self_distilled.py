"""Mix-CPT's self-distillation: Jiang et al., ICLR 2025 (arXiv 2407.10804), section 2.2, "logit swap", for regression.

The model before training teaches the model that is trained. Where the teacher's likeliest class is not the label, the
two change places among its logits: the label is then the likeliest, and the spread of the distribution is the
teacher's. Of a Gaussian N(mu, s^2) the mean is the likeliest value. What puts an observed y there and leaves the spread
is the shift to N(y, s^2). So the kept inputs of :mod:`crl.continual.memories.clonex` are answered as when their task
ended, but where the answer was wrong the observed value stands in the place of the mean. Wrong is |y - mu| >
self_distilled_limit * m, m being the median of |y - mu| over the kept windows, dimension by dimension: with 0 all means
are swapped, with a large limit none is.

Deviations: a mean never equals y, so that "not the label" needs a limit. The swap acts on kept transitions and not on
the current ones, because there it adds nothing: KL(N(y, s_t^2) || N(mu, s^2)) is the likelihood loss of y, which is
learned anyway, and s_t^2 / (2 s^2), which is constant for a head of fixed deviation.
"""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch import Tensor

from crl.config.declared.components import PARTS
from crl.continual.memories.clonex import ClonEx
from crl.continual.part import HostT
from crl.dynamics.windows import Windows


class SelfDistilled(ClonEx[HostT]):
    """Kept inputs are answered as when their task ended, or as was observed where that answer was wrong."""

    SETTINGS = PARTS["self_distilled"]
    OPTIONS: ClassVar[dict[str, Any]] = {"self_distilled_limit": 3.0}

    def __init__(self, host: HostT, name: str) -> None:
        super().__init__(host, name)
        self.limit = self.number("self_distilled_limit")

    def end_task(self, rows: Windows) -> None:
        """Keep some of the task's transitions, and what is said about them, swapped where it is wrong."""
        super().end_task(rows)
        task = self.host.task
        observed = self.host.evaluator.targets(task, self.kept[task])
        self.outputs[task] = swapped(self.outputs[task], observed, self.limit)


def swapped(outputs: Tensor, observed: Tensor, limit: float) -> Tensor:
    """A teacher's outputs [E, N, out] with the observed value in the place of every mean that is wrong.

    Args:
        outputs: Means [E, N, D] first; what follows (log-variances) stays.
        observed: What was observed, [N, D].
        limit: Errors above so many medians of the absolute error of their member and dimension are wrong.
    """
    means, others = outputs.split([observed.shape[-1], outputs.shape[-1] - observed.shape[-1]], dim=-1)
    error = (observed - means).abs()
    wrong = error > limit * error.median(dim=1, keepdim=True).values
    return torch.cat([torch.where(wrong, observed.expand_as(means), means), others], dim=-1)
