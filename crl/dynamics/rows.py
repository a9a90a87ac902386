"""Steps as a model is judged on them: what it reads, the action, and the change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor


@dataclass(frozen=True)
class Rows:
    """N steps: features [N, F], actions [N, A] and changes [N, D]."""

    inputs: Tensor
    action: Tensor
    change: Tensor

    def __len__(self) -> int:
        return self.change.shape[0]

    def __getitem__(self, index: Any) -> Rows:
        return Rows(self.inputs[index], self.action[index], self.change[index])
