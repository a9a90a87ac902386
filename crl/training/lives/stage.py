"""The last stage of a run that lives: one uninterrupted stream, in which the body changes unannounced.

Every transition is shown to the agent and followed by one learning session; nothing ends but by a crash, after which
the life goes on. A stretch of it is a unit of the run's work, so that checkpoints, Ctrl-C and ``crl resume`` are those
of every run; the state between two stretches is in the checkpoint, and a life that was killed goes on to the bit.
Only a refiner that is an oracle is told the truth; the rest of it is for counting.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import torch

from crl.adaptation.helper import Helper
from crl.agents.base import Agent
from crl.config import Config
from crl.dynamics.body import Body
from crl.errors import CrlError
from crl.safety.command_filter import CommandFilter
from crl.sequences import TaskEntry, TaskSequence
from crl.training.clock import Clock
from crl.training.lives.record import LifeRecord, LivedStep
from crl.training.lives.storage import recollect
from crl.training.missions.flying import NOMINAL, summarise
from crl.training.playing.step import show, take
from crl.training.runs.log import RunLog
from crl.training.runs.state import RunState
from crl.training.showing.progress import LIFE, Progress, Stage
from crl.types import TaskSpec

STRETCH = 250
"""Steps of a stretch."""
RIGHT = 0.1
"""An expectation is right if it errs by at most this share of the greatest nominal change (root mean square)."""
SHOWN = 10
"""The display is told of every so many steps."""
LOGGED = ("steps", "waypoints", "cross_track", "right", "reward", "false_alarms", "crashes")
"""What is logged of every stretch."""


def life_sequence(sequence: TaskSequence, config: Config) -> TaskSequence:
    """The life of a sequence as its only task.

    Args:
        sequence: The sequence.
        config: Settings: ``life.regimes`` may ask for another number of regimes, ``life.drift`` and ``life.combine``
            for some that are made of two others.

    Raises:
        CrlError: It has none, or its regimes can't be made of two others.
    """
    if sequence.life is None:
        raise CrlError(
            f"{sequence.name} has no life", "use env=ugv_life, or another of the sequences whose names end with _life"
        )
    mixed = {name: share for name, share in (("drift", config.life.drift), ("combine", config.life.combine)) if share}
    first = sequence.tasks[0]
    asked = mixed if config.life.regimes is None else {**mixed, "regimes": config.life.regimes}
    entry = TaskEntry("life", first.id, {**first.kwargs, **sequence.life, **asked})
    return TaskSequence(sequence.name, sequence.description, (entry,))


class LifeStage:
    """Lives ``life.steps`` steps.

    Args:
        config: Settings.
        sequence: The task sequence.

    Raises:
        CrlError: The sequence has no life.

    Attributes:
        record: What is counted.
    """

    def __init__(self, config: Config, sequence: TaskSequence) -> None:
        self._config = config
        self._steps = config.life.steps or 0
        self._sequence = life_sequence(sequence, config) if self._steps else None
        self.record = LifeRecord()
        self._env: gymnasium.Env[Any, Any] | None = None
        self._observation: Any = None
        self._first = True
        self._info: dict[str, Any] = {}
        self._agent: Agent | None = None
        self._helper = Helper()

    def left(self) -> int:
        """Steps that have not been lived yet."""
        return self._steps - self.record.steps

    # ------------------------------------------------------------------ living
    def live(self, agent: Agent, state: RunState, log: RunLog, progress: Progress, clock: Clock) -> None:
        """Live a stretch, and note it."""
        memory = self._config.life.memory
        if self._env is None and memory is not None and self._sequence is not None:
            for problem in recollect(Path(memory), self._sequence.spec(0), agent):
                progress.message(problem)
        if self._env is None and agent.actor.refiner is not None:
            agent.actor.refiner.forget_labels()
        _, task = self._begun(agent)
        self._have_help(agent)
        count = min(STRETCH, self.left())
        wall = CommandFilter(task.action, task.safe_action)
        body = Body(task.observation, task.action)
        for at in range(count):
            self._step(agent, task, wall, body, clock)
            if at % SHOWN == 0:
                progress.count(self.stage())
        for problem in self._helper.news():
            progress.message(problem)
        state.evaluation_steps += count
        now = self._counted()
        told = {key: now[key] for key in LOGGED}
        believed = agent.belief()
        log.write(
            "life",
            state.env_steps,
            {**told, "believed": believed.regime, "phase": believed.phase, "known": believed.regimes},
        )

    def _have_help(self, agent: Agent) -> None:
        """Have the memory learned by another process, if the settings say so."""
        if self._config.memory.learner == "process" and self._helper is not agent.actor.helper:
            self._helper = agent.actor.helper
            self._helper.start()

    def _begun(self, agent: Agent) -> tuple[gymnasium.Env[Any, Any], TaskSpec]:
        """The life's environment, and its task; the life begins if it has not."""
        assert self._sequence is not None
        task = replace(self._sequence.spec(0), index=NOMINAL)
        if self._env is None:
            self._env = self._sequence.make(0)
            self._observation, self._info = self._env.reset(seed=self._config.seed)
            agent.begin(task, self._config.seed, False)
            self._agent = agent
        return self._env, task

    def _step(self, agent: Agent, task: TaskSpec, wall: CommandFilter, body: Body, clock: Clock) -> None:
        env = self._env
        assert env is not None
        described: Any = env.unwrapped
        self._tell(agent, described)
        step = take(agent, env, self._observation, wall, clock)
        if step.fault is not None:
            raise CrlError(
                f"the life can't go on: {step.fault}",
                f"`crl check env={self._config.env.name}` tries the environment",
            )
        expected = agent.expected_change(step.before, step.executed.action)
        if expected is None:
            raise CrlError("the agent expects nothing of its commands, so its life can't be judged", "use refiner=afm")
        info, ended = step.info, step.terminated or step.truncated
        done = body.change(torch.from_numpy(step.before), torch.from_numpy(step.after)).numpy()
        error = (expected - done) / np.asarray(described.full_change)
        show(agent, step.transition(task, first=self._first, last=ended), learns=True)
        right = bool(np.sqrt(np.square(error).mean()) <= RIGHT)
        regime, name = int(info["regime"]), str(info["regime_name"])
        beside = float(info["beside"])
        self.record.step(LivedStep(regime, name, right, step.reward, beside, agent.belief()))
        self._observation, self._info, self._first = step.after, info, ended
        if ended:
            self._observation, _ = env.reset()

    def _tell(self, agent: Agent, described: Any) -> None:
        """Tell an oracle what the body will do, and a memory with labels which regime is next."""
        refiner = agent.actor.refiner
        if refiner is None:
            return
        if self._config.life.labels == "told":
            refiner.tell_regime(described.next_regime)
        if refiner.is_told and described.has_motion:
            refiner.tell_motion(described.next_motion())
        elif refiner.is_told:
            refiner.tell_effect(described.next_effect())

    def _counted(self) -> dict[str, Any]:
        """What was counted so far."""
        return self.record.results(self._info.get("reached"), self._info["crashes"])

    def stage(self) -> Stage:
        """How far the life is, and what is believed."""
        record, about = self.record, ""
        if self._agent is not None and record.steps:
            believed = self._agent.belief()
            regime = "another" if believed.regime is None else believed.name or str(believed.regime)
            recent = sum(record.recent) / len(record.recent)
            told = f"regime {regime} {believed.phase} for {record.since} steps, {believed.regimes} known, "
            reached = self._info.get("reached")
            went = f"crashes {self._info['crashes']}" if reached is None else f"waypoints {reached}"
            about = f"right {recent:.0%}, {went}"
            about = told + about if believed.phase else about
        return Stage(LIFE, record.steps, self._steps, about)

    def results(self) -> dict[str, Any] | None:
        """The record and what the agent says of itself; ``None`` if nothing was lived."""
        if not self.record.steps or self._agent is None:
            return None
        record, held = self._counted(), self._agent.remembered_bytes()
        ms = summarise(self._agent.milliseconds, min(map(len, self._agent.milliseconds.values())))
        about = {"seed": self._config.seed, "known": self._agent.belief().regimes}
        return {**record, **about, "bytes": held, "ms": ms}

    def close(self) -> None:
        """Close the environment, and end what helped."""
        self._helper.close()
        if self._env is not None:
            self._env.close()

    # ------------------------------------------------------------------ persistence
    def state_dict(self) -> dict[str, Any] | None:
        """How the life goes on, beside the agent's own state; ``None`` before it has begun."""
        if self._env is None or self._agent is None:
            return None
        described: Any = self._env.unwrapped
        kept = {key: self._info[key] for key in ("reached", "crashes") if key in self._info}
        return {
            "record": self.record.state_dict(),
            "env": described.get_episode_state(),
            "agent": self._agent.episode_state(),
            "observation": np.array(self._observation),
            "first": self._first,
            "info": kept,
        }

    def load_state_dict(self, state: Mapping[str, Any] | None, agent: Agent) -> None:
        """Restore what :meth:`state_dict` returned, to the bit; the agent's own state is restored already."""
        if state is None:
            return
        env, task = self._begun(agent)
        described: Any = env.unwrapped
        described.set_episode_state(state["env"])
        agent.resume_episode(task, self._config.seed, state["agent"])
        self._observation, self._first = np.asarray(state["observation"], dtype=np.float32), bool(state["first"])
        self._info = dict(state["info"])
        self.record = LifeRecord.from_state(state["record"])
