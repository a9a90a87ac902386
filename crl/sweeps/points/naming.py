"""Names of a sweep's points: short, speaking, fit for a file name, and unique."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

LONGEST = 80
"""Characters of a name; longer ones end with a hash instead."""
CHOICES = ("env", "profile", "agent", "continual", "planner", "refiner")
"""Settings whose value speaks for itself."""


def point_name(varied: Sequence[tuple[str, str]], default: str) -> str:
    """Name of a point, such as ``ewc_lr-0.01_s2``.

    Args:
        varied: Key and value of the settings in which the points of the sweep differ.
        default: The name where they differ in none but the seed.
    """
    parts = []
    seed = ""
    for key, value in varied:
        short = key.removesuffix(".name")
        if key == "seed":
            seed = f"s{value}"
        elif short in CHOICES:
            parts.append(value)
        else:
            parts.append(f"{key.rpartition('.')[2]}-{value}")
    name = _fit("_".join([*(parts or [default]), *([seed] if seed else [])]))
    if len(name) <= LONGEST:
        return name
    digest = hashlib.sha256(repr(list(varied)).encode()).hexdigest()[:8]
    return f"{name[: LONGEST - 9 - len(seed) - 1]}-{digest}" + (f"_{seed}" if seed else "")


def make_unique(names: Sequence[str], marks: Sequence[str]) -> list[str]:
    """The names, with a hash of its mark appended to every one that another point has, too (whatever its case).

    Args:
        names: Name of each point.
        marks: A text of each point that no other has.
    """
    count = Counter(name.lower() for name in names)
    return [
        name if count[name.lower()] == 1 else f"{name}-{hashlib.sha256(mark.encode()).hexdigest()[:8]}"
        for name, mark in zip(names, marks, strict=True)
    ]


def _fit(text: str) -> str:
    return re.sub(r"-{2,}", "-", re.sub(r"[^A-Za-z0-9._-]+", "-", text)).strip(".-") or "run"
