"""A trained agent from its run folder, for evaluation and replay."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console

from crl.agents.base import Agent
from crl.config import Config
from crl.errors import CrlError
from crl.sequences import TaskSequence, load_sequence
from crl.training.checkpoints.proving import new_agent, restore
from crl.training.checkpoints.store import CheckpointStore
from crl.training.clock import Clock
from crl.training.labelling.own import labels_of, owners
from crl.training.order import task_order
from crl.training.playing.evaluation import evaluate_task
from crl.training.playing.unlabelled import Unlabelled
from crl.training.preparing import prepare_torch
from crl.training.runs.folder import RunFolder
from crl.training.runs.settings import read_settings
from crl.training.runs.state import RunState
from crl.training.runs.trust import named_code, require_trust
from crl.training.showing.progress import EVALUATION, Progress, Stage

TOLD = "told"
LABELS = (TOLD, "none")
"""What an agent may be told of the task that it is evaluated on."""


@dataclass
class LoadedRun:
    """A run with its agent as the newest readable checkpoint has it.

    Attributes:
        folder: Its folder.
        config: Its settings.
        sequence: Its tasks as the agent knows them: where it gave labels itself, a task's index in its spec is the
            label under which most of it was learned.
        agent: The agent.
        state: The run's counters.
        problems: What is worth telling of the checkpoint.
        met: Training steps of every label in every true task, where the agent gave labels itself; else ``None``.
    """

    folder: RunFolder
    config: Config
    sequence: TaskSequence
    agent: Agent
    state: RunState
    problems: list[str]
    met: Mapping[int, Mapping[int, int]] | None = None

    @property
    def tasks(self) -> list[int]:
        """Tasks that the agent has begun to learn, by their first visit."""
        order = dict.fromkeys(task_order(self.config, self.sequence))
        return [index for index in order if self.state.task_episodes.get(self.sequence.identity(index))]

    def check(self, index: int) -> int:
        """The index of a task, if the run has begun to learn it.

        Raises:
            CrlError: It has not.
        """
        if index not in self.tasks:
            known = ", ".join(f"{task} {self.sequence.spec(task).name}" for task in self.tasks)
            raise CrlError(
                f"{self.folder.path} has not learned a task {index}", f"its tasks are: {known or 'none yet'}"
            )
        return index

    def require_told(self) -> None:
        """Refuse a run whose agent gave its tasks labels itself.

        Raises:
            CrlError: It did.
        """
        if self.met is not None:
            raise CrlError(
                f"{self.folder.path} was learned with continual.labels={self.config.continual.labels}: its labels are "
                "its own, and name no task of the sequence",
                "use a run with continual.labels=told",
            )

    def require_finished(self) -> None:
        """Refuse a run that still has something to do.

        Raises:
            CrlError: It is not finished.
        """
        path = self.folder.path
        if self.folder.status() != "finished":
            raise CrlError(f"{path} is not finished", f"let it go on: crl resume {shlex.quote(str(path))}")


def load_run(path: Path) -> LoadedRun:
    """Load a run; damaged checkpoints are passed over, and they and changed settings are named in ``problems``.

    Raises:
        UntrustedCodeError: See :func:`crl.training.runs.trust.require_trust`.
        CrlError: The folder is no run, or none of its checkpoints can be read.
    """
    folder = RunFolder.open(path)
    config, complaint = read_settings(folder)
    prepare_torch(config)
    require_trust(folder.path, named_code(config))
    sequence = load_sequence(config.env.name)
    made = [new_agent(config, sequence)]  # what is wrong with the settings is no checkpoint's fault

    def fit(state: Mapping[str, Any]) -> tuple[Agent, RunState]:
        agent = made.pop() if made else new_agent(config, sequence)
        return agent, restore(agent, config, sequence, state)

    loaded = CheckpointStore(folder.checkpoints).load_latest(fit)
    agent, progress = loaded.fitted
    problems = [*([complaint] if complaint else []), *loaded.problems]
    met = loaded.state.get("labels", {}).get("met")
    seen = sequence if met is None else sequence.under(labels_of(met))
    return LoadedRun(folder, config, seen, agent, progress, problems, met)


def evaluate_run(
    path: Path,
    episodes: int | None = None,
    task: int | None = None,
    console: Console | None = None,
    labels: str = TOLD,
) -> dict[str, Any]:
    """Evaluate a run's agent again, on the seeds that its results were made with.

    Args:
        path: Run folder.
        episodes: Episodes per task; the run's own number by default.
        task: Index of one task in its sequence; all by default.
        console: Where to show how far it is; nowhere by default.
        labels: ``told``: the agent is told which task it is in. ``none``: it infers that from what happens, among all
            tasks that it has learned; it is told the reward alone.

    Returns:
        ``{"run", "episodes", "labels", "tasks": [{"name", "success_rate", "mean_return"}], "problems"}``; without
        labels every task also has ``right_label``, the share of steps after the first 20 of each episode in which the
        label was right.

    Raises:
        CrlError: There is no such way of telling, the run has not learned the task, or its agent can't infer tasks.
    """
    if labels not in LABELS:
        raise CrlError(f"labels = {labels!r} is none of {', '.join(LABELS)}", "write --labels none")
    run = load_run(path)
    inference, whose = None, None
    if labels != TOLD:
        inference = run.agent.inference(run.tasks if run.met is None else sorted(run.met))
        whose = None if run.met is None else owners(run.met)
    chosen = run.tasks if task is None else [run.check(task)]
    count = episodes or run.config.evaluation.episodes
    rows, problems = [], list(run.problems)
    names, seed = [run.sequence.spec(index).name for index in chosen], run.config.evaluation.seed
    with nullcontext() if console is None else Progress(0, names, console) as shown:
        for place, index in enumerate(chosen):
            spec = run.sequence.spec(index)

            def told(done: int, place: int = place, name: str = spec.name) -> None:
                if shown is not None:
                    stage = Stage(EVALUATION, place * count + done, len(chosen) * count, name)
                    shown.update(task_index=place, phase="evaluate", stage=stage)

            told(0)
            with closing(run.sequence.make(index)) as env:
                true = replace(spec, index=run.sequence.identity(index))
                following = None if inference is None else Unlabelled(run.agent, true, inference, whose)
                options: dict[str, Any] = {"clock": Clock(), "told": told, "observer": following}
                score, _ = evaluate_task(run.agent, env, spec, episodes=count, seed=seed, **options)
            problems += [f"{spec.name}: {note}" for note in score.notes]
            row = {"name": spec.name, "success_rate": score.success_rate, "mean_return": score.mean_return}
            rows.append(row if following is None else {**row, "right_label": following.right})
    about = {"run": str(run.folder.path), "episodes": count, "labels": labels}
    return {**about, "tasks": rows, "problems": problems}
