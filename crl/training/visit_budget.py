"""What a visit of a task may still spend, and whether what was learned is worth a validation."""

from __future__ import annotations

from collections.abc import Sequence

from crl.config import Config
from crl.training.playing.episode import EpisodeResult
from crl.training.runs.state import RunState
from crl.types import TaskSpec


class VisitBudget:
    """Decides how long a task is learned.

    Args:
        config: The run's settings.
        steps: Environment steps of every visit.
    """

    def __init__(self, config: Config, steps: Sequence[int]) -> None:
        self.steps = list(steps)
        self._budget = config.budget
        self._random = config.exploration.random_episodes

    def left(self, state: RunState) -> int:
        """Environment steps that are left of the visit's own budget; validation counts, too.

        With ``budget.carry`` what earlier visits left unspent comes on top.
        """
        if self._budget.carry:
            return sum(self.steps[: state.visit + 1]) - state.env_steps
        return self.steps[state.visit] - state.task_steps

    def spent(self, state: RunState) -> bool:
        """Whether the visit's budget is used up: the last training episode is cut where it ends."""
        return self.left(state) <= 0

    def fits(self, state: RunState, task: TaskSpec) -> bool:
        """Whether a whole episode fits into what is left: one that is cut says nothing of a snapshot."""
        return self.left(state) >= task.episode_steps

    @property
    def validates(self) -> bool:
        """Whether snapshots are validated at all."""
        return self._budget.validation_episodes > 0 and self._budget.mastery

    def solved(self, result: EpisodeResult, task: TaskSpec) -> bool:
        """Whether an episode counts as a success: as its task says, or by its return where the task says nothing."""
        enough = self._budget.solved_return
        if task.has_success or enough is None:
            return result.success
        return result.fault is None and result.total >= enough

    def judged_enough(self, state: RunState) -> bool:
        """Whether the validation has all its episodes, or more failures than a confirmed snapshot may have."""
        budget, played = self._budget, len(state.validated)
        lost = played - sum(state.validated) > budget.validation_episodes - budget.validation_successes
        return played >= budget.validation_episodes or (budget.validation_stop and lost)

    def mastered(self, state: RunState) -> bool:
        """Whether the newest training episodes make a validation worth while."""
        budget = self._budget
        if not budget.mastery or state.episodes < self._random + 1:
            return False
        if state.task_steps < budget.mastery_steps:
            return False
        if state.tried and state.episodes - state.tried < budget.mastery_window // 2:
            return False
        return sum(state.outcomes[-budget.mastery_window :]) >= budget.mastery_successes
