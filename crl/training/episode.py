"""One episode: agent, command filter, environment. The only place where the three meet."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import gymnasium

from crl.agents.base import Agent
from crl.safety.command_filter import CommandFilter
from crl.task_functions import TaskFunctionFailed
from crl.training.clock import Clock
from crl.types import TaskSpec, Transition

Watcher = Callable[[Transition], None]


@dataclass
class EpisodeResult:
    """What an episode gave.

    Attributes:
        steps: Environment steps.
        total: Return (sum of rewards).
        success: Whether the task was achieved.
        fault: What went wrong in the environment, if anything.
        reasons: Why safe actions were taken, with their counts.
        decision_ms: CPU milliseconds of each planned decision.
    """

    steps: int = 0
    total: float = 0.0
    success: bool = False
    fault: str | None = None
    reasons: dict[str, int] = field(default_factory=dict)
    decision_ms: list[float] = field(default_factory=list)


def play(
    agent: Agent,
    env: gymnasium.Env[Any, Any],
    task: TaskSpec,
    *,
    episode: int,
    seed: int,
    explore: bool,
    clock: Clock,
    steps: int | None = None,
    after_success: int = -1,
    until_success: bool = False,
    watch: Watcher | None = None,
) -> EpisodeResult:
    """Play one episode, of ``task.episode_steps`` at most.

    A step that is no sound transition (:mod:`crl.environment` says what that is) is not shown to the agent: the episode
    ends there with a ``fault``, and what was learned before stays untouched. A reward that planners can't compute with
    is such a fault, too.

    Args:
        agent: Who acts; it observes the transitions if ``explore``.
        env: The task's environment, as its sequence makes it.
        task: The task.
        episode: Number of the episode, for the agent's randomness.
        seed: Seed of the environment's initial state.
        explore: Whether it is a training episode.
        clock: Accounts for planning and simulation.
        steps: End the episode after this many steps at most.
        after_success: End the episode this many steps after its success; -1 plays it to its end.
        until_success: End the episode at its success (for validations, which ask nothing else).
        watch: Called with every transition.
    """
    result = EpisodeResult()
    command = CommandFilter(task.action, task.safe_action)
    most = task.episode_steps if steps is None else min(steps, task.episode_steps)
    with clock.phase("simulate"):
        observation, info = env.reset(seed=seed)
    agent.begin(task, episode, explore)
    if "fault" in info:
        result.fault = str(info["fault"])
        return result
    left, done = math.inf, False
    while not done:
        started = time.process_time()
        try:
            with clock.phase("plan"):
                decision = agent.act(observation)
        except TaskFunctionFailed as error:
            result.fault = error.message
            break
        if decision.sequences:
            result.decision_ms.append(1e3 * (time.process_time() - started))
        executed = command(decision.action)
        for reason in (decision.reason, executed.reason):
            if reason is not None:
                result.reasons[reason] = result.reasons.get(reason, 0) + 1
        with clock.phase("simulate"):
            after, reward, terminated, truncated, info = env.step(executed.action)
        result.steps += 1
        if "fault" in info:
            result.fault = str(info["fault"])
            break
        result.total += float(reward)
        left = left - 1
        if info.get("is_success") and not result.success:
            result.success = True
            left = 0 if until_success else after_success if after_success >= 0 else math.inf
        done = bool(terminated or truncated or left <= 0 or result.steps >= most)
        transition = Transition(
            task=task.index,
            observation=observation,
            planned=decision.planned,
            refined=decision.action,
            executed=executed.action,
            reward=float(reward),
            next_observation=after,
            first=result.steps == 1,
            last=done,
            terminated=bool(terminated),
        )
        try:
            if explore:
                agent.observe(transition)
        except TaskFunctionFailed as error:
            result.fault = error.message
            break
        if watch is not None:
            watch(transition)
        observation = after
    # The environment's last word: some tasks judge success over the end of the episode only.
    result.success = result.success if result.fault else bool(info.get("is_success", result.success))
    return result
