"""A life in the words of Abel et al. (2023): whether the agent goes on searching through its basis.

The basis of a lifelong agent is the set of regimes that it remembers, each with the policy that plans on what is known
of it. Its learning rule picks the regime in force. While the true regime stays, the agent should settle on one member;
when it changes, it should search, and settle again. That is read from a life's timeline. It is an observation of the
steps that were lived, and no proof about those to come. The members themselves go on learning, which is not seen here.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from crl.training.lives.recalls import KNOWN, SHORTEST, Span, spans


def searched(timeline: Sequence[Sequence[Any]], steps: int) -> dict[str, Any]:
    """How often a life's agent settled on a member of its basis, and how often it went on searching.

    Args:
        timeline: Rows of (step, true regime, believed entry, phase), one where any of them changes.
        steps: Steps of the life.

    Returns:
        ``visits``: of a true regime, of at least 15 steps. ``settled``: the share of them at whose end one member had
        been in force for half of the visit or longer, without a change. ``after``: steps of a visit until the last
        change of the member in force, median of those that settled. ``searches``: changes of the member in force in the
        whole life. ``within``: those of them after a visit's member had been in force for half of the visit. ``never``:
        whether the search went on to the end, so that there was a change in the last tenth of the life.
    """
    after: list[int] = []
    changes: list[int] = []
    within = visits = 0
    for visit in _visits(spans(timeline, steps)):
        begin, length = visit[0][0], sum(span[1] for span in visit)
        members = [(span[0], span[3] if span[4] == KNOWN else None) for span in visit]
        moved = [at for (at, member), (_, before) in zip(members[1:], members, strict=False) if member != before]
        changes += moved
        if length < SHORTEST:
            continue
        visits += 1
        last = moved[-1] - begin if moved else 0
        if members[-1][1] is not None and last <= length / 2:
            after.append(last)
        within += sum(at - begin > length / 2 for at in moved)
    return {
        "visits": visits,
        "settled": len(after) / visits if visits else None,
        "after": median(after) if after else None,
        "searches": len(changes),
        "within": within,
        "never": any(at >= 0.9 * steps for at in changes),
    }


def _visits(parts: Sequence[Span]) -> list[list[Span]]:
    """The spans of every visit of a true regime."""
    found: list[list[Span]] = []
    for span in parts:
        if found and found[-1][-1][2] == span[2]:
            found[-1].append(span)
        else:
            found.append([span])
    return found
