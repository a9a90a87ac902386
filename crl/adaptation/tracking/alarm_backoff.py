"""Alarm back-off: after repeated alarms, plans are careful no longer.

While nothing explains the body, ``flow.tracking.care`` plans at half the speed, for a vehicle that a hard turn can roll
over. A body that no context describes (an unusual delay, for instance) raises one alarm after another, and must not be
slow for ever. Some alarms are free. Every further one doubles the time without an alarm after which care is taken
again. Alarms cost no trust (:mod:`crl.adaptation.tracking.trust`): what is identified is acted upon meanwhile.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FREE = 3
"""Alarms without a consequence: a fault, a second identification of it, and its end."""
RECENT = 20
"""Windows after which an alarm is forgotten."""


class AlarmBackoff:
    """Counts recent alarms.

    Args:
        window: Length of a window, in control steps.
    """

    def __init__(self, window: int) -> None:
        self._window = window
        self._alarms: list[int] = []

    def alarm(self, now: int) -> None:
        """There was an alarm at this step."""
        self._alarms = [*self._alarms[-RECENT:], now]

    def take_back(self) -> None:
        """The newest alarm was a mistake."""
        del self._alarms[-1:]

    def over(self, now: int) -> bool:
        """Whether the newest alarm is long enough ago at this step."""
        surplus = sum(step > now - RECENT * self._window for step in self._alarms) - FREE
        return surplus <= 0 or now - self._alarms[-1] >= self._window * 2 ** (surplus - 1)

    def reset(self) -> None:
        """Forget all alarms."""
        self._alarms = []

    def state_dict(self) -> dict[str, Any]:
        """The alarms."""
        return {"alarms": list(self._alarms)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self._alarms = [int(step) for step in state["alarms"]]
