"""A finished run is given more tasks: a new folder that begins with all that the run has learned.

The new run's order of tasks is that of the old one with the new tasks behind it, so that its results tell of all of
them, and forgetting is measured across both. The old folder stays as it is.
"""

from __future__ import annotations

import shlex
import shutil
from collections.abc import Sequence
from copy import deepcopy
from pathlib import Path

from crl.config import Config
from crl.config.asking.composing import changed, given_keys
from crl.config.declared.agents import kind_of
from crl.config.reading import settings_read
from crl.errors import CrlError
from crl.foreign.names import parts_of
from crl.sequences import TaskSequence, load_sequence
from crl.training.deriving import derived
from crl.training.load import LoadedRun, load_run
from crl.training.order import step_budgets, task_order
from crl.training.runs.folder import explain_os_error

CHANGES = (
    *("name", "run_dir", "budget", "learning", "exploration", "planner", "evaluation", "checkpoint", "monitor"),
    *("continual.start", "continual.like", "continual.beta", "continual.protect", "videos", "callbacks", "threads"),
)
"""Settings that new tasks may have of their own: none of them decides what the learned state means."""
START = "continual.start"


def grow(path: Path, env: str | None, tasks: Sequence[int] | None, overrides: Sequence[str] = ()) -> Config:
    """Make the folder of a run that goes on with new tasks; ``train`` continues it.

    Args:
        path: A finished run of a task sequence.
        env: The sequence of the new tasks; the run's own by default.
        tasks: Their indices in that sequence; all of it by default, where ``env`` is given.
        overrides: Settings of the new tasks, ``key=value``. ``budget.steps`` is that of the new tasks alone. New tasks
            start from the nearest known one, which acts first, unless ``continual.start`` says otherwise.

    Returns:
        The settings to train with.

    Raises:
        CrlError: The run is not finished, flies missions, or has no such tasks; a setting can't be changed; the new
            tasks have other spaces.
    """
    run = load_run(path)
    _check_fit(run)
    old = task_order(run.config, run.sequence)
    spent = step_budgets(run.config, len(old))
    config = changed(deepcopy(run.config), overrides, CHANGES)
    config.env.name, offset = _joined(run.config.env.name, env)
    sequence = load_sequence(config.env.name)
    new = _new_tasks(sequence, offset, env, tasks)
    _check_like(config, old, sequence)
    for index in (*old, *new):
        sequence.spec(index)  # says where the new tasks differ in their spaces
    keys = given_keys(overrides)
    given = list(config.budget.steps) if "budget.steps" in keys else [max(spent)]
    if len(given) not in (1, len(new)):
        raise CrlError(
            f"budget.steps has {len(given)} entries for {len(new)} new tasks", "give one number, or each its own"
        )
    if START not in keys and START in settings_read(config):
        config.continual.start = "recalled"  # measured: docs/results/transfer.md
    config.env.tasks = [*old, *new]
    config.budget.steps = [*spent, *(given * len(new) if len(given) == 1 else given)]
    return _folder(run, config)


def _check_fit(run: LoadedRun) -> None:
    run.require_finished()
    if kind_of(run.config).flies_missions:
        raise CrlError(
            f"{run.folder.path} flies missions, and learns a body that changes without being given tasks",
            f"crl live env=ugv_life run={shlex.quote(str(run.folder.path))} goes on with what it has learned",
        )


def _joined(known: str, env: str | None) -> tuple[str, int]:
    """Name of the sequence of old and new tasks, and where the new one's begin."""
    if env is None:
        return known, 0
    parts, offset = parts_of(known), 0
    for part in parts:
        if part == env:
            return known, offset
        offset += len(load_sequence(part))
    return f"{known}+{env}", offset


def _check_like(config: Config, old: Sequence[int], sequence: TaskSequence) -> None:
    """Refuse to start new tasks from one that the run has not learned."""
    like = config.continual.like
    if like is not None and like not in old:
        known = ", ".join(f"{task} {sequence.spec(task).name}" for task in sorted(set(old)))
        raise CrlError(f"continual.like={like}: the run has not learned a task {like}", f"its tasks are: {known}")


def _new_tasks(sequence: TaskSequence, offset: int, env: str | None, tasks: Sequence[int] | None) -> list[int]:
    if tasks is None and env is None:
        raise CrlError("learn needs tasks=[...] or env=...", "for instance crl learn latest tasks=[3,4]")
    length = len(sequence) if env is None else len(load_sequence(env))
    chosen = range(length) if tasks is None else tasks
    if not chosen:
        raise CrlError("tasks=[] leaves nothing to learn", f"name tasks 0 to {length - 1}")
    for index in chosen:
        if not 0 <= index < length:
            raise CrlError(f"{env or sequence.name} has no task {index}", f"use 0 to {length - 1}")
    return [offset + index for index in chosen]


def _folder(run: LoadedRun, config: Config) -> Config:
    """Copy what the run has learned and logged to a folder of its own."""
    old = run.folder
    named = config.name if config.name != run.config.name else None
    visits = len(task_order(run.config, run.sequence))
    origin = {"command": "learn", "runs": [str(old.path)], "visits": visits}
    with derived(config, Path(config.run_dir), named or f"{old.path.name}_more", origin) as folder:
        for path in (old.metrics, old.timing):
            if path.is_file():
                _copy(path, folder.path / path.name)
        shutil.copytree(old.checkpoints, folder.checkpoints, dirs_exist_ok=True, copy_function=_copy)
    config.run_dir, config.name, config.resume = str(folder.path.parent), folder.path.name, True
    return config


def _copy(source: str | Path, target: str | Path) -> None:
    """Copy a file; shutil.copytree would go on with the other files of a full disk."""
    try:
        shutil.copy2(source, target)
    except OSError as error:
        raise explain_os_error(error, Path(target)) from error
