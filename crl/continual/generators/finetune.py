"""Fine-tuning: one ordinary network that goes on learning with every task and protects nothing.

The control experiment of every retention claim. All tasks share the same weights, the last layer included.
"""

from __future__ import annotations

from crl.config.declared.components import GENERATORS
from crl.continual.generators.shared import SharedNetwork


class Finetune(SharedNetwork):
    """One set of target weights for all tasks."""

    STARTS_LIKE = False
    HEADS = False  # nothing is protected, no head either
    SETTINGS = GENERATORS["finetune"]
