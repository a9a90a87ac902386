"""The base of schedules of the learning rate."""

from __future__ import annotations

from typing import ClassVar

from crl.continual.part import Host, HostT, Kind, Part


class Schedule(Part[HostT]):
    """Multiplies the learning rate that the learner asks for."""

    KIND: ClassVar[Kind] = Kind.SCHEDULE
    HOSTS: ClassVar[tuple[Host, ...]] = tuple(Host)

    def factor(self) -> float:
        """What the learning rate of the next step is multiplied by."""
        return 1.0
