"""When a fault is on: between two shares of the waypoints."""

from __future__ import annotations

from dataclasses import dataclass

from crl_envs.missions.errors import MissionError, number


@dataclass(frozen=True)
class FaultSchedule:
    """A fault is on while the number of waypoints reached is above ``inject`` and not above ``remove`` of all.

    This is the published rule (``reached > 0.15 N``, back when ``reached > 0.8 N``); ``inject`` = 0 means on from the
    first step, ``remove`` = 1 to the last.

    Attributes:
        inject: Share of the waypoints, 0..1.
        remove: Share of the waypoints, above ``inject``.

    Raises:
        MissionError: A share is outside 0..1, or they are not in order.
    """

    inject: float = 0.15
    remove: float = 0.80

    def __post_init__(self) -> None:
        number(self.inject, "inject", 0, 1)
        number(self.remove, "remove", 0, 1)
        if not self.inject < self.remove:
            raise MissionError(
                f"inject = {self.inject:g} is not below remove = {self.remove:g}", "a fault must come before it goes"
            )

    def active(self, reached: int, total: int) -> bool:
        """Whether the fault is on when ``reached`` of ``total`` waypoints have been reached."""
        begun = self.inject == 0 or reached > self.inject * total
        return begun and reached <= self.remove * total

    def check(self, total: int) -> None:
        """Complain if a mission of ``total`` waypoints would end without the fault.

        Raises:
            MissionError: No number of waypoints reached before the last lies between the two shares.
        """
        if not any(self.active(reached, total) for reached in range(total)):
            raise MissionError(
                f"with {total} waypoints, inject = {self.inject:g} and remove = {self.remove:g} the fault never comes",
                "give more waypoints or a wider interval",
            )
