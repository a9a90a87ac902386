"""Finds what a setting names: an entry point of an installed package, or ``package.module:Name``."""

from __future__ import annotations

import importlib
import importlib.metadata
import sys
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any, cast

from crl.errors import CrlError
from crl.matching import nearest
from crl.text import shown


class PluginError(CrlError, LookupError):
    """There is no plug-in of this name, or it can't be loaded."""


def is_path(name: str) -> bool:
    """Whether a name says where the code is, as ``package.module:Name`` does."""
    return ":" in name


def entry_points(*, group: str) -> Sequence[EntryPoint]:
    """Entry points of a group, of all packages that are installed.

    The files of all packages are read once, and again once something has changed in a folder that holds packages: to
    read them takes about ten milliseconds, and settings are looked up by the dozen.

    Args:
        group: The group.
    """
    return _installed(tuple((place, *_changed(place)) for place in sys.path)).get(group, ())


@lru_cache(maxsize=1)
def _installed(places: tuple[tuple[str | int, ...], ...]) -> Mapping[str, Sequence[EntryPoint]]:
    """All entry points by group, as long as these places stay as they are."""
    del places
    every = importlib.metadata.entry_points()
    return {group: tuple(every.select(group=group)) for group in every.groups}


def _changed(place: str) -> tuple[int, ...]:
    """What tells one state of a folder of packages from another; nothing for one that is not there."""
    try:
        found = Path(place).stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_mtime_ns


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


def load_maker(group: str, name: str, what: str) -> Callable[..., Any]:
    """The class or function that a name stands for; arguments as for :func:`load_plugin`.

    Raises:
        PluginError: As there, or it is neither a class nor a function.
    """
    found = load_plugin(group, name, what)
    if not callable(found):
        raise PluginError(
            f"the {what} {shown(name)!r} is {type(found).__name__}: it can't be called",
            f"a {what} is a class, or a function that makes one",
        )
    return cast("Callable[..., Any]", found)


def split_path(path: str, what: str) -> tuple[str, str]:
    """Module and name of ``package.module:Name``.

    Raises:
        PluginError: It is not of this form: a file is named, for instance, or a module relative to none.
    """
    module, _, attribute = path.partition(":")
    if not (module and attribute) or module.startswith(".") or "/" in module or "\\" in module:
        raise PluginError(
            f"the {what} {shown(path)!r} can't be loaded: it is not of the form package.module:Name",
            _as_module(module, attribute),
        )
    return module, attribute


def import_path(path: str, what: str) -> Any:
    """The object at ``package.module:Name``; the current folder and PYTHONPATH are searched.

    Raises:
        PluginError: The module can't be imported, or has no such name; the message says where to start.
    """
    module, attribute = split_path(path, what)
    try:
        return getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        hint = None
        if module.endswith(".py"):
            hint = _as_module(module, attribute)
        elif isinstance(error, ModuleNotFoundError) and error.name == module.partition(".")[0]:
            hint = (
                f"start in the folder that holds {error.name}, name that folder in PYTHONPATH, or install the package"
            )
        raise PluginError(f"the {what} {shown(path)!r} can't be loaded: {error}", hint) from error


def _as_module(module: str, attribute: str) -> str | None:
    """How to name a file's content instead; ``None`` where no module can be meant."""
    stem = module.replace("\\", "/").rpartition("/")[2].removesuffix(".py")
    if not (stem.isidentifier() and attribute):
        return None
    return f"write {stem}:{attribute}, and start in the folder that holds {stem}.py or name that folder in PYTHONPATH"
