"""A deployment from its folder, refused unless it is whole and made for this robot."""

from __future__ import annotations

import shlex
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crl.adaptation.mission import MissionAdaptation
from crl.agents.planning import PlanningAgent
from crl.agents.planning_making import ADAPTATIONS, planning_agent
from crl.config import Config
from crl.config.asking.composing import load_yaml
from crl.deployment.files import AGAIN, CONFIG, ROBOT, STATE, TASK, WEIGHTS, Contents, DeploymentError, read_folder
from crl.deployment.robots import RobotDescription, RobotKit, check_robot, robot_kit
from crl.errors import CrlError
from crl.memory.adapting import LifelongAdaptation
from crl.reading.json_text import parse_json
from crl.reading.states import FORMAT_ERRORS, decode, read_safetensors, read_tree
from crl.sequences import load_sequence
from crl.types import Reward, Success, TaskSpec, Terminated
from crl.validation import task_spec


@dataclass(frozen=True)
class Deployment:
    """What a robot drives with.

    Attributes:
        folder: Its folder.
        robot: The robot's description.
        config: The run's settings; tensors live on the CPU.
        task: The task: what is observed, done and rewarded.
        state: The agent's state.
        manifest: What the folder says of itself.
    """

    folder: Path
    robot: Any
    config: Config
    task: TaskSpec
    state: Mapping[str, Any]
    manifest: Mapping[str, Any]

    @property
    def learner_rate(self) -> float:
        """Gradient steps per second while driving; 0: as many as possible."""
        return float(self.manifest["learner_rate"])

    def make_agent(self) -> tuple[PlanningAgent, MissionAdaptation | LifelongAdaptation]:
        """A new agent as it was exported, and what it adapts with.

        Raises:
            DeploymentError: The state does not fit the settings, or is not finite.
        """
        with fitting(self.folder):
            return restored(self.config, self.task, self.state)


def restored(
    config: Config, task: TaskSpec, state: Mapping[str, Any]
) -> tuple[PlanningAgent, MissionAdaptation | LifelongAdaptation]:
    """The agent of a state, and what it adapts with.

    Raises:
        CrlError: The state does not fit the settings, is not finite, or has nothing to adapt with.
    """
    adaptation = ADAPTATIONS.get(config.refiner.kind, MissionAdaptation)(config, task.observation, task.action)
    agent = planning_agent(config, task.observation, task.action, adaptation=adaptation)
    agent.load_state_dict(state)
    if not adaptation.ready:
        raise CrlError("the agent is not fitted yet: its closing session has not taken place", "export a finished run")
    return agent, adaptation


def load_deployment(folder: Path, robot: str | None = None) -> Deployment:
    """Read a deployment.

    Args:
        folder: Where ``crl deploy`` wrote it.
        robot: Name or file of the robot's description: the exported one by default. Another file of the same robot may
            differ in what concerns the site: fence, time-outs, frames, acceleration.

    Raises:
        DeploymentError: It is no deployment, damaged, of a newer format, or made for another robot.
        CrlError: The robot's description is impossible, or differs from what was learned on.
    """
    contents = read_folder(folder)
    kit = robot_kit()
    exported = _robot(contents, kit)
    spec = exported if robot is None else kit.load(robot)
    if spec.name != contents.manifest["robot"]:
        raise DeploymentError(
            f"{folder} was exported for the robot {contents.manifest['robot']!r}, not for {spec.name!r}",
            f"export the run for it: crl deploy RUN --robot {shlex.quote(str(robot))} --out DIR",
        )
    config = config_of(contents)
    task = _task(contents, *_functions(contents, kit, exported, config))
    check_robot(spec, task)
    deployment = Deployment(folder, spec, config, task, state_of(contents), contents.manifest)
    deployment.make_agent()  # what does not fit is found before anything moves
    return deployment


def config_of(contents: Contents) -> Config:
    """The settings of a deployment."""
    with _verified(contents, CONFIG) as path:
        config = load_yaml(path)
    config.device = "cpu"
    return config


def state_of(contents: Contents) -> dict[str, Any]:
    """The agent's state in a deployment.

    Raises:
        DeploymentError: It does not follow the format.
    """
    try:
        state = decode(read_tree(contents.files[STATE]), read_safetensors(contents.files[WEIGHTS]))
    except FORMAT_ERRORS as error:
        raise DeploymentError(f"{contents.folder}: the weights do not follow the format: {error!r}", AGAIN) from error
    if not isinstance(state, dict):
        raise DeploymentError(f"{contents.folder}: the weights do not follow the format: they are no state", AGAIN)
    return state


@contextmanager
def fitting(folder: Path) -> Iterator[None]:
    """Restoring a state of a deployment; what does not fit is its error.

    Raises:
        DeploymentError: The state does not fit the settings, or is not finite.
    """
    try:
        yield
    except CrlError as error:
        raise DeploymentError(
            f"{folder}: the weights do not fit the settings: {error.message}", error.hint or AGAIN
        ) from error
    except FORMAT_ERRORS as error:
        raise DeploymentError(f"{folder}: the weights do not fit the settings: {error!r}", AGAIN) from error


def task_of(contents: Contents) -> TaskSpec:
    """What a deployment observes and does, without its reward."""
    return _task(contents, _nothing, _nothing)


def _task(contents: Contents, reward: Reward, success: Success, terminated: Terminated | None = None) -> TaskSpec:
    try:
        return task_spec(parse_json(bytes(contents.files[TASK])), 0, reward, success, terminated)
    except CrlError as error:
        raise DeploymentError(f"{contents.folder}/{TASK} is no task: {error.message}", AGAIN) from error
    except FORMAT_ERRORS as error:
        raise DeploymentError(f"{contents.folder}/{TASK} is no task: {error!r}", AGAIN) from error


def _functions(
    contents: Contents, kit: RobotKit, robot: RobotDescription, config: Config
) -> tuple[Reward, Success, Terminated | None]:
    """Reward, success and what ends an episode; of an environment of the user's own, by making it.

    Missions of robots end at the fence of the site, which the safety wall guards: plans do not end there.
    """
    if contents.manifest["reward"] == "mission":
        return *kit.functions(robot), None
    try:
        task = load_sequence(config.env.name).spec(0)
    except CrlError as error:
        raise DeploymentError(
            f"{contents.folder} needs the reward of env={config.env.name}, which can't be made here: {error.message}",
            error.hint or "install the package that provides it",
        ) from error
    return task.reward, task.success, task.terminated


def _robot(contents: Contents, kit: RobotKit) -> RobotDescription:
    with _verified(contents, ROBOT) as path:
        return kit.load(path)


@contextmanager
def _verified(contents: Contents, name: str) -> Iterator[Path]:
    """A file with what was verified: what is in the folder may have been changed since."""
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / name
        path.write_bytes(contents.files[name])
        yield path


def _nothing(*arguments: Any) -> Any:
    raise DeploymentError(f"a task without a reward was asked for one ({len(arguments)} arguments)")
