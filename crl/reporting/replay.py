"""``crl replay``: an evaluation episode of a learned task as mp4, rendered without a display."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import imageio.v2 as imageio
import numpy as np
from numpy.typing import NDArray

from crl.errors import CrlError, RenderingError
from crl.training.clock import Clock
from crl.training.episode import EpisodeResult, play
from crl.training.load import LoadedRun, load_run
from crl.types import Transition

_GRAPHICS = ("egl", "opengl", "glx", "osmesa", "glfw", "glgeterror", "gl context")


def replay(folder: Path, task: int, episode: int = 0, out: Path | None = None) -> Path:
    """Record an evaluation episode of a task.

    Args:
        folder: Run folder.
        task: Index of the task in its sequence.
        episode: Which of the paired evaluation episodes.
        out: File to write; ``videos/TASK_EPISODE.mp4`` in the run's folder by default.

    Returns:
        The file.

    Raises:
        RenderingError: This machine can't render; the message names the packages.
        CrlError: The run has not learned the task, or the file can't be written.
    """
    return record(_load(folder), task, episode, out)


def record_all(folder: Path) -> list[Path]:
    """Record the first evaluation episode of every task that a run has learned."""
    run = _load(folder)
    return [record(run, task) for task in run.tasks]


def _load(folder: Path) -> LoadedRun:
    run = load_run(folder)
    for problem in run.problems:
        warnings.warn(problem, stacklevel=3)
    return run


def record(run: LoadedRun, task: int, episode: int = 0, out: Path | None = None) -> Path:
    """Record an episode of a loaded run; see :func:`replay`."""
    spec = run.sequence.spec(run.check(task))
    path = out or run.folder.videos / f"{task}_{spec.name}_{episode}.mp4"
    env = run.sequence.make(task, render_mode="rgb_array")
    seed = run.config.evaluation.seed + episode
    frames: list[NDArray[np.uint8]] = []

    def keep(transition: Transition) -> None:
        del transition
        frames.append(_picture(env))

    try:
        result = play(run.agent, env, spec, episode=seed, seed=seed, explore=False, clock=Clock(), watch=keep)
    finally:
        env.close()
    _write(path, frames, fps=round(1 / spec.control_period), result=result)
    return path


def _picture(env: Any) -> NDArray[np.uint8]:
    try:
        picture = env.render()
    except Exception as error:  # OpenGL's wrappers raise whatever they like: name the packages instead
        text = f"{type(error).__name__}: {error}"
        if any(word in text.lower() for word in _GRAPHICS):
            raise RenderingError(f"no picture can be rendered: {text}") from error
        raise
    return np.asarray(picture, dtype=np.uint8)


def _write(path: Path, frames: list[NDArray[np.uint8]], fps: int, result: EpisodeResult) -> None:
    if not frames:
        raise CrlError(f"{path}: the episode has no pictures ({result.fault or 'it ended at once'})")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.part.mp4")
        writer: Any = imageio.get_writer(beside, fps=fps, codec="libx264", macro_block_size=16)
        with writer:
            for frame in frames:
                writer.append_data(frame)
        beside.replace(path)
    except OSError as error:
        raise CrlError(f"{path} can't be written: {error}", "name another file with --out") from error
