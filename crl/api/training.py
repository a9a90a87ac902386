"""``crl.train`` and ``crl.learn``: the commands of these names from Python."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from crl.api.overrides import overrides
from crl.api.run import Run, load
from crl.config import Config
from crl.config.asking.composing import compose, given_keys
from crl.config.asking.plugins import check_options
from crl.foreign.making import Given, lend
from crl.training.callbacks.base import Callback, RunStart
from crl.training.growing import grow
from crl.training.runner import train as run_training
from crl.training.showing.progress import Progress

Listener = Callable[[Mapping[str, Any]], None]


def train(
    env: str | Sequence[Given],
    *,
    settings: Mapping[str, Any] | None = None,
    progress: Listener | None = None,
    verbose: bool = False,
    **more: Any,
) -> Run:
    """Learn a sequence of tasks, evaluate all of them, and leave a run folder.

    Args:
        env: Task sequence, by name, as ``package.module:attribute``, or as ``gym:ID``; or a list with one environment
            per task: Gymnasium environments, wrapped or not, ids, or functions that make one. Such a run is resumed
            from Python only, with the same list.
        settings: Any other settings, by dotted key: ``{"planner.samples": 64}``.
        progress: Called with every line that the run logs: a dictionary with ``kind`` (``episode``, ``learning``,
            ``evaluation``, ...), ``step`` and values. What it raises ends the calls, with a warning, and not the run.
        verbose: Show the progress that the command shows.
        more: Settings by name, as in ``continual="hypercrl", seed=0, steps=600, tasks=[0, 1]``.

    Returns:
        The finished run.

    Raises:
        SettingsError: A setting is unknown or out of range; the message names the nearest valid one.
        CrlError: The simulator failed; what was learned is in the run's checkpoints.
        Interrupted: Ctrl-C; the run was saved, and the message says how to continue it.
    """
    name = env if isinstance(env, str) else lend(env)
    given = overrides({"env": name, **more, **(settings or {})})
    config = compose(given)
    check_options(config, given_keys(given))
    return _run(config, progress, verbose)


def learn(
    run: Run | str | Path,
    tasks: Sequence[int] | None = None,
    *,
    env: str | None = None,
    settings: Mapping[str, Any] | None = None,
    progress: Listener | None = None,
    verbose: bool = False,
    **more: Any,
) -> Run:
    """Give a finished run more tasks; it keeps what it knows, and its folder stays as it is.

    Args:
        run: The run or its folder.
        tasks: Indices of the new tasks in their sequence; all of it by default, where ``env`` is given.
        env: The new tasks' sequence; the run's own by default. Observations and actions must be those of the run.
        settings: Settings of the new tasks, by dotted key: ``{"continual.start": "nearest"}``. ``budget.steps`` is
            that of the new tasks.
        progress: Called with every line that the run logs, as in :func:`train`.
        verbose: Show the progress that the command shows.
        more: Settings by name, as in ``steps=600, name="sixth_door"``.

    Returns:
        The new run, which knows the old tasks and the new ones.

    Raises:
        CrlError: The run is not finished, or there are no such tasks.
        SettingsError: A setting is unknown, or what the run has learned depends on it.
    """
    folder = run.folder if isinstance(run, Run) else Path(run).resolve()
    config = grow(folder, env, tasks, overrides({**more, **(settings or {})}))
    return _run(config, progress, verbose)


def _run(config: Config, progress: Listener | None, verbose: bool) -> Run:
    quiet = None if verbose else Progress(1, [], Console(file=io.StringIO()))
    told = {} if progress is None else {"progress": _Told(progress)}
    return load(Path(run_training(config, quiet, told)["run"]))


class _Told(Callback):
    """Passes on every line of the log."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def begin(self, run: RunStart) -> None:
        """Nothing to tell."""

    def record(self, line: Mapping[str, Any]) -> None:
        """Pass on a line."""
        self._listener(line)

    def end(self, results: Mapping[str, Any] | None) -> None:
        """Nothing to tell."""
