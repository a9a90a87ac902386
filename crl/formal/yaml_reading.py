"""Reading YAML strictly: what is not understood is an error that says where and what was expected."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from crl.formal.errors import FormalError
from crl.matching import nearest
from crl.reading.schema import shown
from crl.reading.yaml_text import LOADER, read_yaml

MOST = 32 << 20
"""Bytes of a file that are read."""
REPEATED = 1_000_000
"""Values that aliases may add to those that are written."""
DIGITS = 1000
"""Characters of a number, fractions included."""
LARGEST = 1e300
"""Largest magnitude of a number: sums of such numbers are numbers, too."""


class _StrictLoader(LOADER):  # type: ignore[misc]
    """The safe loader, which builds plain values only, and here no mapping with the same key twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        seen = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if isinstance(key, Hashable) and key in seen:
                raise yaml.constructor.ConstructorError(None, None, f"the key {key!r} comes twice", key_node.start_mark)
            seen.add(key if isinstance(key, Hashable) else None)
        found: dict[Hashable, Any] = super().construct_mapping(node, deep=deep)
        return found


def read(path: Path) -> Any:
    """The plain values of a YAML file.

    Raises:
        FormalError: It can't be read, or is not YAML.
    """
    try:
        return yaml.load(read_yaml(path, MOST, REPEATED), Loader=_StrictLoader)
    except FileNotFoundError as error:
        raise FormalError(f"there is no file {path}", "docs/reference/formal.md shows one") from error
    except OSError as error:
        raise FormalError(f"{path} can't be read: it {error.strerror}") from error
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise FormalError(f"{path} is not valid YAML: {error}", "correct the place that it names") from error


def section(value: Any, where: str, required: Collection[str] = (), optional: Collection[str] = ()) -> dict[str, Any]:
    """A mapping with known keys.

    Raises:
        FormalError: It is no mapping, has an unknown key, or lacks one.
    """
    given = mapping(value, where)
    for key in given:
        if key not in required and key not in optional:
            raise FormalError(f"{where}: unknown key {key!r}{nearest(key, [*required, *optional])}")
    for key in required:
        if key not in given:
            raise FormalError(f"{where}: the key {key!r} is missing", f"it needs: {', '.join(sorted(required))}")
    return given


def mapping(value: Any, where: str) -> dict[str, Any]:
    """A mapping from names."""
    if not isinstance(value, Mapping):
        raise FormalError(f"{where}: expected a mapping (key: value), got {shown(value)}")
    found: dict[str, Any] = {}
    for key, entry in value.items():
        word = name(key, where)
        if word in found:
            raise FormalError(f"{where}: the name {word!r} comes twice", "a number and its text are the same name")
        found[word] = entry
    return found


def listing(value: Any, where: str, length: int | None = None) -> list[Any]:
    """A list, of a certain length if that is given."""
    if not isinstance(value, list) or (length is not None and len(value) != length):
        raise FormalError(f"{where}: expected a list{f' of {length}' if length else ''}, got {shown(value)}")
    return value


def name(value: Any, where: str) -> str:
    """A name; whole numbers are names as well."""
    if isinstance(value, bool) or value is None:
        raise FormalError(
            f"{where}: {value!r} is not a name",
            'YAML reads words like yes, no, on and null as values: put quotes, "yes"',
        )
    if isinstance(value, int | str) and str(value):
        return str(value)
    raise FormalError(f"{where}: expected a name, got {shown(value)}")


def number(value: Any, where: str) -> float:
    """A finite number; fractions such as 1/3 are numbers as well."""
    try:
        if isinstance(value, str) and len(value) <= DIGITS:
            above, slash, below = value.replace(" ", "").partition("/")
            # Never as a Fraction: that of 1e400000000 has as many digits.
            found = float(above) / float(below) if slash else float(above)
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        else:
            found = float(value)
    except OverflowError:
        found = math.inf
    except (ValueError, ZeroDivisionError) as error:
        raise FormalError(f"{where}: expected a number, got {shown(value)}") from error
    if not abs(found) <= LARGEST:
        raise FormalError(f"{where}: expected a finite number up to {LARGEST:g}, got {shown(value)}")
    return found


def whole(value: Any, where: str) -> int:
    """A whole number, of at most 15 digits."""
    found = number(value, where)
    if found != int(found) or abs(found) >= 1e15:
        raise FormalError(f"{where}: expected a whole number of at most 15 digits, got {shown(value)}")
    return int(found)


def distribution(value: Any, where: str) -> str | dict[str, float]:
    """A name, or probabilities by name."""
    if isinstance(value, Mapping):
        return {key: number(entry, f"{where}: {key}") for key, entry in mapping(value, where).items()}
    return name(value, where)
