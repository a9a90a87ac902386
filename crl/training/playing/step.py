"""One step of an agent in an environment: decide, filter the command, send it. Episodes and lives are made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium

from crl.agents.base import Agent
from crl.safety.command_filter import Command, CommandFilter
from crl.training.clock import Clock
from crl.types import Array, Decision, LearnBudget, TaskSpec, Transition


@dataclass(frozen=True)
class Step:
    """What a step was, before the agent is shown it.

    Attributes:
        before: Observation [S] that was decided on.
        decision: The agent's decision.
        executed: The command that was sent, and why it differs from the decision, if it does.
        after: Observation [S] after it.
        reward: Reward.
        terminated: Whether the task ended in it.
        truncated: Whether the environment ended the episode.
        info: What the environment said.
        decision_ms: CPU milliseconds of the decision.
    """

    before: Array
    decision: Decision
    executed: Command
    after: Array
    reward: float
    terminated: bool
    truncated: bool
    info: dict[str, Any]
    decision_ms: float

    @property
    def fault(self) -> str | None:
        """What went wrong in the environment, if anything; then the rest of the step says nothing."""
        return str(self.info["fault"]) if "fault" in self.info else None

    def transition(self, task: TaskSpec, *, first: bool, last: bool) -> Transition:
        """The step as the agent is shown it."""
        return Transition(
            task=task.index,
            observation=self.before,
            planned=self.decision.planned,
            refined=self.decision.action,
            executed=self.executed.action,
            reward=self.reward,
            next_observation=self.after,
            first=first,
            last=last,
            terminated=self.terminated,
        )


def take(
    agent: Agent,
    env: gymnasium.Env[Any, Any],
    observation: Array,
    command: CommandFilter,
    clock: Clock,
    sent: Callable[[Decision], Array] = lambda decision: decision.action,
) -> Step:
    """Let the agent decide on an observation [S], and send what the filter lets through.

    Args:
        agent: Who decides; it is not shown the result.
        env: The environment.
        observation: The present observation [S].
        command: The filter of commands.
        clock: Accounts for planning and simulation.
        sent: The action [A] to send for a decision.

    Raises:
        TaskFunctionFailed: The task's reward can't be planned with.
    """
    started = clock.cpu()
    with clock.phase("plan"):
        decision = agent.act(observation)
    spent = 1e3 * (clock.cpu() - started)
    executed = command(sent(decision))
    with clock.phase("simulate"):
        after, reward, terminated, truncated, info = env.step(executed.action)
    ends = bool(terminated), bool(truncated)
    # A broken environment may give anything as a reward.
    value = float("nan") if "fault" in info else float(reward)
    return Step(observation, decision, executed, after, value, *ends, info, spent)


def show(agent: Agent, transition: Transition, *, learns: bool) -> None:
    """Show a transition to the agent; ``learns``: it learns at once, in the time that one step leaves."""
    agent.observe(transition)
    if learns:
        agent.learn(LearnBudget(1, online=True))
