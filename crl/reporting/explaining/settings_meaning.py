"""What every setting means and may be, as text: from the metadata of its field, and the docstring of its section."""

from __future__ import annotations

import inspect
import re
from dataclasses import fields, is_dataclass
from typing import Any

from crl.config import Config
from crl.config.limits import MEANINGS


def meanings() -> dict[str, str]:
    """Dotted key -> what the setting means, with its unit where it has one."""
    return {key: _plain(said.text) + (f" Unit: {said.unit}." if said.unit else "") for key, said in MEANINGS.items()}


def sections() -> dict[str, str]:
    """Dotted name of a section (``""``: the settings outside of one) -> what it is about."""
    return {"": "The run itself.", **_sections(Config(), "")}


def _sections(node: Any, prefix: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for item in fields(node):
        value = getattr(node, item.name)
        if is_dataclass(value):
            found[f"{prefix}{item.name}"] = _plain((inspect.getdoc(type(value)) or "").partition("\n\n")[0])
            found.update(_sections(value, f"{prefix}{item.name}."))
    return found


def _plain(text: str) -> str:
    """Text on one line, without marks for code and references; ``None`` is written as in a command."""
    text = re.sub(r":\w+:`~?([^`]*)`", r"\1", text).replace("``None``", "null").replace("``", "")
    return " ".join(text.split())


def allowed(key: str) -> str:
    """What a setting may be, if that is restricted: ``at least 1``, ``elu, relu``."""
    said = MEANINGS[key]
    return ", ".join(said.choices) if said.choices else "" if said.limits is None else str(said.limits)
