"""Adaptation by the embedding alone: later tasks learn where they are among the known ones, and nothing else.

The first few_shot_tasks tasks teach the hypernetwork (von Oswald et al. 2020, arXiv 1906.00695). From then on its
parameters rest, and a new task learns its embedding alone: ten numbers in place of a network. Nothing is forgotten, and
a task is learned as far as what the first ones span. It is a baseline, and known to be a weak one: few tasks do not
teach which weights the space between their embeddings should give.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from crl.continual.generators.hypercrl import HyperCRL
from crl.continual.gradients.gradient import Gradient
from crl.continual.part import Host


class FewShot(Gradient[HyperCRL]):
    """After the first tasks, the hypernetwork rests."""

    HOSTS = (Host.HYPERNETWORK,)
    OPTIONS: ClassVar[dict[str, Any]] = {"few_shot_tasks": 3}

    def __init__(self, host: HyperCRL, name: str) -> None:
        super().__init__(host, name)
        self.tasks = self.whole("few_shot_tasks", least=1)

    def rests(self) -> bool:
        """Whether the current task is none of the first ones."""
        return list(self.host.embeddings).index(self.host.task) >= self.tasks

    def transform(self, gradients: Mapping[str, Tensor]) -> None:
        """Take all gradients away; Adam starts afresh with every task, so that nothing moves."""
        if self.rests():
            for gradient in gradients.values():
                gradient.zero_()
