"""Keyword arguments of Python as the settings of the command line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from os import PathLike
from typing import Any

import numpy as np

from crl.errors import SettingsError

_QUOTE = re.compile(r"(\\*)('|\Z)")
"""Where Hydra's grammar reads backslashes: before a quote and at the end."""


def overrides(settings: Mapping[str, Any], prefix: str = "") -> list[str]:
    """``key=value`` for every setting.

    Args:
        settings: By dotted key (``{"planner.samples": 64}``), nested (``{"planner": {"samples": 64}}``), or both. A
            group takes its name as a string (``continual="hypercrl"``) or as ``name`` in a nested dictionary.
        prefix: Put before every key.

    Raises:
        SettingsError: A value is neither plain data, of Python or NumPy, nor a path.
    """
    return [f"{key}={_text(key, value)}" for key, value in _leaves(settings, prefix)]


def _leaves(settings: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and not key.endswith(".options") and key != "vary":
            yield from _leaves(value, f"{key}.")
        else:
            yield key, value


def _escape(found: re.Match[str]) -> str:
    slashes, quote = found.groups()
    return 2 * slashes + ("\\'" if quote else "")


def _text(key: str, value: Any) -> str:
    """A value in the grammar of the command line."""
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, list | tuple):
        return f"[{','.join(_text(key, item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{name}:{_text(key, item)}" for name, item in value.items()) + "}"
    if isinstance(value, str | PathLike):
        return f"'{_QUOTE.sub(_escape, str(value))}'"
    raise SettingsError(
        f"{key} is a {type(value).__name__}, which is no setting", "give numbers, strings, lists or dictionaries"
    )
