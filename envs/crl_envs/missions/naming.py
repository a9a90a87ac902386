"""Names of tasks that differ by a fault."""

from __future__ import annotations

from typing import Any


def fault_name(fault: dict[str, Any] | None) -> str:
    """A task name made of a fault's entries: ``nominal``, ``payload_0.6``, ``gain_-1_2``."""
    parts = []
    for name, value in (fault or {}).items():
        values = _flat(value)
        parts.append("_".join([name, *(f"{v:g}" if isinstance(v, int | float) else str(v) for v in values)]))
    return "_".join(parts) or "nominal"


def _flat(value: Any) -> list[Any]:
    """The numbers and words of nested lists, in order."""
    return [item for part in value for item in _flat(part)] if isinstance(value, list | tuple) else [value]
