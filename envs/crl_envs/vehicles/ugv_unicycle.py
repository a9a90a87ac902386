"""The kinematic unicycle of Action Flow Matching's ground-vehicle missions.

Source: Murillo-Gonzalez and Liu, *Action Flow Matching for Continual Robot Learning*, RSS 2025 (arXiv 2504.18471),
and the authors' simulator: an Euler step of 0.2 s, normal noise of deviation 1e-5 on every element of the pose, gains
on both command channels between 15 % and 80 % of the waypoints, a waypoint reached within 0.5 m, at most one a step.
Deviations: commands are clipped to their box unless ``clipped`` is false, as published; a mission's waypoints are the
file's unless ``closed`` adds the first at the end, as the authors' loader does.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crl_envs.missions.naming import fault_name
from crl_envs.vehicles.ugv_mission import SPEED, TURN_RATE, UGVMissionEnv
from crl_envs.vehicles.ugv_picture import MapPicture
from crl_envs.vehicles.unicycle_faults import NOMINAL as NO_FAULT
from crl_envs.vehicles.unicycle_faults import UnicycleFault

CONTROL_PERIOD = 0.2
"""Seconds between two commands."""
NOISE = 1e-5
"""Deviation of the noise on x (m), y (m) and heading (rad) of every step."""
RADIUS = 0.5
"""A waypoint is reached within this distance (m)."""
EPISODE_STEPS = 5000
NOMINAL = (1.0, 1.0)
HALF = np.array([SPEED, TURN_RATE])


def wrap(angle: Any) -> Any:
    """Angles (rad) wrapped to [-pi, pi): array or number."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


def step_unicycle(
    pose: Any,
    command: Any,
    gain: Any = NOMINAL,
    *,
    rng: np.random.Generator | None = None,
    noise: float = NOISE,
    period: float = CONTROL_PERIOD,
) -> NDArray[np.float64]:
    """One Euler step of any number of unicycles.

    ``x += g_v v cos(theta) dt``, ``y += g_v v sin(theta) dt``, ``theta += g_w w dt``, wrapped to [-pi, pi).

    Args:
        pose: x (m), y (m), heading (rad), [..., 3].
        command: Speed (m/s) and turn rate (rad/s), [..., 2]; not clipped.
        gain: Gains of the two channels, [..., 2].
        rng: Source of the noise; ``None``: no noise.
        noise: Deviation of the noise on every element of the pose.
        period: Seconds.

    Returns:
        The next pose, [..., 3], of the three arguments' broadcast shape.
    """
    pose, command, gain = (np.asarray(value, dtype=np.float64) for value in (pose, command, gain))
    speed, rate = (command[..., i] * gain[..., i] * period for i in (0, 1))
    heading = pose[..., 2]
    parts = (pose[..., 0] + speed * np.cos(heading), pose[..., 1] + speed * np.sin(heading), heading + rate)
    moved: NDArray[np.float64] = np.stack(np.broadcast_arrays(*parts), axis=-1)
    if rng is not None and noise > 0:
        moved = moved + rng.normal(0.0, noise, size=moved.shape)
    moved[..., 2] = wrap(moved[..., 2])
    return moved


def clip_command(command: Any) -> NDArray[np.float64]:
    """Commands [..., 2] clipped to +-1 m/s and +-pi/2 rad/s."""
    box = np.array([SPEED, TURN_RATE])
    return np.clip(np.asarray(command, dtype=np.float64), -box, box)


class UnicycleEnv(UGVMissionEnv):
    """Follow waypoints with a kinematic unicycle whose commands are multiplied by gains on part of the way.

    Control at 5 Hz; the episode terminates when all waypoints have been reached, and is truncated after 5,000 steps.

    Action (float32 [2]); with ``clipped=False`` values beyond the range are carried out as they come:

    ===== ========= ===== ============ ===========================
    index name      unit  range        meaning
    ===== ========= ===== ============ ===========================
    0     speed     m/s   -1..1        forward
    1     turn_rate rad/s -pi/2..pi/2  positive turns left
    ===== ========= ===== ============ ===========================

    Observation (float32 [10]); axes are those of the map, positions count from its first waypoint:

    ===== ========== ===== ========== =====================================================
    index name       unit  range      meaning
    ===== ========== ===== ========== =====================================================
    0, 1  x, y       m     unbounded  of the robot
    2     heading    rad   [-pi, pi)  of the robot; 0 along x, positive turns left
    3, 4  goal_x, _y m     unbounded  the waypoint to reach, from the robot
    5, 6  then_x, _y m     unbounded  the one after it, from the robot; at the end the last
    7, 8  from_x, _y m     unbounded  the one before it, or the start, from the robot
    9     reached    1     0..1       share of the waypoints reached
    ===== ========== ===== ========== =====================================================

    Reward of a step: the way made towards the waypoint (that was the goal before the step) divided by 0.2 m, less 0.1
    per metre between the robot and the line of the leg. Success: all waypoints reached.

    The robot starts at the first waypoint with heading 0, plus normal noise of deviation 0.02 on each.

    Args:
        waypoints: Name of a shipped map (``courtyard``, ``orchard``) or path of a CSV file with x,y.
        fault: ``None``, or what differs while the fault is on, such as ``{"gain": [v, w]}``, factors on the commands;
            see :class:`~crl_envs.vehicles.unicycle_faults.UnicycleFault`.
        inject: Share of the waypoints above which the fault is on; 0: from the first step.
        remove: Share of the waypoints above which it is off again; 1: never.
        radius: A waypoint is reached within this distance (m).
        closed: Whether the first waypoint is added at the end.
        clipped: Whether commands are clipped to their box.
        episode_steps: Actions until the episode is truncated.
        render_mode: ``None`` or ``"rgb_array"``: the map from above.
        width: Picture width in pixels.
        height: Picture height in pixels.

    Raises:
        MissionError: The waypoint file, the fault or its schedule is impossible.
    """

    metadata: dict[str, Any] = {"render_modes": ["rgb_array"], "render_fps": 5}  # noqa: RUF012  Gymnasium's way

    def __init__(
        self,
        waypoints: str | Path = "courtyard",
        fault: dict[str, Any] | None = None,
        inject: float = 0.15,
        remove: float = 0.80,
        radius: float = RADIUS,
        closed: bool = False,
        clipped: bool = True,
        episode_steps: int = EPISODE_STEPS,
        render_mode: str | None = None,
        width: int = 640,
        height: int = 480,
    ) -> None:
        if render_mode not in (None, "rgb_array"):
            raise ValueError(f"render_mode={render_mode!r} is not offered: use None or 'rgb_array'")
        self.fault = UnicycleFault.parse(fault)
        self.render_mode = render_mode
        self._size = width, height
        self._picture: MapPicture | None = None
        self._way: list[tuple[float, float, bool]] = []
        super().__init__(
            task_name=fault_name(fault),
            fields=[],
            control_period=CONTROL_PERIOD,
            waypoints=waypoints,
            inject=inject,
            remove=remove,
            radius=radius,
            closed=closed,
            clipped=clipped,
            episode_steps=episode_steps,
        )
        self._state = np.zeros(3)
        self._motion_before = np.zeros(2)
        self._since = 0

    def _place(self, pose: NDArray[np.float64]) -> None:
        self._state = pose.copy()
        self._state[2] = wrap(pose[2])
        self._motion_before = np.zeros(2)
        self._since = 0
        self._way.clear()

    def _drive(self, action: NDArray[np.float64]) -> None:
        fault = self.fault if self.progress.active else NO_FAULT
        since = self._since * CONTROL_PERIOD
        moved, aside = fault.answered(action, HALF, self._motion_before, since, CONTROL_PERIOD)
        noise = NOISE if fault.noise is None else fault.noise
        if aside or fault.heading_bias:
            turned = math.atan2(aside, moved[0]) + fault.heading_bias
            pose = self._state + np.array([0.0, 0.0, turned])
            forward = np.array([math.hypot(moved[0], aside), moved[1]])
            pose = step_unicycle(pose, forward, rng=self.np_random, noise=noise)
            self._state = np.array([pose[0], pose[1], wrap(pose[2] - turned)])
        else:
            self._state = step_unicycle(self._state, moved, rng=self.np_random, noise=noise)
        self._motion_before = moved
        self._since = self._since + 1 if self.progress.active else 0
        if self.render_mode is not None:
            self._way.append((self._state[0], self._state[1], self.progress.active and self.fault != NO_FAULT))

    def _pose(self) -> tuple[float, float, float]:
        x, y, heading = self._state.tolist()
        return x, y, heading

    def render(self) -> NDArray[np.uint8] | None:
        """The map from above, uint8 [height, width, 3]; ``None`` without a render mode.

        The way is blue, and orange where the fault was on; reached waypoints are green, the goal is blue.
        """
        if self.render_mode is None:
            return None
        if self._picture is None:
            self._picture = MapPicture(self.progress.mission.points, self.progress.radius, *self._size)
        way = np.array(self._way, dtype=np.float64).reshape(-1, 3)
        return self._picture.draw(way[:, :2], way[:, 2] > 0, self._state, self.progress.reached)

    def command_effect(self) -> tuple[list[list[float]], list[float]]:
        """Matrix [2, 2] and bias [2]: the nominal command that the next one will amount to. For oracles only.

        Dead zones, powers, stalls, lags, slip and turned headings change more than a matrix says: as far as they do, no
        nominal command does the same.
        """
        fault = self.fault if self.progress.active else NO_FAULT
        matrix: list[list[float]] = fault.matrix(HALF, self._since * CONTROL_PERIOD).tolist()
        return matrix, [0.0, 0.0]

    def odometry(self) -> dict[str, Any]:
        """What odometry would measure, as :meth:`.husky.HuskyEnv.odometry` does; this body has no velocity."""
        x, y, heading = self._pose()
        position = (x + float(self.origin[0]), y + float(self.origin[1]), 0.0)
        orientation = (math.cos(heading / 2), 0.0, 0.0, math.sin(heading / 2))
        return {"position": position, "orientation": orientation, "velocity": None, "rates": None}

    def get_episode_state(self) -> dict[str, Any]:
        """Everything that decides how the episode goes on, so that it continues to the bit."""
        return {
            "pose": self._state.copy(),
            "motion": self._motion_before.copy(),
            "since": self._since,
            "observation": self._observation.copy(),
            "steps": self._steps,
            "progress": self.progress.get_state(),
            "random": self.np_random.bit_generator.state,
        }

    def set_episode_state(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`get_episode_state` returned."""
        self._state = np.array(state["pose"], dtype=np.float64)
        self._motion_before = np.array(state["motion"], dtype=np.float64)
        self._since = int(state["since"])
        self._observation = np.array(state["observation"], dtype=np.float32)
        self._steps = int(state["steps"])
        self.progress.set_state(state["progress"])
        self.np_random.bit_generator.state = state["random"]
