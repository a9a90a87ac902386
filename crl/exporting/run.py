"""What ``crl export`` does: a run or a recording, in one of five formats."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable, Sequence
from contextlib import closing
from enum import Enum
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch
from gymnasium.envs.registration import EnvSpec
from torch import Tensor

from crl.exporting import dynamics, lerobot, mcap, minari
from crl.exporting.episode import Told, play
from crl.exporting.extra import ExportError
from crl.exporting.policy import writing as policy
from crl.exporting.whole import require_free, whole
from crl.foreign.making import HERE
from crl.reporting.replay.playing import played
from crl.sequences import TaskEntry
from crl.training.data.episode import Episode
from crl.training.load import LoadedRun
from crl.types import Array


class Format(Enum):
    """What can be written; of a recording, the first three."""

    MINARI = "minari"
    LEROBOT = "lerobot"
    MCAP = "mcap"
    ONNX = "onnx"
    TORCH = "torch"

    @property
    def of_model(self) -> bool:
        """Whether it holds the learned dynamics; the others hold transitions."""
        return self in _WRITERS


_WRITERS: dict[Format, Callable[[dynamics.Dynamics, tuple[Tensor, Tensor], Path], float]] = {
    Format.ONNX: dynamics.to_onnx,
    Format.TORCH: dynamics.to_torch,
}
_NEEDED: dict[Format, Callable[[], Any]] = {
    Format.MINARI: minari.needed,
    Format.LEROBOT: lerobot.needed,
    Format.MCAP: mcap.needed,
}
_ENDINGS = {Format.MCAP: ".mcap", Format.ONNX: ".onnx", Format.TORCH: ".pt2", Format.LEROBOT: "_lerobot"}


def default_name(kind: Format, source: str, task: str | None) -> str:
    """Where to without ``--out``: a file or folder in the current one, or the name of a Minari dataset."""
    name = "_".join(re.sub(r"[^A-Za-z0-9_]+", "-", part).strip("-") for part in (source, task) if part)
    return f"crl/{name}-v0" if kind is Format.MINARI else f"{name}{_ENDINGS[kind]}"


def export_model(run: LoadedRun, task: int, kind: Format, path: Path) -> str:
    """Write the learned dynamics of a task; returns what was written.

    Args:
        run: The run.
        task: Index of the task.
        kind: ``ONNX`` or ``TORCH``.
        path: The file; it must not exist.

    Raises:
        ExportError: The agent has no such model, the file exists, or it would predict something else.
        CrlError: The run has not learned the task.
    """
    spec = run.sequence.spec(run.check(task))
    model = run.agent.task_model_of(spec.index)
    if model is None:
        raise ExportError(
            f"{run.folder.path} has no dynamics model to export", "only agents that plan on a learned model have one"
        )
    with whole(path) as beside:
        example = dynamics.probes(spec, _seen(run, task))
        greatest = _WRITERS[kind](dynamics.Dynamics(model), example, beside)
    steps = run.config.body.stride if run.agent.kind.flies_missions else 1
    after = "" if steps == 1 else f", {steps} control steps at once"
    return (
        f"{path}: observation [N, {spec.observation.size}], action [N, {spec.action.size}] -> next observation{after}; "
        f"equal to the model within {greatest:.1e} on {dynamics.PROBES} rows"
    )


def export_policy(run: LoadedRun, task: int, kind: Format, path: Path) -> str:
    """Write a whole decision on a task; returns what was written.

    Args:
        run: The run.
        task: Index of the task.
        kind: ``ONNX``; no other holds decisions.
        path: The file; it must not exist.

    Raises:
        ExportError: The agent decides by other means than a planner on its model, or see
            :func:`crl.exporting.policy.writing.write_policy`.
        CrlError: The run has not learned the task.
    """
    if kind is not Format.ONNX:
        raise ExportError(f"decisions can't be written as {kind.value}", "use --format onnx")
    spec = run.sequence.spec(run.check(task))
    if run.agent.kind.flies_missions:
        raise ExportError(
            f"{run.folder.path} adapts to its body while it acts, so that its decisions are no fixed program",
            "export the dynamics (without --policy), or drive with `crl deploy`",
        )
    deciding = run.agent.deciding(spec)
    if deciding is None:
        raise ExportError(
            f"{run.folder.path} decides by other means than a planner on its model",
            "only decisions of agents that plan (agent=mpc) can be exported",
        )
    with whole(path) as beside:
        step, greatest = policy.write_policy(deciding, spec, _seen(run, task), beside)
    inputs = ", ".join(["observation", "noise", *step.CARRIED])
    outputs = ", ".join(["action", *(f"next_{name}" for name in step.CARRIED)])
    names = [run.sequence.tasks[one].name for one in deciding.beside]
    return (
        f"{path}: {inputs} -> {outputs}; equal to {step.config.name} within {greatest:.1e} on {policy.DECISIONS} "
        f"decisions{_alone(spec.name, names)}"
    )


def _alone(task: str, beside: Sequence[str]) -> str:
    """What to say of a file of one model where the run lets models of other tasks act, too."""
    if not beside:
        return ""
    return (
        f"\nwarning: the file decides by the model of {task} alone. In the run, models of {', '.join(beside)} act in "
        f"{task}, too, where they predict better (continual.start=recalled). So results of the run do not hold for the "
        "file: evaluate it before you use it, or act with crl.load(RUN).policy(TASK), which does as the run does"
    )


def export_episodes(
    run: LoadedRun, task: int, count: int, kind: Format, out: str, told: Told = lambda done, total: None
) -> str:
    """Play episodes of a task and write them; returns what was written.

    Args:
        run: The run.
        task: Index of the task, or of the mission.
        count: Episodes.
        kind: ``MINARI``, ``LEROBOT`` or ``MCAP``.
        out: The file, folder or name; it must not exist.
        told: Called after every episode.

    Raises:
        ExportError: A library is missing, or ``out`` can't be written.
        CrlError: The run has not learned the task.
    """
    sequence, _ = played(run, task)
    _NEEDED[kind]()  # before episodes are played for nothing
    if kind is not Format.MINARI:
        require_free(Path(out))
    episodes = play(run, task, count, told)
    named = not sequence.name.startswith(HERE)
    return write(episodes, kind, out, _spec(sequence.tasks[task]) if named else None, run.folder.path.name)


def write(episodes: list[Episode], kind: Format, out: str, env: EnvSpec | None, source: str) -> str:
    """Write episodes; returns what was written.

    Args:
        episodes: Episodes of one task.
        kind: ``MINARI``, ``LEROBOT`` or ``MCAP``.
        out: The file, folder or name.
        env: The environment, if it has a name.
        source: Where the episodes are from.

    Raises:
        ExportError: See :func:`export_episodes`.
    """
    if kind is Format.MINARI:
        minari.write(episodes, out, env, f"{episodes[0].task.name} of {source}, played by crl")
        said = f"minari:{out}"
    elif kind is Format.LEROBOT:
        lerobot.write(episodes, Path(out))
        said = out
    elif kind is Format.MCAP:
        mcap.write(episodes, Path(out))
        said = out
    else:
        raise ExportError(
            f"{source} is a recording: it has no model to be written as {kind.value}",
            "write it as minari, lerobot or mcap",
        )
    return f"{said}: {sum(len(each) for each in episodes):,} transitions in {len(episodes):,} episodes"


def _spec(entry: TaskEntry) -> EnvSpec:
    """The environment of a task with its arguments."""
    made = copy.deepcopy(gymnasium.spec(entry.id.rpartition(":")[2]))  # a module may stand before the id
    made.kwargs = dict(entry.kwargs)
    maker: Any = made.entry_point
    if callable(maker):  # which no dataset can store; its name it can
        made.entry_point = f"{maker.__module__}:{maker.__qualname__}"
    return made


def _seen(run: LoadedRun, task: int) -> Tensor:
    """Observations [N, S] of the task under random actions, to check a model on."""
    spec = run.sequence.spec(task)
    rng = np.random.default_rng(0)
    seen: list[Array] = []
    with closing(run.sequence.make(task)) as env:
        observation, _ = env.reset(seed=0)
        while len(seen) < dynamics.PROBES:
            seen.append(observation)
            observation, _, terminated, truncated, info = env.step(
                rng.uniform(spec.action.low, spec.action.high).astype(np.float32)
            )
            if terminated or truncated or "fault" in info:
                observation, _ = env.reset(seed=len(seen))
    return torch.from_numpy(np.stack(seen))
