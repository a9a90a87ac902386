"""Saved states: what they may hold, and whether two are equal to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from crl.checks.failure import require


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
    if isinstance(one, (torch.Tensor, np.ndarray)):
        same = one.dtype == other.dtype and one.shape == other.shape and _bits(one) == _bits(other)
        return [] if same else [f"{at}: other numbers"]
    return [] if one == other or (one != one and other != other) else [f"{at}: {one!r} and {other!r}"]


def _bits(values: torch.Tensor | np.ndarray) -> bytes:
    return (values.detach().cpu().numpy() if isinstance(values, torch.Tensor) else values).tobytes()


def require_same(one: Any, other: Any, message: str, hint: str) -> None:
    """Fail, naming the first entry that differs, unless two states are equal."""
    found = differences(one, other)
    require(
        not found, f"{message}; {found[0] if found else ''}" + f" (and {len(found) - 1} more)" * (len(found) > 1), hint
    )


def require_plain(state: Any, where: str, at: str = "state") -> None:
    """Fail unless a state holds only what a checkpoint can: nested dicts and lists of tensors, arrays, plain values."""
    if isinstance(state, dict):
        for key, value in state.items():
            require(isinstance(key, (str, int)), f"{where}: {at} has the key {key!r}, not a string or an integer")
            require_plain(value, where, f"{at}.{key}")
    elif isinstance(state, (list, tuple)):
        for i, value in enumerate(state):
            require_plain(value, where, f"{at}[{i}]")
    else:
        plain = state is None or isinstance(state, (bool, int, float, str, torch.Tensor, np.ndarray))
        require(
            plain and not (isinstance(state, torch.Tensor) and state.requires_grad),
            f"{where}: {at} is {type(state).__name__}, which a checkpoint cannot hold",
            "save detached copies of tensors, arrays, numbers and strings, in dicts and lists",
        )
