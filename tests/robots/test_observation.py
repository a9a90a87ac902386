"""What a robot's agent sees is what the simulated task shows."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from crl_robots import SPECS, Reading, RobotError, RobotMission, load_spec, observe
from crl_robots.drivers.sim import SimRobot
from crl_robots.spec import Quantity


@pytest.mark.parametrize("interface", [*SPECS, "quadrotor rates"])
@pytest.mark.parametrize("faulty", [False, True])
def test_it_equals_the_environments_own(interface: str, faulty: bool) -> None:
    """Along a random drive with real tilt, sliding and turning, to the precision of float32."""
    spec = load_spec(interface.replace("quadrotor rates", "quadrotor_generic"))
    rng = np.random.default_rng(3)
    faults = {"ugv_husky": {"sides": [0.3, 1.0]}, "ugv_generic": {"gain": [-1.0, 2.0]}}
    options = {"inject": 0.0, "fault": faults.get(interface, {"payload": 0.4})} if faulty else {}
    # A map whose first waypoint is not the origin, where there is one.
    options |= {"waypoints": "spiral"} if spec.body == "air" else {}
    robot = SimRobot(spec, lockstep=True, seed=5, **options)
    robot.connect()
    env = robot._body()
    if interface == "quadrotor rates":
        robot.close()
        robot = SimRobot(spec, lockstep=True, seed=5, interface="rates", **options)
        robot.connect()
        env = robot._body()
        described = [Quantity(field["name"], field["unit"]) for field in env.task["observation"]]
        spec = replace(
            spec,
            state=tuple(described),
            velocity_axes="body",
            limits=replace(spec.limits, names=("thrust", "roll_rate", "pitch_rate", "yaw_rate")),
        )
    mission = RobotMission(spec, robot.waypoints, "test")
    # The simulated mission counts from where the body was put, before it settled on its wheels.
    mission.begin((*env.progress.start[:2] + env.origin[:2], env.progress.start[-1]))
    reading = robot.read()
    low, high = (np.array([e[key] for e in env.task["action"]]) for key in ("low", "high"))
    last = env.task["safe_action"]
    compared = 0
    for _ in range(120):
        assert reading is not None
        if reading.sequence > 1:
            mission.advance(reading.position)
        own = env._observe()
        made = observe(spec, reading, mission, last)
        assert made.dtype == np.float32
        np.testing.assert_allclose(made, own, rtol=2e-6, atol=2e-6)
        compared += 1
        action = np.float32(np.clip(rng.normal(0.3, 0.5, len(low)) * high, low, high))
        if interface == "quadrotor rates":
            action = np.float32([1.05, *rng.normal(0, 0.7, 3)])
        robot._action, robot._commanded, last = action, robot.clock(), action.tolist()
        reading = robot.read()
    assert compared == 120
    robot.close()


def reading(**changes: object) -> Reading:
    level = Reading(1, 0.0, 0.0, (1.0, 2.0, 1.5), (1.0, 0.0, 0.0, 0.0), (0.5, 0.1, 0.0), (0.0, 0.0, 0.2))
    return replace(level, **changes)


def test_the_frame_of_the_odometry_does_not_matter() -> None:
    """Moved and turned by nothing but a shift of the frame, the agent sees the same."""
    spec = load_spec("ugv_husky")
    points = np.array([[1.0, 2.0], [3.0, 2.5], [4.0, 0.0]])
    seen = []
    for shift in ((0.0, 0.0), (40.0, -70.0)):
        mission = RobotMission(spec, points + shift, "test")
        here = reading(position=(1.1 + shift[0], 1.8 + shift[1], 0.0))
        mission.begin(here.position)
        seen.append(observe(spec, here, mission, [0.3, 0.1]))
    np.testing.assert_allclose(seen[0], seen[1], atol=1e-6)


def test_velocities_of_a_turned_and_tilted_body() -> None:
    """Against rotations put together from their angles, one by one."""
    spec = load_spec("quadrotor_generic")
    yaw, pitch, roll = 0.7, -0.3, 0.4

    def about(axis: int, angle: float) -> np.ndarray:
        c, s = math.cos(angle), math.sin(angle)
        a, b = [(1, 2), (2, 0), (0, 1)][axis]
        matrix = np.eye(3)
        matrix[[a, b, a, b], [a, b, b, a]] = c, c, -s, s
        return matrix

    halves = [(math.cos(v / 2), math.sin(v / 2)) for v in (roll, pitch, yaw)]
    (cr, sr), (cp, sp), (cy, sy) = halves
    quaternion = (
        cr * cp * cy + sr * sp * sy,
        sr * cp * cy - cr * sp * sy,
        cr * sp * cy + sr * cp * sy,
        cr * cp * sy - sr * sp * cy,
    )
    velocity = np.array([1.0, -2.0, 0.5])
    mission = RobotMission(spec, [[0.0, 0.0, 1.5], [3.0, 0.0, 1.5]], "test")
    here = reading(orientation=quaternion, velocity=tuple(velocity), rates=(0.1, 0.2, 0.3))
    seen = dict(zip([q.name for q in spec.state], observe(spec, here, mission, [0.0] * 4).tolist(), strict=True))
    level = about(1, pitch) @ about(0, roll) @ velocity
    for name, value in {"heading": yaw, "roll": roll, "pitch": pitch, "yaw_rate": 0.3}.items():
        assert seen[name] == pytest.approx(value, abs=1e-6)
    assert [seen[f"velocity_{axis}"] for axis in "xyz"] == pytest.approx(level.tolist(), abs=1e-6)


def test_what_is_not_finite_is_no_observation() -> None:
    spec = load_spec("ugv_husky")
    mission = RobotMission(spec, [[0.0, 0.0], [3.0, 0.0]], "test")
    with pytest.raises(RobotError, match="not finite: forward, sideways"):
        observe(spec, reading(velocity=(math.nan, 0.0, 0.0)), mission, [0.0, 0.0])


@pytest.mark.parametrize(
    ("points", "message"),
    [
        ([[0.0, 0.0]], "waypoints have the shape"),
        ([[0.0, 0.0], [math.nan, 1.0]], "not finite"),
        ([[0.0, 0.0], [101.0, 1.0]], "waypoint 1 .* outside the fence"),
        ([], "the plan"),
        ([[52.520008, 13.404954], [52.520010, 13.404958]], r"inside the radius .*give metres in a local frame"),
        ([[3.0, 4.0]] * 5, r"all waypoints of 'test' are within 0 m of the first, inside the radius of 0\.5 m"),
    ],
)
def test_plans_that_are_none(points: list[list[float]], message: str) -> None:
    with pytest.raises(RobotError, match=message):
        RobotMission(load_spec("ugv_husky"), points, "test")


def test_waypoints_nearer_than_the_radius_are_said(tmp_path: Path) -> None:
    points = [[0.0, 0.0], [3.0, 0.0], [3.1, 0.0]]
    remark = RobotMission(load_spec("ugv_husky"), points, "test").remark
    assert remark is not None
    assert "waypoints 1 and 2 of 'test' are 0.1 m apart" in remark
    assert RobotMission(load_spec("ugv_husky"), points[:2], "test").remark is None
    (tmp_path / "yard.csv").write_text("x,y\n" + "".join(f"{x},{y}\n" for x, y in points))
    with pytest.warns(UserWarning, match=r"waypoints 1 and 2 of 'yard' are 0\.1 m apart"):
        RobotMission.read(load_spec("ugv_husky"), tmp_path / "yard.csv")


def test_a_plan_without_heights_is_none_for_a_flying_robot() -> None:
    with pytest.raises(RobotError, match="no heights"):
        RobotMission(load_spec("quadrotor_generic"), [[0.0, 0.0], [1.0, 1.0]], "test")
    assert (
        RobotMission.read(load_spec("quadrotor_generic"), "courtyard", altitude=2.0).progress.mission.points[0, 2] == 2
    )
