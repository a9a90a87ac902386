"""Robot descriptions from YAML files; what is impossible is refused when the file is read."""

from __future__ import annotations

import io
import math
from pathlib import Path
from typing import Any, cast

import yaml
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from crl.matching import nearest
from crl.reading.yaml_text import read_yaml
from crl.safety.fence import ELEMENTS, Body, Fence
from crl.safety.limits import Limits, SafetyError
from crl.safety.settings import Landing
from crl_robots.entries import Entries
from crl_robots.errors import RobotError
from crl_robots.observation import known_fields
from crl_robots.spec import Axes, Quantity, RobotSpec, Simulation, Timeouts

SPECS = {path.stem: path for path in sorted((Path(__file__).parent / "specs").glob("*.yaml"))}
"""Name -> file of the robots that come with the package."""
ACTION_UNITS = {"speed": "m/s", "turn_rate": "rad/s", "vx": "m/s", "vy": "m/s", "vz": "m/s", "yaw_rate": "rad/s"}
LONGEST = 2.0
"""Longest time-out that is accepted (s)."""
_TOP = (
    "name",
    "description",
    "body",
    "frames",
    "rates",
    "velocity_axes",
    "state",
    "action",
    "geofence",
    "altitude",
    "tilt",
    "jump",
    "timeouts",
    "landing",
    "mission",
    "simulation",
    "imu",
)


def load_spec(source: str | Path) -> RobotSpec:
    """Read and validate a robot's description.

    Args:
        source: Name of a robot that comes with the package (one of :data:`SPECS`) or path of a YAML file.

    Raises:
        RobotError: The file can't be read, an entry is missing, unknown, in a wrong unit, or impossible; the message
            names the file, the entry and the hint.
    """
    path = SPECS.get(str(source), Path(source))
    if not path.exists():
        raise RobotError(f"there is no robot and no file {str(source)!r}{nearest(str(source), SPECS)}")
    try:
        plain = OmegaConf.to_container(OmegaConf.load(io.StringIO(read_yaml(path))), resolve=False)
    except (yaml.YAMLError, OmegaConfBaseException, OSError, ValueError) as error:
        raise RobotError(f"{path.name} is not YAML that can be read: {error}", "fix the line that it names") from error
    return parse_spec(plain, path.name)


def parse_spec(plain: Any, file: str = "the robot's description") -> RobotSpec:
    """Validate a description that is plain data; ``file`` stands in messages. See :func:`load_spec`."""
    top = Entries(file, "", plain, _TOP)
    body = cast(Body, top.choice("body", ELEMENTS))
    frames = top.inside("frames", ("odometry", "base"))
    rates = top.inside("rates", ("decision", "command"))
    decision, command = rates.positive("decision", 1000.0), rates.positive("command", 1000.0)
    if command < decision:
        raise rates.error("command", f"is {command:g} Hz", f"send at least as often as is decided ({decision:g} Hz)")
    limits = _limits(top, body)
    try:
        spec = RobotSpec(
            name=top.text("name"),
            description=top.text("description"),
            body=body,
            odometry_frame=_frame(frames, "odometry"),
            base_frame=_frame(frames, "base"),
            decision_rate=decision,
            command_rate=command,
            state=_state(top, body, limits),
            velocity_axes=cast(Axes, top.choice("velocity_axes", ("heading", "body"))),
            limits=limits,
            fence=_fence(top, body),
            tilt=top.positive("tilt", math.pi),
            jump=top.positive("jump"),
            timeouts=_timeouts(top, decision),
            landing=_landing(top),
            radius=top.inside("mission", ("radius",)).positive("radius"),
            simulation=_simulation(top),
            imu=_imu(top),
        )
        spec.wall_settings()
    except SafetyError as error:
        raise RobotError(f"{file}: {error.message}", error.hint) from error
    return spec


def _frame(frames: Entries, key: str) -> str:
    name = frames.text(key)
    if name.startswith("/") or " " in name:
        raise frames.error(key, f"is {name!r}", "give a frame without a leading slash and without spaces, such as odom")
    return name


def _limits(top: Entries, body: Body) -> Limits:
    names = ELEMENTS[body]
    action = top.inside("action", names)
    columns: dict[str, list[float]] = {key: [] for key in ("low", "high", "acceleration", "jerk", "safe")}
    for name in names:
        element = action.inside(name, ("unit", *columns))
        element.unit("unit", ACTION_UNITS[name])
        low, high = element.number("low"), element.number("high")
        if not low < high:
            raise element.error("low", f"is {low:g}, and high is {high:g}", "low must be below high")
        safe = element.number("safe")
        if not low <= safe <= high:
            raise element.error("safe", f"is {safe:g}, outside {low:g}..{high:g}", "choose it inside the limits")
        found = (low, high, element.positive("acceleration"), element.positive("jerk"), safe)
        for column, value in zip(columns.values(), found, strict=True):
            column.append(value)
    units = tuple(ACTION_UNITS[name] for name in names)
    return Limits(names, units, **{key: tuple(column) for key, column in columns.items()})


def _state(top: Entries, body: Body, limits: Limits) -> tuple[Quantity, ...]:
    units = known_fields(body, limits.names, limits.units)
    state = top.inside("state", units)
    if not state.data:
        raise top.error("state", "is empty", "list the fields of the observation")
    fields = []
    for name in state.data:
        entry = state.inside(name, ("unit", "range"))
        entry.unit("unit", units[name])
        low, high = entry.interval("range") if "range" in entry.data else (-math.inf, math.inf)
        fields.append(Quantity(name, units[name], low, high))
    return tuple(fields)


def _fence(top: Entries, body: Body) -> Fence:
    geofence = top.inside("geofence", ("x", "y", "margin"))
    walls = [geofence.interval("x"), geofence.interval("y"), (-math.inf, math.inf)]
    if body == "air":
        walls[2] = top.interval("altitude")
    elif top.data.get("altitude") is not None:
        raise top.error("altitude", "is given for a ground vehicle", "leave it out")
    (x, right), (y, far), (z, ceiling) = walls
    return Fence((x, y, z), (right, far, ceiling), geofence.number("margin", 0.0))


def _timeouts(top: Entries, decision_rate: float) -> Timeouts:
    entries = top.inside("timeouts", ("observation", "decision", "receiver", "e_stop"))
    limit = entries.positive("decision", LONGEST)
    if limit < 1.5 / decision_rate:
        raise entries.error(
            "decision",
            f"is {limit:g} s",
            f"at {decision_rate:g} decisions a second it must be {1.5 / decision_rate:g} s",
        )
    silent = entries.data.get("e_stop") is None
    return Timeouts(
        observation=entries.positive("observation", LONGEST),
        decision=limit,
        receiver=entries.positive("receiver", LONGEST),
        e_stop=None if silent else entries.positive("e_stop", 60.0),
    )


def _landing(top: Entries) -> Landing | None:
    if top.data.get("landing") is None:
        return None
    entries = top.inside("landing", ("after", "speed"))
    return Landing(entries.number("after", 0.0), entries.positive("speed"))


def _simulation(top: Entries) -> Simulation | None:
    if top.data.get("simulation") is None:
        return None
    entries = top.inside("simulation", ("env", "options"))
    options = dict(entries.inside("options", None).data) if "options" in entries.data else {}
    return Simulation(entries.text("env"), options)


def _imu(top: Entries) -> bool:
    value = top.data.get("imu", False)
    if not isinstance(value, bool):
        raise top.error("imu", f"is {value!r}", "give true or false")
    return value
