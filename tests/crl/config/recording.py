"""Settings that note which of them are read, to compare with what components declare."""

from __future__ import annotations

import copy
import sys
from dataclasses import fields, is_dataclass
from typing import Any

from crl.config import Config

IGNORED = ("dataclasses", "copy", "omegaconf", "tests", "crl.config")
"""Modules that look at every setting, whatever it is for: to copy, write, check or compare them all."""


def recording(config: Config) -> tuple[Config, set[str]]:
    """A copy of a configuration, and the dotted keys that are read of it from now on."""
    read: set[str] = set()
    return _watched(copy.deepcopy(config), "", read), read


def _watched(node: Any, prefix: str, read: set[str]) -> Any:
    kind = type(node)
    names = {item.name for item in fields(node)}

    class Watched(kind):  # type: ignore[misc,valid-type]
        def __getattribute__(self, name: str) -> Any:
            value = object.__getattribute__(self, name)
            if name in names and not is_dataclass(value):
                reader = str(sys._getframe(1).f_globals.get("__name__", ""))
                if not reader.startswith(IGNORED):
                    read.add(f"{prefix}{name}")
            return value

    watched = copy.copy(node)
    watched.__class__ = Watched
    for item in fields(node):
        value = getattr(node, item.name)
        if is_dataclass(value):
            object.__setattr__(watched, item.name, _watched(value, f"{prefix}{item.name}.", read))
    return watched
