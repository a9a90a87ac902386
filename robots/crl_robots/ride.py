"""A recorded bag as plain data that can be looked at: where the robot was, where it was sent, what it was told.

Found by the entry point group ``crl.recordings``. Nothing here is judged or learned; numbers are as they were recorded,
on a regular grid of time, the newest at each instant.
"""

from __future__ import annotations

import bisect
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np

from crl.safety.fence import ELEMENTS, Body
from crl_robots import geometry
from crl_robots.errors import RobotError
from crl_robots.mcap.salvage import salvage
from crl_robots.observation import UNITS
from crl_robots.recordings.bag_topics import Chosen, choose
from crl_robots.recordings.bags import is_bag, open_bag
from crl_robots.recordings.ros_messages import ODOMETRY, TWIST, TWIST_STAMPED, action_of, reading_of
from crl_robots.robot import Reading
from crl_robots.spec import RobotSpec
from crl_robots.spec_file import load_spec

PERIOD = 0.1
"""Seconds between two moments where no description says how often the robot decides."""
SILENCE = 0.5
"""Seconds without a message after which a moment says so, where no description has a time-out."""
RADIUS = 0.5
"""Distance (m) at which a waypoint counts as reached where no description says it."""
HIGH = 0.3
"""Change of height (m) from which a body without a description flies."""
_LEVELS = ("ok", "warning", "error", "stale")


class BagRecording:
    """Reads bags for those who show them."""

    @staticmethod
    def fits(path: Path) -> bool:
        """Whether a path looks like a bag: a file of one, or a folder that holds some."""
        return path.exists() and is_bag(path)

    @staticmethod
    def read(path: Path, robot: str | None = None, odom: str = "odom", cmd_vel: str | None = None) -> dict[str, Any]:
        """What was recorded.

        Args:
            path: See :func:`crl_robots.recordings.bags.bag_files`.
            robot: Name or file of the robot's description; without it, units follow REP 103, limits are the greatest
                commands of the recording, and frames are taken as they are.
            odom: Topic of the odometry; plan, e-stop and diagnostics are looked for beside it and around it, see
                :func:`crl_robots.recordings.bag_topics.choose`.
            cmd_vel: Topic of the commands; ``None``: looked for as the plan is.

        Returns:
            ``period`` (s); ``name``; ``state`` and ``action``, fields as in a task's description; ``safe_action``;
            ``times`` [T] (s, from 0), ``states`` [T, S], ``commands`` [T, A]; ``reasons`` [T], why the robot was
            stopped, or ``None``; ``reached`` [T], waypoints; ``waypoints`` [M, 2 or 3] (m) or ``None``; ``notes``.

        Raises:
            RobotError: The bag can't be read, has no odometry, is of another robot, or it is not clear which topics
                are meant.
        """
        spec = None if robot is None else load_spec(robot)
        with open_bag(path) as bag:
            chosen = choose(bag.topics, odom, cmd_vel, "--{option} {1}")
            found = _collect(path, spec, chosen, bag.messages(chosen.all))
        return _shown(found, spec, path)

    @staticmethod
    def salvage(path: Path, out: Path) -> list[str]:
        """Save what is whole in a damaged bag, see :func:`crl_robots.mcap.salvage.salvage`.

        Returns:
            What was saved and what was lost, in words, one text a file.
        """
        return [str(made) for made in salvage(path, out)]


@dataclass
class _Messages:
    """What a bag holds, each list in order of time: (s since the first odometry, what)."""

    readings: list[tuple[float, Reading]] = field(default_factory=list)
    twists: list[tuple[float, Any]] = field(default_factory=list)
    pressed: list[tuple[float, bool]] = field(default_factory=list)
    said: list[tuple[float, str]] = field(default_factory=list)
    plans: list[list[tuple[float, ...]]] = field(default_factory=list)
    broken: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)


def _collect(
    path: Path, spec: RobotSpec | None, chosen: Chosen, messages: Iterator[tuple[str, str, float, Any]]
) -> _Messages:
    """Read all messages that matter."""
    found = _Messages(notes=list(chosen.notes))
    for topic, kind, when, message in messages:
        if topic == chosen.odom:
            if kind != ODOMETRY:
                raise RobotError(f"{topic} of {path} holds {kind}", f"name a topic with {ODOMETRY}")
            reading = _reading(spec, message, len(found.readings) + 1, when)
            if reading.flaw is None:
                found.readings.append((when, reading))
            else:
                found.broken[f"odometry {reading.flaw}"] += 1
        elif topic == chosen.cmd_vel and kind in (TWIST, TWIST_STAMPED):
            found.twists.append((when, message.twist if kind == TWIST_STAMPED else message))
        elif topic == chosen.plan and kind.endswith("/Path"):
            places = [pose.pose.position for pose in message.poses]
            if places:
                found.plans.append([(float(p.x), float(p.y), float(p.z)) for p in places])
        elif topic == chosen.e_stop and hasattr(message, "data"):
            found.pressed.append((when, bool(message.data)))
        elif topic == chosen.diagnostics and hasattr(message, "status"):
            found.said.append((when, _worst(message.status)))
    if not found.readings:
        what = "no message"
        if found.broken:
            total = found.broken.total()
            parts = [f"{flaw} ({count} of {total} messages)" for flaw, count in found.broken.items()]
            what = f"nothing but {' and '.join(parts)}"
        raise RobotError(
            f"the bag {path} has {what} on {chosen.odom}", "give another bag, or another topic with --odom"
        )
    return found


def _reading(spec: RobotSpec | None, message: Any, sequence: int, when: float) -> Reading:
    if spec is not None:
        return reading_of(spec, message, sequence, when)
    frames = {"odometry_frame": message.header.frame_id, "base_frame": message.child_frame_id}
    as_it_is: Any = SimpleNamespace(name="the robot", **frames)
    return reading_of(as_it_is, message, sequence, when)


def _worst(statuses: Sequence[Any]) -> str:
    """The most serious of several diagnostics in words, empty if all is well."""
    worst, text = 0, ""
    for status in statuses:
        level = int.from_bytes(status.level, "little") if isinstance(status.level, bytes) else int(status.level)
        if level > worst:
            worst, text = level, f"{_LEVELS[min(level, 3)]} of {status.name}: {status.message}"
    return text


def _shown(found: _Messages, spec: RobotSpec | None, path: Path) -> dict[str, Any]:
    """Everything on a regular grid of time."""
    body = spec.body if spec is not None else _body(found)
    points = _waypoints(found, body)
    period = PERIOD if spec is None else spec.control_period
    began, ended = found.readings[0][0], found.readings[-1][0]
    times = np.arange(math.floor((ended - began) / period + 1e-6) + 1) * period
    commands = [(when, action_of(body, twist)) for when, twist in found.twists]
    names = ELEMENTS[body]
    safe = (0.0,) * len(names) if spec is None else spec.limits.safe
    states, sent, reasons, reached, done = [], [], [], [], 0
    radius = RADIUS if spec is None else spec.radius
    start = found.readings[0][1].position
    if points is not None and all(math.dist(start[: points.shape[1]], point) <= radius for point in points):
        found.notes.append(f"the whole plan is within {radius:g} m of the start: a robot that stands still reaches it")
    for time in began + times + 1e-6:
        reading = _newest(found.readings, time)
        assert reading is not None
        states.append(_state(reading[1], body, points))
        command = _newest(commands, time)
        sent.append(safe if command is None else command[1])
        reasons.append(_reason(found, time, time - reading[0], command, safe, spec))
        if points is not None and done < len(points):
            done += math.dist(reading[1].position[: points.shape[1]], points[done]) <= radius
        reached.append(done)
    return {
        "name": spec.name if spec is not None else f"a body of kind {body}",
        "period": period,
        "state": _fields(body, points),
        "action": _action(names, sent, spec),
        "safe_action": list(safe),
        "times": times,
        "states": np.array(states, dtype=np.float32),
        "commands": np.array(sent, dtype=np.float32),
        "reasons": reasons,
        "reached": reached,
        "waypoints": points,
        "notes": _notes(found, path),
    }


def _body(found: _Messages) -> Body:
    """A body that is commanded sideways or up, or changes its height, flies."""
    heights = [reading.position[2] for _, reading in found.readings]
    flies = any(twist.linear.y or twist.linear.z for _, twist in found.twists) or max(heights) - min(heights) > HIGH
    return "air" if flies else "ground"


def _waypoints(found: _Messages, body: Body) -> np.ndarray[Any, np.dtype[np.float64]] | None:
    if not found.plans:
        return None
    return np.array(found.plans[-1], dtype=np.float64)[:, : 2 if body == "ground" else 3]


def _newest(messages: Sequence[tuple[float, Any]], time: float) -> tuple[float, Any] | None:
    """The last message until a time."""
    at = bisect.bisect_right(messages, time, key=lambda message: message[0])
    return messages[at - 1] if at else None


def _fields(body: Body, points: Any) -> list[dict[str, Any]]:
    names = ["x", "y", *(["z"] if body == "air" else []), "heading", "velocity_x"]
    names += ["velocity_y", "velocity_z"] if body == "air" else []
    roles = {"x": "position", "y": "position", "z": "position", "heading": "heading"}
    plain = [{"name": name, "unit": UNITS[name], "role": roles.get(name, "state")} for name in [*names, "yaw_rate"]]
    plain[names.index("heading")]["kind"] = "angle"
    if points is not None:
        plain.append({"name": "from_the_plan", "unit": "m", "role": "state"})
    return plain


def _state(reading: Reading, body: Body, points: Any) -> list[float]:
    """The values of :func:`_fields`."""
    flies = body == "air"
    place, speed = reading.position[: 3 if flies else 2], reading.velocity[: 3 if flies else 1]
    values = [*place, geometry.heading(reading.orientation), *speed, reading.rates[2]]
    return values if points is None else [*values, _distance(place, points)]


def _distance(place: Sequence[float], points: Any) -> float:
    """From a place to the nearest leg of the plan (m)."""
    here = np.asarray(place, dtype=np.float64)[: points.shape[1]]
    starts, ways = points[:-1], np.diff(points, axis=0)
    if not len(ways):
        return float(np.linalg.norm(here - points[0]))
    length = np.maximum((ways**2).sum(axis=1), 1e-12)
    share = np.clip(((here - starts) * ways).sum(axis=1) / length, 0.0, 1.0)
    return float(np.linalg.norm(starts + share[:, None] * ways - here, axis=1).min())


def _action(names: Sequence[str], sent: Sequence[Sequence[float]], spec: RobotSpec | None) -> list[dict[str, Any]]:
    if spec is not None:
        limits = spec.limits
        parts = zip(limits.names, limits.units, limits.low, limits.high, strict=True)
        return [{"name": name, "unit": unit, "low": low, "high": high} for name, unit, low, high in parts]
    most = np.maximum(np.abs(np.array(sent)).max(axis=0), 0.1)
    units = ["rad/s" if name.endswith("rate") else "m/s" for name in names]
    return [
        {"name": name, "unit": unit, "low": -float(size), "high": float(size)}
        for name, unit, size in zip(names, units, most, strict=True)
    ]


def _reason(
    found: _Messages,
    time: float,
    age: float,
    command: tuple[float, Any] | None,
    safe: Sequence[float],
    spec: RobotSpec | None,
) -> str | None:
    """Why the robot was stopped at a time, as far as the recording says; ``None`` if it was not."""
    pressed = _newest(found.pressed, time)
    if pressed is not None and pressed[1]:
        return "the e-stop is pressed"
    quiet = SILENCE if spec is None else spec.timeouts.observation
    if age > quiet:
        return f"no odometry for {age:.1f} s"
    if command is None:
        return "no command yet" if found.twists else None
    if time - command[0] > (SILENCE if spec is None else spec.timeouts.receiver):
        return f"no command for {time - command[0]:.1f} s"
    if not np.allclose(command[1], safe, atol=1e-6):
        return None
    said = _newest(found.said, time)
    return said[1] if said is not None and said[1] else "the safe action was sent"


def _notes(found: _Messages, path: Path) -> list[str]:
    notes = list(found.notes)
    if not found.twists:
        notes.append(f"{path} holds no commands (cmd_vel): where the robot was is shown alone")
    if not found.plans:
        notes.append(f"{path} holds no plan: there is nothing to compare the path with")
    if len(found.plans) > 1 and any(plan != found.plans[-1] for plan in found.plans):
        notes.append(f"the plan was replaced on the way; the last of {len(found.plans)} is drawn")
    total = len(found.readings) + found.broken.total()
    notes += [f"{flaw} is left out: {count} of {total} messages" for flaw, count in found.broken.items()]
    return notes
