"""The IMU beside the odometry: what it says, and how the newest of it goes into a reading.

A reading is complete without it. The IMU is faster: its newest body rates, roll and pitch replace those of an older
reading. Its heading does not: it counts from north or from where the IMU was switched on, the odometry's from the
odometry frame, in which the plan is.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from crl.safety.imu import Inertial
from crl_robots import geometry
from crl_robots.errors import RobotError
from crl_robots.geometry import Quaternion, Vector
from crl_robots.recordings.ros_messages import seconds
from crl_robots.robot import Reading
from crl_robots.spec import RobotSpec

IMU = "sensor_msgs/msg/Imu"
UNKNOWN = -1.0
"""First element of a covariance: the message does not tell this quantity (``sensor_msgs/Imu``)."""


@dataclass(frozen=True)
class ImuReading:
    """What the IMU said.

    Attributes:
        received: When it arrived, on the driver's steady clock (s).
        source: When it was measured, on the clock that stamps the odometry (s).
        orientation: w, x, y, z; turns axes of the body into level axes of any heading. ``None``: not told. Its length
            is 1, or it is four NaN, as :attr:`crl_robots.robot.Reading.orientation`.
        rates: In axes of the body (rad/s). ``None``: not told.
    """

    received: float
    source: float
    orientation: Quaternion | None
    rates: Vector | None

    def __post_init__(self) -> None:
        if self.orientation is not None:
            object.__setattr__(self, "orientation", geometry.unit(self.orientation))

    def inertial(self) -> Inertial:
        """What the safety wall wants to know of it; a quaternion that is none has no tilt, which the wall refuses."""
        tilt = None if self.orientation is None else geometry.tilt(self.orientation)
        return Inertial(self.received, self.source, tilt, self.rates)


def imu_of(spec: RobotSpec, message: Any, received: float) -> ImuReading:
    """The reading in a ``sensor_msgs/Imu``; numbers are taken as they are, finite or not.

    Args:
        spec: The robot, whose base frame the message must name: rates and tilt are about its axes.
        message: The message; accelerations are not used.
        received: When it arrived, on the steady clock (s).

    Raises:
        RobotError: The message is in another frame.
    """
    if message.header.frame_id != spec.base_frame:
        raise RobotError(
            f"the IMU of {spec.name} is in the frame {message.header.frame_id!r}, not in {spec.base_frame!r}",
            "let the driver turn it into axes of the base frame, or leave imu out of the description",
        )
    turn, rates = message.orientation, message.angular_velocity
    tells_attitude = message.orientation_covariance[0] != UNKNOWN
    tells_rates = message.angular_velocity_covariance[0] != UNKNOWN
    return ImuReading(
        received=received,
        source=seconds(message.header.stamp),
        orientation=(float(turn.w), float(turn.x), float(turn.y), float(turn.z)) if tells_attitude else None,
        rates=(float(rates.x), float(rates.y), float(rates.z)) if tells_rates else None,
    )


def fill_imu(message: Any, reading: Reading) -> None:
    """Write orientation and rates of a reading into a ``sensor_msgs/Imu``, which then tells no accelerations."""
    turn, rates = message.orientation, message.angular_velocity
    turn.w, turn.x, turn.y, turn.z = reading.orientation
    rates.x, rates.y, rates.z = reading.rates
    message.linear_acceleration_covariance[0] = UNKNOWN


def refined(reading: Reading, imu: ImuReading | None) -> Reading:
    """A reading with the rates, roll and pitch of an IMU message that was measured later.

    Position, heading and the velocity over ground stay the odometry's; the velocity is given in the newer axes of the
    body.
    """
    if imu is None or imu.source <= reading.source:
        return reading
    if imu.rates is not None:
        reading = replace(reading, rates=imu.rates)
    if imu.orientation is None:
        return reading
    ahead = geometry.heading(reading.orientation) - geometry.heading(imu.orientation)
    turn = geometry.turned(imu.orientation, ahead)
    over_ground = geometry.to_world(reading.orientation, reading.velocity)
    return replace(reading, orientation=turn, velocity=geometry.to_body(turn, over_ground))
