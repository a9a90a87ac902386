"""Robot descriptions: those that ship agree with their simulated bodies, and impossible ones are refused."""

from __future__ import annotations

import copy
import math
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from crl.safety.limits import SafetyError
from crl.safety.situation import Situation
from crl.safety.wall import SafetyWall
from crl_robots import SPECS, RobotError, load_spec
from crl_robots.drivers.sim import SimRobot
from crl_robots.robot import checked
from crl_robots.spec_file import parse_spec

HUSKY = yaml.safe_load(SPECS["ugv_husky"].read_text())
QUADROTOR = yaml.safe_load(SPECS["quadrotor_generic"].read_text())

DRIVING = {"unit": "m/s", "low": 0.1, "high": 1, "acceleration": 3, "jerk": 30, "safe": 0.1}
TURNING = {"unit": "rad/s", "low": 0.2, "high": 2, "acceleration": 8, "jerk": 160, "safe": 0.3}


def changed(plain: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A description with one entry changed; ``...`` removes it."""
    plain = copy.deepcopy(plain)
    *above, last = path.split(".")
    node = plain
    for key in above:
        node = node[key]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return plain


def test_the_three_robots_ship() -> None:
    assert set(SPECS) == {"ugv_husky", "ugv_generic", "quadrotor_generic"}


@pytest.mark.parametrize("name", SPECS)
def test_a_description_agrees_with_its_simulated_body(name: str) -> None:
    spec = load_spec(name)
    assert spec.name == name
    robot = SimRobot(spec, lockstep=True)
    robot.connect()
    task = robot._body().task
    robot.close()
    assert [(q.name, q.unit) for q in spec.state] == [(f["name"], f["unit"]) for f in task["observation"]]
    limits = spec.limits
    described = [(e["name"], e["unit"], e["low"], e["high"]) for e in task["action"]]
    assert list(zip(limits.names, limits.units, limits.low, limits.high, strict=True)) == described
    assert list(limits.safe) == task["safe_action"]
    assert spec.control_period == pytest.approx(task["control_period"])


@pytest.mark.parametrize("name", SPECS)
def test_the_wall_is_told_the_same(name: str) -> None:
    spec = load_spec(name)
    settings = spec.wall_settings()
    assert settings.limits is spec.limits
    assert settings.fence is spec.fence
    assert settings.period == pytest.approx(1 / spec.command_rate)
    assert (settings.landing is not None) == (spec.body == "air")
    if name != "ugv_generic":
        assert (settings.observation_timeout, settings.decision_timeout) == (0.2, 0.2)


@pytest.mark.parametrize("name", SPECS)
def test_a_stop_stands_still_and_a_landing_stays_inside_the_limits(name: str) -> None:
    spec = load_spec(name)
    now = [0.0]
    wall = SafetyWall(spec.wall_settings(), clock=lambda: now[0])
    sent = []
    for number in range(round(10 * spec.command_rate)):
        now[0] = number / spec.command_rate
        wall.observe(Situation(number, now[0], now[0], (0.0, 0.0, 2.0), 0.0, 0.0))
        wall.propose(spec.limits.high)
        if number == 20:
            wall.hear_e_stop(True)
        sent.append(checked(spec, wall.command()))
    assert any(sent[19])
    assert sent[20] == [0.0] * spec.limits.size
    last = [0.0] * spec.limits.size if spec.landing is None else [0.0, 0.0, -spec.landing.speed, 0.0]
    assert sent[-1] == last


def test_a_description_that_was_made_in_code_is_checked_too() -> None:
    spec = load_spec("ugv_husky")
    with pytest.raises(SafetyError, match=r"the safe action of speed is 0\.5 m/s"):
        replace(spec, limits=replace(spec.limits, safe=(0.5, 0.0))).wall_settings()


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("bodie", "ground", "no entry 'bodie': did you mean 'body'?"),
        ("action.speed.acelleration", 1, "no entry 'acelleration' in action.speed: did you mean 'acceleration'?"),
        ("state.headin", {"unit": "rad"}, "no entry 'headin' in state: did you mean 'heading'?"),
        ("state.goal_z", {"unit": "m"}, "no entry 'goal_z' in state"),
        ("state.x.unit", "cm", "state.x.unit is 'cm'\ngive the value in 'm'"),
        ("state.reached.unit", 1, None),
        ("state.x.range", [1, 1], "state.x.range is [1, 1]"),
        ("state.x.range", 3, "state.x.range is 3\ngive two numbers"),
        ("imu", "yes", "imu is 'yes'\ngive true or false"),
        ("state", {}, "state is empty"),
        ("state", ["x"], "state is ['x']"),
        ("action.speed.unit", "km/h", "action.speed.unit is 'km/h'\ngive the value in 'm/s'"),
        ("action.speed.unit", ..., "action.speed.unit is missing"),
        ("action.speed.low", 2, "action.speed.low is 2, and high is 1\nlow must be below high"),
        ("action.speed.low", 1, "low must be below high"),
        ("action.speed.high", math.nan, "action.speed.high is nan\ngive a finite number"),
        ("action.speed.high", math.inf, "action.speed.high is inf\ngive a finite number"),
        ("jump", 10**400, "000...\ngive a finite number"),
        ("action.speed.high", "fast", "action.speed.high is 'fast'\ngive a number"),
        ("action.speed.high", True, "action.speed.high is True\ngive a number"),
        ("action.speed.safe", 1.5, "action.speed.safe is 1.5, outside -1..1"),
        ("action.speed.safe", 0.5, "the safe action of speed is 0.5 m/s, which moves the body\nset it to 0"),
        ("action.speed.safe", -1e-3, "the safe action of speed is -0.001 m/s"),
        ("action.turn_rate.safe", 0.5, "the safe action of turn_rate is 0.5 rad/s"),
        ("action.speed", DRIVING, "speed cannot be 0: it goes from 0.1 to 1 m/s"),
        ("action.turn_rate.low", 0.2, "action.turn_rate.safe is 0, outside 0.2..1.5708"),
        ("action.turn_rate.jerk", 0, "action.turn_rate.jerk is 0\ngive a positive number"),
        ("action.turn_rate.acceleration", -1, "action.turn_rate.acceleration is -1"),
        ("action.turn_rate", ..., "action.turn_rate is missing"),
        ("body", "water", "body cannot be 'water'"),
        ("body", "air", "no entry 'speed' in action"),
        ("name", "", "name is ''"),
        ("frames.base", "/base link", "frames.base is '/base link'"),
        ("frames", "odom", "frames is 'odom'"),
        ("rates.command", 5, "rates.command is 5 Hz"),
        ("rates.decision", 0, "rates.decision is 0"),
        ("velocity_axes", "world", "velocity_axes cannot be 'world'"),
        ("geofence.x", [5, -5], "geofence.x is [5, -5]"),
        ("geofence.margin", 200, "margin"),
        ("geofence.margin", -1, "geofence.margin is -1"),
        ("altitude", [0, 1], "altitude is given for a ground vehicle"),
        ("tilt", 4, "tilt is 4"),
        ("timeouts.decision", 0.1, "timeouts.decision is 0.1 s\nat 10 decisions a second it must be 0.15 s"),
        ("timeouts.observation", 60, "timeouts.observation is 60"),
        ("timeouts.e_stop", 0, "timeouts.e_stop is 0"),
        ("landing", {"after": 1, "speed": 1}, "leave landing out"),
        ("simulation", {"options": {}}, "simulation.env is missing"),
    ],
)
def test_what_is_impossible_is_refused_with_file_entry_and_hint(path: str, value: Any, message: str | None) -> None:
    plain = changed(HUSKY, path, value)
    if message is None:  # YAML reads the unit 1 as a number: it means the same
        assert parse_spec(plain, "mine.yaml").name == "ugv_husky"
        return
    with pytest.raises(RobotError, match=re.escape(message)) as caught:
        parse_spec(plain, "mine.yaml")
    assert str(caught.value).startswith("mine.yaml: ")


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("altitude", ..., "altitude is missing"),
        ("landing.speed", 3, "landing speed is 3"),
        ("landing.after", math.nan, "landing.after is nan"),
        ("action.vx.low", 0.5, "action.vx.safe is 0, outside"),
        ("action.vx.safe", 0.5, "the safe action of vx is 0.5 m/s"),
        ("action.vy.safe", -0.5, "the safe action of vy is -0.5 m/s"),
        ("action.vz.safe", -0.5, "the safe action of vz is -0.5 m/s"),
        ("action.yaw_rate.safe", 0.5, "the safe action of yaw_rate is 0.5 rad/s"),
        ("action.yaw_rate.low", 0.2, "action.yaw_rate.safe is 0, outside 0.2..2"),
        ("action.yaw_rate", TURNING, "yaw_rate cannot be 0: it goes from 0.2 to 2 rad/s"),
    ],
)
def test_flying_robots_too(path: str, value: Any, message: str) -> None:
    with pytest.raises(RobotError, match=re.escape(message)):
        parse_spec(changed(QUADROTOR, path, value), "mine.yaml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name: [", "is not YAML"),
        ("name: a\nname: b\n", "duplicate key"),
        ("- 1\n", "give entries with names and values"),
        ("5\n", "is not YAML"),
        ("", "body is missing"),
        ("name: \xff", "is not YAML"),
    ],
)
def test_files_that_are_none(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(RobotError, match=message) as caught:
        load_spec(file)
    assert "mine.yaml" in str(caught.value)


def test_a_name_that_is_none_is_answered_with_the_nearest() -> None:
    with pytest.raises(RobotError, match="did you mean 'ugv_husky'"):
        load_spec("ugv_huskey")


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(yaml.safe_dump(changed(HUSKY, "action.speed.high", 0.5) | {"simulation": None}))
    spec = load_spec(file)
    assert spec.limits.high[0] == 0.5
    assert spec.simulation is None
    with pytest.raises(RobotError, match="has no simulated body"):
        SimRobot(spec)


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (BOMB, "aliases stand for more than"),
        ("name: &a [*a]", "a part of"),
        ("[" * 100_000, "not YAML that can be read"),
        ("jump: 1" + "0" * 400, "a number of 401 characters"),
        ("a: !!python/object:os.system x", "not YAML that can be read"),
    ],
)
def test_files_that_would_never_end_are_refused_at_once(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "robot.yaml"
    path.write_text(text)
    with pytest.raises(RobotError, match=words):
        load_spec(path)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "robot.yaml")
    with pytest.raises(RobotError, match="is a pipe"):
        load_spec(tmp_path / "robot.yaml")


@pytest.mark.parametrize("number", [10**290, -(10**290), 1.7e308])
@pytest.mark.parametrize("entry", ["jump", "tilt", "rates.command", "timeouts.observation", "action.speed.high"])
def test_huge_numbers_are_refused_in_one_line(entry: str, number: Any, tmp_path: Path) -> None:
    plain = yaml.safe_load(SPECS["ugv_generic"].read_text())
    at = plain
    *way, last = entry.split(".")
    for key in way:
        at = at[key]
    at[last] = number
    (tmp_path / "robot.yaml").write_text(yaml.safe_dump(plain))
    with pytest.raises(RobotError, match=re.escape(entry)) as caught:
        load_spec(tmp_path / "robot.yaml")
    assert "\n" not in caught.value.message and len(caught.value.message) < 300
