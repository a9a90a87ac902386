"""Robots as deployments know them. Who describes robots is found by the entry point group ``crl.robot_kits``."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from crl.errors import CrlError
from crl.plugins import entry_points
from crl.safety.limits import Limits
from crl.types import ActionSpec, ObservationField, TaskSpec

GROUP = "crl.robot_kits"
CLOSE = 1e-6
"""Relative difference of limits, ranges and periods that is put down to their digits."""


class Quantity(Protocol):
    """One field of a robot's observation."""

    @property
    def name(self) -> str:
        """Name."""

    @property
    def unit(self) -> str:
        """SI unit."""

    @property
    def low(self) -> float:
        """Least value, or ``-inf``."""

    @property
    def high(self) -> float:
        """Greatest value, or ``inf``."""


class RobotDescription(Protocol):
    """What a deployment reads of a robot's description, such as :class:`crl_robots.spec.RobotSpec`."""

    @property
    def name(self) -> str:
        """Name."""

    @property
    def body(self) -> str:
        """``ground`` or ``air``."""

    @property
    def decision_rate(self) -> float:
        """Decisions per second."""

    @property
    def command_rate(self) -> float:
        """Commands per second."""

    @property
    def control_period(self) -> float:
        """Seconds between two decisions."""

    @property
    def state(self) -> Sequence[Quantity]:
        """Fields of the observation, in order."""

    @property
    def limits(self) -> Limits:
        """Of the action."""

    @property
    def simulation(self) -> Any:
        """The simulated body (``env``, ``options``), or ``None``."""


class RobotKit(Protocol):
    """Knows robots; see :class:`crl_robots.deploying.RobotKit`."""

    def file(self, source: str | Path) -> Path:
        """The file of a description, by name or path."""

    def load(self, source: str | Path) -> RobotDescription:
        """Read and validate a description."""

    def names(self) -> list[str]:
        """Descriptions that come with the kit."""

    def functions(self, spec: Any) -> tuple[Callable[[Any, Any, Any], Any], Callable[[Any], Any]]:
        """Reward and success of the robot's missions."""

    def rehearse(self, spec: Any, env: Any) -> None:
        """Drive a simulated body, and compare observations; raises if they differ."""


def robot_kit() -> RobotKit:
    """The installed kit.

    Raises:
        CrlError: There is none.
    """
    for point in sorted(entry_points(group=GROUP), key=lambda point: point.name):
        kit: RobotKit = point.load()
        return kit
    raise CrlError(
        "no package that describes robots is installed", "install crl anew: its own crl_robots is an entry point"
    )


def check_robot(robot: RobotDescription, task: TaskSpec) -> None:
    """Compare a robot with the task that an agent learned: names, units, ranges, limits and rates.

    Raises:
        CrlError: They differ; the message names the field, both values and the hint.
    """
    where, hint = f"the robot {robot.name!r}", "use the robot's description that the run was trained for, or train anew"
    _check_names(where, "observes", [item.name for item in robot.state], [f.name for f in task.observation.fields])
    for item, field in zip(robot.state, task.observation.fields, strict=True):
        if item.unit != field.unit:
            raise CrlError(
                f"{where} gives {item.name} in {item.unit}, the run learned on {field.unit}",
                f"set state.{item.name}.unit to {field.unit}, and give it in that unit",
            )
        _check_range(where, item, field)
    limits, action = robot.limits, task.action
    _check_names(where, "takes", list(limits.names), list(action.names))
    _check_action(where, limits, action)
    for name, mine, learned in zip(limits.names, limits.safe, task.safe_action, strict=True):
        if not _close(mine, learned):
            raise CrlError(f"{where} has the safe action {name} = {mine:g}, the run learned {learned:g}", hint)
    if not _close(robot.control_period, task.control_period):
        raise CrlError(
            f"{where} decides {robot.decision_rate:g} times a second, the run learned {1 / task.control_period:g}",
            f"set rates.decision to {1 / task.control_period:g}, or train in an environment with the robot's rate",
        )


def _check_names(where: str, what: str, mine: list[str], learned: list[str]) -> None:
    if mine == learned:
        return
    missing = [name for name in learned if name not in mine]
    extra = [name for name in mine if name not in learned]
    parts = [f"without {', '.join(missing)}"] if missing else []
    parts += [f"with {', '.join(extra)}, which the run does not know"] if extra else []
    if not parts:
        at = next(i for i, pair in enumerate(zip(mine, learned, strict=True)) if pair[0] != pair[1])
        parts = [f"{mine[at]} where the run learned {learned[at]}"]
    raise CrlError(
        f"{where} {what} other fields than the run learned on: {'; '.join(parts)}",
        f"list these fields in this order: {', '.join(learned)}",
    )


def _check_range(where: str, item: Quantity, field: ObservationField) -> None:
    if field.kind == "angle":  # wraps
        return
    for end, mine, learned in (("low", item.low, field.low), ("high", item.high, field.high)):
        if math.isfinite(learned) and not _close(mine, learned):
            raise CrlError(
                f"{where} has {item.name}.{end} = {mine:g} {item.unit}, the run learned {learned:g}",
                f"set state.{item.name}.range to [{field.low:g}, {field.high:g}], or train anew",
            )


def _check_action(where: str, limits: Limits, action: ActionSpec) -> None:
    rows = zip(limits.names, limits.units, limits.low, limits.high, strict=True)
    for (name, unit, low, high), learned, least, most in zip(rows, action.units, action.low, action.high, strict=True):
        if unit != learned:
            raise CrlError(
                f"{where} takes {name} in {unit}, the run learned on {learned}", f"give action.{name} in {learned}"
            )
        if not (_close(low, least) and _close(high, most)):
            raise CrlError(
                f"{where} takes {name} from {low:g} to {high:g} {unit}, the run learned {least:g} to {most:g}",
                f"set action.{name}.low to {least:g} and .high to {most:g}, or train with the robot's limits",
            )


def _close(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=CLOSE, abs_tol=CLOSE)
