"""The base of averages that take the place of the exponential one of ``learning.average``."""

from __future__ import annotations

from typing import ClassVar

from crl.continual.optimiser import Average
from crl.continual.part import Host, HostT, Kind, Part


class AveragePart(Part[HostT]):
    """Says which average of the parameters a task's weights are.

    Attributes:
        average: The average that the host keeps and saves.
    """

    KIND: ClassVar[Kind] = Kind.AVERAGE
    HOSTS: ClassVar[tuple[Host, ...]] = tuple(Host)
    average: Average
