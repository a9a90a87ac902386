"""Qualities of service of the topics, the same for who publishes and who listens."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data

ODOMETRY = IMU = qos_profile_sensor_data
"""Best effort: an old measurement that is sent again helps nobody."""
NEWEST = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.BEST_EFFORT)
"""The same for who decides on it: what waited while something else was done is overtaken by the newest."""
COMMANDS = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)
"""Reliable and one deep: the newest command alone counts."""
PLAN = QoSProfile(depth=1, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)
"""Reliable. Not transient local, because planners are not: whoever sends plans repeats them."""
E_STOP = QoSProfile(
    depth=1,
    history=HistoryPolicy.KEEP_LAST,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)
"""Who comes late learns at once whether the button is down."""
DIAGNOSTICS = QoSProfile(depth=10, history=HistoryPolicy.KEEP_LAST, reliability=ReliabilityPolicy.RELIABLE)
EVERYTHING = 1000
"""Messages that wait for a recorder whose disk is slow."""
