"""The type of every setting, read from :mod:`crl.config`: in words, as a check, and what a user may write for it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from crl.config.schema import Config

_WORDS: dict[type, tuple[str, str]] = {
    bool: ("true or false", "one or several of true and false"),
    int: ("a whole number", "one or several whole numbers, such as 1 or [1,2]"),
    float: ("a number", "one or several numbers, such as 0.1 or [0.1,0.2]"),
    str: ("text", "one or several names, such as a or [a,b]"),
    dict: ("settings in braces, such as {a: 1}", ""),
}


@dataclass(frozen=True)
class Kind:
    """The type of a setting.

    Attributes:
        scalar: Type of the value, or of the entries of a list.
        listed: Whether it is a list.
        optional: Whether it may be ``None``.
    """

    scalar: type
    listed: bool = False
    optional: bool = False

    def __str__(self) -> str:
        return _WORDS[self.scalar][self.listed] + (", or null" if self.optional else "")

    def holds(self, value: Any) -> bool:
        """Whether a value is of this type."""
        if value is None:
            return self.optional
        if self.listed:
            return isinstance(value, list) and all(_is(self.scalar, item) for item in value)
        return _is(self.scalar, value)

    def fit(self, value: Any) -> Any:
        """What a user's value means here: ``1e3`` is a whole number, and one entry is a list of one.

        What fits in no such way is given back as it is, and so is an interpolation, which may stand for a list.
        """
        if isinstance(value, str) and "${" in value:
            return value
        if self.listed and value is not None:
            return [self._fit_one(item) for item in (value if isinstance(value, list) else [value])]
        return self._fit_one(value)

    def _fit_one(self, value: Any) -> Any:
        if self.scalar is int and isinstance(value, float) and value.is_integer():
            return int(value)
        if self.scalar is float and isinstance(value, int) and not isinstance(value, bool):
            try:
                return float(value)
            except OverflowError:
                return math.inf
        return value


@cache
def kinds() -> dict[str, Kind]:
    """Dotted key -> type of every setting."""
    return dict(_kinds(Config, ""))


def _is(scalar: type, value: Any) -> bool:
    if scalar is float:
        return isinstance(value, (int, float)) and not isinstance(value, bool)
    return isinstance(value, scalar) and (scalar is bool or not isinstance(value, bool))


def _kinds(section: type, prefix: str) -> Iterator[tuple[str, Kind]]:
    for name, hint in get_type_hints(section).items():
        if isinstance(hint, type) and is_dataclass(hint):
            yield from _kinds(hint, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", _kind(hint)


def _kind(hint: Any) -> Kind:
    optional = get_origin(hint) in (Union, UnionType)
    if optional:
        [hint] = [part for part in get_args(hint) if part is not type(None)]
    if get_origin(hint) is list:
        return Kind(get_args(hint)[0], True, optional)
    return Kind(get_origin(hint) or hint, False, optional)
