"""The nearest valid name, for error messages that name the hint."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(word: str, options: Iterable[str]) -> str:
    """End of an error message: the nearest of the valid names, and all of them."""
    names = sorted(options)
    close = difflib.get_close_matches(word, names, n=1, cutoff=0.4)
    hint = f": did you mean {close[0]!r}?" if close else ""
    return f"{hint} (valid: {', '.join(names) or 'none is installed'})"
