"""What a run's progress display is told: where the run is, and what is counted in the present stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crl.config import Config
from crl.sequences import TaskSequence
from crl.training.lives.stage import LifeStage
from crl.training.missions.stage import MissionStage
from crl.training.order import evaluation_episodes
from crl.training.runs.state import RunState
from crl.training.showing.progress import EVALUATION, Activity, Progress, Stage

PHASES: Mapping[str, Activity] = {"collect": "act", "close": "learn"}
"""What a stage of a run is called on the display; the others are evaluations."""


class Display:
    """Tells a progress display of a run's state.

    Args:
        config: Settings.
        sequence: The task sequence.
        order: Tasks in the order of their visits.
        budgets: Environment steps per visit.
        missions: Missions that follow.
        life: The life that follows, if there is one.
        progress: Where it is shown.
    """

    def __init__(
        self,
        config: Config,
        sequence: TaskSequence,
        order: Sequence[int],
        budgets: Sequence[int],
        missions: MissionStage,
        life: LifeStage,
        progress: Progress,
    ) -> None:
        self._config, self._sequence = config, sequence
        self._order, self._budgets = order, budgets
        self._missions, self._life, self._progress = missions, life, progress

    def show(
        self, state: RunState, loss: float | None, episode_return: float | None = None, success: bool | None = None
    ) -> None:
        """Show where the run is, and what comes next, with an episode that has just ended."""
        if state.stage == "done":
            return
        episode: dict[str, Any] = {}
        number = state.episodes
        if episode_return is not None:
            episode, number = {"episode_return": episode_return, "success": success}, number - 1
        random = state.stage == "collect" and number < self._config.exploration.random_episodes
        visit = min(state.visit, len(self._order) - 1)  # missions come after the last visit
        self._progress.update(
            task_index=visit,
            task_step=state.task_steps,
            task_budget=self._budgets[visit],
            step=state.env_steps,
            phase="explore" if random else PHASES.get(state.stage, "evaluate"),
            stage=self._stage(state),
            missions=self._missions.left(state),
            loss=loss,
            **episode,
        )

    def learning(self) -> None:
        """Show that a learning session begins."""
        self._progress.turn_to("learn")

    def learned(self, doing: str, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` steps of a part of a learning session are taken."""
        self._progress.count(Stage("learning step", done, total, doing))

    def evaluated(self, state: RunState, done: int) -> None:
        """Show that ``done`` episodes of the present task's evaluation are played."""
        self._progress.count(self._evaluation(state, done))

    def _stage(self, state: RunState) -> Stage | None:
        """What is counted at present beside environment steps."""
        if state.stage == "validate":
            return Stage("validation episode", len(state.validated), self._config.budget.validation_episodes)
        if state.stage == "evaluate":
            return self._evaluation(state)
        if state.stage == "life":
            return self._life.stage()
        return self._missions.stage(state) if state.stage == "missions" else None

    def _evaluation(self, state: RunState, done: int = 0) -> Stage:
        plan = evaluation_episodes(self._config, self._order, state.visit)
        row = state.rows[state.visit] if len(state.rows) > state.visit else {}
        left = [index for index in plan if index not in row]
        before = sum(episodes for index, episodes in plan.items() if index in row)
        about = self._sequence.spec(left[0]).name if left else ""
        return Stage(EVALUATION, before + done, sum(plan.values()), about)
