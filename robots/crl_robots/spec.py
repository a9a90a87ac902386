"""What is known about a robot before it moves: the one source of names, units, limits, rates and frames."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from crl.safety.fence import Body, Fence
from crl.safety.limits import Limits
from crl.safety.settings import Landing, WallSettings

Axes = Literal["heading", "body"]


@dataclass(frozen=True)
class Quantity:
    """One field of the observation.

    Attributes:
        name: Name, one of :data:`crl_robots.observation.UNITS` or ``last_`` and an element of the action.
        unit: SI unit (REP 103), ``"1"`` when dimensionless.
        low: Least value that the robot can have; ``-inf`` when there is none.
        high: Greatest value.
    """

    name: str
    unit: str
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True)
class Timeouts:
    """Longest silences (s) on the steady clock.

    Attributes:
        observation: Age of an observation from which the robot stops.
        decision: Age of a decision from which the robot stops.
        receiver: Silence of commands after which the robot itself stops, whatever becomes of this computer.
        e_stop: Silence of the e-stop button that counts as pressed; ``None``: it may be silent.
    """

    observation: float = 0.2
    decision: float = 0.2
    receiver: float = 0.5
    e_stop: float | None = None


@dataclass(frozen=True)
class Simulation:
    """The simulated body of a robot: a Gymnasium id and the options of its class."""

    env: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class RobotSpec:
    """A robot. Read from YAML by :func:`crl_robots.spec_file.load_spec`, which validates it.

    Attributes:
        name: Name.
        description: One sentence.
        body: ``ground`` (commands: speed, turn_rate) or ``air`` (vx, vy, vz, yaw_rate), along the heading (REP 103).
        odometry_frame: Frame of positions (REP 105).
        base_frame: Frame of velocities and commands (REP 105).
        decision_rate: Decisions per second; the agent's control period is its inverse.
        command_rate: Commands per second that leave the wall; at least the decision rate.
        state: Fields of the observation, in order.
        velocity_axes: Axes of ``velocity_x``, ``_y``, ``_z``: of the heading (level) or of the body.
        limits: Of the action, with units and the safe action.
        fence: Where the body may be, in the odometry frame; altitude is its third axis.
        tilt: Greatest angle between the body's z and the vertical (rad).
        jump: Jump of the measured position that is still believed (m).
        timeouts: Longest silences.
        landing: What a flying robot does when it has been stopped for long.
        radius: A waypoint is reached within this distance (m).
        simulation: The simulated body; ``None`` if there is none.
        imu: Whether the agent also listens to the robot's IMU, if there is one (:mod:`crl_robots.imu`).
    """

    name: str
    description: str
    body: Body
    odometry_frame: str
    base_frame: str
    decision_rate: float
    command_rate: float
    state: tuple[Quantity, ...]
    velocity_axes: Axes
    limits: Limits
    fence: Fence
    tilt: float
    jump: float
    timeouts: Timeouts
    landing: Landing | None
    radius: float
    simulation: Simulation | None
    imu: bool = False

    @property
    def dimensions(self) -> int:
        """Coordinates of a waypoint: 2 on the ground, 3 in the air."""
        return 2 if self.body == "ground" else 3

    @property
    def control_period(self) -> float:
        """Seconds between two decisions."""
        return 1 / self.decision_rate

    def wall_settings(self) -> WallSettings:
        """What the safety wall is told about this robot.

        Raises:
            SafetyError: No wall could keep it safe, see :class:`~crl.safety.settings.WallSettings`.
        """
        return WallSettings(
            body=self.body,
            limits=self.limits,
            period=1 / self.command_rate,
            observation_timeout=self.timeouts.observation,
            decision_timeout=self.timeouts.decision,
            fence=self.fence,
            tilt=self.tilt,
            jump=self.jump,
            heartbeat=self.timeouts.e_stop,
            landing=self.landing,
        )
