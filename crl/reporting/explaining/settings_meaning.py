"""What every setting means and may be: read from the attribute docstrings of its dataclass, and from its range."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from dataclasses import fields, is_dataclass
from typing import Any

from crl.config import Config
from crl.config.limits import CHOICES, RANGES


def meanings() -> dict[str, str]:
    """Dotted key -> what the setting means, with its unit where it has one; empty where nothing is said."""
    return _meanings(Config(), "")


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
    if key in CHOICES:
        return ", ".join(CHOICES[key])
    limits = RANGES.get(key)
    return "" if limits is None else str(limits)


def _meanings(node: Any, prefix: str) -> dict[str, str]:
    described = _attribute_docstrings(type(node))
    found: dict[str, str] = {}
    for item in fields(node):
        value = getattr(node, item.name)
        if is_dataclass(value):
            found.update(_meanings(value, f"{prefix}{item.name}."))
        else:
            found[f"{prefix}{item.name}"] = described.get(item.name, "")
    return found


def _attribute_docstrings(kind: type) -> dict[str, str]:
    """The strings that follow annotated attributes in a class's source, on one line each."""
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for item, then in zip(definition.body, definition.body[1:], strict=False):
        if not isinstance(item, ast.AnnAssign) or not isinstance(item.target, ast.Name):
            continue
        if isinstance(then, ast.Expr) and isinstance(then.value, ast.Constant) and isinstance(then.value.value, str):
            found[item.target.id] = _plain(then.value.value)
    return found
