"""What a column holds: how a value is written, sorted and aligned, whatever the table becomes.

A cell keeps its value (a number, an interval, a pair of counts). The kind of its column turns it into plain characters;
a renderer only adds what its format needs. ``None`` is a value that is not known.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar


class Align(Enum):
    """Where the cells of a column stand."""

    LEFT = "left"
    RIGHT = "right"


class Style(Enum):
    """How a cell is set, where a format can do so."""

    PLAIN = "plain"
    STRONG = "strong"
    CODE = "code"


@dataclass(frozen=True)
class Written:
    """A cell in plain characters.

    Attributes:
        value: The value.
        bounds: Its interval, ``[0.88, 0.97]``, which some formats set smaller; empty: none.
        style: How it is set.
    """

    value: str
    bounds: str = ""
    style: Style = Style.PLAIN

    def __str__(self) -> str:
        return f"{self.value} {self.bounds}" if self.bounds else self.value


class Kind(ABC):
    """What the cells of a column are.

    Attributes:
        align: Where they stand.
    """

    align: ClassVar[Align] = Align.RIGHT

    @abstractmethod
    def write(self, value: Any) -> Written:
        """A value that is known in plain characters."""

    def known(self, value: Any) -> bool:
        """Whether a cell holds a value."""
        return value is not None

    def order(self, value: Any) -> float | None:
        """The number by which a known value is sorted; ``None``: it is sorted by its characters."""
        return None
