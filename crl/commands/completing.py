"""What the shell offers when a user presses tab: settings, their values, and runs."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

FIRST = ("env", "continual", "planner", "agent", "refiner", "profile", "tasks", "steps", "seed")
"""Settings that are offered before a letter is typed; all others follow their first letters."""


def complete_setting(ctx: typer.Context, incomplete: str) -> list[str]:
    """Settings as ``key=value``, or the values of a key that is there already.

    Bash takes ``=`` for the end of a word and replaces only what comes after it; other shells replace the whole word.
    """
    given = [str(word) for word in ctx.params.get("settings") or []]
    if given and not incomplete and _is_key(given[-1]):  # what came last is an "=", which is not handed on
        return _values(given[-1], "")
    if len(given) > 1 and given[-1] == "=":
        return _values(given[-2], incomplete)
    key, equals, value = incomplete.partition("=")
    if equals:
        return [f"{key}={offered}" for offered in _values(key, value)]
    return _keys(incomplete)


def complete_run(incomplete: str) -> list[str]:
    """Names of the runs in ``runs``, newest first, and ``latest``. Without one that fits, the shell offers files."""
    root = Path("runs")
    try:
        named = [path for path in root.iterdir() if not path.is_symlink() and path.name != "latest"]
        found = [path for path in named if (path / "config.yaml").is_file()]
        found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    except OSError:
        return []
    names = [*(["latest"] if found else []), *(path.name for path in found)]
    return [name for name in names if name.startswith(incomplete)]


def _is_key(word: str) -> bool:
    from crl.config.asking.request import keys

    return word in keys() or word == "profile"


def _keys(incomplete: str) -> list[str]:
    """Settings that begin so; where one is left, with its values instead of a space behind an ``=``."""
    from crl.config.asking.request import ALIASES, GROUPS, keys

    twice = {alias for alias, key in ALIASES.items() if key in GROUPS}
    every = sorted({*keys(), "profile"} - twice)
    fitting = [key for key in (every if incomplete else FIRST) if key.startswith(incomplete) and key in every]
    if len(fitting) == 1:
        offered = _values(fitting[0], "") or [_default(fitting[0])]
        return [f"{fitting[0]}={value}" for value in offered]
    return [f"{key}=" for key in fitting]


def _values(key: str, incomplete: str) -> list[str]:
    """Values of a setting; in a sweep's list, those of its last part."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{value}" for value in _offered(key) if value.startswith(last)]


def _offered(key: str) -> Iterable[str]:
    from crl.config import Config
    from crl.config.asking.composing import names, profiles
    from crl.config.asking.request import ALIASES, GROUPS
    from crl.config.limits import CHOICES, leaves

    key = ALIASES.get(key, key)
    if key in GROUPS:
        return names(key)
    if key == "profile":
        return profiles()
    if key in CHOICES:
        return CHOICES[key]
    value = dict(leaves(Config())).get(key)
    return ("true", "false") if isinstance(value, bool) else ()


def _default(key: str) -> str:
    """The default of a setting, as a user would write it."""
    from crl.config import Config
    from crl.config.asking.request import ALIASES
    from crl.config.limits import leaves

    value: Any = dict(leaves(Config())).get(ALIASES.get(key, key))
    return "null" if value is None else str(value).replace(" ", "")
