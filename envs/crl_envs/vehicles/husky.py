"""The husky of PyBullet's data package: a four-wheeled, skid-steered robot on its missions.

PyBullet can't be restored exactly (contacts and solver caches are not part of what it saves), so a state holds the
episode's random state and its actions, and restoring plays them again: see :meth:`HuskyEnv.set_episode_state`.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pybullet
from numpy.typing import NDArray

from crl_envs import task as contract
from crl_envs.missions import MissionError
from crl_envs.missions.naming import fault_name
from crl_envs.vehicles.chase_picture import ChasePicture
from crl_envs.vehicles.husky_body import CONTROL_PERIOD, SKID, TRACK, HuskyBody
from crl_envs.vehicles.husky_faults import NOMINAL, HuskyFault
from crl_envs.vehicles.ugv_mission import SPEED, TURN_RATE, UGVMissionEnv

RADIUS = 0.5
"""A waypoint is reached within this distance (m)."""
FENCE = 10.0
"""How far beyond the waypoints' box the robot may drive (m)."""


class HuskyEnv(UGVMissionEnv):
    """Follow waypoints with a husky whose sides, load, floor or commands change on part of the way.

    Control at 10 Hz, physics at 100 Hz with 10 solver iterations, wheels under velocity control with at most 100 N m.
    The episode terminates when all waypoints have been reached, when the robot rolls over and when it leaves the
    waypoints' box by more than ``fence`` (``info["crash"]`` says which); it is truncated after ``episode_steps``.

    Action (float32 [2]):

    ===== ========= ===== ============ ===========================
    index name      unit  range        meaning
    ===== ========= ===== ============ ===========================
    0     speed     m/s   -1..1        forward
    1     turn_rate rad/s -pi/2..pi/2  positive turns left
    ===== ========= ===== ============ ===========================

    Observation (float32 [15]); axes are those of the map, positions count from its first waypoint:

    ====== ================= ====== ========== =====================================================
    index  name              unit   range      meaning
    ====== ================= ====== ========== =====================================================
    0, 1   x, y              m      unbounded  of the robot
    2      heading           rad    [-pi, pi]  of the robot; 0 along x, positive turns left
    3      forward           m/s    unbounded  velocity along the heading
    4      sideways          m/s    unbounded  velocity to the left
    5      turning           rad/s  unbounded  turn rate
    6, 7   last_speed, _turn_rate   as action  the command before, as it was sent
    8, 9   goal_x, _y        m      unbounded  the waypoint to reach, from the robot
    10, 11 then_x, _y        m      unbounded  the one after it, from the robot; at the end the last
    12, 13 from_x, _y        m      unbounded  the one before it, or the start, from the robot
    14     reached           1      0..1       share of the waypoints reached
    ====== ================= ====== ========== =====================================================

    Reward of a step: the way made towards the waypoint (that was the goal before the step) divided by 0.1 m, less 0.1
    per metre between the robot and the line of the leg. Success: all waypoints reached.

    Args:
        waypoints: Name of a shipped map (``courtyard``, ``orchard``) or path of a CSV file with x,y.
        fault: ``None`` or a dictionary, see :class:`~crl_envs.vehicles.husky_faults.HuskyFault`.
        inject: Share of the waypoints above which the fault is on; 0: from the first step.
        remove: Share of the waypoints above which it is off again; 1: never.
        radius: A waypoint is reached within this distance (m).
        closed: Whether the first waypoint is added at the end.
        fence: How far beyond the waypoints' box the robot may drive (m).
        episode_steps: Actions until the episode is truncated; ``None``: 2.5 times the path at 0.8 m/s.
        render_mode: ``None`` or ``"rgb_array"``.
        width: Picture width in pixels.
        height: Picture height in pixels.

    Raises:
        MissionError: The waypoint file, the fault, its schedule or a number is impossible.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 10}  # noqa: RUF012  Gymnasium's way

    def __init__(
        self,
        waypoints: str | Path = "courtyard",
        fault: dict[str, Any] | None = None,
        inject: float = 0.15,
        remove: float = 0.80,
        radius: float = RADIUS,
        closed: bool = False,
        fence: float = FENCE,
        episode_steps: int | None = None,
        render_mode: str | None = None,
        width: int = 480,
        height: int = 320,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode={render_mode!r} is not offered: use None or 'rgb_array'")
        self.fault = HuskyFault.parse(fault)
        super().__init__(
            task_name=fault_name(fault),
            fields=motion_fields(),
            control_period=CONTROL_PERIOD,
            waypoints=waypoints,
            inject=inject,
            remove=remove,
            radius=radius,
            closed=closed,
            clipped=True,
            episode_steps=1 if episode_steps is None else episode_steps,
        )
        if episode_steps is None:
            length = self.progress.mission.length
            self.task["episode_steps"] = math.ceil(2.5 * length / (0.8 * SPEED * CONTROL_PERIOD)) + 1
        if not 0 < fence < math.inf:
            raise MissionError(f"fence = {fence} m", "give a positive distance")
        points = self.progress.mission.points
        self._box = (points.min(axis=0) - fence).tolist(), (points.max(axis=0) + fence).tolist()
        self.render_mode = render_mode
        self._picture = ChasePicture(width, height)
        self.body = HuskyBody(drawn=render_mode is not None)
        self._began: Any = {}
        self._actions: list[list[float]] = []

    # ------------------------------------------------------------------ UGVMissionEnv
    def _begin(self) -> None:
        self._began = self.np_random.bit_generator.state
        self._actions = []
        super()._begin()

    def _place(self, pose: NDArray[np.float64]) -> None:
        self.body.place(pose.tolist())
        self._apply()

    def step(self, action: NDArray[np.float32]) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Drive for one control period; see :class:`HuskyEnv` for what ends an episode."""
        result = super().step(action)
        self._apply()
        return result

    def _drive(self, action: NDArray[np.float64]) -> None:
        self._actions.append(action.tolist())
        self.body.drive(self._actions[-1])

    def command_effect(self) -> tuple[list[list[float]], list[float]]:
        """Matrix [2, 2] and bias [2]: the nominal command that the next one will amount to. For oracles only.

        Loads, floors, dead zones and powers change more than a matrix says: as far as they do, no nominal command does
        the same.
        """
        fault = self.fault if self.progress.active else NOMINAL
        left, right = (
            0.0 if fault.dead_side == side else v for side, v in zip(("left", "right"), fault.sides, strict=True)
        )
        arm = TRACK * SKID / 2
        # Wheels of the sides turn by (v -+ arm w), each times its factor; v and w are their mean and difference.
        mean, half = (left + right) / 2, (right - left) / 2
        v, w = fault.gain
        return [[mean * v, half * arm * w], [half / arm * v, mean * w]], [0.0, 0.0]

    def _apply(self) -> None:
        """Put the fault that is due into the simulation."""
        self.body.become(self.fault if self.progress.active else NOMINAL)

    def _pose(self) -> tuple[float, float, float]:
        return self.body.pose()

    def _motion(self) -> list[float]:
        return [*self.body.velocity(), *self.body.last]

    def _trouble(self) -> str | None:
        trouble = self.body.trouble()
        if trouble is not None:
            return trouble
        x, y, _ = self.body.pose()
        (left, low), (right, high) = self._box
        return None if left <= x <= right and low <= y <= high else "left the fence"

    def terminated(self, observation: Any) -> Any:
        """Whether all waypoints are reached, or the fence is left; [..., S] -> bool [...].

        Nothing in an observation tells a robot that has rolled over.
        """
        x, y = observation[..., 0], observation[..., 1]
        (left, low), (right, high) = self._box
        return self.success(observation) | (x < left) | (x > right) | (y < low) | (y > high)

    def odometry(self) -> dict[str, Any]:
        """What odometry would measure now, in plain numbers.

        Returns:
            ``position`` x, y, z on the map (m), ``orientation`` w, x, y, z of the body on it, ``velocity`` (m/s) and
            ``rates`` (rad/s) in axes of the body; the last two are ``None`` for a body that has none.
        """
        (x, y, z), quaternion = pybullet.getBasePositionAndOrientation(
            self.body.robot, physicsClientId=self.body.client
        )
        moving = pybullet.getBaseVelocity(self.body.robot, physicsClientId=self.body.client)
        turned = np.array(pybullet.getMatrixFromQuaternion(quaternion)).reshape(3, 3)
        qx, qy, qz, qw = quaternion
        velocity, rates = (tuple((turned.T @ np.array(vector)).tolist()) for vector in moving)
        position = (x + float(self.origin[0]), y + float(self.origin[1]), z)
        return {"position": position, "orientation": (qw, qx, qy, qz), "velocity": velocity, "rates": rates}

    # ------------------------------------------------------------------ pictures
    def render(self) -> NDArray[np.uint8] | None:
        """Picture from behind, uint8 [height, width, 3]; ``None`` without a render mode."""
        if self.render_mode is None:
            return None
        assert self.body.client is not None, "reset comes first"
        return self._picture.draw(self._pose(), self.body.robot, self.body.client)

    def close(self) -> None:
        """Leave the simulator."""
        self.body.close()

    # ------------------------------------------------------------------ saving and restoring
    def get_episode_state(self) -> dict[str, Any]:
        """The random state at the episode's beginning and the actions since: what leads here again."""
        return {
            "began": self._began,
            "actions": np.array(self._actions, dtype=np.float64).reshape(-1, 2),
            "random": self.np_random.bit_generator.state,
        }

    def set_episode_state(self, state: dict[str, Any]) -> None:
        """Play the episode again up to where :meth:`get_episode_state` was called: 2 ms a step, exact to the bit."""
        self.np_random.bit_generator.state = state["began"]
        self._begin()
        for action in state["actions"]:
            self.step(action)
        self.np_random.bit_generator.state = state["random"]


def motion_fields() -> list[contract.Plain]:
    """The husky's own observation fields: its velocities and the command before."""
    field = contract.observation_field
    return [
        field("forward", "m/s", scale_floor=0.02, role="velocity"),
        field("sideways", "m/s", scale_floor=0.02, role="velocity"),
        field("turning", "rad/s", scale_floor=0.02),
        field("last_speed", "m/s", low=-SPEED, high=SPEED, scale_floor=0.02, role="command"),
        field("last_turn_rate", "rad/s", low=-TURN_RATE, high=TURN_RATE, scale_floor=0.02, role="command"),
    ]
