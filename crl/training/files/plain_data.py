"""What is written as JSON: numbers of numpy and PyTorch, paths and tuples in their plain form."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor


def plain(value: Any) -> Any:
    """Form of a value in strict JSON.

    Numpy and PyTorch values become numbers and lists, paths strings, NaN and infinities null.

    Raises:
        TypeError: The value has no form in JSON; the message names its type.
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if isinstance(value, (np.generic, np.ndarray, Tensor)):
        return plain(value.tolist())
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"a {type(value).__name__} can't be written as JSON")
