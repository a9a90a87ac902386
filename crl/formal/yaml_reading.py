"""Reading YAML strictly: what is not understood is an error that says where and what was expected."""

from __future__ import annotations

import math
from collections.abc import Collection, Hashable, Mapping
from pathlib import Path
from typing import Any

import yaml

from crl.formal.errors import FormalError
from crl.matching import nearest


class _StrictLoader(yaml.SafeLoader):  # type: ignore[misc]
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
        return yaml.load(path.read_text(encoding="utf-8"), Loader=_StrictLoader)
    except FileNotFoundError as error:
        raise FormalError(f"there is no file {path}", "docs/reference/formal.md shows one") from error
    except (OSError, UnicodeDecodeError) as error:
        raise FormalError(f"{path} can't be read: {error}") from error
    except yaml.YAMLError as error:
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
        raise FormalError(f"{where}: expected a mapping (key: value), got {_shown(value)}")
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
        raise FormalError(f"{where}: expected a list{f' of {length}' if length else ''}, got {_shown(value)}")
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
    raise FormalError(f"{where}: expected a name, got {_shown(value)}")


def number(value: Any, where: str) -> float:
    """A finite number; fractions such as 1/3 are numbers as well."""
    try:
        if isinstance(value, str):
            above, slash, below = value.replace(" ", "").partition("/")
            found = float(above) / float(below) if slash else float(above)  # a Fraction would write out every digit
        elif isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError
        else:
            found = float(value)
    except (ValueError, ZeroDivisionError, OverflowError) as error:
        raise FormalError(f"{where}: expected a number, got {_shown(value)}") from error
    if not math.isfinite(found):
        raise FormalError(f"{where}: expected a finite number, got {found}")
    return found


def whole(value: Any, where: str) -> int:
    """A whole number."""
    found = number(value, where)
    if found != int(found):
        raise FormalError(f"{where}: expected a whole number, got {_shown(value)}")
    return int(found)


def distribution(value: Any, where: str) -> str | dict[str, float]:
    """A name, or probabilities by name."""
    if isinstance(value, Mapping):
        return {key: number(entry, f"{where}: {key}") for key, entry in mapping(value, where).items()}
    return name(value, where)


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
