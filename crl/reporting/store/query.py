"""Choosing runs by what they are: ``env=pusher``, ``seed=0,1``, ``success>=0.9``, ``planner.samples=64``."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from crl.errors import CrlError
from crl.reporting.store.entry import COLUMNS, Entry

ALIASES = {"continual": "method", "strategy": "method", "return": "mean_return", "tasks": "visits"}
"""Second names of facts, as ``crl train`` knows some of them."""

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda one, other: bool(one == other),
    "!=": lambda one, other: bool(one != other),
    ">=": lambda one, other: bool(one >= other),
    "<=": lambda one, other: bool(one <= other),
    ">": lambda one, other: bool(one > other),
    "<": lambda one, other: bool(one < other),
}
_FILTER = re.compile(r"([A-Za-z_][\w.]*)\s*(!=|>=|<=|=|>|<)(.*)", re.DOTALL)


@dataclass(frozen=True)
class Filter:
    """One condition.

    Attributes:
        key: A fact or a setting.
        operator: ``=``, ``!=``, ``<``, ``<=``, ``>`` or ``>=``.
        values: One of them must fit (with ``!=``: all).
    """

    key: str
    operator: str
    values: tuple[Any, ...]

    def fits(self, entry: Entry) -> bool:
        """Whether a run meets the condition; what is not known about it meets none but ``!=``."""
        known = getattr(entry, self.key) if self.key in COLUMNS else entry.settings.get(self.key)
        if known is None and self.operator not in ("=", "!="):
            return False
        results = []
        for value in self.values:
            try:
                results.append(_OPERATORS[self.operator](known, value))
            except TypeError:
                results.append(False)
        return all(results) if self.operator == "!=" else any(results)


def is_filter(text: str) -> bool:
    """Whether an argument reads as a filter."""
    return _FILTER.fullmatch(text) is not None


def parse(text: str) -> Filter:
    """Read ``key=value``; several values, one of which must fit, are separated by commas.

    Raises:
        CrlError: It is no filter.
    """
    match = _FILTER.fullmatch(text)
    if match is None:
        raise CrlError(f"{text!r} is no filter", "filters look like env=pusher seed=0,1 success>=0.9 status=finished")
    if not match[3].strip() and match[2] not in ("=", "!="):
        raise CrlError(f"{text!r} has no value to compare with", f"write for instance {match[1]}{match[2]}0.9")
    key = ALIASES.get(match[1], match[1])
    found = _value(match[3])
    if isinstance(found, list):
        return Filter(key, match[2], (found,))
    return Filter(key, match[2], tuple(_value(part) for part in match[3].split(",")))


def select(found: Iterable[Entry], filters: Sequence[Filter]) -> list[Entry]:
    """The runs that meet all conditions.

    Raises:
        CrlError: No run has what a condition asks for: its name is probably misspelt.
    """
    runs = list(found)
    for each in filters:
        settings = {key for run in runs for key in run.settings}
        if runs and each.key not in COLUMNS and each.key not in settings:
            close = difflib.get_close_matches(each.key, [*COLUMNS, *ALIASES, *sorted(settings)], n=1)
            meant = f": did you mean {close[0]!r}?" if close else ""
            raise CrlError(
                f"runs have no {each.key!r}{meant}",
                f"facts: {', '.join(COLUMNS)}; or any setting by its dotted key (`crl config` prints them)",
            )
    return [run for run in runs if all(each.fits(run) for each in filters)]


def _value(text: str) -> Any:
    """Numbers, lists, ``true``, ``false`` and ``null`` as JSON has them; anything else is a name."""
    try:
        return json.loads(text.strip())
    except ValueError:
        return text.strip()
