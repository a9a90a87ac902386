"""The kinds of value that tables of results have."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from crl.reporting.tables.kind import Align, Kind, Style, Written
from crl.reporting.tables.wording import duration, setting

if TYPE_CHECKING:  # numpy is not loaded for a table in the terminal
    from crl.reporting.statistics import Interval


@dataclass(frozen=True)
class Text(Kind):
    """Text, or whatever has a text.

    Attributes:
        style: How it is set.
    """

    style: Style = Style.PLAIN

    align: ClassVar[Align] = Align.LEFT

    def write(self, value: Any) -> Written:
        """The text."""
        return Written(str(value), style=self.style)


@dataclass(frozen=True)
class Number(Kind):
    """A number.

    Attributes:
        spec: Python's format specification, such as ``.3f`` or ``,.0f``.
        scale: Factor before it is written, such as 100 for per cent.
        suffix: What follows the number.
    """

    spec: str
    scale: float = 1.0
    suffix: str = ""

    def write(self, value: Any) -> Written:
        """The number."""
        return Written(f"{self.scale * value if self.scale != 1.0 else value:{self.spec}}{self.suffix}")

    def known(self, value: Any) -> bool:
        """Whether it is a number; NaN is none."""
        return value is not None and not math.isnan(value)

    def order(self, value: Any) -> float | None:
        """The number."""
        return float(value)


@dataclass(frozen=True)
class Estimate(Kind):
    """An :class:`Interval`: a statistic with its bounds, ``0.93 [0.88, 0.97]``.

    Attributes:
        digits: Digits after the point.
        scale: Factor before it is written.
    """

    digits: int = 3
    scale: float = 1.0

    def write(self, value: Interval) -> Written:
        """The statistic, and its bounds where there are any."""
        return Written(value.middle(self.digits, self.scale), value.bounds(self.digits, self.scale))

    def known(self, value: Interval | None) -> bool:
        """Whether there is a statistic."""
        return value is not None and not math.isnan(value.value)

    def order(self, value: Interval) -> float | None:
        """The statistic."""
        return value.value


@dataclass(frozen=True)
class Bounds(Kind):
    """The bounds of an :class:`Interval` alone, ``[0.88, 0.97]``.

    Attributes:
        digits: Digits after the point.
    """

    digits: int = 3

    def write(self, value: Interval) -> Written:
        """The bounds."""
        return Written(value.bounds(self.digits))

    def known(self, value: Interval | None) -> bool:
        """Whether there are bounds."""
        return value is not None and value.known

    def order(self, value: Interval) -> float | None:
        """The lower bound."""
        return value.low


@dataclass(frozen=True)
class Of(Kind):
    """A count and what it is a part of, ``3 of 4``.

    Attributes:
        word: What stands between the two.
        grouped: Whether thousands are set apart.
    """

    word: str = "of"
    grouped: bool = False

    def write(self, value: tuple[int, int]) -> Written:
        """Both counts."""
        spec = ",d" if self.grouped else "d"
        return Written(f"{value[0]:{spec}} {self.word} {value[1]:{spec}}")

    def order(self, value: tuple[int, int]) -> float | None:
        """The count."""
        return float(value[0])


@dataclass(frozen=True)
class Change(Kind):
    """Two numbers, before and after, ``0.500 → 0.300``.

    Attributes:
        digits: Digits after the point.
    """

    digits: int

    def write(self, value: tuple[float, float]) -> Written:
        """Both numbers."""
        return Written(" → ".join(f"{number:.{self.digits}f}" for number in value))

    def order(self, value: tuple[float, float]) -> float | None:
        """The number before."""
        return float(value[0])


@dataclass(frozen=True)
class YesNo(Kind):
    """Whether something holds.

    Attributes:
        strong_no: Whether a no is set so that it is seen.
    """

    strong_no: bool = False

    align: ClassVar[Align] = Align.LEFT

    def write(self, value: bool) -> Written:
        """Yes or no."""
        return Written("yes" if value else "no", style=Style.STRONG if self.strong_no and not value else Style.PLAIN)


@dataclass(frozen=True)
class Duration(Kind):
    """A time in seconds, in units that suit it."""

    def write(self, value: float) -> Written:
        """The time; see :func:`duration`."""
        return Written(duration(value))

    def order(self, value: float) -> float | None:
        """Seconds."""
        return float(value)


@dataclass(frozen=True)
class Settings(Kind):
    """Values of a setting, each once: those of the runs of one row, a sequence; empty: the setting is not there."""

    def write(self, value: Sequence[Any]) -> Written:
        """The values as a user would give them."""
        return Written(", ".join(dict.fromkeys(setting(each) for each in value)))

    def known(self, value: Sequence[Any]) -> bool:
        """Whether there is any."""
        return bool(value)

    def order(self, value: Sequence[Any]) -> float | None:
        """The first value, if it is a number."""
        first = value[0]
        return float(first) if isinstance(first, (int, float)) and not isinstance(first, bool) else None


@dataclass(frozen=True)
class Composite(Kind):
    """A value of several numbers that only its table knows how to write.

    Attributes:
        text: Writes it.
        sorted_by: The number by which it is sorted; ``None``: it is sorted by its characters.
    """

    text: Callable[[Any], str]
    sorted_by: Callable[[Any], float | None] = lambda value: None

    def write(self, value: Any) -> Written:
        """What the function writes."""
        return Written(self.text(value))

    def order(self, value: Any) -> float | None:
        """What the function gives."""
        return self.sorted_by(value)
