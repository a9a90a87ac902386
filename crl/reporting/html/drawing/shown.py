"""How numbers are written on the page."""

from __future__ import annotations

from collections.abc import Callable

from crl.reporting.report.summary import Summary

Show = Callable[[float], str]


def shows(summary: Summary) -> Show:
    """How this section's scores are written."""
    digits = 3 if summary.scale.normalised else 1
    return lambda value: f"{value:.{digits}f}".replace("-", "−")


def size(count: float) -> str:
    """Bytes in a unit that suits them."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"
