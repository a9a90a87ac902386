"""LAE: Gao et al., ICCV 2023 (arXiv 2303.10070): learning, accumulation, ensemble.

An online adapter learns every task. An offline adapter accumulates: it is the exponential average of the online one
over all tasks, with lae_decay per step. The current task is judged and planned with the online adapter, the others with
the offline one. Deviations: the paper takes the larger of both adapters' class probabilities, because it is not told
the task. Regression has no such confidence (the mean of two predictions, one of which hardly knows the task, is worse
than the better one), and here the task is told, which says which of the two knows it. The adapter is not held still for
the first steps of a task, since heads start as copies and not at random.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from crl.continual.generators.lora.dual import Dual
from crl.continual.generators.lora.low_rank import LowRank
from crl.continual.strategy import Labels


class LAE(Dual):
    """The online adapter for the current task, the offline one for those before."""

    LABELS = Labels.TOLD
    DECAY = "lae_decay"
    OPTIONS: ClassVar[dict[str, Any]] = {**LowRank.OPTIONS, "lae_decay": 0.999}

    def adapted(self, task: int, tensors: Mapping[str, Tensor]) -> Tensor:
        """The trunk with the adapter that knows the task, [trunk]."""
        return self.trunk + self.change(tensors["adapter"] if task == self.task else self.slow)
