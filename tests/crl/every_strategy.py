"""All strategies as parameters of a test: one of each kind in the fast suite, the others among the slow tests."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

KINDS = (
    *("finetune", "hypercrl", "lae", "pnn", "snapshot"),  # generators
    *("ewc", "gradient_projection", "coreset", "zscl", "rewarm", "redo"),  # parts of the six kinds
)


def sampled(names: Iterable[str]) -> list[Any]:
    """Names of strategies as parameters of a test.

    Args:
        names: The names; those that are not in :data:`KINDS` are for the slow tests.
    """
    return [name if name in KINDS else pytest.param(name, marks=pytest.mark.slow) for name in sorted(names)]
