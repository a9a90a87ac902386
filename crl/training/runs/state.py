"""Where a run stands, as plain data: what a checkpoint holds beside the agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, get_args

from crl.reading.schema import count, flag, listed, mapping, shown, whole
from crl.restoring import UnfitStateError

Stage = Literal["collect", "close", "validate", "evaluate", "missions", "life", "done"]


_STAGES = get_args(Stage)


def _stage(value: Any) -> str | None:
    return None if value in _STAGES else f"is {shown(value)}, not one of {', '.join(_STAGES)}"


@dataclass
class Score:
    """Evaluation of one task: share of successes and mean return, per episode and on average.

    Where success means nothing, the share is ``None`` and ``successes`` is empty. ``notes`` says what was wrong, if
    anything: faults of the simulator, and reasons for safe actions.
    """

    success_rate: float | None
    mean_return: float
    successes: list[bool]
    returns: list[float]
    notes: list[str] = field(default_factory=list)


@dataclass
class RunState:
    """Counters and results of a run.

    Attributes:
        visit: Position in the order of tasks.
        stage: What the current visit is doing.
        task_steps: Environment steps spent on the visit, validations included.
        episodes: Training episodes of the visit.
        env_steps: Environment steps of the run that taught or chose something (training and validation).
        evaluation_steps: Environment steps of evaluations, which teach and choose nothing.
        gradient_steps: Gradient steps of the run.
        faults: Training episodes in a row that the simulator broke.
        outcomes: Successes of the visit's training episodes.
        validated: Successes of the validation episodes of the visit's current snapshot.
        tried: Training episodes at the last validation.
        best: Most validation successes of a snapshot of the visit; -1 before the first.
        task_episodes: Training episodes that each task has had in all visits; its episodes are numbered by them.
        rows: One row per visit: task index -> score, ``None`` where the evaluation was left out.
        spent: Task, environment steps, training episodes and best validation (``None`` without one), per visit.
        missions: Records of the missions flown so far (:mod:`crl.training.missions.flying`).
        revision: Units of work done at the present number of environment steps: what tells the checkpoints of one step
            apart, however often one is saved.
    """

    visit: int = 0
    stage: Stage = "collect"
    task_steps: int = 0
    episodes: int = 0
    env_steps: int = 0
    evaluation_steps: int = 0
    gradient_steps: int = 0
    faults: int = 0
    outcomes: list[bool] = field(default_factory=list)
    validated: list[bool] = field(default_factory=list)
    tried: int = 0
    best: int = -1
    task_episodes: dict[int, int] = field(default_factory=dict)
    rows: list[dict[int, Score | None]] = field(default_factory=list)
    spent: list[dict[str, Any]] = field(default_factory=list)
    missions: list[dict[str, Any]] = field(default_factory=list)
    revision: int = 1

    def next_visit(self) -> None:
        """Move on to the next task of the order."""
        self.visit += 1
        self.stage = "collect"
        self.task_steps = self.episodes = self.tried = 0
        self.outcomes, self.validated, self.best = [], [], -1

    def state_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return asdict(self)

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> RunState:
        """Restore what :meth:`state_dict` returned.

        Raises:
            UnfitStateError: It is not what a run's counters and results are.
        """
        if (wrong := _SCHEMA(state)) is not None:
            raise UnfitStateError(f"run{wrong if wrong.startswith('.') else f' {wrong}'}")
        rows = [{task: score and Score(**score) for task, score in row.items()} for row in state["rows"]]
        return cls(**{**state, "rows": rows})


_SCHEMA = mapping(
    {
        "stage": _stage,
        **dict.fromkeys(
            ("visit", "task_steps", "episodes", "env_steps", "evaluation_steps", "gradient_steps", "faults", "tried"),
            count,
        ),
        "best": whole,
        "outcomes": listed(flag),
        "validated": listed(flag),
        "task_episodes": mapping({}),
        "rows": listed(mapping({})),
        "spent": listed(mapping({})),
        "missions": listed(mapping({})),
        "revision": count,
    },
    ("visit", "stage", "env_steps", "rows"),
)
