"""Whether contexts have been good for something: one alarm after the other says that they have not.

What no context describes (a late command, for instance) is found to be another regime again and again, and acting on
each does harm. Some alarms are free; with every further one a context has to hold twice as long before it is acted on.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

FREE = 3
"""Alarms that cost no trust: a fault, a second thought, and the fault's end."""
RECENT = 20
"""Windows after which an alarm is forgotten."""


class Trust:
    """Counts alarms.

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
        """The newest alarm was none."""
        del self._alarms[-1:]

    def holds(self, now: int) -> bool:
        """Whether a context that has been in force since the newest alarm may be acted upon at this step."""
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
