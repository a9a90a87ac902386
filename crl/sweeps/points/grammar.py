"""Hydra's grammar of overrides, for arguments that may hold several values."""

from __future__ import annotations

import math
from typing import Any

from hydra.core.override_parser.types import Glob, Override, RangeSweep

from crl.config.asking.composing import names, profiles
from crl.config.asking.overrides import parse_override
from crl.config.asking.request import ALIASES, GROUPS, is_text
from crl.errors import SettingsError
from crl.text import shown

PLACE = "sweep_dir"
"""Setting of the sweep itself that names a folder."""
MOST = 10_000
"""Points of a sweep, and values of a setting; more is taken for a slip."""
HINT = "write key=value, or several: key=a,b; lists stand in brackets: tasks=[0,1],[1,0]"


def parse(text: str) -> Override:
    """Read one argument.

    Raises:
        SettingsError: It is not in Hydra's grammar, or adds or deletes a key.
    """
    parsed = parse_override(text, lambda key: key == PLACE or is_text(key), several=not text.startswith(f"{PLACE}="))
    if parsed.is_delete() or parsed.is_add():
        raise SettingsError(f"cannot read {shown(text)!r}: a setting can only be set", HINT)
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
    if isinstance(value, RangeSweep):
        _count(override, value)
    listed = [str(item) for item in override.sweep_string_iterator()]
    if not listed:
        raise SettingsError(f"{override.input_line!r} has no values", "a range goes from its beginning up to its end")
    return listed


def _count(override: Override, numbers: RangeSweep) -> None:
    """Refuse a range that has no end of values, before they are listed."""
    start, stop, step = (float(end or 0) for end in (numbers.start, numbers.stop, numbers.step))
    if not all(map(math.isfinite, (start, stop, step))) or abs(stop - start) > MOST * abs(step):
        raise SettingsError(
            f"cannot read {shown(override.input_line)!r}: it has too many values",
            f"at most {MOST:,}: name fewer, or search with sweep=tune and interval()",
        )
