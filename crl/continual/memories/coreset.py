"""Coreset replay: some transitions of every finished task are kept, and learned along with the current task's.

Experience replay with a small random memory per task (Chaudhry et al. 2019, arXiv 1902.10486; the coreset baseline of
Huang et al. 2021). Every step takes, beside the current batch, one batch from the memory of one earlier task, drawn
at random, so that a step costs the same for any number of tasks. Each task is judged with its own normalisers and,
where tasks have them, its own head, which goes on learning. On a hypernetwork (``hypercrl_replay``; Huang et al. 2021,
ablation) the task is one of those that the step protects, and the batch is judged through h(e_j; Theta): it shows what
old data would add to the regulariser.
"""

from __future__ import annotations

from typing import ClassVar

from crl.continual.memories.memory import Memory
from crl.continual.part import Host, HostT


class Coreset(Memory[HostT]):
    """``continual.memory`` windows per finished task, drawn at random, are replayed."""

    HOSTS: ClassVar[tuple[Host, ...]] = (*Memory.HOSTS, Host.ADAPTERS)
