"""What a run measures of its agent beside scores: memory that grows with the tasks, old data read, plasticity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from crl.agents.base import Agent
from crl.training.runs.state import RunState
from crl.types import TaskSpec


def measure(agent: Agent) -> dict[str, Any]:
    """State of an agent at the end of a visit.

    Returns:
        ``kept_bytes`` (what would be saved, without optimisers and averages), ``kept_once_bytes`` (those of them that
        are the same however many tasks were learned), ``old_rows_read`` (transitions of earlier tasks that learning
        looked at, so far), ``plasticity`` (:class:`crl.dynamics.plasticity.Plasticity` as a dict); ``None`` where an
        agent does not tell. ``outcome_errors`` (:class:`crl.learning.outcomes.OutcomeModel`) where a reward is learned.
    """
    found = agent.plasticity()
    return {
        "kept_bytes": agent.kept_bytes(),
        "kept_once_bytes": agent.kept_once_bytes(),
        "old_rows_read": agent.old_rows_read(),
        "plasticity": None if found is None else asdict(found),
        **({"outcome_errors": errors} if (errors := agent.outcome_errors()) else {}),
    }


def visit(task: TaskSpec, state: RunState, measured: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a visit of a task took and left: for the results, and for the log.

    Args:
        task: The task.
        state: The run's counters at its end.
        measured: What :func:`measure` gives.
    """
    spent = {"task": task.name, "steps": state.task_steps, "episodes": state.episodes}
    kept = {name: measured[name] for name in ("kept_bytes", "kept_once_bytes")}
    validation = state.best if state.best >= 0 else None
    return {**spent, "validation": validation, **measured}, {**spent, **(measured["plasticity"] or {}), **kept}


def memory(agent: Agent, visits: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is kept: as the strategy states it, and as measured over the visits.

    Returns:
        ``stated_bytes_per_task`` and ``revisits_data`` by the strategy or agent (``None`` if it doesn't),
        ``measured_bytes_per_task`` and ``measured_bytes_constant`` (see :func:`growth`), ``old_rows_read``.
    """
    storage = agent.storage()
    per_task, constant = growth(visits)
    return {
        "stated_bytes_per_task": storage.bytes_per_task if storage else None,
        "revisits_data": storage.revisits_data if storage else None,
        "measured_bytes_per_task": per_task,
        "measured_bytes_constant": constant,
        "old_rows_read": visits[-1].get("old_rows_read") if visits else None,
    }


def growth(visits: Sequence[Mapping[str, Any]]) -> tuple[float | None, float | None]:
    """How what is kept grows with the tasks: a part for every earlier task, and a part that is always there.

    Two tasks say nothing of what only the second one's beginning adds once, such as a snapshot of the network: then an
    agent's word on what it keeps once is taken. With more tasks the growth counts from the second one on.

    Args:
        visits: ``task``, ``kept_bytes`` and ``kept_once_bytes`` of every visit in order.

    Returns:
        Bytes per earlier task, and the rest; ``None`` where there is one task, or the agent doesn't tell.
    """
    kept: dict[str, tuple[float | None, float]] = {}
    for visit in visits:
        kept.setdefault(visit["task"], (visit.get("kept_bytes"), visit.get("kept_once_bytes") or 0))
    sizes = [(size, once) for size, once in kept.values() if size is not None]
    if len(sizes) < 2 or len(sizes) < len(kept):
        return None, None
    first = 1 if len(sizes) > 2 else 0
    growing = [size - once for size, once in sizes]
    per_task = (growing[-1] - growing[first]) / (len(sizes) - 1 - first)
    return per_task, max(0.0, sizes[-1][0] - per_task * (len(sizes) - 1))
