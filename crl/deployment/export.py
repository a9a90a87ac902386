"""A run as one self-contained folder that a robot drives with."""

from __future__ import annotations

import json
import math
import platform
import shlex
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crl.config import Config
from crl.config.asking.composing import to_yaml
from crl.deployment import files
from crl.deployment.files import DeploymentError, write_folder
from crl.deployment.load import restored
from crl.deployment.robots import RobotDescription, RobotKit, check_robot, robot_kit
from crl.dynamics.buffer import Buffer
from crl.dynamics.task_model import TaskModel
from crl.errors import CrlError
from crl.reading.states import encode, safetensors_parts
from crl.sequences import TaskEntry
from crl.training.load import LoadedRun, load_run
from crl.version import __version__

TESTED = ("afm", "afm_learned", "none", "frozen", "randomised", "lifelong")
"""Refiners whose agents are tested on robots."""
_REASONS = {
    "oracle": "it is told what the body makes of its commands, which no robot is",
    "afm_published": "it is a baseline of the simulated missions",
}


def export_run(run: Path, robot: str, folder: Path, learner_rate: float | None = None) -> dict[str, Any]:
    """Export the newest checkpoint of a run of missions.

    Args:
        run: The run's folder.
        robot: Name or file of the robot's description.
        folder: Where to; it must not exist.
        learner_rate: Gradient steps per second while driving; 0: as many as possible; by default one per decision, as
            in simulated missions.

    Returns:
        The manifest.

    Raises:
        DeploymentError: The run has no fitted agent, the combination is not tested, or the folder can't be written.
        CrlError: The run can't be read, or the robot differs from what it learned on.
    """
    kit = robot_kit()
    spec = kit.load(robot)
    loaded = load_run(run)
    config = loaded.config
    model = _fitted(loaded)
    task = loaded.sequence.spec(0)
    check_robot(spec, task)
    _check_tested(spec, config, loaded.sequence.tasks[0])
    with closing(loaded.sequence.make(0)) as env:
        kit.rehearse(spec, env)
        described: Any = env.unwrapped
        plain = {**described.task, "name": task.name}
        reward = "mission" if _same_reward(kit, spec, described) else "environment"
    rate = spec.decision_rate if learner_rate is None else learner_rate
    if not (math.isfinite(rate) and rate >= 0):
        raise DeploymentError(f"learner_rate is {rate}", "give gradient steps per second, or 0 for as many as possible")
    state = loaded.agent.state_dict()
    # Data of the nominal body that the robot needs is in what was fitted; the rest stays at home.
    state["buffer"] = Buffer(task.observation.size, task.action.size).state_dict()
    tree, arrays = encode(state)
    said = {
        "robot": spec.name,
        "env": config.env.name,
        "reward": reward,
        "refiner": config.refiner.name,
        "learner_rate": rate,
        "run": loaded.folder.path.name,
        "step": loaded.state.env_steps,
        "weights": len(model.weights),
        "observation": [{"name": item.name, "unit": item.unit} for item in spec.state],
        "action": _action(spec),
        "rates": {"decision": spec.decision_rate, "command": spec.command_rate},
        "versions": versions(),
    }
    write_folder(
        folder,
        said,
        {
            files.WEIGHTS: safetensors_parts(arrays),
            files.STATE: [json.dumps(tree, allow_nan=False, separators=(",", ":")).encode()],
            files.CONFIG: [to_yaml(config).encode()],
            files.TASK: [json.dumps(plain, allow_nan=False, indent=1).encode()],
            files.ROBOT: [kit.file(robot).read_bytes()],
        },
    )
    return said


def versions() -> dict[str, str]:
    """Of what a deployment depends on."""
    return {
        "crl": __version__,
        "torch": str(torch.__version__),
        "numpy": np.__version__,
        "python": platform.python_version(),
    }


def _fitted(run: LoadedRun) -> TaskModel:
    """The planner's model of the nominal body."""
    if not run.agent.kind.flies_missions:
        raise DeploymentError(
            f"{run.folder.path} has no agent of missions: refiner={run.config.refiner.name}",
            "train one with `crl train env=ugv_mission_husky refiner=afm` or another env of missions",
        )
    try:
        agent, _ = restored(run.config, run.sequence.spec(0), run.agent.state_dict())
    except CrlError as error:
        raise DeploymentError(
            f"{run.folder.path} can't be exported: {error.message}",
            f"let the run go on: crl resume {shlex.quote(str(run.folder.path))}",
        ) from error
    return agent.knowledge.task_model(0)


def _check_tested(spec: RobotDescription, config: Config, entry: TaskEntry) -> None:
    """Refuse combinations of robot, environment and refiner that nobody has driven."""
    refiner = config.refiner
    if refiner.name not in TESTED:
        reason = _REASONS.get(refiner.name, "it was never tested on a robot")
        raise DeploymentError(
            f"a run with refiner={refiner.name} can't be deployed: {reason}", f"train with one of {', '.join(TESTED)}"
        )
    if not refiner.clipped:
        raise DeploymentError(
            "the run was trained with refiner.clipped=false: its commands leave the robot's limits",
            "train with refiner.clipped=true",
        )
    body = spec.simulation
    options = {} if body is None else dict(body.options)
    if body is None or body.env != entry.id or any(entry.kwargs.get(key) != value for key, value in options.items()):
        has = "none" if body is None else f"{body.env} with {options}"
        known = {key: value for key, value in entry.kwargs.items() if key in ("body", "interface")}
        raise DeploymentError(
            f"{spec.name} and env={config.env.name} were never tested together: the robot's simulated body is {has}, "
            f"the run learned on {entry.id} with {known}",
            "choose the robot that the environment simulates, or name its environment under simulation",
        )


def _same_reward(kit: RobotKit, spec: RobotDescription, described: Any) -> bool:
    """Whether the robot's own reward is that of the environment; else the environment is needed on the robot."""
    rng = np.random.default_rng(0)
    size = len(spec.state)
    before, after = rng.normal(size=(64, size)), rng.normal(size=(64, size))
    action = rng.uniform(spec.limits.low, spec.limits.high, size=(64, spec.limits.size))
    mine = kit.functions(spec)[0](before, action, after)
    return bool(np.allclose(mine, described.reward(before, action, after), rtol=1e-9, atol=1e-9))


def _action(spec: RobotDescription) -> list[Mapping[str, Any]]:
    limits = spec.limits
    rows = zip(limits.names, limits.units, limits.low, limits.high, limits.acceleration, limits.jerk, strict=True)
    keys = ("name", "unit", "low", "high", "acceleration", "jerk")
    return [dict(zip(keys, row, strict=True)) for row in rows]
