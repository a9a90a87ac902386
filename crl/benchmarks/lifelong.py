"""What learning costs that goes on for very many tasks: time per step, memory, checkpoints and evaluation.

One run learns task after task of :mod:`crl.benchmarks.linear_tasks` with HyperCRL on a network of the paper's pusher.
At a few numbers of tasks its state is saved. Then agents go on from these states, side by side in one process: their
learning steps are timed in turn, with the full sum of the regulariser and with drawn tasks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

from crl.agents.base import Agent
from crl.agents.factory import make_agent
from crl.benchmarks.linear_tasks import EPISODE_STEPS
from crl.benchmarks.peak import Peak, measure_peak
from crl.benchmarks.timing import interleaved, median
from crl.config import Config
from crl.config.asking.composing import compose
from crl.sequences import load_sequence
from crl.training.checkpoints.store import CheckpointStore
from crl.training.clock import Clock
from crl.training.loop import TrainingLoop
from crl.training.order import task_order
from crl.training.preparing import prepare_torch
from crl.training.runs.folder import RunFolder
from crl.training.runs.log import RunLog
from crl.training.showing.progress import Progress
from crl.types import LearnBudget
from crl.version import __version__

Told = Callable[[str], None]
FULL = 0
"""``continual.protect`` of the full sum."""
STEPS = 2
"""Learning steps that are timed at once."""
SETTINGS = (
    "env=crl.benchmarks.linear_tasks:LINEAR",
    "dynamics.hidden=[200,200]",
    "dynamics.activation=relu",
    "dynamics.hypernetwork.hidden=[50,50]",
    "learning.batch=100",
    "learning.steps_per_env_step=0",
    "learning.final_steps=0",
    "exploration.random_episodes=1",
    f"budget.steps=[{EPISODE_STEPS}]",
    "planner.samples=32",
    "planner.horizon=8",
    "planner.rounds=2",
    "planner.elites=6",
    "evaluation.episodes=1",
    "evaluation.episodes_between=1",
    "monitor.probes=2",
    "videos=false",
    "check=false",
)
"""The pusher's network of the HyperCRL paper, and little of everything else."""


@dataclass
class Mark:
    """What was measured when a number of tasks had been learned.

    Attributes:
        tasks: How many.
        step_ms: CPU milliseconds of a learning step, by ``continual.protect``; medians.
        peak: Memory while learning, likewise.
        checkpoint_mb: Size of a checkpoint (MB).
        save_ms: Wall milliseconds of writing one whole, as the first one of a process is.
        changed_mb: What one writes that comes after a gradient step (MB).
        change_ms: Wall milliseconds of that.
        load_ms: Of reading it, with the agent's state restored.
        evaluated: Tasks that the evaluation after this task played.
        evaluation_ms: CPU milliseconds of that evaluation.
    """

    tasks: int
    step_ms: dict[int, float] = field(default_factory=dict)
    peak: dict[int, Peak | None] = field(default_factory=dict)
    checkpoint_mb: float = 0.0
    save_ms: float = 0.0
    changed_mb: float = 0.0
    change_ms: float = 0.0
    load_ms: float = 0.0
    evaluated: int = 0
    evaluation_ms: float = 0.0


def marks_up_to(tasks: int) -> list[int]:
    """1, 2 (the first step that protects a task), 10, 100, ... and the number of tasks itself."""
    powers = [10**power for power in range(len(str(tasks)))]
    return [*(count for count in sorted({*powers, 2}) if count < tasks), tasks]


def measure_lifelong(
    tasks: int, protect: int, folder: Path, *, evaluate: int = 8, steps: int = 5, repeats: int = 9, told: Told = print
) -> dict[str, Any]:
    """Learn many tasks, and measure what a step, a checkpoint and an evaluation cost on the way.

    Args:
        tasks: Tasks that are learned.
        protect: Tasks that each step protects; 0 is measured beside it.
        folder: Where checkpoints are kept meanwhile.
        evaluate: Earlier tasks that are evaluated after each task.
        steps: Gradient steps per task.
        repeats: Rounds of the timing.
        told: Is told how far it is.

    Returns:
        Plain data: the settings, an entry per mark, and ``growth``: the step at the end against one that protects a
        single task, by ``continual.protect``.
    """
    settings = [
        *SETTINGS,
        f"tasks={list(range(tasks))}",
        f"learning.initial_steps={steps}",
        f"evaluation.tasks={evaluate}",
        f"run_dir={folder}",
    ]
    kinds = list(dict.fromkeys((FULL, protect)))
    marks = [Mark(count) for count in marks_up_to(tasks)]
    _live([*settings, f"continual.protect={protect}"], folder, marks, told)
    told(f"timing learning steps, protect={' and '.join(map(str, kinds))} in turn")
    for kind in kinds:
        _time_steps([*settings, f"continual.protect={kind}"], kind, folder, marks, repeats)
    for mark in marks:
        for kind in kinds:
            told(f"memory after {mark.tasks} tasks, protect={kind}")
            mark.peak[kind] = measure_peak(_place(folder, mark), [*settings, f"continual.protect={kind}"])
    first = marks[min(1, len(marks) - 1)]
    return {
        "benchmark": "lifelong",
        "version": __version__,
        "torch": torch.__version__,
        "tasks": tasks,
        "protect": protect,
        "evaluated_tasks": evaluate,
        "gradient_steps_per_task": steps,
        "marks": [_plain(mark, kinds) for mark in marks],
        "growth": {str(kind): round(marks[-1].step_ms[kind] / first.step_ms[kind], 2) for kind in kinds},
    }


def _live(settings: list[str], folder: Path, marks: Sequence[Mark], told: Told) -> None:
    """Learn all tasks; at the marks, save, and time the evaluation."""
    config = compose(settings)
    prepare_torch(config)
    sequence = load_sequence(config.env.name)
    agent = make_agent(config, sequence.spec(task_order(config, sequence)[0]))
    left, clock = list(marks), Clock()
    place = RunFolder(folder / "run")
    place.path.mkdir(parents=True, exist_ok=True)
    quiet = Progress(1, [], Console(quiet=True))
    with RunLog(place, tensorboard=False) as log:
        loop = TrainingLoop(config, sequence, agent, log, quiet, clock)
        with closing(loop):
            spent = 0.0
            while left:
                mark, evaluating = left[0], loop.state.stage == "evaluate"
                visit, started = loop.state.visit, time.process_time()
                if visit + 1 == mark.tasks and evaluating and not spent:
                    _save(loop, folder, mark)
                    started = time.process_time()
                loop.unit()
                if evaluating and visit + 1 == mark.tasks:
                    spent += time.process_time() - started
                if loop.state.visit > visit and loop.state.visit == mark.tasks:
                    mark.evaluated = len(loop.state.rows[visit])
                    mark.evaluation_ms = round(1e3 * spent, 1)
                    told(f"{mark.tasks} tasks learned")
                    spent = 0.0
                    left.pop(0)


def _place(folder: Path, mark: Mark) -> Path:
    return folder / f"after_{mark.tasks}"


def _save(loop: TrainingLoop, folder: Path, mark: Mark) -> None:
    """Save while the newest task is still the current one, and read it again."""
    store = CheckpointStore(_place(folder, mark))
    mark.save_ms = _saved(store, loop)
    for _ in range(2):  # what does not change gets its own file with the second one
        loop.agent.learn(LearnBudget(1))
        mark.change_ms = _saved(store, loop)
    mark.changed_mb = round(store.written / 1e6, 3)
    path = store.list()[-1]
    mark.checkpoint_mb = round(sum(file.stat().st_size for file in path.iterdir()) / 1e6, 3)
    started = time.perf_counter()
    fresh = make_agent(loop.config, loop.sequence.spec(0))
    fresh.load_state_dict(store.load_latest().state["agent"])
    mark.load_ms = round(1e3 * (time.perf_counter() - started), 1)


def _saved(store: CheckpointStore, loop: TrainingLoop) -> float:
    """Save; returns wall milliseconds."""
    started = time.perf_counter()
    store.save(loop.state.env_steps, loop.state_dict())
    return round(1e3 * (time.perf_counter() - started), 1)


def _time_steps(settings: list[str], kind: int, folder: Path, marks: Sequence[Mark], repeats: int) -> None:
    """Time learning steps of agents that go on from the marks, in turn."""
    config = compose(settings)
    agents = {mark.tasks: _agent(config, _place(folder, mark)) for mark in marks}
    budget = LearnBudget(STEPS)
    times = interleaved(
        {tasks: (lambda agent=agent: agent.learn(budget)) for tasks, agent in agents.items()},  # type: ignore[misc]
        repeats,
    )
    for mark in marks:
        mark.step_ms[kind] = round(median(times[mark.tasks]) / STEPS, 3)


def _agent(config: Config, place: Path) -> Agent:
    agent = make_agent(config, load_sequence(config.env.name).spec(0))
    agent.load_state_dict(CheckpointStore(place).load_latest().state["agent"])
    return agent


def _plain(mark: Mark, kinds: Sequence[int]) -> dict[str, Any]:
    peaks = {str(kind): None if (peak := mark.peak[kind]) is None else peak.beyond for kind in kinds}
    once = next((peak.once for peak in mark.peak.values() if peak is not None), None)
    return {
        "tasks": mark.tasks,
        "step_ms": {str(kind): mark.step_ms[kind] for kind in kinds},
        "memory_beyond_mb": peaks,
        "theta_snapshot_optimiser_mb": once,
        "checkpoint_mb": mark.checkpoint_mb,
        "save_ms": mark.save_ms,
        "changed_mb": mark.changed_mb,
        "change_ms": mark.change_ms,
        "load_ms": mark.load_ms,
        "evaluated": mark.evaluated,
        "evaluation_ms": mark.evaluation_ms,
        # Computed: every task costs the same.
        "evaluation_of_all_ms": round(mark.evaluation_ms / mark.evaluated * mark.tasks, 1),
    }
