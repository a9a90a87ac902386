"""Options of strategies and their parts: numbers in ``continual.options``, checked when a strategy is made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from crl.config import Config
from crl.errors import SettingsError


def number(
    config: Config,
    defaults: Mapping[str, Any],
    option: str,
    *,
    least: float = 0.0,
    most: float = float("inf"),
    above: bool = False,
) -> float:
    """The value of an option that is a number.

    Args:
        config: The run's settings.
        defaults: Options of whoever asks, with their defaults.
        option: Name of one of them.
        least: Smallest value that has a meaning.
        most: Largest one.
        above: Whether the value must be above ``least``.

    Raises:
        SettingsError: It is no finite number of that range.
    """
    value = config.continual.options.get(option, defaults[option])
    plain = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not plain or not (least < value if above else least <= value) or value > most or abs(value) == float("inf"):
        range_ = f"above {least:g}" if above else f"of at least {least:g}"
        upper = "" if most == float("inf") else f" and at most {most:g}"
        raise SettingsError(
            f"continual.options.{option} is {value!r}: it must be a number {range_}{upper}",
            f"the default is {defaults[option]!r}",
        )
    return float(value)


def whole(config: Config, defaults: Mapping[str, Any], option: str, *, least: int = 0) -> int:
    """The value of an option that is a whole number of at least ``least``.

    Raises:
        SettingsError: It is not.
    """
    value = number(config, defaults, option, least=least)
    if not value.is_integer():
        raise SettingsError(
            f"continual.options.{option} is {value!r}: it must be a whole number",
            f"the default is {defaults[option]!r}",
        )
    return int(value)
