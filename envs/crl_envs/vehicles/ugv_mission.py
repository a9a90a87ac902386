"""What the ground vehicles' missions share: waypoints, goal, reward, commands."""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from crl_envs import task as contract
from crl_envs.missions import FaultSchedule, Mission, MissionError, Progress, goal_fields
from crl_envs.missions.rewards import ground_reward

Array = NDArray[np.float32]
SPEED = 1.0
"""Greatest forward speed that can be commanded (m/s)."""
TURN_RATE = math.pi / 2
"""Greatest turn rate that can be commanded (rad/s)."""
START_STD = 0.02
"""Deviation of the start around the first waypoint and heading 0 (m, m, rad), as published."""


def vehicle_task(
    name: str, control_period: float, episode_steps: int, fields: Sequence[contract.Plain] = (), **ends: bool
) -> contract.Plain:
    """The task of a vehicle that follows waypoints by speed and turn rate.

    Args:
        name: Its name.
        control_period: Seconds per step.
        episode_steps: Steps until an episode is truncated.
        fields: Fields of the body's own, between its pose and the goals.
        ends: What it says of success and of ends, such as ``has_terminated=True``.
    """
    field = contract.observation_field
    return {
        "name": name,
        "control_period": control_period,
        "episode_steps": episode_steps,
        "observation": [
            field("x", "m", scale_floor=0.02, role="position"),
            field("y", "m", scale_floor=0.02, role="position"),
            field("heading", "rad", kind="angle", scale_floor=0.02, role="heading"),
            *fields,
            *goal_fields(2),
        ],
        "action": [
            contract.action_field("speed", "m/s", low=-SPEED, high=SPEED),
            contract.action_field("turn_rate", "rad/s", low=-TURN_RATE, high=TURN_RATE),
        ],
        "safe_action": [0.0, 0.0],
        **ends,
        "exploration": contract.exploration_prior(beta=1.0, std=[0.6 * SPEED, 0.6 * TURN_RATE]),
    }


class UGVMissionEnv(gymnasium.Env[Array, Array]):
    """Follow waypoints on the ground with forward speed and turn rate.

    Subclasses implement :meth:`_place`, :meth:`_drive`, :meth:`_pose` and :meth:`_motion`.

    Args:
        task_name: Name of the task.
        fields: Observation fields between the heading and the goal.
        control_period: Seconds between two actions.
        waypoints: Name of a shipped map, or path of a CSV file.
        inject: Share of the waypoints from which the fault is on.
        remove: Share of the waypoints from which it is off again.
        radius: A waypoint is reached within this distance (m).
        closed: Whether the first waypoint is added at the end.
        clipped: Whether actions are clipped to their box; otherwise they are carried out as they come, as published.
        episode_steps: Actions until the episode is truncated.

    Raises:
        MissionError: The file, the schedule or a number is impossible.
    """

    metadata: dict[str, Any] = {"render_modes": []}  # noqa: RUF012  Gymnasium's way
    observation_space: Box[np.float32]
    action_space: Box[np.float32]

    def __init__(
        self,
        *,
        task_name: str,
        fields: list[contract.Plain],
        control_period: float,
        waypoints: str | Path,
        inject: float,
        remove: float,
        radius: float,
        closed: bool,
        clipped: bool,
        episode_steps: int,
    ) -> None:
        if not 0 < radius < math.inf:
            raise MissionError(f"radius = {radius} m", "give a positive distance")
        if episode_steps < 1:
            raise MissionError(f"episode_steps = {episode_steps}", "give at least 1")
        mission = Mission.read(waypoints, dimensions=2, closed=closed)
        # Observed positions count from the first waypoint, so that float32 is fine for maps in any frame.
        self.origin = mission.points[0].copy()
        self.progress = Progress(
            Mission(mission.name, mission.points - self.origin), radius, FaultSchedule(inject, remove)
        )
        self.progress.warn()
        self.clipped = clipped
        self._goal = 3 + len(fields)
        self._full = SPEED * control_period
        self.task = vehicle_task(task_name, control_period, episode_steps, fields, has_terminated=True)
        self.observation_space = contract.observation_space(self.task["observation"])
        self.action_space = contract.action_space(self.task["action"])
        self._low = self.action_space.low.astype(np.float64)
        self._high = self.action_space.high.astype(np.float64)
        self._steps = 0
        self._observation: Array = np.full_like(self.observation_space.low, np.nan)

    # ------------------------------------------------------------------ what a body defines
    @abstractmethod
    def _place(self, pose: NDArray[np.float64]) -> None:
        """Put the body at rest at x (m), y (m), heading (rad), nominal or not as ``self.progress.active`` says."""

    @abstractmethod
    def _drive(self, action: NDArray[np.float64]) -> None:
        """Carry out an action for one control period."""

    @abstractmethod
    def _pose(self) -> tuple[float, float, float]:
        """Position x, y (m) and heading (rad, wrapped)."""

    def _motion(self) -> list[float]:
        """The body's own observation fields."""
        return []

    def _trouble(self) -> str | None:
        """Why the episode must end, if it must."""
        return None

    # ------------------------------------------------------------------ Gymnasium
    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        """Start an episode at the first waypoint. The same seed gives the same start."""
        super().reset(seed=seed, options=options)
        self._begin()
        return self._observation.copy(), self._info(0.0)

    def _begin(self) -> None:
        """Start an episode with the random generator as it is."""
        self._steps = 0
        pose = self.np_random.normal(0.0, START_STD, size=3)
        self.progress.begin(pose[:2])
        self._place(pose)
        self._observation = self._observe()

    def step(self, action: Array) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        """Drive for one control period.

        The episode terminates when all waypoints have been reached, or the body can't go on (``info["crash"]``).
        ``info`` also says ``reached``, ``fault_active`` (in the step to come), ``cross_track`` (m) and ``position`` (m,
        in the map's frame).
        """
        command = np.asarray(action, dtype=np.float64)
        if command.shape != (2,):
            raise ValueError(f"action has shape {command.shape}, this environment takes (2,)")
        if not np.isfinite(command).all():
            raise ValueError(f"action is not finite: {action}; an agent must send finite actions")
        if self.clipped:
            command = np.clip(command, self._low, self._high)
        before = self._observation
        self._drive(command)
        self._steps += 1
        x, y, _ = self._pose()
        beside = self.progress.advance((x, y))
        self._observation = self._observe()
        reward = float(self.reward(before, command, self._observation))
        info = self._info(beside)
        trouble = self._trouble()
        if trouble is not None:
            info["crash"] = trouble
        terminated = self.progress.done or trouble is not None
        truncated = not terminated and self._steps >= self.task["episode_steps"]
        return self._observation.copy(), reward, terminated, truncated, info

    def _observe(self) -> Array:
        x, y, heading = self._pose()
        return np.array([x, y, heading, *self._motion(), *self.progress.observe((x, y))], dtype=np.float32)

    def _info(self, beside: float) -> dict[str, Any]:
        x, y, _ = self._pose()
        info = self.progress.info()
        info.update(cross_track=beside, position=np.array([x, y]) + self.origin)
        return info

    # ------------------------------------------------------------------ the task
    def reward(self, observation: Any, action: Any, next_observation: Any) -> Any:
        """Way towards the waypoint in steps at full speed, less 0.1 per metre beside the leg; [..., S] -> [...]."""
        return ground_reward(observation, next_observation, goal=self._goal, full=self._full)

    def success(self, observation: Any) -> Any:
        """Whether all waypoints have been reached; [..., S] -> bool [...]."""
        return observation[..., -1] > 1 - 1e-4

    def terminated(self, observation: Any) -> Any:
        """Whether the episode ends here, as far as an observation shows it; [..., S] -> bool [...]."""
        return self.success(observation)
