"""How numbers are written on the page."""

from __future__ import annotations

from collections.abc import Callable

from crl.reporting.report.summary import Summary

Show = Callable[[float], str]


def shows(summary: Summary) -> Show:
    """How this section's scores are written."""
    digits = 3 if summary.scale.normalised else 1
    return lambda value: f"{value:.{digits}f}".replace("-", "−")
