"""Continual robot learning: one task after another, without forgetting.

The public names are those of :mod:`crl.api`. They are imported when they are first used, so that ``import crl`` and the
command's completion do not wait for PyTorch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from crl.version import __version__ as __version__

__all__ = [
    "ActionRefiner",
    "Policy",
    "Prediction",
    "Run",
    "TaskRegression",
    "adapt",
    "evaluate",
    "learn",
    "load",
    "plan",
    "strategy",
    "train",
]

if TYPE_CHECKING:
    from crl.api import (
        ActionRefiner,
        Policy,
        Prediction,
        Run,
        TaskRegression,
        adapt,
        evaluate,
        learn,
        load,
        plan,
        strategy,
        train,
    )


def __getattr__(name: str) -> Any:
    if name in __all__:
        import crl.api

        return getattr(crl.api, name)
    raise AttributeError(f"module 'crl' has no attribute {name!r}: the public names are {', '.join(__all__)}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
