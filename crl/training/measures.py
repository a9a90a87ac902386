"""What a run measures of its agent beside scores: memory that grows with the tasks, old data read, plasticity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from crl.agents.base import Agent


def measure(agent: Agent) -> dict[str, Any]:
    """State of an agent at the end of a visit.

    Returns:
        ``kept_bytes`` (what would be saved, without optimisers and averages), ``old_rows_read`` (transitions of
        earlier tasks that learning looked at, so far), ``plasticity`` (:class:`crl.dynamics.plasticity.Plasticity` as
        a dict); ``None`` where an agent does not tell.
    """
    found = agent.plasticity()
    return {
        "kept_bytes": agent.kept_bytes(),
        "old_rows_read": agent.old_rows_read(),
        "plasticity": None if found is None else asdict(found),
    }


def memory(agent: Agent, visits: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is kept per finished task: as the strategy states it, and as measured over the visits.

    Returns:
        ``stated_bytes_per_task`` and ``revisits_data`` by the strategy or agent (``None`` if it doesn't),
        ``measured_bytes_per_task`` (see :func:`bytes_per_task`), ``old_rows_read``.
    """
    storage = agent.storage()
    return {
        "stated_bytes_per_task": storage.bytes_per_task if storage else None,
        "revisits_data": storage.revisits_data if storage else None,
        "measured_bytes_per_task": bytes_per_task(visits),
        "old_rows_read": visits[-1].get("old_rows_read") if visits else None,
    }


def bytes_per_task(visits: Sequence[Mapping[str, Any]]) -> float | None:
    """Growth of what is kept per new task, from the second new task on (the first may add what is kept only once).

    Args:
        visits: ``task`` and ``kept_bytes`` of every visit in order.

    Returns:
        Bytes per task; ``None`` where fewer than two tasks were learned or the agent does not tell.
    """
    kept: dict[str, float | None] = {}
    for visit in visits:
        kept.setdefault(visit["task"], visit.get("kept_bytes"))
    sizes = [size for size in kept.values() if size is not None]
    if len(sizes) < 2 or len(sizes) < len(kept):
        return None
    first = 1 if len(sizes) > 2 else 0
    return (sizes[-1] - sizes[first]) / (len(sizes) - 1 - first)
