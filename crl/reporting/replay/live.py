"""``crl replay --live``: an episode in the simulator's own viewer, in real time, where there is a display."""

from __future__ import annotations

import os
import time
from contextlib import closing
from typing import Any

from crl.config.declared.agents import kind_of
from crl.errors import CrlError
from crl.reporting.replay.watch import WatchedAgent
from crl.training.clock import Clock
from crl.training.load import LoadedRun
from crl.training.missions.flying import fly, labels, mission_sequence
from crl.training.playing.episode import play
from crl.types import Array, Decision, Transition


class _Window:
    """Keeps a viewer up to date, as fast as the robot really is and no faster."""

    def __init__(self, env: Any, period: float) -> None:
        self._env, self._period = env, period
        self._due = time.monotonic()

    def decided(self, observation: Array, decision: Decision) -> None:
        del observation, decision
        try:
            self._env.render()
        except Exception as error:  # window systems raise whatever they like
            raise CrlError(
                f"the viewer can't be opened: {type(error).__name__}: {error}",
                "check the display (`crl doctor`), or leave out --live: films need none",
            ) from error
        self._due = max(self._due + self._period, time.monotonic())
        time.sleep(max(0.0, self._due - time.monotonic()))

    def happened(self, transition: Transition) -> None:
        del transition


def live(run: LoadedRun, task: int, episode: int) -> bool:
    """Play an episode, or a mission, in the simulator's viewer.

    Args:
        run: A loaded run.
        task: Index of the task, or of the mission.
        episode: Which of the paired evaluation episodes.

    Returns:
        Whether the task was achieved.

    Raises:
        CrlError: There is no display, or the environment has no viewer.
    """
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise CrlError(
            "there is no display to open a viewer on (neither DISPLAY nor WAYLAND_DISPLAY is set)",
            "leave out --live: the film needs no display; or log in with ssh -X",
        )
    config = run.config
    missions = kind_of(config).flies_missions
    sequence = mission_sequence(config, run.sequence) if missions else run.sequence
    spec = sequence.spec(task if missions else run.check(task))
    with closing(sequence.make(task)) as env:
        offered = env.metadata.get("render_modes", [])
    if "human" not in offered:
        raise CrlError(
            f"the environment of {spec.name} has no viewer (it offers: {', '.join(offered) or 'no pictures'})",
            "leave out --live: the film shows what there is",
        )
    seed = config.evaluation.seed + episode
    with closing(sequence.make(task, render_mode="human")) as env:
        agent = WatchedAgent(run.agent, _Window(env, spec.control_period))
        if missions:
            return bool(
                fly(agent, env, spec, seed, config, label=labels(run.sequence).get(spec.name)).record["completed"]
            )
        return play(agent, env, spec, episode=seed, seed=seed, explore=False, clock=Clock()).success
