"""The base of two adapters, one that learns and one that follows: slow <- decay * slow + (1 - decay) * adapter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from torch import Tensor

from crl import restoring
from crl.continual.generators.lora.low_rank import LowRank
from crl.errors import SettingsError


class Dual(LowRank):
    """An adapter that learns, and an exponential average of it over all tasks.

    Attributes:
        DECAY: The option that holds the decay per gradient step.
        slow: The average, flat like the adapter.
    """

    DECAY: ClassVar[str]
    kept_once = (*LowRank.kept_once, "slow")

    def _fresh(self) -> tuple[Tensor, Tensor]:
        fresh = super()._fresh()
        self.decay = self.option(self.DECAY)
        if self.decay >= 1:
            raise SettingsError(
                f"continual.options.{self.DECAY} is {self.decay:g}: it must be below 1, or nothing would follow",
                f"the default is {self.OPTIONS[self.DECAY]!r}",
            )
        self.slow = self.adapter.clone()
        return fresh

    def move(self) -> bool:
        """Take the step, and let the average follow; a step that moves nothing counts for nothing."""
        moved = super().move()
        if moved and self.based:
            self.slow.lerp_(self.adapter.detach(), 1 - self.decay)
        return moved

    def state_dict(self) -> dict[str, Any]:
        """The network and both adapters."""
        return {**super().state_dict(), "slow": self.slow.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned, to the bit."""
        super().load_state_dict(state)
        self.slow = restoring.tensor(state["slow"], "slow", self.slow)
