"""What values of plain data may be: small checks that are put together into the schema of a file.

A check takes a value and returns what is wrong with it, or ``None``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Check = Callable[[Any], str | None]

LARGEST = 1e100
"""Largest magnitude of a number: its square is still one."""
LONGEST = 4096
"""Characters of a text: no path has more."""


def number(value: Any) -> str | None:
    """A finite number, not beyond 1e100; a whole one of at most 63 bits."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return f"is {shown(value)}, not a number"
    if abs(value) >= 2**63 if isinstance(value, int) else not abs(value) <= LARGEST:
        return f"is {shown(value)}, not a number that anything has"
    return None


def whole(value: Any) -> str | None:
    """A whole number of at most 63 bits."""
    if isinstance(value, bool) or not isinstance(value, int):
        return f"is {shown(value)}, not a whole number"
    return None if abs(value) < 2**63 else f"is {shown(value)}, not a number that anything has"


def count(value: Any) -> str | None:
    """A whole number, zero or more."""
    return whole(value) or ("is negative" if value < 0 else None)


def text(value: Any) -> str | None:
    """A text that can be printed and stored, of at most 4,096 characters."""
    if not isinstance(value, str):
        return f"is {shown(value)}, not a text"
    if len(value) > LONGEST:
        return f"has {len(value):,} characters"
    return f"is {shown(value)}, which is no text" if "\0" in value or printable(value) != value else None


def flag(value: Any) -> str | None:
    """True or false."""
    return None if isinstance(value, bool) else f"is {shown(value)}, not true or false"


def anything(value: Any) -> str | None:
    """Whatever there is."""
    del value
    return None


def optional(check: Check) -> Check:
    """That, or nothing (``None``)."""
    return lambda value: None if value is None else check(value)


def listed(check: Check) -> Check:
    """A list of such values."""

    def checked(value: Any) -> str | None:
        if not isinstance(value, list):
            return f"is {shown(value)}, not a list"
        for index, item in enumerate(value):
            if (wrong := check(item)) is not None:
                return at(f"[{index}]", wrong)
        return None

    return checked


def named(check: Check) -> Check:
    """A mapping from any names to such values."""

    def checked(value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return f"is {shown(value)}, not a mapping"
        for key, item in value.items():
            if (wrong := text(key) or check(item)) is not None:
                return at(f".{key}" if text(key) is None else f".{shown(key)}", wrong)
        return None

    return checked


def mapping(known: Mapping[str, Check], required: tuple[str, ...] = ()) -> Check:
    """A mapping in which known names have such values; other names may have any."""

    def checked(value: Any) -> str | None:
        if not isinstance(value, Mapping):
            return f"is {shown(value)}, not a mapping"
        for key, check in known.items():
            if key in value and (wrong := check(value[key])) is not None:
                return at(f".{key}", wrong)
        lacking = [key for key in required if key not in value]
        return f"lacks {', '.join(lacking)}" if lacking else None

    return checked


def sift(plain: Mapping[str, Any], known: Mapping[str, Check]) -> tuple[dict[str, Any], list[str]]:
    """Entries that are as they should be, and complaints about the others, which are left out.

    Args:
        plain: The entries of a file.
        known: The checks of those that are read; others are kept as they are.
    """
    kept, wrong = dict(plain), []
    for key, check in known.items():
        if key in plain and (complaint := check(plain[key])) is not None:
            wrong.append(at(key, complaint))
            del kept[key]
    return kept, wrong


def at(place: str, complaint: str) -> str:
    """A complaint with the place before it: ``visits[3].task is 5, not a text``."""
    return f"{place}{complaint}" if complaint.startswith(("[", ".")) else f"{place} {complaint}"


def shown(value: Any) -> str:
    """A value in a message: short, and printable whatever it is."""
    if isinstance(value, (dict, list)) and len(value) > 5:
        return f"a {type(value).__name__} of {len(value)}"
    found = ascii(value)
    return found if len(found) <= 60 else f"{found[:57]}..."


def printable(value: str) -> str:
    """A text without halves of characters, which no terminal, file or database takes."""
    return value.encode("utf-8", "backslashreplace").decode()
