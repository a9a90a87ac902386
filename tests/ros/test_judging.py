"""What the agent's node says of itself; skipped without ROS 2."""

from __future__ import annotations

from typing import Any

import pytest

pytest.importorskip("rclpy")

from crl_ros.control import Control
from crl_ros.follower import Follower
from crl_ros.judging import judge
from diagnostic_msgs.msg import DiagnosticStatus

from crl_robots import Reading, RobotMission, load_spec

HUSKY = load_spec("ugv_husky")


def driven(seconds: float, rate: float) -> Control:
    """A robot whose odometry's clock is slow by ``rate`` (s/s), driven for a while."""
    now = [0.0]
    control = Control(HUSKY, Follower(HUSKY), lambda: now[0])
    control.plan(RobotMission(HUSKY, [[0.0, 0.0], [5.0, 0.0]], "way"))
    still = (0.0, 0.0, 0.0)
    for number in range(round(10 * seconds)):
        now[0] = 0.1 * number
        control.hear(Reading(number, now[0], now[0] * (1 - rate), still, (1.0, 0.0, 0.0, 0.0), still, still))
        control.decide()
        control.command()
    return control


def said(control: Control, **changes: Any) -> tuple[bytes, str]:
    told: dict[str, Any] = {"status": {}, "driving": True, "stop": None, "troubles": [], "deaf": [], **changes}
    return judge(control, **told)


@pytest.mark.parametrize(("rate", "warned"), [(0.0, False), (0.001, False), (0.009, True), (-0.009, False)])
def test_a_drift_is_said_before_the_robot_is_stopped_for_it(rate: float, warned: bool) -> None:
    control = driven(20.0, rate)
    assert not control.command().stopped
    level, text = said(control)
    assert (level == DiagnosticStatus.WARN) is warned
    assert ("its clock is slow: call ~/reset_e_stop" in text) is warned
    assert text.startswith("driving")


def test_the_most_serious_thing_comes_first() -> None:
    control = driven(5.0, 0.0)
    assert said(control) == (DiagnosticStatus.OK, "driving")
    assert said(control, stop="a stale observation") == (DiagnosticStatus.WARN, "stopped: a stale observation")
    assert said(control, troubles=["a", "b"], stop="x") == (DiagnosticStatus.ERROR, "a; b")
    gone = "the distance to the goal has grown for 20 s, by 9 m"
    level, text = said(control, stop="x", status={"stopped": gone})
    assert level == DiagnosticStatus.ERROR
    assert text == f"the mission is given up, and the robot stands: {gone}"
    control.wall.e_stop.press()
    level, text = said(control, troubles=["a", "a button"], deaf=["a button"])
    assert level == DiagnosticStatus.ERROR
    assert text == "the e-stop is pressed; release it and call ~/reset_e_stop; a button"
