"""Reads ``key=value`` in Hydra's grammar, and says what is wrong with it in one line.

Hydra's grammar knows few characters outside of quotes. A setting that is text (a path, a name) is taken as it is
written where the grammar can't read it: ``run_dir=~/läufe & mehr`` needs no quotes but the shell's.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, Quote, QuotedString
from hydra.errors import HydraException

from crl.config.declared.compositions import config_dir
from crl.errors import SettingsError
from crl.text import SHOWN, shown

_BEGINNINGS = ("'", '"', "[", "{")
"""A value that begins so is meant in Hydra's grammar."""
NAMED = ("env", "agent", "continual", "planner", "refiner", "profile")
"""Groups whose names somebody may write without the group."""
_INSIDE = set("'\"[]{}()")
"""Characters that keep commas together, where they separate values."""


def parse_override(text: str, is_text: Callable[[str], bool], *, several: bool = False) -> Override:
    """Read one setting.

    Args:
        text: ``key=value``.
        is_text: Whether the setting of a key is text.
        several: Whether commas separate several values.

    Raises:
        SettingsError: It can't be read.
    """
    key, equals, value = text.partition("=")
    if not equals and not text.startswith("~"):
        raise SettingsError(f"cannot read {shown(text)!r}: it is no key=value", _meant(text))
    plain = bool(equals) and is_text(key) and bool(value)
    try:
        parsed = _parse(text, plain)
    except SettingsError:
        if not plain or value.startswith(_BEGINNINGS) or "${" in value or (several and _INSIDE & set(value)):
            raise
        return _parse(f"{key}={_quoted(value, several)}", plain)
    if plain and not parsed.is_sweep_override() and isinstance(parsed.value(), (bool, int, float)):
        return _parse(f"{key}={_quoted(value, several)}", plain)  # a folder may be called 007, 1e3 or true
    return parsed


def _meant(word: str) -> str:
    """What somebody means who writes a word without a key: a file of settings has that name, or nothing does."""
    groups = [group for group in NAMED if (config_dir() / group / f"{word}.yaml").is_file()]
    if not groups:
        return "Settings are written key=value, for instance env=cartpole_length seed=1"
    return f"did you mean {' or '.join(f'{group}={word}' for group in groups)}?"


def at_home(path: str) -> str:
    """A path with ``~`` for the home folder, which shells replace at the beginning of a word only."""
    return os.path.expanduser(path)  # noqa: PTH111 (a Path would take the second slash from minari://)


def _parse(text: str, plain: bool) -> Override:
    key, _, value = text.partition("=")
    try:
        parsed: Override = OverridesParser.create().parse_override(text)
        parsed.value()
    except HydraException as error:
        said = str(error).strip().splitlines()[0]
        raise SettingsError(
            f"cannot read {shown(text)!r}: {shown(said)}", how_to_quote(key, value if plain else "")
        ) from error
    except RecursionError as error:
        raise SettingsError(f"cannot read {shown(text)!r}: too many brackets inside each other") from error
    except ValueError as error:  # Python reads no number of more than 4,300 digits
        raise SettingsError(f"cannot read {shown(text)!r}: it holds a number of too many digits") from error
    return parsed


def _quoted(value: str, several: bool) -> str:
    """A value, or several separated by commas, in Hydra's quotes."""
    parts = value.split(",") if several else [value]
    return ",".join(QuotedString(text=part, quote=Quote.single).with_quotes() for part in parts)


def how_to_quote(key: str, value: str) -> str:
    """The end of an error about a value that Hydra's grammar takes for something else."""
    hint = "Settings are written key=value; values with special characters stand in quotes,"
    if not key or not value or set(value) <= _INSIDE or len(value) > SHOWN:
        return f"{hint} for instance name=\"'a,b'\""
    inner = QuotedString(text=value, quote=Quote.double).with_quotes()
    return f"{hint} which the shell needs, too: {shlex.quote(f'{key}={inner}')}"
