"""The last stage of a run whose agent has a refiner: its missions, one after another."""

from __future__ import annotations

from contextlib import closing
from typing import Any

from crl.agents.base import Agent
from crl.config import Config
from crl.config.declared.agents import kind_of
from crl.sequences import TaskSequence
from crl.training.missions.flying import fly, labels, mission_sequence
from crl.training.runs.log import RunLog
from crl.training.runs.state import RunState
from crl.training.showing.progress import MISSION, Progress, Stage


class MissionStage:
    """Flies all faults of a sequence with the first seed, then all with the second, and so on.

    Args:
        config: Settings; the agent of some kinds flies no missions, nor does one that lives a life.
        sequence: The task sequence.

    Raises:
        CrlError: The sequence has no missions.
    """

    def __init__(self, config: Config, sequence: TaskSequence) -> None:
        self.ms: list[dict[str, Any]] = []
        """What each mission flown took (CPU milliseconds): all that differs between two equal missions."""
        self._config = config
        self._entries = sequence.missions
        self._labels = labels(sequence)
        flies = kind_of(config).flies_missions and config.life.steps is None
        self._missions = mission_sequence(config, sequence) if flies else None

    def left(self, state: RunState) -> int:
        """Number of missions that have not been flown yet."""
        count = 0 if self._missions is None else len(self._missions) * self._config.missions.seeds
        return count - len(state.missions)

    def stage(self, state: RunState, about: str = "") -> Stage:
        """How far the missions are."""
        count = len(state.missions) + self.left(state)
        return Stage(MISSION, len(state.missions), count, about)

    def fly(self, agent: Agent, state: RunState, log: RunLog, progress: Progress) -> None:
        """Fly the next mission, and note it."""
        assert self._missions is not None
        round_, index = divmod(len(state.missions), len(self._missions))
        task = self._missions.spec(index)
        entry, seed = self._entries[index], self._config.evaluation.seed + round_
        label = self._labels.get(entry.name)
        with closing(self._missions.make(index)) as env:

            def told(reached: int, waypoints: int) -> None:
                about = f"{task.name}, waypoint {min(reached + 1, waypoints)} of {waypoints}"
                progress.count(self.stage(state, about))

            flight = fly(agent, env, task, seed, self._config, faulty=bool(entry.fault), told=told, label=label)
        taken = {key: value for key, value in flight.record.items() if key != "ms"}
        record = {"mission": entry.name, "class": entry.group, "fault": dict(entry.fault), **taken}
        state.missions.append({**record, "path": flight.path, "points": flight.waypoints})
        self.ms.append(flight.record["ms"])
        state.evaluation_steps += flight.record["steps"]
        log.write("mission", state.env_steps, {k: v for k, v in record.items() if k != "fault"})
        trouble = (
            f", {record['crash']}"
            if record["crash"]
            else f", given up: {record['stopped']}"
            if record["stopped"]
            else ""
        )
        progress.message(
            f"mission {task.name}: {record['reached']} of {record['waypoints']} waypoints "
            f"in {record['steps']} steps{trouble}"
        )
