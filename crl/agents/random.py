"""An agent that draws its actions and learns nothing: what every score is to be compared with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from crl.agents.base import Agent
from crl.agents.fingerprint import fingerprint_of
from crl.config import Config
from crl.config.declared.agents import RANDOM
from crl.continual.strategy import Storage
from crl.seeding import numpy_generator
from crl.types import (
    ActionSpec,
    Array,
    Decision,
    LearnBudget,
    LearnReport,
    ObservationSpec,
    TaskSpec,
    Transition,
    as_array,
)


class RandomAgent(Agent):
    """Draws each action uniformly from its range, in training and in evaluation.

    Args:
        config: The run's settings; the seed alone counts.
        observation: Fields of the observation; not used.
        action: Elements of the action and their ranges.
        device: Not used; it computes nothing.
    """

    kind = RANDOM
    SETTINGS = RANDOM.settings

    def __init__(
        self, config: Config, observation: ObservationSpec, action: ActionSpec, device: torch.device | str = "cpu"
    ) -> None:
        del observation, device
        self._seed = config.seed
        self._low, self._high = as_array(action.low), as_array(action.high)

    def begin(self, task: TaskSpec, episode: int, explore: bool) -> None:
        """Start an episode, and with it a stream of actions of its own."""
        self._safe = as_array(task.safe_action)
        self._generator = numpy_generator(self._seed, "random agent", task.index, episode, int(explore))

    def act(self, observation: Array) -> Decision:
        """A random action; the task's safe action, with the reason, where the observation is not finite."""
        if not np.isfinite(observation).all():
            return Decision(self._safe, self._safe, "the observation is not finite")
        drawn = self._generator.uniform(self._low, self._high).astype(np.float32)
        action = np.clip(drawn, self._low, self._high)  # rounding to float32 may leave the range
        return Decision(action, action)

    def observe(self, transition: Transition) -> None:
        """Take no note."""

    def learn(self, budget: LearnBudget) -> LearnReport:
        """Learn nothing."""
        del budget
        return LearnReport()

    def storage(self) -> Storage:
        """What is kept per finished task: nothing."""
        return Storage(0, revisits_data=False)

    def kept_bytes(self) -> int:
        """Bytes kept of earlier tasks: none."""
        return 0

    def kept_once_bytes(self) -> int:
        """Bytes that are the same however many tasks there are: none."""
        return 0

    def old_rows_read(self) -> int:
        """Transitions of earlier tasks read so far: none."""
        return 0

    def basis_element(self) -> str:
        """Fingerprint of the range from which it draws."""
        return fingerprint_of("random", self._low, self._high)

    def state_dict(self) -> dict[str, Any]:
        """Nothing: all that it does follows from the seed."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore nothing."""
        del state
