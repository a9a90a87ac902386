"""Comparison of saved states to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch


def differences(one: Any, other: Any, at: str = "state") -> list[str]:
    """Where two nested states differ, in type or in any bit; NaN equals NaN."""
    if type(one) is not type(other):
        return [f"{at}: {type(one).__name__} and {type(other).__name__}"]
    if isinstance(one, dict):
        if list(one) != list(other):
            return [f"{at}: keys {list(one)} and {list(other)}"]
        return [found for key in one for found in differences(one[key], other[key], f"{at}.{key}")]
    if isinstance(one, (list, tuple)):
        if len(one) != len(other):
            return [f"{at}: {len(one)} and {len(other)} entries"]
        pairs = enumerate(zip(one, other, strict=True))
        return [found for i, pair in pairs for found in differences(*pair, f"{at}[{i}]")]
    if isinstance(one, torch.Tensor):
        same = one.dtype == other.dtype and one.shape == other.shape and bits(one) == bits(other)
        return [] if same else [at]
    if isinstance(one, np.ndarray):
        same = one.dtype == other.dtype and one.shape == other.shape and one.tobytes() == other.tobytes()
        return [] if same else [at]
    return [] if one == other or (one != one and other != other) else [f"{at}: {one!r} and {other!r}"]


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
