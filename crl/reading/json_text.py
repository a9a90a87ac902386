"""JSON with a stated depth: whoever walks through what was read by recursion can't run out of stack."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from crl.reading.plain import read_bytes

DEPTH = 100
"""Lists and objects inside one another; crl itself writes about ten."""
MOST = 64 << 20
"""Bytes of a JSON file that are read, unless another size is stated."""


def parse_json(data: bytes | str, depth: int = DEPTH) -> Any:
    """Plain values from JSON.

    Args:
        data: The text.
        depth: Lists and objects inside one another that are accepted.

    Raises:
        ValueError: It is no JSON, holds an integer with thousands of digits, or is nested too deeply.
    """
    too_deep = f"it is nested more than {depth} levels deep"
    try:
        found = json.loads(data)
    except RecursionError as error:
        raise ValueError(too_deep) from error
    if _brackets(data) > depth and deeper(found, depth):  # few brackets can't be deep, and most texts are small
        raise ValueError(too_deep)
    return found


def read_json(path: Path, most: int = MOST) -> Any:
    """Plain values from a JSON file.

    Raises:
        OSError: It is no plain file, too large, missing, or can't be read.
        ValueError: See :func:`parse_json`.
    """
    return parse_json(read_bytes(path, most))


def _brackets(data: bytes | str) -> int:
    if isinstance(data, str):
        return data.count("[") + data.count("{")
    return data.count(b"[") + data.count(b"{")


def deeper(value: Any, depth: int) -> bool:
    """Whether plain data has more lists and mappings inside one another than so many."""
    level = [value]
    for _ in range(depth):
        level = [inner for item in level for inner in _inside(item) if isinstance(inner, (list, dict))]
        if not level:
            return False
    return True


def _inside(item: Any) -> Iterable[Any]:
    if isinstance(item, dict):
        return item.values()
    return item if isinstance(item, list) else ()
