"""Evaluation on paired seeds: without noise, without learning, the same episodes for every strategy and seed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gymnasium

from crl.agents.base import Agent
from crl.training.clock import Clock
from crl.training.playing.episode import EpisodeResult, Observer, play
from crl.training.runs.state import Score
from crl.types import TaskSpec


def evaluate_task(
    agent: Agent,
    env: gymnasium.Env[Any, Any],
    task: TaskSpec,
    *,
    episodes: int,
    seed: int,
    clock: Clock,
    told: Callable[[int], None] = lambda done: None,
    observer: Observer | None = None,
) -> tuple[Score, int]:
    """Play evaluation episodes of a task.

    Args:
        agent: Who acts.
        env: The task's environment.
        task: The task.
        episodes: How many.
        seed: Seed of the first episode; the others follow.
        clock: Accounts for time; planning and simulation count as ``evaluate`` here.
        told: Called after every episode with the number of those that are done.
        observer: Who follows the episodes.

    Returns:
        The score, and the environment steps taken.
    """
    results: list[EpisodeResult] = []
    with clock.phase("evaluate"):
        for index in range(episodes):
            own: dict[str, Any] = {"episode": seed + index, "seed": seed + index, "clock": Clock()}
            results.append(play(agent, env, task, explore=False, observer=observer, **own))
            told(len(results))
    successes = [result.success for result in results] if task.has_success else []
    rate = sum(successes) / episodes if task.has_success else None
    returns = [result.total for result in results]
    notes = {note for result in results for note in (*result.reasons, result.fault) if note is not None}
    score = Score(rate, sum(returns) / episodes, successes, returns, sorted(notes))
    return score, sum(result.steps for result in results)
