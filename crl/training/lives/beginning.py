"""Where a life begins that does not learn the nominal body itself: with a finished run of the same body."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from crl.config import Config
from crl.config.declared.agents import kind_of
from crl.errors import CrlError
from crl.sequences import TaskSequence
from crl.training.lives.stage import life_sequence
from crl.training.lives.storage import MemoryFolder, robot_of
from crl.training.load import LoadedRun, load_run
from crl.training.loop import TrainingLoop
from crl.types import TaskSpec

FITTED_BY = ("refiner", "flow", "body", "memory")
"""Sections of settings that decide what an adaptation fits: where they are equal, nothing is fitted anew."""


def check_life(config: Config, sequence: TaskSequence) -> None:
    """Find out what is wrong with a life before anything runs.

    Raises:
        CrlError: The sequence has no life, nobody can tell an oracle of it, ``life.run`` is no finished run of the
            same body, or ``life.memory`` holds no memory of it.
    """
    with closing(life_sequence(sequence, config).make(0)) as env:
        described: Any = env.unwrapped
        if config.refiner.kind == "oracle" and not (described.has_motion or described.has_effect):
            raise CrlError(
                f"nobody can tell an oracle how the body of {sequence.name} will move",
                "use refiner=lifelong life.labels=told: a memory that is told the regime",
            )
    if config.life.run is not None:
        _learned(config, sequence.spec(0))
    if config.life.memory is not None and not config.resume:
        MemoryFolder(Path(config.life.memory), robot_of(sequence.spec(0))).load(lambda _: None)


def begin(config: Config, sequence: TaskSequence, loop: TrainingLoop) -> None:
    """Take over what ``life.run`` has learned."""
    run = _learned(config, sequence.spec(0))
    # Where a memory is learned decides nothing of what is fitted.
    alike = replace(run.config, memory=replace(run.config.memory, learner=config.memory.learner))
    same = all(getattr(alike, section) == getattr(config, section) for section in FITTED_BY)
    loop.adopt(run.agent.state_dict(), whole=same)


def _learned(config: Config, task: TaskSpec) -> LoadedRun:
    """The run that a life begins with."""
    path = Path(str(config.life.run))
    run = load_run(path)
    run.require_finished()
    other, spaces = run.sequence.spec(0), ("observation", "action", "control_period")
    if not kind_of(run.config).flies_missions or any(getattr(other, at) != getattr(task, at) for at in spaces):
        raise CrlError(
            f"{path} learned another body: env={run.config.env.name} refiner={run.config.refiner.name}",
            "name a run with a refiner whose env has the same observation, action and control period, or leave out "
            "run=...",
        )
    return run
