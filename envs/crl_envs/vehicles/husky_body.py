"""The body of PyBullet's husky: a four-wheeled, skid-steered robot on a floor, with what can go wrong with it."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pybullet
import pybullet_data

from crl_envs.vehicles.chase_picture import hide
from crl_envs.vehicles.husky_faults import NOMINAL, HuskyFault
from crl_envs.vehicles.ugv_mission import SPEED, TURN_RATE

TIME_STEP = 0.01
"""Physics step (s)."""
SUBSTEPS = 10
CONTROL_PERIOD = TIME_STEP * SUBSTEPS
SOLVER_ITERATIONS = 10
TORQUE = 100.0
"""Greatest torque of a wheel's motor (N m)."""
WHEEL_RADIUS = 0.17775
"""m."""
TRACK = 0.5708
"""Distance between left and right wheels (m)."""
SKID = 1.2
"""Factor on the track in the wheel speeds of a turn: skidding wheels turn the robot less than rolling ones would."""
SIDE_GRIP = 0.4
"""Friction of the wheels along their axle as a share of that along the way: with 1, and with PyBullet's friction cone,
a turning robot sticks and slips, and its turn rate varies by a third from step to step."""
SETTLE = 50
"""Physics steps that the robot stands before an episode."""
FLOOR_FRICTION = 1.0

_LEFT, _RIGHT = (2, 4), (3, 5)
_WHEELS = (*_LEFT, *_RIGHT)
_TOP_PLATE, _REAR_BUMPER = 6, 9
# The file gives these links no mass, and PyBullet then assumes 1 kg and 1 kg m2 each: almost nothing is right.
_MASSLESS = (1, _TOP_PLATE, 7, 8, _REAR_BUMPER)
LEAST_MASS, LEAST_MOMENT = 0.01, 1e-4
"""What they have here (kg, kg m2)."""


class HuskyBody:
    """A husky in a simulator of its own, which it enters when it is placed for the first time.

    Args:
        drawn: Whether the floor is drawn apart, for pictures.

    Attributes:
        client: Number of the simulator; ``None`` before the first place.
        robot: Number of the robot in it.
        floor: Number of the floor.
        applied: The fault that is in the simulation.
        last: The command that was given last: speed (m/s) and turn rate (rad/s).
    """

    def __init__(self, *, drawn: bool = False) -> None:
        self._drawn = drawn
        self.client: int | None = None
        self.robot = self.floor = -1
        self.applied = NOMINAL
        self.last = [0.0, 0.0]
        self._pending: list[tuple[int, list[float]]] = []
        self._tick = 0

    def place(self, pose: Sequence[float]) -> None:
        """Put the nominal body at rest at x (m), y (m), heading (rad)."""
        if self.client is None:
            self.client = pybullet.connect(pybullet.DIRECT)
        client = self.client
        # Built anew every time: it is the only way back to the same state.
        pybullet.resetSimulation(physicsClientId=client)
        pybullet.setGravity(0, 0, -9.81, physicsClientId=client)
        pybullet.setPhysicsEngineParameter(
            fixedTimeStep=TIME_STEP,
            numSolverIterations=SOLVER_ITERATIONS,
            deterministicOverlappingPairs=1,
            enableConeFriction=0,
            physicsClientId=client,
        )
        folder = pybullet_data.getDataPath()
        with _silence():  # about links without mass, which is fixed below
            self.floor = pybullet.loadURDF(f"{folder}/plane.urdf", physicsClientId=client)
            self.robot = pybullet.loadURDF(
                f"{folder}/husky/husky.urdf",
                [pose[0], pose[1], 0.0],
                [0, 0, math.sin(pose[2] / 2), math.cos(pose[2] / 2)],
                physicsClientId=client,
            )
        if self._drawn:
            hide(self.floor, client)
        for link in _MASSLESS:
            pybullet.changeDynamics(
                self.robot,
                link,
                mass=LEAST_MASS,
                localInertiaDiagonal=(LEAST_MOMENT,) * 3,
                physicsClientId=client,
            )
        for wheel in _WHEELS:
            pybullet.changeDynamics(self.robot, wheel, anisotropicFriction=[1, SIDE_GRIP, 1], physicsClientId=client)
        self.applied = NOMINAL
        pybullet.changeDynamics(self.floor, -1, lateralFriction=FLOOR_FRICTION, physicsClientId=client)
        self._tick = 0
        self.last = [0.0, 0.0]
        self._pending = [(0, [0.0, 0.0])]
        self.turn_wheels([0.0, 0.0])
        for _ in range(SETTLE):
            pybullet.stepSimulation(physicsClientId=client)

    def drive(self, command: list[float]) -> None:
        """Carry out a command for one control period; it arrives after the fault's latency."""
        self.last = command
        due = self._tick + round(self.applied.latency / TIME_STEP)
        # A newer command overrides older ones that would arrive after it: the delay has just ended.
        self._pending = [item for item in self._pending if item[0] < due or item[0] <= self._tick]
        self._pending.append((due, self.last))
        for _ in range(SUBSTEPS):
            arrived = self._tick == 0
            while len(self._pending) > 1 and self._pending[1][0] <= self._tick:
                self._pending.pop(0)
                arrived = True
            if arrived:
                self.turn_wheels(self._pending[0][1])
            pybullet.stepSimulation(physicsClientId=self.client)
            self._tick += 1

    def turn_wheels(self, command: list[float]) -> None:
        """Ask the wheels for what a command amounts to under the fault."""
        fault = self.applied
        speed, rate = fault.turn(command, (SPEED, TURN_RATE))
        across = rate * TRACK * SKID / 2
        left = (speed - across) / WHEEL_RADIUS * fault.sides[0]
        right = (speed + across) / WHEEL_RADIUS * fault.sides[1]
        left, right = (0.0 if fault.dead_side == side else v for side, v in (("left", left), ("right", right)))
        pybullet.setJointMotorControlArray(
            self.robot,
            _WHEELS,
            pybullet.VELOCITY_CONTROL,
            targetVelocities=[left, left, right, right],
            forces=[TORQUE] * 4,
            physicsClientId=self.client,
        )

    def become(self, fault: HuskyFault) -> None:
        """Put a fault into the simulation."""
        if fault == self.applied:
            return
        self.applied = fault
        change = {"bodyUniqueId": self.robot, "physicsClientId": self.client}
        for link, load in ((_TOP_PLATE, fault.payload), (_REAR_BUMPER, fault.rear_load)):
            mass = LEAST_MASS + load
            moment = LEAST_MOMENT + load * 0.1**2  # a compact load
            pybullet.changeDynamics(linkIndex=link, mass=mass, localInertiaDiagonal=(moment,) * 3, **change)
        pybullet.changeDynamics(
            self.floor, -1, lateralFriction=FLOOR_FRICTION * fault.friction, physicsClientId=self.client
        )
        self.turn_wheels(self._pending[0][1])

    def pose(self) -> tuple[float, float, float]:
        """Position x, y (m) and heading (rad, wrapped)."""
        (x, y, _), quaternion = pybullet.getBasePositionAndOrientation(self.robot, physicsClientId=self.client)
        qx, qy, qz, qw = quaternion
        return x, y, math.atan2(2 * (qw * qz + qx * qy), 1 - 2 * (qy * qy + qz * qz))

    def velocity(self) -> list[float]:
        """Velocity along the heading and to the left (m/s), and turn rate (rad/s)."""
        _, _, heading = self.pose()
        (vx, vy, _), (_, _, turning) = pybullet.getBaseVelocity(self.robot, physicsClientId=self.client)
        cosine, sine = math.cos(heading), math.sin(heading)
        return [cosine * vx + sine * vy, cosine * vy - sine * vx, turning]

    def trouble(self) -> str | None:
        """Why it can't go on, if it can't."""
        position, (qx, qy, _, _) = pybullet.getBasePositionAndOrientation(self.robot, physicsClientId=self.client)
        if not all(map(math.isfinite, position)):
            return "the simulator diverged"
        return "rolled over" if 1 - 2 * (qx * qx + qy * qy) < 0.5 else None

    def close(self) -> None:
        """Leave the simulator."""
        if self.client is not None:
            pybullet.disconnect(physicsClientId=self.client)
            self.client = None


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep PyBullet's C code from writing to standard output and error."""
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    with Path(os.devnull).open("wb") as nowhere:
        for stream in (1, 2):
            os.dup2(nowhere.fileno(), stream)
        try:
            yield
        finally:
            for stream, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, stream)
                os.close(copy)
