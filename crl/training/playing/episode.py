"""One episode, of steps as :mod:`crl.training.playing.step` takes them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium

from crl.agents.base import Agent
from crl.safety.command_filter import CommandFilter
from crl.task_functions import TaskFunctionFailed
from crl.training.clock import Clock
from crl.training.playing.step import Step, show, take
from crl.types import ActionSpec, Array, Decision, TaskSpec, Transition


class Observer:
    """Follows an episode, and may have a say in it; each method does nothing by default.

    Attributes:
        limits: Range of the actions that are let through; ``None``: the task's.
        withholds: Whether the agent is not shown the transitions: they are given to it after the episode, if at all.
    """

    limits: ActionSpec | None = None
    withholds: bool = False

    def begin(self, env: gymnasium.Env[Any, Any], info: Mapping[str, Any]) -> None:
        """The episode begins, with what the environment said."""

    def deciding(self) -> None:
        """The agent is about to decide."""

    def sent(self, decision: Decision) -> Array:
        """The action [A] to send for a decision."""
        return decision.action

    def ends(self) -> bool:
        """Whether the episode ends with the present step, which has been taken."""
        return False

    def step(self, transition: Transition, info: Mapping[str, Any]) -> None:
        """A step was taken, and shown to the agent."""

    def fault(self, executed: Array, info: Mapping[str, Any]) -> None:
        """The environment broke in a step; the agent is not shown it."""


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

    def count(self, step: Step) -> None:
        """Count a step: its time, the reasons of safe actions, and its reward unless the environment broke in it."""
        if step.decision.sequences:
            self.decision_ms.append(step.decision_ms)
        for reason in (step.decision.reason, step.executed.reason):
            if reason is not None:
                self.reasons[reason] = self.reasons.get(reason, 0) + 1
        self.steps += 1
        if step.fault is None:
            self.total += step.reward

    def judged(self, task: TaskSpec) -> bool | None:
        """Whether the episode succeeded; ``None`` where the task defines no success."""
        return self.success if task.has_success else None

    def values(self, task: TaskSpec) -> dict[str, Any]:
        """What a log says of it."""
        values: dict[str, Any] = {"return": self.total, "success": self.judged(task), "steps": self.steps}
        if self.reasons:
            values |= {"safe_actions": sum(self.reasons.values()), "reasons": sorted(self.reasons)}
        return {**values, "fault": self.fault} if self.fault else values


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
    online: bool = False,
    observer: Observer | None = None,
) -> EpisodeResult:
    """Play one episode, of ``task.episode_steps`` at most.

    A step that is no sound transition (:mod:`crl.environment` says what that is) is not shown to the agent: the episode
    ends there with a ``fault``, and what was learned before stays untouched. A reward that planners can't compute with
    is such a fault, too.

    Args:
        agent: Who acts; it observes the transitions if ``explore`` or ``online``, else it follows them.
        env: The task's environment, as its sequence makes it.
        task: The task.
        episode: Number of the episode, for the agent's randomness.
        seed: Seed of the environment's initial state.
        explore: Whether it is a training episode.
        clock: Accounts for planning and simulation.
        steps: End the episode after this many steps at most.
        after_success: End the episode this many steps after its success; -1 plays it to its end.
        until_success: End the episode at its success (for validations, which ask nothing else).
        online: Whether the agent observes each transition and then learns, as in a mission.
        observer: Who follows the episode.
    """
    result, following = EpisodeResult(), observer or Observer()
    command = CommandFilter(following.limits or task.action, task.safe_action)
    most = task.episode_steps if steps is None else min(steps, task.episode_steps)
    with clock.phase("simulate"):
        observation, info = env.reset(seed=seed)
    agent.begin(task, episode, explore)
    if "fault" in info:
        result.fault = str(info["fault"])
        return result
    following.begin(env, info)
    left, done = math.inf, False
    while not done:
        following.deciding()
        try:
            step = take(agent, env, observation, command, clock, following.sent)
        except TaskFunctionFailed as error:
            result.fault = error.message
            break
        result.count(step)
        if step.fault is not None:
            result.fault = step.fault
            following.fault(step.executed.action, step.info)
            break
        left = left - 1
        if step.info.get("is_success") and not result.success:
            result.success = True
            left = 0 if until_success else after_success if after_success >= 0 else math.inf
        ended = step.terminated or step.truncated
        done = bool(ended or left <= 0 or result.steps >= most or following.ends())
        transition = step.transition(task, first=result.steps == 1, last=done)
        try:
            if not (explore or online):
                agent.follow(transition)
            elif not following.withholds:
                show(agent, transition, learns=online)
        except TaskFunctionFailed as error:
            result.fault = error.message
            break
        following.step(transition, step.info)
        observation, info = step.after, step.info
    # The environment's last word: some tasks judge success over the end of the episode only.
    result.success = result.success if result.fault else bool(info.get("is_success", result.success))
    return result
