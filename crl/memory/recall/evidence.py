"""The newest transitions, and how badly what was in force predicted them."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from crl.config.sections.memory import BeliefConfig
from crl.memory.models.steps import Row, Steps, copied
from crl.memory.models.units import mean_square

ERRORS = 64
"""Errors that are kept."""


@dataclass(frozen=True)
class Seen:
    """Transitions since a step, and the effects of their commands.

    Attributes:
        steps: The N transitions.
        effects: Effects of their commands, [N, D].
    """

    steps: Steps
    effects: Tensor


class Evidence:
    """What is kept of informative transitions.

    Args:
        config: Settings.
    """

    def __init__(self, config: BeliefConfig) -> None:
        self._recent = config.recent
        self._window: deque[tuple[int, Row, Tensor]] = deque(maxlen=config.window)
        self._errors: deque[tuple[int, Tensor]] = deque(maxlen=ERRORS)

    # ------------------------------------------------------------------ transitions
    def add(self, now: int, row: Row, effect: Tensor) -> None:
        """Note an informative transition, and the effect [D] of its command."""
        self._window.append((now, row, effect))

    def since(self, step: int) -> Seen | None:
        """The transitions since a step; ``None`` if there is none."""
        rows = [(row, effect) for at, row, effect in self._window if at >= step]
        if not rows:
            return None
        return Seen(Steps.stacked([row for row, _ in rows]), torch.stack([effect for _, effect in rows]))

    @property
    def here(self) -> Tensor | None:
        """The newest observation [S]; ``None`` before the first."""
        return self._window[-1][1][0] if self._window else None

    # ------------------------------------------------------------------ errors
    def blame(self, now: int, scaled: Tensor) -> None:
        """Note the residual in common units [D] of what is in force."""
        self._errors.append((now, scaled))

    def error(self) -> float:
        """Mean squared residual of what is in force over recent transitions; infinite before there are enough."""
        recent = list(self._errors)[-self._recent :]
        if len(recent) < self._recent:
            return math.inf
        return float(mean_square(torch.stack([scaled for _, scaled in recent])))

    def residuals_before(self, step: int) -> Tensor | None:
        """Residuals in common units [N, D] before a step; ``None`` if there are too few to judge by."""
        errors = [scaled for at, scaled in self._errors if at < step]
        return torch.stack(errors) if len(errors) >= self._recent else None

    def clear(self) -> None:
        """Forget the errors: something else is in force."""
        self._errors.clear()

    def state_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "window": [[step, copied(row), effect.clone()] for step, row, effect in self._window],
            "errors": [[step, scaled.clone()] for step, scaled in self._errors],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._window = deque(
            ((int(step), copied(row), effect.clone()) for step, row, effect in state["window"]), self._window.maxlen
        )
        self._errors = deque(((int(step), scaled.clone()) for step, scaled in state["errors"]), ERRORS)
