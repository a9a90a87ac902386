"""Whether the state of a checkpoint is one of the run: everything in it is restored once, on the side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from crl.agents.base import Agent
from crl.agents.factory import make_agent
from crl.agents.monitor import ReachMonitor
from crl.config import Config
from crl.reading.schema import count, mapping
from crl.restoring import UnfitStateError, part
from crl.sequences import TaskSequence
from crl.training.clock import Clock
from crl.training.order import task_order
from crl.training.runs.state import RunState

_LOG = mapping({"offset": count, "step": count}, ("offset", "step"))


def new_agent(config: Config, sequence: TaskSequence) -> Agent:
    """An agent as a run begins with it.

    Raises:
        CrlError: The settings name none that can be made here.
    """
    return make_agent(config, sequence.spec(task_order(config, sequence)[0]))


def restore(agent: Agent, config: Config, sequence: TaskSequence, state: Mapping[str, Any]) -> RunState:
    """Restore an agent from a checkpoint, and give the counters of the run.

    Args:
        agent: A new agent; after an error it is of no use.
        config: The run's settings.
        sequence: Its task sequence.
        state: The checkpoint's state.

    Raises:
        UnfitStateError: An array has another shape than the settings ask for, or is not finite; a part is missing.
    """
    with part("agent"):
        agent.load_state_dict(state["agent"])
    with part("run"):
        progress = RunState.from_state(state["run"])
    visits = len(task_order(config, sequence))
    if progress.visit > visits:
        raise UnfitStateError(f"run.visit is {progress.visit}, and there are {visits}")
    for number, mission in enumerate(progress.missions):
        for name in ("path", "points"):
            table = mission.get(name)
            if not isinstance(table, np.ndarray) or table.ndim != 2 or table.dtype.kind != "f":
                raise UnfitStateError(f"run.missions[{number}].{name} is no list of positions")
    return progress


def prove(config: Config, sequence: TaskSequence, state: Mapping[str, Any]) -> None:
    """Raise unless a run can go on from a state.

    Args:
        config: The run's settings.
        sequence: Its task sequence.
        state: The checkpoint's state.

    Raises:
        UnfitStateError: See :func:`restore`.
    """
    restore(new_agent(config, sequence), config, sequence, state)
    spec = sequence.spec(task_order(config, sequence)[0])
    if state["best"] is not None:
        with part("best"):
            new_agent(config, sequence).load_state_dict(state["best"])
    if "monitor" in state:  # not in checkpoints of version 0.1
        with part("monitor"):
            ReachMonitor(config.monitor).load_state_dict(state["monitor"], (spec.observation.size, spec.action.size))
    with part("clock"):
        Clock().load_state_dict(state["clock"])
    missions, taken = state["run"].get("missions", ()), state["clock"].get("mission_ms")
    if taken is not None and len(taken) != len(missions):
        raise UnfitStateError(f"clock tells of {len(taken)} missions, and {len(missions)} were flown")
    if (wrong := _LOG(state["log"])) is not None:
        raise UnfitStateError(f"log {wrong}")
