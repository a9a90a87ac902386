"""Finds what a setting names: an entry point of an installed package, or ``package.module:Name``."""

from __future__ import annotations

import importlib
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from crl.errors import CrlError
from crl.matching import nearest


class PluginError(CrlError, LookupError):
    """There is no plug-in of this name, or it can't be loaded."""


def is_path(name: str) -> bool:
    """Whether a name says where the code is, as ``package.module:Name`` does."""
    return ":" in name


def points(group: str) -> dict[str, EntryPoint]:
    """Entry points of a group, by name."""
    return {point.name: point for point in entry_points(group=group)}


def load_plugin(group: str, name: str, what: str) -> Any:
    """The object that a name stands for.

    Args:
        group: Group of entry points, such as ``crl.strategies``.
        name: Name of an entry point, or ``package.module:Name``.
        what: What it is, for messages: ``strategy``.

    Raises:
        PluginError: Nothing has this name, or its code can't be imported.
    """
    if is_path(name):
        return import_path(name, what)
    found = points(group)
    if name not in found:
        raise PluginError(
            f"unknown {what} {name!r}{nearest(name, found)}",
            f"a {what} of your own that is not installed is named package.module:Name",
        )
    try:
        return found[name].load()
    except (ImportError, AttributeError) as error:
        raise PluginError(f"the {what} {name!r} ({found[name].value}) can't be loaded: {error}") from error


def import_path(path: str, what: str) -> Any:
    """The object at ``package.module:Name``; the current folder and PYTHONPATH are searched.

    Raises:
        PluginError: The module can't be imported, or has no such name; the message says where to start.
    """
    module, _, attribute = path.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        hint = None
        if isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]:
            hint = (
                f"start in the folder that holds {error.name}, name that folder in PYTHONPATH, or install the package"
            )
        raise PluginError(f"the {what} {path!r} can't be loaded: {error}", hint) from error
