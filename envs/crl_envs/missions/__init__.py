"""Missions: waypoints in order, read from a CSV file, and a fault that comes and goes on the way.

A mission is the same for every body: :class:`Mission` holds the waypoints, :class:`FaultSchedule` says between which of
them the robot's dynamics differ, :class:`Progress` counts what has been reached and gives the goal's part of an
observation. The bodies are in :mod:`crl_envs.vehicles` and :mod:`crl_envs.quadrotors`.
"""

from crl_envs.missions.errors import MissionError
from crl_envs.missions.progress import Progress, goal_fields, progress_reward
from crl_envs.missions.schedule import FaultSchedule
from crl_envs.missions.waypoints import MAPS, MAX_WAYPOINTS, Mission

__all__ = [
    "MAPS",
    "MAX_WAYPOINTS",
    "FaultSchedule",
    "Mission",
    "MissionError",
    "Progress",
    "goal_fields",
    "progress_reward",
]
