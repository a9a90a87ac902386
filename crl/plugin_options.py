"""Options of plug-ins (``continual.options``, ``agent.options``): whoever takes them says which there are.

A misspelt option that nobody reads would do nothing, without a word. So the class (or function) behind a name
names its options in an attribute ``OPTIONS``, and any other is refused when a user asks for it. A run that was made
with one can still be continued and evaluated: there it is a fact, and does no harm.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from crl.config import Config
from crl.errors import SettingsError
from crl.matching import nearest
from crl.plugins import is_path, load_plugin, points, split_path
from crl.settings import GROUPS

CALLBACKS = "crl.callbacks"
"""Entry points of callbacks; whether their libraries are installed is found out when they are made."""
CHECKED_BY_THEMSELVES = "sb3_"
"""Beginning of the agents of this package that refuse what their algorithm does not know."""


def check_options(config: Config) -> None:
    """Refuse options that what they are for does not have, callbacks that are not installed, and files as modules.

    A plug-in that does not say which options it has is warned about.

    Raises:
        SettingsError: An option or a callback is unknown; the message names the nearest.
        PluginError: A name is neither one nor of the form ``package.module:Name``.
    """
    for group in GROUPS:
        name = getattr(config, group).name
        if is_path(name):
            split_path(name, group)
    callbacks = set(points(CALLBACKS)) if config.callbacks else set()
    for name in config.callbacks:
        if is_path(name):
            split_path(name, "callback")
        elif name not in callbacks:
            raise SettingsError(f"unknown callback {name!r}{nearest(name, callbacks)}")
    for section, name, given in (
        ("continual", config.continual.name, config.continual.options),
        ("agent", config.agent.name, config.agent.options),
    ):
        if not given or (section == "agent" and name.startswith(CHECKED_BY_THEMSELVES)):
            continue
        if is_path(name) or name in points(GROUPS[section]):
            _check(section, name, given)


def _check(section: str, name: str, given: Mapping[str, Any]) -> None:
    point = points(GROUPS[section]).get(name)
    if point is not None and point.dist is not None and point.dist.name == "crl":
        raise SettingsError(
            f"{section}={name} has no options: {section}.options.{next(iter(given))} would do nothing",
            f"leave it out; what can be set is {section}.NAME, without options (`crl config` shows all)",
        )
    # A function may stand behind a name as well, and plug-ins from before have no such attribute.
    known = getattr(load_plugin(GROUPS[section], name, section), "OPTIONS", None)
    if known is None:
        warnings.warn(
            f"{section}={name} does not say which options it has (an attribute OPTIONS with their names): "
            f"if one of {', '.join(given)} is misspelt, nobody notices",
            stacklevel=3,
        )
        return
    for option in given:
        if option not in known:
            raise SettingsError(f"{section}={name} has no option {option!r}{nearest(option, known)}")
