"""Ranges of numbers, those that many settings share, and how a setting is declared."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from dataclasses import Field, dataclass, field
from typing import Any, TypeVar, cast

T = TypeVar("T")

TINY = 1e-30
"""Least distance from a bound that is excluded: single precision knows hardly any smaller number."""
META = "setting"
"""Entry of a field's metadata that holds its :class:`Meaning`."""
LAYERS = 1000
"""Most entries of a list, unless its setting says otherwise."""


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``; ``above`` excludes ``low`` itself.

    Attributes:
        low: Least number.
        high: Greatest number that has a meaning, or infinity.
        above: Whether ``low`` itself is excluded.
        most: Greatest number that is taken for meant, where any has a meaning: beyond it computers fail.
    """

    low: float
    high: float = math.inf
    above: bool = False
    most: float = 1e12

    def __contains__(self, value: float) -> bool:
        # An integer of any size compares exactly, and has no form as a float.
        finite = isinstance(value, int) or math.isfinite(value)
        inside = self.low <= value <= min(self.high, self.most)
        return finite and inside and not (self.above and value < self.low + TINY)

    def __str__(self) -> str:
        lower = f"more than {self.low:.10g}" if self.above else f"at least {self.low:.10g}"
        if self.high == math.inf:
            return lower
        if self.above:
            return f"{lower} and at most {self.high:.10g}"
        return f"between {self.low:.10g} and {self.high:.10g}"

    def wanted(self, value: float) -> str:
        """What a number outside of the range must be."""
        if self.high == math.inf and self.most < value < math.inf:
            return f"at most {self.most:,.10g}"
        if self.above and self.low < value < self.low + TINY:
            return f"at least {self.low + TINY:.10g}"
        return str(self)


COUNT = Range(1)
WHOLE = Range(0)
WIDTH = Range(1, most=1e6)
FEW = Range(1, most=1e4)
BATCH = Range(1, most=1e8)
ROWS = Range(1, most=1e9)
POSITIVE = Range(0, above=True)
CEILING = Range(0, above=True, most=1e30)
NOT_NEGATIVE = Range(0)
SHARE = Range(0, 1)
SEED = Range(0, 2**31 - 1)
EXPONENT = Range(0, most=100)
ACTIVATIONS = ("elu", "relu", "silu", "tanh")


@dataclass(frozen=True)
class Meaning:
    """What a setting is.

    Attributes:
        text: What it means, in one paragraph.
        unit: Its unit, if it has one; empty for counts, shares and words.
        limits: Range of the number, or of every entry of a list of numbers; ``None`` for what is no number.
        choices: What it may be, where that is a few words; empty where it is free.
        longest: Most entries of a list.
    """

    text: str
    unit: str = ""
    limits: Range | None = None
    choices: tuple[str, ...] = ()
    longest: int = LAYERS


def setting(
    default: T,
    text: str,
    limits: Range | None = None,
    *,
    unit: str = "",
    choices: Sequence[str] = (),
    longest: int = LAYERS,
) -> T:
    """A field of a dataclass of settings, with what it means and may be in its metadata.

    Args:
        default: The default; a list or a dictionary is copied for every instance.
        text: See :class:`Meaning`, as all below.
        limits: Range.
        unit: Unit.
        choices: Choices.
        longest: Most entries.
    """
    metadata = {META: Meaning(text, unit, limits, tuple(choices), longest)}
    if isinstance(default, (list, dict)):
        return field(default_factory=lambda: copy.deepcopy(default), metadata=metadata)
    return field(default=default, metadata=metadata)


def meaning_of(item: Field[Any]) -> Meaning:
    """What a field of a dataclass of settings means; every such field says so."""
    return cast(Meaning, item.metadata[META])
