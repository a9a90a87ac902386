"""Recorded drives as transitions to learn from: what a robot saw, what it was told, and what it saw next.

Found by the entry point group ``crl.recorded_data``. A transition spans one control period of the robot's description.
Odometry that comes more often is thinned out by its own stamps; its command is the newest one that was recorded when
its second odometry message was, as it is for an agent that learns while it drives.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from crl.safety.fence import Fence
from crl_robots.errors import RobotError
from crl_robots.mission import RobotMission
from crl_robots.observation import observe
from crl_robots.recordings.bag_topics import Chosen, choose
from crl_robots.recordings.bags import is_bag, open_bag
from crl_robots.recordings.ros_messages import ODOMETRY, TWIST, TWIST_STAMPED, action_of, reading_of
from crl_robots.robot import Reading
from crl_robots.spec import RobotSpec
from crl_robots.spec_file import SPECS, load_spec

REGULAR = 0.25
"""Share of the control period by which two observations may be nearer or further and still make a transition."""


class BagData:
    """Reads bags for those who learn from them."""

    @staticmethod
    def fits(source: str) -> bool:
        """Whether a source looks like a bag: a file of one, or a folder that holds some."""
        return is_bag(Path(source))

    @staticmethod
    def read(
        source: str,
        env: str,
        options: Mapping[str, Any],
        robot: str | None = None,
        odom: str = "odom",
        cmd_vel: str | None = None,
    ) -> dict[str, Any]:
        """Transitions of a bag.

        Args:
            source: See :func:`crl_robots.recordings.bags.bag_files`.
            env: Gymnasium id of the environment that learns from them.
            options: Its options.
            robot: Name or file of the robot's description; by default the one that the environment simulates.
            odom: Topic of the odometry; the plan is looked for beside it and around it, see
                :func:`crl_robots.recordings.bag_topics.choose`.
            cmd_vel: Topic of the commands; ``None``: looked for as the plan is.

        Returns:
            ``observation``: (name, unit) of each field; ``action``: (name, unit, low, high) of each element; ``period``
            (s); ``segments``: observations [N + 1, S] and actions [N, A] of each uninterrupted stretch; ``messages``:
            how many odometry messages there were; ``left_out``: reason -> how many of them; ``topics``: those that were
            read. ``None`` for the first three would mean that the data were made in the environment itself.

        Raises:
            RobotError: The bag can't be read, lacks odometry or commands, it is not clear which are meant, it is of
                another robot, or its odometry is too slow.
        """
        spec = load_spec(robot) if robot is not None else _simulated(env, options)
        path = Path(source)
        with open_bag(path) as bag:
            topics = choose(bag.topics, odom, cmd_vel, "data.{0}={1}", commanded=True)
            recorded = bag.messages({topics.odom, topics.cmd_vel, topics.plan})
            readings, commands, points, left_out = _collect(path, spec, topics, recorded)
        messages = len(readings) + left_out.total()
        chosen = _thinned(spec, readings, source, left_out)
        limits = spec.limits
        rows = zip(limits.names, limits.units, limits.low, limits.high, strict=True)
        return {
            "observation": [(item.name, item.unit) for item in spec.state],
            "action": list(rows),
            "period": spec.control_period,
            "segments": _segments(spec, chosen, commands, points, left_out),
            "messages": messages,
            "left_out": dict(left_out),
            "topics": [topic for topic in (topics.odom, topics.cmd_vel, topics.plan) if topic is not None],
        }


def _simulated(env: str, options: Mapping[str, Any]) -> RobotSpec:
    """The robot whose simulated body an environment is."""
    for name in SPECS:
        spec = load_spec(name)
        body = spec.simulation
        if body is not None and body.env == env and all(options.get(k) == v for k, v in body.options.items()):
            return spec
    raise RobotError(
        f"no robot that comes with the package has the simulated body {env} with {dict(options)}",
        "name the recorded robot's description: data.robot=FILE",
    )


def _collect(
    path: Path, spec: RobotSpec, chosen: Chosen, messages: Iterator[tuple[str, str, float, Any]]
) -> tuple[list[tuple[float, Reading]], list[tuple[float, tuple[float, ...]]], list[Any], Counter[str]]:
    """Readings and commands with the times (s) of their receipt, the waypoints, and what was left out."""
    readings: list[tuple[float, Reading]] = []
    commands: list[tuple[float, tuple[float, ...]]] = []
    points: list[Any] = []
    left_out: Counter[str] = Counter()
    for topic, kind, when, message in messages:
        if topic == chosen.odom:
            _expect(path, topic, kind, (ODOMETRY,))
            reading = reading_of(spec, message, len(readings) + 1, when)
            if reading.flaw is None:
                readings.append((when, reading))
            else:
                left_out[f"odometry {reading.flaw}"] += 1
        elif topic == chosen.cmd_vel:
            _expect(path, topic, kind, (TWIST, TWIST_STAMPED))
            commands.append((when, action_of(spec.body, message.twist if kind == TWIST_STAMPED else message)))
        elif kind.endswith("/Path") and message.poses:
            points = [pose.pose.position for pose in message.poses]
    if not readings or not commands:
        what = "odometry" if not readings else "command"
        why = "".join(f"; {count} messages of {reason}" for reason, count in left_out.items() if not readings)
        raise RobotError(f"the bag {path} holds no {what} that can be used{why}", "record odom and cmd_vel, both")
    return readings, commands, [(p.x, p.y, p.z) for p in points], left_out


def _expect(path: Path, topic: str, kind: str, kinds: Sequence[str]) -> None:
    if kind not in kinds:
        raise RobotError(f"{topic} of {path} holds {kind}", f"name a topic with {' or '.join(kinds)}")


def _thinned(
    spec: RobotSpec, readings: list[tuple[float, Reading]], source: str, left_out: Counter[str]
) -> list[tuple[float, Reading]]:
    """One reading per control period, as an agent on the robot would have chosen them."""
    period = spec.control_period
    steps = np.diff([reading.source for _, reading in readings])
    forward = steps[steps > 0]
    if not len(forward) or float(np.median(forward)) > (1 + REGULAR) * period:
        rate = 1 / float(np.median(forward)) if len(forward) else 0.0
        raise RobotError(
            f"the odometry of {source} comes {rate:.3g} times a second, {spec.name} decides {spec.decision_rate:g} "
            "times",
            "record it at least as often, or train an environment and describe a robot that decide less often",
        )
    spacing = float(np.median(forward))
    chosen = [readings[0]]
    for when, reading in readings[1:]:
        since = reading.source - chosen[-1][1].source
        if since <= 0:
            left_out["odometry that is a copy, or late"] += 1
        elif since + spacing / 2 < period:
            left_out["odometry between two decisions"] += 1
        else:
            chosen.append((when, reading))
    return chosen


def _segments(
    spec: RobotSpec,
    readings: list[tuple[float, Reading]],
    commands: list[tuple[float, tuple[float, ...]]],
    points: list[Any],
    left_out: Counter[str],
) -> list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
    """Stretches without a gap: observations [N + 1, S] and actions [N, A]."""
    mission = _mission(spec, readings, points)
    # Times of receipt: those of odometry and commands are of one clock, whatever their stamps are.
    moments = [when for when, _ in commands]
    segments: list[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]] = []
    seen: list[Any] = []
    done: list[Any] = []
    before: Reading | None = None

    def cut() -> None:
        if done:
            segments.append((np.array(seen, dtype=np.float32), np.array(done, dtype=np.float32)))
        seen.clear()
        done.clear()

    mission.begin(readings[0][1].position)
    for when, reading in readings:
        command = _in_force(spec, commands, moments, when)
        trouble = _trouble(spec, before, reading, command)
        last = command if command is not None else spec.limits.safe
        mission.advance(reading.position)
        observation = observe(spec, reading, mission, last)
        if trouble is None:
            done.append(last)
        elif before is not None:
            left_out[trouble] += 1
            cut()
        if trouble is not None:
            seen.clear()
        seen.append(observation)
        before = reading
    cut()
    return segments


def _trouble(
    spec: RobotSpec, before: Reading | None, reading: Reading, command: tuple[float, ...] | None
) -> str | None:
    """Why two readings make no transition; ``None`` if they do."""
    if before is None:
        return "the first"
    since = reading.source - before.source
    if abs(since - spec.control_period) > REGULAR * spec.control_period:
        return "a gap in the odometry"
    top = math.hypot(*(max(abs(low), abs(high)) for low, high in zip(spec.limits.low, spec.limits.high, strict=True)))
    if math.dist(before.position, reading.position) > top * since + spec.jump:
        return "a jump of the position"
    if command is None:
        return "no command in force"
    return None


def _in_force(
    spec: RobotSpec, commands: list[tuple[float, tuple[float, ...]]], moments: list[float], when: float
) -> tuple[float, ...] | None:
    """The newest command at a time; ``None`` if it is so old that the robot has stopped itself."""
    at = bisect.bisect_right(moments, when)
    if not at or when - moments[at - 1] > spec.timeouts.receiver:
        return None
    return commands[at - 1][1]


def _mission(spec: RobotSpec, readings: list[tuple[float, Reading]], points: list[Any]) -> RobotMission:
    """The recorded plan; without one, a way from the first place to the one furthest from it."""
    anywhere = replace(spec, fence=Fence((-math.inf,) * 3, (math.inf,) * 3, 0.0))

    def apart(one: Sequence[float], other: Sequence[float]) -> float:
        return math.dist(one[: spec.dimensions], other[: spec.dimensions])

    # A plan without a length says nothing about the way.
    if len(points) < 2 or max(apart(point, points[0]) for point in points) <= spec.radius:
        start = readings[0][1].position
        furthest = max((reading.position for _, reading in readings), key=lambda place: apart(place, start))
        goal = furthest if apart(furthest, start) > spec.radius else (start[0] + 2 * spec.radius, *start[1:])
        points = [start, goal]
    return RobotMission(anywhere, points, "recorded")
