"""Two robots for the tests of the wall, with awkward numbers on purpose."""

from __future__ import annotations

import math

from crl.safety.fence import Fence
from crl.safety.limits import Limits
from crl.safety.settings import Landing, WallSettings

GROUND = WallSettings(
    body="ground",
    limits=Limits(
        names=("speed", "turn_rate"),
        units=("m/s", "rad/s"),
        low=(-0.7, -math.pi / 2),
        high=(1.0, math.pi / 2),
        acceleration=(3.0, 6.0),
        jerk=(20.0, 60.0),
        safe=(0.0, 0.0),
    ),
    period=0.05,
    fence=Fence((-3.0, -2.0, -math.inf), (4.0, 2.5, math.inf), margin=0.2),
    tilt=0.5,
    heartbeat=1.0,
)
AIR = WallSettings(
    body="air",
    limits=Limits(
        names=("vx", "vy", "vz", "yaw_rate"),
        units=("m/s", "m/s", "m/s", "rad/s"),
        low=(-4.0, -4.0, -2.0, -2.0),
        high=(4.0, 3.0, 1.5, 2.0),
        acceleration=(5.0, 5.0, 4.0, 8.0),
        jerk=(40.0, 50.0, 40.0, 80.0),
        safe=(0.0, 0.0, 0.0, 0.0),
    ),
    period=0.02,
    fence=Fence((-8.0, -8.0, 0.5), (8.0, 9.0, 6.0), margin=0.3),
    tilt=1.0,
    landing=Landing(after=1.0, speed=0.5),
)
