"""The agent's ear for the IMU of robots whose description has one; the agent is complete without."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sensor_msgs.msg import Imu

from crl.errors import CrlError
from crl_robots import RobotError
from crl_robots.imu import imu_of
from crl_ros import qualities
from crl_ros.control import Control
from crl_ros.listening import Listening

SUBJECT = "imu"


class ImuListener:
    """Gives what the IMU says to the control loop, and says what is wrong with it.

    Args:
        listening: Makes the subscription.
        control: The loop.
        complain: Says a trouble once, and keeps it for the diagnostics.
        troubles: Where it is kept, by subject.
        stop: Sends the command that is now in order, without waiting for the beat.
    """

    def __init__(
        self,
        listening: Listening,
        control: Control,
        complain: Callable[[str, CrlError], None],
        troubles: dict[str, str],
        stop: Callable[[], None],
    ) -> None:
        self._listening, self._control = listening, control
        self._complain, self._troubles, self._stop = complain, troubles, stop
        self._bad = False

    def listen(self) -> Any:
        """Subscribe; the subscription."""
        return self._listening.subscribe(Imu, "imu", self.hear, qualities.NEWEST)

    def hear(self, message: Any) -> None:
        """One message."""
        control, watch = self._control, self._control.wall.imu
        now = control.clock()
        try:
            refused = control.hear_imu(imu_of(control.spec, message, now))
            trouble = None if watch.wrong is None else RobotError(watch.wrong, "look at the IMU's driver")
        except RobotError as error:
            refused, trouble = control.hear_imu(None), error
        if trouble is not None:
            self._complain(SUBJECT, trouble)
        elif refused is None:
            self._troubles.pop(SUBJECT, None)
        # Only when it begins: a fast IMU must not multiply the commands.
        bad = watch.trouble(now) is not None
        if bad and not self._bad:
            self._stop()
        self._bad = bad

    def look(self) -> None:
        """Say it when an IMU that was heard is heard no more; after a reset it is forgotten, with its troubles."""
        watch = self._control.wall.imu
        if watch.heard is None:
            self._troubles.pop(SUBJECT, None)
        elif watch.silent(self._control.clock()):
            wrong = RobotError(
                "the IMU was heard and has fallen silent, or its messages are copies, late, or of another clock",
                "hint it; to go on with odometry alone end its publisher and call ~/reset_e_stop",
            )
            self._complain(SUBJECT, wrong)

    @property
    def state(self) -> str:
        """``off``, ``none`` (nothing came, odometry alone), ``heard``, or why the robot stops."""
        control = self._control
        if not control.spec.imu:
            return "off"
        if control.wall.imu.heard is None:
            return "none"
        return control.wall.imu.trouble(control.clock()) or "heard"
