"""Hydra's grammar of overrides, for arguments that may hold several values."""

from __future__ import annotations

from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Glob, Override
from hydra.errors import HydraException

from crl.errors import SettingsError
from crl.settings import ALIASES, GROUPS, names, profiles

HINT = "write key=value, or several: key=a,b; lists stand in brackets: tasks=[0,1],[1,0]"


def parse(text: str) -> Override:
    """Read one argument.

    Raises:
        SettingsError: It is not in Hydra's grammar, or adds or deletes a key.
    """
    try:
        parsed: Override = OverridesParser.create().parse_override(text)
    except HydraException as error:
        raise SettingsError(f"cannot read {text!r}: {str(error).strip().splitlines()[0]}", HINT) from error
    if parsed.is_delete() or parsed.is_add():
        raise SettingsError(f"cannot read {text!r}: a setting can only be set", HINT)
    return parsed


def group_of(override: Override) -> str | None:
    """The group that an override chooses from (``env``, ``profile``, ...), or None."""
    key = ALIASES.get(override.get_key_element(), override.get_key_element())
    return key if key in GROUPS or key == "profile" else None


def values(override: Override) -> list[str]:
    """The values of an override, each as it is written in ``key=value``, in their order.

    Choices, ``range()``, ``sort()`` and, where names are chosen, ``glob()``; a single value is a list of one.

    Raises:
        SettingsError: The values can't be counted, or none fits.
    """
    if not override.is_sweep_override():
        return [override.get_value_element_as_str()]
    value: Any = override.value()
    if override.is_interval_sweep():
        raise SettingsError(
            f"cannot read {override.input_line!r}: an interval has no end of values",
            "search it with sweep=tune, or name values: key=0.1,0.2 or key=range(0,1,0.2)",
        )
    if getattr(value, "shuffle", False):
        raise SettingsError(
            f"cannot read {override.input_line!r}: shuffled values would make another sweep each time",
            "leave shuffle() out: a sweep takes the first seeds of all first",
        )
    if isinstance(value, Glob):
        group = group_of(override)
        if group is None:
            raise SettingsError(
                f"cannot read {override.input_line!r}: glob() chooses among names",
                f"it works for {', '.join([*GROUPS, 'profile'])}",
            )
        options = profiles() if group == "profile" else names(group)
        found = value.filter(options)
        if not found:
            raise SettingsError(f"{override.input_line!r} fits no {group}", f"valid: {', '.join(options)}")
        return list(found)
    return [str(item) for item in override.sweep_string_iterator()]
