"""Whether a life's known regimes were recalled: from its timeline alone, so that any life can be counted again.

An entry of a memory has no name that an evaluator could compare. So it counts as one of the true regime in which it
was in force for the most steps.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

SHORTEST = 15
"""Steps of the shortest visit that counts."""
SERVES = 0.8
"""Share of right expectations in a visit's last :data:`SHORTEST` steps from which what was in force served it."""
KNOWN = "known"
"""The phase in which an entry is in force for good."""

Span = tuple[int, int, int, Any, str]
"""Step, number of steps, true regime, believed entry, phase."""


def spans(timeline: Sequence[Sequence[Any]], steps: int) -> list[Span]:
    """The timeline of a life of so many steps, with lengths."""
    if not timeline:
        return []
    ends = [*(int(row[0]) for row in timeline[1:]), steps]
    return [
        (int(at), end - int(at), int(true), believed, str(phase))
        for (at, true, believed, phase), end in zip(timeline, ends, strict=True)
    ]


def owners(timeline: Sequence[Sequence[Any]], steps: int) -> dict[int, int]:
    """The true regime of every entry that was in force."""
    held: dict[int, Counter[int]] = defaultdict(Counter)
    for _, length, true, believed, phase in spans(timeline, steps):
        if phase == KNOWN and believed is not None:
            held[int(believed)][true] += length
    return {entry: counts.most_common(1)[0][0] for entry, counts in held.items()}


def recalled(timeline: Sequence[Sequence[Any]], steps: int) -> tuple[int, int]:
    """How many returns of a known regime ended with one of its earlier entries in force, and how many there were.

    A return is a visit of at least 15 steps of a true regime of which an entry was in force in a visit before. One in
    which the regime was learned once more, as another entry, is none that was recalled.
    """
    whose = owners(timeline, steps)
    known: dict[int, set[int]] = defaultdict(set)
    right = count = 0
    for true, believed, length, phase in _visits(timeline, steps):
        if known[true] and length >= SHORTEST:
            count += 1
            right += phase == KNOWN and believed in known[true]
        if phase == KNOWN and whose.get(believed) == true:
            known[true].add(int(believed))
    return right, count


def served(timeline: Sequence[Sequence[Any]], steps: int, rightly: Sequence[bool]) -> tuple[int, int]:
    """The same as :func:`recalled`, but another regime's entry counts, too, if it predicts as well.

    Regimes that can hardly be told apart may share an entry, which costs nothing. So a return is one of a regime in
    which an entry of its own, or one that served it, was in force at the end of a visit before. It is right if at its
    end an entry is in force that was in force in any visit before, and is the regime's own or serves it.

    Args:
        timeline: See :func:`recalled`.
        steps: Steps of the life.
        rightly: Whether every visit ended with right expectations, which is to say that what was in force served it.
    """
    whose = owners(timeline, steps)
    known: set[int] = set()
    earlier: set[Any] = set()
    right = count = 0
    for (true, believed, length, phase), serves, held in zip(
        _visits(timeline, steps), rightly, _held(timeline, steps), strict=True
    ):
        good = phase == KNOWN and (serves or whose.get(believed) == true)
        if true in known and length >= SHORTEST:
            count += 1
            right += good and believed in earlier
        if good:
            known.add(true)
        earlier |= held
    return right, count


def learned(timeline: Sequence[Sequence[Any]], steps: int) -> list[int | None]:
    """Steps that every true regime but the first was lived until one of its entries was in force for good.

    In the order in which the regimes were met. Steps of all visits count; ``None`` is a regime that was never known.
    """
    whose = owners(timeline, steps)
    lived: dict[int, int] = {}
    known: dict[int, int] = {}
    for _, length, true, believed, phase in spans(timeline, steps):
        lived.setdefault(true, 0)
        if phase == KNOWN and whose.get(believed) == true:
            known.setdefault(true, lived[true])
        lived[true] += length
    return [known.get(true) for true in list(lived)[1:]]


def _held(timeline: Sequence[Sequence[Any]], steps: int) -> list[set[Any]]:
    """The entries that were in force for good in every visit."""
    found: list[set[Any]] = []
    before = None
    for _, _, true, believed, phase in spans(timeline, steps):
        if not found or true != before:
            found.append(set())
        before = true
        if phase == KNOWN and believed is not None:
            found[-1].add(believed)
    return found


def _visits(timeline: Sequence[Sequence[Any]], steps: int) -> list[tuple[int, Any, int, str]]:
    """True regime, entry and phase at its end, and steps of every visit."""
    parts = spans(timeline, steps)
    found, begun = [], 0
    for one, after in pairwise([*parts, None]):
        assert one is not None
        at, length, true, believed, phase = one
        if after is None or after[2] != true:
            found.append((true, believed, at + length - begun, phase))
            begun = at + length
    return found
