"""Text for people: numbers with their nouns, and what comes from files and names without control characters."""

from __future__ import annotations

import math
import re
from typing import Any

SHOWN = 60
"""Characters of a user's value that an error shows."""
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def counted(number: int, noun: str, several: str | None = None) -> str:
    """``1 run``, ``2 runs``, ``1,200 runs``."""
    return f"{number:,} {noun if number == 1 else several or f'{noun}s'}"


def printable(text: str) -> str:
    """Text without what a terminal would obey: escape sequences, and marks that turn the reading direction.

    Names of tasks, runs and settings come from files that others may have written. New lines and tabs stay.
    """
    return _CONTROL.sub("", text)


def shown(value: Any) -> str:
    """A user's value as an error shows it: no number of thousands of digits, no endless text."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) >= 10**SHOWN:
        return f"a number of about {round(value.bit_length() * math.log10(2)):,} digits"
    text = str(value)
    return text if len(text) <= 2 * SHOWN else f"{text[:SHOWN]}... ({len(text):,} characters)"
