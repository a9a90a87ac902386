"""Options of plug-ins (``continual.options``, ``agent.options``): whoever takes them says which there are.

A misspelt option that nobody reads would do nothing, without a word. So the class (or function) behind a name
names its options in an attribute ``OPTIONS``, and any other is refused when a user asks for it. A run that was made
with one can still be continued and evaluated: there it is a fact, and does no harm.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from crl.config.asking.request import GROUPS, JOINT
from crl.config.declared.agents import SB3_NAMES, AgentKind, kind_of
from crl.config.declared.compositions import elements, strategy_settings
from crl.config.reading import OF_PLUGINS, refuse_unread
from crl.config.schema import Config
from crl.errors import SettingsError
from crl.matching import nearest
from crl.plugins import import_path, is_path, load_plugin, points, split_path

CALLBACKS = "crl.callbacks"
"""Entry points of callbacks; whether their libraries are installed is found out when they are made."""


def check_options(config: Config, given: Iterable[str] = ()) -> None:
    """Refuse options that what they are for does not have, callbacks that are not installed, and files as modules.

    A plug-in that does not say which options it has is warned about. One that says what it reads (an attribute
    ``SETTINGS``) is held to it.

    Args:
        config: The run's settings.
        given: Keys that a user set (:func:`crl.config.asking.composing.given_keys`).

    Raises:
        SettingsError: An option or a callback is unknown, with the nearest; or nothing reads a setting that was given.
        PluginError: A name is neither one nor of the form ``package.module:Name``.
    """
    for group in GROUPS:
        for name in _names(config, group):
            if is_path(name):
                split_path(name, group)
    callbacks = set(points(CALLBACKS)) if config.callbacks else set()
    for name in config.callbacks:
        if is_path(name):
            split_path(name, "callback")
        elif name not in callbacks:
            raise SettingsError(f"unknown callback {name!r}{nearest(name, callbacks)}")
    for section, options in (("continual", config.continual.options), ("agent", config.agent.options)):
        names = _names(config, section)
        if not options or (section == "agent" and names[0].startswith(SB3_NAMES)):
            continue
        if section == "continual" or is_path(names[0]) or names[0] in points(GROUPS[section]):
            _check(section, names, options)
    declared = _declared(config) if (keys := list(given)) else {}
    if declared:
        refuse_unread(config, keys, declared)


def _declared(config: Config) -> dict[str, tuple[str, ...]]:
    """What the chosen plug-ins say that they read, by group."""
    found: dict[str, tuple[str, ...]] = {}
    for group in ("agent", *kind_of(config).components):
        read: list[str] | None = []
        names = _names(config, group)
        for name in names if any(is_path(name) or _is_foreign(group, name) for name in names) else ():
            if group == "continual" and (known := strategy_settings(name)) is not None:
                says: Any = known
            else:
                component = load_plugin(GROUPS[group], name, group)  # a function may stand behind a name as well
                says = getattr(component, "SETTINGS", None)
            if says is None or read is None:
                read = None
                continue
            read += says
            if group == "agent":
                inside = getattr(component, "kind", AgentKind(name)).components
                read += [section for part in inside for section in OF_PLUGINS[part]]
        if read:
            found[group] = tuple(read)
    return found


def _names(config: Config, group: str) -> list[str]:
    """The names in a group's name: a strategy may be put together from several."""
    name = str(getattr(config, group).name)
    return name.split(JOINT) if group == "continual" else [name]


def _is_foreign(group: str, name: str) -> bool:
    """Whether an entry point of another package has a name."""
    point = points(GROUPS[group]).get(name)
    return point is not None and point.dist is not None and point.dist.name != "crl"


def _check(section: str, names: Sequence[str], given: Mapping[str, Any]) -> None:
    """Refuse options that nothing behind the names has."""
    known: set[str] = set()
    what = f"{section}={JOINT.join(names)}"
    for name in names:
        paths = elements(name) if section == "continual" else ()
        # A function may stand behind a name as well, and plug-ins from before have no such attribute.
        found = [import_path(path, "part") for path in paths] or [load_plugin(GROUPS[section], name, section)]
        for component in found:
            options = getattr(component, "OPTIONS", () if paths or _is_own(section, name) else None)
            if options is None:
                warnings.warn(
                    f"{section}={name} does not say which options it has (an attribute OPTIONS with their names): "
                    f"if one of {', '.join(given)} is misspelt, nobody notices",
                    stacklevel=3,
                )
                return
            known |= set(options)
    for option in given:
        if not known:
            raise SettingsError(
                f"{what} has no options: {section}.options.{option} would do nothing",
                f"leave it out; what can be set is {section}.NAME, without options (`crl config` shows all)",
            )
        if option not in known:
            raise SettingsError(f"{what} has no option {option!r}{nearest(option, known)}")


def _is_own(group: str, name: str) -> bool:
    """Whether an entry point of this package has a name."""
    point = points(GROUPS[group]).get(name)
    return point is not None and point.dist is not None and point.dist.name == "crl"
