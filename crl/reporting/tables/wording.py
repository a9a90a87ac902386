"""Times, sizes and values of settings as people read them."""

from __future__ import annotations

import json
from typing import Any


def duration(seconds: float) -> str:
    """Minutes and seconds, or hours and minutes."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{seconds:.1f} s"


def size(count: float) -> str:
    """Bytes in a unit that suits them."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"


def setting(value: Any) -> str:
    """The value of a setting as YAML has it."""
    return json.dumps(value) if value is None or isinstance(value, bool) else str(value)
