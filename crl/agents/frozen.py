"""An agent that has stopped learning: it acts as another one and stays as it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from crl.agents.base import Agent
from crl.config.declared.agents import FROZEN
from crl.continual.strategy import Storage
from crl.types import Array, Decision, LearnBudget, LearnReport, TaskSpec, Transition, as_array


class Frozen(Agent):
    """Acts as its inner agent does in evaluation, in training episodes too, and never learns.

    Args:
        agent: Who acts.
        known: Names of the tasks that it has learned, each with the index that the agent learned it by; ``None``: all
            that it is given, by the index that they have. On any other task, which it may have no weights for, it
            takes the safe action.
    """

    kind = FROZEN
    SETTINGS = FROZEN.settings

    def __init__(self, agent: Agent, known: Mapping[str, int] | None = None) -> None:
        self.agent = agent
        self._known = None if known is None else dict(known)

    @property
    def actor(self) -> Agent:
        """The inner agent's."""
        return self.agent.actor

    def begin(self, task: TaskSpec, episode: int, explore: bool) -> None:
        """Start an episode, without exploration."""
        del explore
        self._unknown: str | None = None
        if self._known is None:
            self.agent.begin(task, episode, explore=False)
        elif task.name in self._known:
            self.agent.begin(replace(task, index=self._known[task.name]), episode, explore=False)
        else:
            self._unknown = f"the frozen agent has not learned the task {task.name!r}"
            self._safe = as_array(task.safe_action)

    def act(self, observation: Array) -> Decision:
        """What the inner agent decides; the safe action, with the reason, on a task that it has not learned."""
        if self._unknown is not None:
            return Decision(self._safe, self._safe, self._unknown)
        return self.agent.act(observation)

    def observe(self, transition: Transition) -> None:
        """Take no note."""

    def learn(self, budget: LearnBudget) -> LearnReport:
        """Learn nothing."""
        del budget
        return LearnReport()

    def storage(self) -> Storage:
        """What it adds to the inner agent's memory per task that is played: nothing."""
        return Storage(0, revisits_data=False)

    def kept_bytes(self) -> int:
        """Bytes that it adds to the inner agent's memory: none."""
        return 0

    def kept_once_bytes(self) -> int:
        """Bytes that are the same however many tasks there are: none."""
        return 0

    def old_rows_read(self) -> int:
        """Transitions of earlier tasks read since it was frozen: none."""
        return 0

    def basis_element(self) -> str:
        """The inner agent's."""
        return self.agent.basis_element()

    def state_dict(self) -> dict[str, Any]:
        """The inner agent's state."""
        return self.agent.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore the inner agent's state."""
        self.agent.load_state_dict(state)
