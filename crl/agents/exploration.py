"""How training episodes explore: first by the task's script, then by noise on what was decided.

Every agent explores by this. The first ``random_episodes`` of a task follow its exploration prior. Later episodes add
coloured noise to the decided actions, all but every n-th. While no planned episode succeeds, the last phase of the
prior takes over from the planner at a random step in some of them (first return, then explore: Ecoffet et al. 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from crl.config import ExplorationConfig
from crl.noise import coloured_noise, exploration_actions
from crl.seeding import numpy_generator
from crl.types import ActionSpec, Array, TaskSpec, as_array

RECENT = 10
"""Planned training episodes that tell how often plans fail."""


class Exploration:
    """Decides how each training episode explores.

    Args:
        config: How many random episodes, and which noise.
        action: Elements of the action.
        seed: Seed of the run; an episode's exploration follows from it, the task and the episode's number.
        hands_over: Whether a script may take over from a planner that keeps failing.

    Attributes:
        episodes: Training episodes of the current task.
        solved: Whether each planned training episode of the current task succeeded.
    """

    def __init__(self, config: ExplorationConfig, action: ActionSpec, seed: int, *, hands_over: bool) -> None:
        self.config = config
        self.episodes = 0
        self.solved: list[bool] = []
        self._seed = seed
        self._hands_over = hands_over
        self._low, self._high = as_array(action.low), as_array(action.high)
        self.half = self._high / 2 - self._low / 2
        self.rest()

    def begin_task(self) -> None:
        """Begin a task: its random episodes come first."""
        self.episodes, self.solved = 0, []

    def rest(self) -> None:
        """Do not explore in this episode."""
        self._script: Array | None = None
        self._takeover = 0
        self._noise: Array | None = None

    def begin(self, task: TaskSpec, episode: int, *, known: bool) -> None:
        """Begin a training episode.

        Args:
            task: The task.
            episode: Number of the episode.
            known: Whether the task was learned before; then there are no random episodes.
        """
        self.rest()
        self.episodes += 1
        self.solved.append(False)
        random, steps = numpy_generator(self._seed, "explore", task.index, episode), task.episode_steps
        if self.episodes <= self.config.random_episodes and not known:
            self._script = exploration_actions(task.exploration, task.action, steps, random)
            self.solved.clear()  # only planned episodes tell how well the plans work
        elif self._hands_over and random.random() < self.config.handover * self._failing():
            last = task.exploration.phases[-1:]
            prior = replace(task.exploration, phases=tuple(replace(p, steps=(steps, steps)) for p in last))
            self._takeover = int(random.integers(steps // 10, steps - steps // 5))
            self._script = exploration_actions(prior, task.action, steps, random)
        else:
            self._noise = self.draw_noise(steps, random)

    def draw_noise(self, steps: int, random: np.random.Generator) -> Array | None:
        """Noise [steps, A] of an episode, in units of the action; ``None`` for none."""
        config = self.config
        if config.noise == 0 or not self.episodes % config.every:
            return None
        noise = config.noise * coloured_noise(config.noise_beta, steps, len(self.half), random) * self.half
        return np.asarray(noise, np.float32)

    def _failing(self) -> float:
        """Share of the recent planned episodes, before this one, that failed; 1 if there are none."""
        recent = self.solved[-RECENT - 1 : -1]
        return 1 - sum(recent) / len(recent) if recent else 1.0

    def succeeded(self) -> None:
        """Note that the present episode reached its goal."""
        if self.solved:
            self.solved[-1] = True

    def scripted(self, step: int) -> Array | None:
        """The script's action [A] at a step of the episode; ``None`` where the agent decides."""
        if self._script is None or step < self._takeover:
            return None
        return _row(self._script, step - self._takeover)

    def noise(self, step: int) -> Array | None:
        """Noise [A] at a step of the episode; ``None`` for none."""
        return None if self._noise is None else _row(self._noise, step)

    def disturbed(self, action: Array, step: int) -> Array:
        """An action [A] with the noise of a step, inside the action's range."""
        noise = self.noise(step)
        return action if noise is None else np.clip(action + noise, self._low, self._high)

    def state_dict(self) -> dict[str, Any]:
        """What is counted between episodes."""
        return {"episodes": self.episodes, "solved": list(self.solved)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what :meth:`state_dict` returned."""
        self.episodes, self.solved = int(state["episodes"]), list(state.get("solved", []))


class WhiteExploration(Exploration):
    """White normal noise in every episode after the random ones, in units of half the action range.

    Args:
        config: How many random episodes.
        action: Elements of the action.
        seed: Seed of the run.
        deviation: Deviation of the noise; 0 for none.
    """

    def __init__(self, config: ExplorationConfig, action: ActionSpec, seed: int, deviation: float) -> None:
        self._deviation = deviation
        super().__init__(config, action, seed, hands_over=False)

    def draw_noise(self, steps: int, random: np.random.Generator) -> Array | None:
        """Noise [steps, A] in half ranges."""
        if self._deviation == 0:
            return None
        return np.asarray(self._deviation * random.standard_normal((steps, len(self.half))), np.float32)


def _row(rows: Array, step: int) -> Array:
    """The row of a step; the last one beyond the end."""
    row: Array = rows[min(step, len(rows) - 1)]
    return row
