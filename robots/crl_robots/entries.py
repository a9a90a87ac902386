"""Reading plain data entry by entry, with complaints that name file, entry and hint."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from crl.matching import nearest
from crl.reading.schema import LARGEST, shown
from crl_robots.errors import RobotError


class Entries:
    """A mapping of a file, and where it stands in it.

    Args:
        file: Name of the file, for messages.
        where: Dotted path of the mapping; empty at the top.
        data: What was read there.
        known: The entries that there may be; ``None``: any names.

    Raises:
        RobotError: It is no mapping, or has an entry that is not known.
    """

    def __init__(self, file: str, where: str, data: Any, known: Iterable[str] | None) -> None:
        self.file, self.where = file, where
        if not isinstance(data, Mapping):
            raise self.error(None, f"is {shown(data)}", "give entries with names and values")
        self.data = {str(key): value for key, value in data.items()}
        names = None if known is None else tuple(known)
        for key in self.data:
            if names is not None and key not in names:
                inside = f" in {where}" if where else ""
                raise RobotError(f"{file}: there is no entry {key!r}{inside}{nearest(key, names)}")

    def error(self, key: str | None, what: str, hint: str) -> RobotError:
        """An error about an entry, or about the mapping itself."""
        return RobotError(f"{self.file}: {self.path(key) or 'the file'} {what}", hint)

    def path(self, key: str | None) -> str:
        """Dotted path of an entry."""
        return ".".join(part for part in (self.where, key) if part)

    def get(self, key: str) -> Any:
        """An entry that must be there."""
        if key not in self.data:
            raise self.error(key, "is missing", "add it; docs/reference/robots.md says what it is")
        return self.data[key]

    def inside(self, key: str, known: Iterable[str] | None) -> Entries:
        """The mapping that stands under an entry."""
        return Entries(self.file, self.path(key), self.get(key), known)

    def text(self, key: str) -> str:
        """A text that is not empty."""
        value = self.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.error(key, f"is {shown(value)}", "give a text")
        return value.strip()

    def choice(self, key: str, choices: Iterable[str]) -> str:
        """One of several texts."""
        value, names = self.text(key), tuple(choices)
        if value not in names:
            raise RobotError(f"{self.file}: {self.path(key)} cannot be {value!r}{nearest(value, names)}")
        return value

    def unit(self, key: str, expected: str) -> None:
        """A unit, which must be the expected one."""
        value = str(self.get(key))
        if value != expected:
            raise self.error(key, f"is {shown(value)}", f"give the value in {expected!r} (SI units, REP 103)")

    def number(self, key: str, least: float = -math.inf, most: float = math.inf) -> float:
        """A finite number inside ``least..most``."""
        return self._number(self.path(key), self.get(key), least, most)

    def positive(self, key: str, most: float = math.inf) -> float:
        """A finite number above zero."""
        value = self.number(key, 0.0, most)
        if value == 0:
            raise self.error(key, "is 0", "give a positive number")
        return value

    def interval(self, key: str) -> tuple[float, float]:
        """Two finite numbers, the first below the second."""
        value = self.get(key)
        if not isinstance(value, list) or len(value) != 2:
            raise self.error(key, f"is {shown(value)}", "give two numbers, [low, high]")
        low, high = (self._number(self.path(key), part, -math.inf, math.inf) for part in value)
        if not low < high:
            raise self.error(key, f"is [{low:g}, {high:g}]", "the first number must be below the second")
        return low, high

    def _number(self, path: str, value: Any, least: float, most: float) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise RobotError(f"{self.file}: {path} is {shown(value)}", "give a number")
        if not abs(value) <= LARGEST:
            raise RobotError(f"{self.file}: {path} is {shown(value)}", "give a finite number")
        if not least <= value <= most:
            raise RobotError(f"{self.file}: {path} is {value:g}", f"give a number between {least:g} and {most:g}")
        return float(value)
