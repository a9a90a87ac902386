"""Multitask learning: all transitions of all tasks are kept and learned together.

Not a method of continual learning but its upper bound: what one network could reach if nothing had to be forgotten.
Steps are those of coreset replay with an unlimited memory.
"""

from __future__ import annotations

from crl.config.components import STRATEGIES
from crl.continual.coreset import Coreset


class Multitask(Coreset):
    """Coreset replay that keeps everything."""

    SETTINGS = STRATEGIES["multitask"]

    def memory(self) -> int:
        """No limit."""
        return 2**62
