"""What :mod:`crl.deployment` wants to know of robots; found by the entry point group ``crl.robot_kits``.

A deployed agent plans with the reward of its missions. It is the same function that the simulated missions call
(:mod:`crl_envs.missions.rewards`), made of the robot's description alone, so that a robot needs no simulator.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from crl.safety.fence import Fence
from crl_envs.missions.rewards import air_reward, all_reached, ground_reward
from crl_robots.errors import RobotError
from crl_robots.mission import RobotMission
from crl_robots.observation import observe
from crl_robots.robot import Reading
from crl_robots.spec import RobotSpec
from crl_robots.spec_file import SPECS, load_spec

TOLERANCE = 2e-5
"""Difference of an element of an observation, absolute and relative, that is put down to float32."""


class RobotKit:
    """Descriptions, rewards and rehearsals of the robots of this package."""

    @staticmethod
    def file(source: str | Path) -> Path:
        """The file of a robot's description, by its name or path; it need not exist."""
        return SPECS.get(str(source), Path(source))

    @staticmethod
    def load(source: str | Path) -> RobotSpec:
        """The description; raises :class:`RobotError`."""
        return load_spec(source)

    @staticmethod
    def names() -> list[str]:
        """Robots that come with the package."""
        return sorted(SPECS)

    @staticmethod
    def functions(spec: RobotSpec) -> tuple[Callable[[Any, Any, Any], Any], Callable[[Any], Any]]:
        """Reward and success of a robot's missions, as an environment has them.

        Raises:
            RobotError: The observation lacks what the reward reads.
        """
        names = [item.name for item in spec.state]
        if "goal_x" not in names:
            raise RobotError(f"{spec.name} observes no goal", "list goal_x, goal_y and so on in its state")
        goal, period = names.index("goal_x"), spec.control_period
        if spec.body == "ground":
            full = spec.limits.high[0] * period

            def ground(observation: Any, action: Any, after: Any) -> Any:
                del action
                return ground_reward(observation, after, goal=goal, full=full)

            return ground, all_reached

        def air(observation: Any, action: Any, after: Any) -> Any:
            del action
            return air_reward(observation, after, goal=goal, period=period)

        return air, all_reached

    @staticmethod
    def rehearse(spec: RobotSpec, env: Any, steps: int = 40) -> None:
        """Drive a simulated body at random, and compare what the robot's agent would see with what the task shows.

        Args:
            spec: The robot.
            env: A Gymnasium environment of a mission, with ``odometry()``, ``progress`` and ``origin`` underneath.
            steps: Control periods.

        Raises:
            RobotError: The body can't be rehearsed with, or an element of the observation differs.
        """
        body = env.unwrapped
        if not all(hasattr(body, part) for part in ("odometry", "progress", "origin")):
            raise RobotError(
                f"the simulated body of {spec.name} has no odometry() to compare observations with",
                "give it odometry(), progress and origin as crl_envs.vehicles.husky.HuskyEnv has them",
            )
        rng = np.random.default_rng(0)
        limits = spec.limits
        low, high = np.array(limits.low), np.array(limits.high)
        shown, _ = env.reset(seed=0)
        # The plan is the simulated one, wherever the real robot's fence is.
        anywhere = Fence((-math.inf,) * 3, (math.inf,) * 3, 0.0)
        points = np.asarray(body.progress.mission.points + body.origin)
        mission = RobotMission(replace(spec, fence=anywhere), points, "rehearsal")
        start = body.progress.start[:2] + body.origin[:2]
        mission.begin((float(start[0]), float(start[1]), float(body.progress.start[-1])))
        last = list(limits.safe)
        for step in range(steps):
            _compare(spec, observe(spec, _reading(body, step, spec), mission, last), np.asarray(shown))
            action = np.clip(rng.normal(0.2, 0.4, limits.size) * high, low, high).astype(np.float32)
            shown, _, ended, cut, _ = env.step(action)
            if ended or cut:
                return
            last = action.tolist()
            mission.advance(body.odometry()["position"])


def _reading(body: Any, step: int, spec: RobotSpec) -> Reading:
    said = body.odometry()
    time, still = step * spec.control_period, (0.0, 0.0, 0.0)
    position = tuple(float(value) for value in said["position"])
    return Reading(
        sequence=step + 1,
        received=time,
        source=time,
        position=(position[0], position[1], position[2]),
        orientation=said["orientation"],
        velocity=said["velocity"] or still,
        rates=said["rates"] or still,
    )


def _compare(spec: RobotSpec, seen: Any, shown: Any) -> None:
    wrong = ~np.isclose(seen, shown, rtol=TOLERANCE, atol=TOLERANCE)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise RobotError(
            f"{spec.name} would see {spec.state[at].name} = {seen[at]:.6g} {spec.state[at].unit} where its simulated "
            f"body shows {shown[at]:.6g}",
            "give velocity_axes, the mission's radius and the fields of the description as the task has them",
        )
