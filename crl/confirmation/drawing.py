"""Values that are drawn: plain data in which some dictionaries are distributions.

======================================  ==========================================================================
``{uniform: [a, b]}``                   a number between a and b
``{log_uniform: [a, b]}``               a number between a and b, uniform in its logarithm; 0 < a <= b
``{choice: [x, y, ...]}``               one of the values, which may be distributions themselves
``{signed: {signs: [[-1, 1], ...],      one of the rows of signs; each of its elements times a magnitude of its own,
size: [a, b]}}``                        log-uniform between a and b
======================================  ==========================================================================

Everything else is taken as it stands; lists and other dictionaries are drawn element by element.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from crl.errors import CrlError
from crl.text import shown

DIGITS = 4
"""Digits that a drawn number keeps, so that names and pages can state it exactly."""


def draw(plain: Any, rng: np.random.Generator) -> Any:
    """Draw plain data of a template.

    Args:
        plain: The template: numbers, texts, lists, dictionaries, distributions.
        rng: Source of randomness.

    Raises:
        CrlError: A distribution is impossible.
    """
    if isinstance(plain, Mapping):
        if len(plain) == 1:
            ((kind, value),) = plain.items()
            if kind in _KINDS:
                return _KINDS[kind](value, rng)
        return {key: draw(value, rng) for key, value in plain.items()}
    if isinstance(plain, list | tuple):
        return [draw(value, rng) for value in plain]
    return plain


def _uniform(value: Any, rng: np.random.Generator) -> float:
    low, high = _ends(value, "uniform", -math.inf)
    return _rounded(rng.uniform(low, high))


def _log_uniform(value: Any, rng: np.random.Generator) -> float:
    low, high = _ends(value, "log_uniform", 0.0)
    return _rounded(math.exp(rng.uniform(math.log(low), math.log(high))))


def _choice(value: Any, rng: np.random.Generator) -> Any:
    if not isinstance(value, list | tuple) or not value:
        raise CrlError(f"choice: {shown(value)} is no list of values", "write for instance {choice: [left, right]}")
    return draw(value[int(rng.integers(len(value)))], rng)


def _signed(value: Any, rng: np.random.Generator) -> list[float]:
    if not isinstance(value, Mapping) or set(value) != {"signs", "size"}:
        raise CrlError(f"signed: {shown(value)} needs signs and size", "{signed: {signs: [[-1, 1]], size: [0.4, 2]}}")
    signs = _choice(value["signs"], rng)
    low, high = _ends(value["size"], "size", 0.0)
    return [_rounded(sign * math.exp(rng.uniform(math.log(low), math.log(high)))) for sign in signs]


def _ends(value: Any, kind: str, above: float) -> tuple[float, float]:
    numbers = isinstance(value, list | tuple) and len(value) == 2
    if not numbers or not all(isinstance(end, int | float) and not isinstance(end, bool) for end in value):
        raise CrlError(f"{kind}: {shown(value)} is no pair of numbers", f"write for instance {{{kind}: [0.5, 2]}}")
    low, high = float(value[0]), float(value[1])
    if not above < low <= high < math.inf:
        raise CrlError(f"{kind}: [{low:g}, {high:g}] is no range", f"{above:g} < low <= high is expected")
    return low, high


def _rounded(number: float) -> float:
    return float(f"{number:.{DIGITS}g}")


_KINDS: dict[str, Callable[[Any, np.random.Generator], Any]] = {
    "uniform": _uniform,
    "log_uniform": _log_uniform,
    "choice": _choice,
    "signed": _signed,
}
