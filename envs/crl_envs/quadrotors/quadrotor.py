"""Missions of a quadrotor: a rigid body with four motors and PX4-like inner loops, commanded at 50 Hz."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from crl_envs.missions import FaultSchedule, Mission, MissionError, Progress
from crl_envs.missions.naming import fault_name
from crl_envs.missions.rewards import CRUISE, air_reward
from crl_envs.mujoco_env import Array, MujocoTaskEnv
from crl_envs.quadrotors import model as body
from crl_envs.quadrotors.control import RateLoop, VelocityLoop
from crl_envs.quadrotors.faults import INTERFACES, NOMINAL, QuadrotorFault
from crl_envs.quadrotors.flight import advance, follow, heading, level_motion, up
from crl_envs.quadrotors.task import CONTROL_PERIOD, SAFE, SUBSTEPS, describe

RADIUS = 0.3
"""A waypoint is reached within this distance (m)."""
ALTITUDE = 1.5
"""Height of the waypoints of a file without z (m)."""
LOWEST = 0.4
"""Lowest waypoint that is accepted (m)."""
FENCE = 4.0
"""How far beyond the waypoints' box the robot may fly (m)."""
START_STD = 0.02
"""Deviation of the start around the first waypoint and heading 0 (m, rad)."""
GUST_TIME = 1.0
"""Correlation time of the gusts (s)."""


class QuadrotorEnv(MujocoTaskEnv):
    """Fly through waypoints while the body, the air or the commands change on the way.

    A free body of 1.2 kg (inertia 0.012, 0.012, 0.02 kg m2; arms of 0.17 m; thrust-to-weight 2.1; motor lag 30 ms;
    linear and quadratic drag on its speed through the air); physics and rate loop at 500 Hz, velocity loop at 100 Hz,
    commands at 50 Hz. Axes of the body: x ahead, y left, z up; positive yaw turns left.

    The episode terminates when all waypoints have been reached, when the body touches the ground and when it leaves
    the waypoints' box by more than ``fence`` (``info["crash"]`` says which); it is truncated after ``episode_steps``.

    Action (float32 [4]), interface ``rates``:

    ===== ========== ====== ======== =============================================
    index name       unit   range    meaning
    ===== ========== ====== ======== =============================================
    0     thrust     g      0.2..2   collective thrust per weight of the nominal body
    1     roll_rate  rad/s  -4..4    about the body's x
    2     pitch_rate rad/s  -4..4    about the body's y; positive lowers the nose
    3     yaw_rate   rad/s  -2..2    about the body's z
    ===== ========== ====== ======== =============================================

    Action (float32 [4]), interface ``velocity``, in axes of the heading (x ahead and level, z up):

    ===== ========== ====== ======== ==================
    index name       unit   range    meaning
    ===== ========== ====== ======== ==================
    0     vx         m/s    -4..4    set-point ahead
    1     vy         m/s    -4..4    to the left
    2     vz         m/s    -2..2    up
    3     yaw_rate   rad/s  -2..2    turn to the left
    ===== ========== ====== ======== ==================

    Observation, interface ``rates`` (float32 [27]); positions and goals in axes of the map:

    ====== ================== ===== ========== ==================================================================
    index  name               unit  range      meaning
    ====== ================== ===== ========== ==================================================================
    0..2   x, y, z            m     unbounded  x and y from the first waypoint, z from the ground
    3      heading            rad   (-pi, pi]  direction of the body's x on the map
    4..6   velocity_x, _y, _z m/s   unbounded  in axes of the body
    7..9   gravity_x, _y, _z  1     -1..1      direction of gravity in axes of the body; level: (0, 0, -1)
    10..12 rate_x, _y, _z     rad/s unbounded  in axes of the body
    13..16 last_thrust, ...   as action        the command before, as it was sent
    17..19 goal_x, _y, _z     m     unbounded  the waypoint to reach, from the robot
    20..22 then_x, _y, _z     m     unbounded  the one after it; at the end the last
    23..25 from_x, _y, _z     m     unbounded  the one before it, or the start
    26     reached            1     0..1       share of the waypoints reached
    ====== ================== ===== ========== ==================================================================

    Observation, interface ``velocity`` (float32 [24]): 0..3 as above, 4..6 velocity in axes of the heading (m/s),
    7 roll and 8 pitch (rad), 9 yaw_rate about the body's z (rad/s), 10..13 the command before, 14..23 as 17..26 above.

    Reward of a step: the way made towards the waypoint (that was the goal before the step) in units of 0.04 m, less 0.1
    per metre beside the leg, less twice the share of the speed above 2 m/s, less ``0.2 (1 - cos tilt)``. Success: all
    waypoints reached.

    The robot starts hovering at the first waypoint with heading 0, plus normal noise of deviation 0.02 on both.

    Args:
        waypoints: Name of a shipped map (``hall``, ``spiral``) or path of a CSV file with x,y[,z].
        interface: ``velocity`` or ``rates``.
        fault: ``None`` or a dictionary, see :class:`~crl_envs.quadrotors.faults.QuadrotorFault`.
        inject: Share of the waypoints above which the fault is on; 0: from the first step.
        remove: Share of the waypoints above which it is off again; 1: never.
        radius: A waypoint is reached within this distance (m).
        closed: Whether the first waypoint is added at the end.
        fence: How far beyond the waypoints' box the robot may fly (m).
        episode_steps: Actions until the episode is truncated; ``None``: three times the path at 2 m/s.
        render_mode: ``None`` or ``"rgb_array"``.
        width: Picture width in pixels.
        height: Picture height in pixels.
        camera: ``overview`` or ``view``, which follows the robot.

    Raises:
        MissionError: The waypoint file, the fault, its schedule or a number is impossible.
    """

    def __init__(
        self,
        waypoints: str | Path = "hall",
        interface: str = "velocity",
        fault: dict[str, Any] | None = None,
        inject: float = 0.15,
        remove: float = 0.80,
        radius: float = RADIUS,
        closed: bool = False,
        fence: float = FENCE,
        episode_steps: int | None = None,
        render_mode: str | None = None,
        width: int = 640,
        height: int = 480,
        camera: str = "overview",
    ) -> None:
        if interface not in INTERFACES:
            raise MissionError(f"there is no interface {interface!r}", f"use {' or '.join(INTERFACES)}")
        for name, value in (("radius", radius), ("fence", fence), ("episode_steps", episode_steps)):
            if value is not None and not 0 < value < math.inf:
                raise MissionError(f"{name} = {value}", "give a positive number")
        mission = Mission.read(waypoints, dimensions=3, altitude=ALTITUDE, closed=closed)
        heights = mission.points[:, 2]
        if heights.min() < LOWEST:
            raise MissionError(
                f"waypoint {int(heights.argmin())} of {mission.name!r} is {heights.min():g} m high",
                f"keep at least {LOWEST} m above the ground",
            )
        self.interface = interface
        self.fault = QuadrotorFault.parse(fault, interface)
        # Observed positions count from the first waypoint, so that float32 is fine for maps in any frame.
        self.origin = mission.points[0] * [1.0, 1.0, 0.0]
        self.progress = Progress(
            Mission(mission.name, mission.points - self.origin), radius, FaultSchedule(inject, remove)
        )
        self.progress.warn()
        points = self.progress.mission.points
        self._box = (points.min(axis=0) - fence).tolist(), (points.max(axis=0) + fence).tolist()
        steps = episode_steps or math.ceil(3 * mission.length / CRUISE / CONTROL_PERIOD)
        super().__init__(
            body.build_model([tuple(point) for point in points.tolist()]),
            describe(interface, fault_name(fault), steps),
            substeps=SUBSTEPS,
            render_mode=render_mode,
            width=width,
            height=height,
            camera=camera,
        )
        self._goal = 17 if interface == "rates" else 14
        self._body = mujoco.mj_name2id(self.model, mujoco.mjtObj.mjOBJ_BODY, "quadrotor")
        self._scratch = mujoco.MjData(self.model)
        self._applied = NOMINAL
        self._rate_loop = RateLoop()
        self._velocity_loop = VelocityLoop()
        self._gust = [0.0, 0.0]
        self._last = list(SAFE[interface])
        self._pending: list[tuple[int, list[float]]] = []
        self._tick = 0

    # ------------------------------------------------------------------ MujocoTaskEnv
    def _initialise(self) -> None:
        noise = self.np_random.normal(0.0, START_STD, size=4)
        position = self.progress.mission.points[0] + noise[:3]
        yaw = noise[3]
        self.data.qpos[:] = [*position, math.cos(yaw / 2), 0, 0, math.sin(yaw / 2)]
        self.data.act[:] = body.MASS * body.GRAVITY / 4
        self.progress.begin(position)
        self._rate_loop, self._velocity_loop = RateLoop(), VelocityLoop(yaw)
        self._gust = [0.0, 0.0]
        self._last = list(SAFE[self.interface])
        self._tick = 0
        self._pending = [(0, list(self._last))]
        self._apply()

    def _reset_info(self) -> dict[str, Any]:
        return {**self.progress.info(), "cross_track": 0.0, "position": self.data.qpos[:3] + self.origin}

    def _actuate(self, action: Array) -> None:
        """Queue a command; it arrives after the fault's latency."""
        self._last = [float(value) for value in action]
        due = self._tick + round(self._applied.latency / body.TIME_STEP)
        # A newer command overrides older ones that would arrive after it: the delay has just ended.
        self._pending = [item for item in self._pending if item[0] < due or item[0] <= self._tick]
        self._pending.append((due, self._last))

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Fly for one control period; see the class for what ends an episode and what ``info`` says."""
        action = np.asarray(action, dtype=np.float32)
        if action.shape != self.action_space.shape:
            raise ValueError(f"action has shape {action.shape}, this environment takes {self.action_space.shape}")
        if not np.isfinite(action).all():
            raise ValueError(f"action is not finite: {action}; an agent must send finite actions")
        action = np.clip(action, self.action_space.low, self.action_space.high)
        before = self._observation
        self._actuate(action)
        self._blow()
        for _ in range(SUBSTEPS):
            self._substep()
        self._steps += 1
        position = self.data.qpos[:3].tolist()
        beside = self.progress.advance(position)
        self._apply()
        self._observation = self._observe()
        info = {**self.progress.info(), "cross_track": beside, "position": self.data.qpos[:3] + self.origin}
        crash = self._crash(position)
        if crash is not None:
            info["crash"] = crash
        terminated = self.progress.done or crash is not None
        truncated = not terminated and self._steps >= self.task["episode_steps"]
        if self._faulty():
            info["fault"] = f"the simulator diverged at step {self._steps} of the episode"
            self._observation = np.full_like(self._observation, np.nan)
            terminated, truncated = False, True
        reward = float(self.reward(before, action, self._observation))
        return self._observation.copy(), reward, terminated, truncated, info

    def _substep(self) -> None:
        """One step of the inner loops, the air and the physics."""
        while len(self._pending) > 1 and self._pending[1][0] <= self._tick:
            self._pending.pop(0)
        command = self._pending[0][1]
        if self.interface == "rates":
            thrust, *rates = self._applied.turn_rates(*command)
            thrust *= body.MASS * body.GRAVITY
        else:
            *wanted, turn = self._applied.turn_velocities(*command)
            thrust, rates = follow(self._velocity_loop, self.data, wanted, turn)
        advance(
            self.model, self.data, self._body, self._rate_loop, thrust, rates, wind=self._applied.wind, gust=self._gust
        )
        self._tick += 1

    def _blow(self) -> None:
        """Next value of the gusts, an Ornstein-Uhlenbeck process sampled at every command."""
        if self._applied.gusts == 0:
            self._gust = [0.0, 0.0]
            return
        keep = math.exp(-CONTROL_PERIOD / GUST_TIME)
        size = self._applied.gusts / 2 * math.sqrt(1 - keep**2)
        self._gust = [keep * g + size * n for g, n in zip(self._gust, self.np_random.normal(size=2), strict=True)]

    def _apply(self) -> None:
        """Put the fault that is due into the model."""
        due = self.fault if self.progress.active else NOMINAL
        if due is self._applied:
            return
        self._applied = due
        added = due.payload * body.MASS
        self.model.body_mass[self._body] = body.MASS + added
        self.model.body_inertia[self._body] = np.array(body.INERTIA) + added * body.PAYLOAD_ARM**2
        self.model.actuator_gainprm[:, 0] = due.thrust * np.array(due.rotors)
        # mj_setConst leaves its data in the reference pose: never the data of the flight.
        mujoco.mj_setConst(self.model, self._scratch)

    def command_effect(self) -> tuple[list[list[float]], list[float]]:
        """Matrix [4, 4] and bias [4]: the nominal command that the next one will amount to. For oracles only.

        The interface ``velocity`` has loops of its own against loads and lost thrust: there they change nothing.
        """
        return (self.fault if self.progress.active else NOMINAL).command_effect(self.interface)

    def _crash(self, position: list[float]) -> str | None:
        if position[2] < body.GROUND:
            return "touched the ground"
        inside = all(low <= p <= high for low, p, high in zip(self._box[0], position, self._box[1], strict=True))
        return None if inside else "left the fence"

    def _observe(self) -> Array:
        position = self.data.qpos[:3].tolist()
        w, x, y, z = self.data.qpos[3:7].tolist()
        vx, vy, vz, p, q, r = self.data.qvel.tolist()
        ux, uy, uz = up(w, x, y, z)
        yaw, _, _ = heading(w, x, y, z)
        if self.interface == "rates":
            # Columns of the rotation from body to world, dotted with the velocity.
            forward = (1 - 2 * (y * y + z * z)) * vx + 2 * (x * y + w * z) * vy + ux * vz
            left = 2 * (x * y - w * z) * vx + (1 - 2 * (x * x + z * z)) * vy + uy * vz
            upward = 2 * (x * z + w * y) * vx + 2 * (y * z - w * x) * vy + uz * vz
            motion = [forward, left, upward, -ux, -uy, -uz, p, q, r]
        else:
            motion = level_motion(self.data)
        return np.array([*position, yaw, *motion, *self._last, *self.progress.observe(position)], dtype=np.float32)

    def odometry(self) -> dict[str, Any]:
        """What odometry would measure now, as :meth:`crl_envs.vehicles.husky.HuskyEnv.odometry`."""
        back, velocity = np.zeros(4), np.zeros(3)
        mujoco.mju_negQuat(back, self.data.qpos[3:7])
        mujoco.mju_rotVecQuat(velocity, self.data.qvel[:3], back)
        return {
            "position": tuple((self.data.qpos[:3] + self.origin).tolist()),
            "orientation": tuple(self.data.qpos[3:7].tolist()),
            "velocity": tuple(velocity.tolist()),
            "rates": tuple(self.data.qvel[3:6].tolist()),
        }

    # ------------------------------------------------------------------ the task
    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """Way towards the waypoint less the costs named in the class; arrays [..., S], [..., A], [..., S] -> [...]."""
        return air_reward(
            observation, next_observation, goal=self._goal, period=CONTROL_PERIOD, rates=self.interface == "rates"
        )

    def success(self, observation: Any) -> Any:
        """Whether all waypoints have been reached; [..., S] -> bool [...]."""
        return observation[..., -1] > 1 - 1e-4

    def terminated(self, observation: Any) -> Any:
        """Whether all waypoints are reached, the ground is touched or the fence is left; [..., S] -> bool [...]."""
        ended = self.success(observation) | (observation[..., 2] < body.GROUND)
        for at, (low, high) in enumerate(zip(*self._box, strict=True)):
            ended = ended | (observation[..., at] < low) | (observation[..., at] > high)
        return ended

    # ------------------------------------------------------------------ saving and restoring
    def get_episode_state(self) -> dict[str, Any]:
        """Everything that decides how the episode goes on, with the loops' and the motors' state."""
        return {
            **super().get_episode_state(),
            "progress": self.progress.get_state(),
            "rate_loop": np.array(self._rate_loop.integral),
            "velocity_loop": np.array(self._velocity_loop.get_state()),
            "gust": np.array(self._gust),
            "last": np.array(self._last),
            "pending": np.array([[tick, *command] for tick, command in self._pending]),
            "tick": self._tick,
        }

    def set_episode_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_episode_state` returned.

        Raises:
            ValueError: The state belongs to another model.
        """
        self.progress.set_state(state["progress"])
        self._apply()
        super().set_episode_state(state)
        self._rate_loop.integral = [float(value) for value in state["rate_loop"]]
        self._velocity_loop.set_state(state["velocity_loop"])
        self._gust = [float(value) for value in state["gust"]]
        self._last = [float(value) for value in state["last"]]
        self._pending = [(int(row[0]), [float(value) for value in row[1:]]) for row in state["pending"]]
        self._tick = int(state["tick"])
