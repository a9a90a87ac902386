"""The change of the step before, which a model of a body may read at the end of an observation (``body.memory``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor


class StepBefore:
    """What the newest step of an episode changed.

    Args:
        reads: Number D of changes that the model reads; 0: it reads none.

    Attributes:
        change: Change of the step before, [D]; ``None``: there was no step before.
    """

    def __init__(self, reads: int) -> None:
        self._reads = reads
        self.change: Tensor | None = None

    @property
    def complete(self) -> bool:
        """Whether all is known that the model reads: there was a step before, or it reads none."""
        return self.change is not None or not self._reads

    def appended(self, observation: Tensor) -> Tensor:
        """An observation [S] as the model reads it, [S] or [S + D]; zeros stand for a step that there was not."""
        if not self._reads:
            return observation
        change = observation.new_zeros(self._reads) if self.change is None else self.change
        return torch.cat([observation, change])

    def state_dict(self) -> dict[str, Any]:
        """The change, as plain data."""
        return {"before": None if self.change is None else self.change.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned; states of before bodies with a memory have none."""
        self.change = state.get("before")
