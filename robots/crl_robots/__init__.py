"""Robot descriptions and drivers.

A :class:`RobotSpec` says what a robot is: names, units, limits, rates, frames, fence, time-outs. A :class:`Robot` is
driven by ``connect``, ``read``, ``command``, ``stop`` and ``close``, whether it is simulated (``sim``), recorded
(``replay``) or real (``ros2``); :func:`make_robot` makes one by name. :func:`observe` turns what it says into the
observation that its simulated task has, and :class:`RobotMission` counts its waypoints.

Importing this package imports no simulator, no ROS and no learner.
"""

from crl_robots.drivers.factory import make_robot
from crl_robots.errors import RobotError
from crl_robots.mission import RobotMission
from crl_robots.observation import observe
from crl_robots.robot import Reading, Robot
from crl_robots.spec import RobotSpec
from crl_robots.spec_file import SPECS, load_spec

__all__ = [
    "SPECS",
    "Reading",
    "Robot",
    "RobotError",
    "RobotMission",
    "RobotSpec",
    "load_spec",
    "make_robot",
    "observe",
]
