"""Fine-tuning with a head per task: a trunk that learns on unprotected, and a last layer that each task keeps.

What a head of its own is worth without any protection: the control of ``ewc``, ``si``, ``coreset``,
``gradient_projection`` and ``multitask``, which have such heads, too.
"""

from __future__ import annotations

from crl.config.declared.components import GENERATORS
from crl.continual.generators.shared import SharedNetwork


class FinetuneHeads(SharedNetwork):
    """An unprotected trunk with a head per task."""

    HEADS = True
    SETTINGS = GENERATORS["finetune_heads"]
