"""Comparison of saved states to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from crl.checks.states import differences

__all__ = ["bits", "differences", "numbers"]


def bits(tensor: torch.Tensor) -> bytes:
    """The bytes of a tensor."""
    return tensor.detach().cpu().contiguous().numpy().tobytes()


def numbers(state: Any) -> int:
    """How many bytes of tensors and arrays a nested state holds."""
    if isinstance(state, dict):
        return sum(numbers(value) for value in state.values())
    if isinstance(state, (list, tuple)):
        return sum(numbers(value) for value in state)
    return int(state.nbytes) if isinstance(state, (torch.Tensor, np.ndarray)) else 0
