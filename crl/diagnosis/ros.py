"""ROS 2: whether rclpy can be imported, and the variables that decide which nodes find each other."""

from __future__ import annotations

import os

from crl.diagnosis.finding import Finding, State
from crl.diagnosis.probe import probe

SUBJECT = "ros"
RANGES = ("SUBNET", "LOCALHOST", "OFF", "SYSTEM_DEFAULT")
LARGEST_DOMAIN = 232
"""Beyond it the UDP ports that DDS derives from the domain don't exist."""
SAFE_DOMAIN = 101
"""Above it these ports are also what Linux hands out to other programs (32768 and more)."""
_IMPORT = """
import rclpy
tell(rclpy.__file__)
from rclpy.utilities import get_rmw_implementation_identifier
tell(get_rmw_implementation_identifier())
"""


def ros() -> list[Finding]:
    """Findings on ROS 2. Only robots need it."""
    told = probe(_IMPORT)
    if told.values:
        middleware = told.values[1] if len(told.values) > 1 else told.trouble
        state: State = "ok" if told.trouble is None else "warning"
        distribution = os.environ.get("ROS_DISTRO", "ROS_DISTRO is not set")
        hint = None if state == "ok" else "install a middleware, such as rmw_fastrtps_cpp, or unset RMW_IMPLEMENTATION"
        found = Finding(SUBJECT, "rclpy", state, f"{told.values[0]}, {distribution}, {middleware}", hint)
    elif "No module named 'rclpy'" in (told.trouble or ""):
        hint = "source /opt/ros/DISTRO/setup.bash where ROS 2 is installed; for tests: pip install 'crl[ros]'"
        found = Finding(SUBJECT, "rclpy", "absent", "not installed; only robots need it", hint)
    else:
        hint = "rclpy fits one Python alone: source the setup.bash of a ROS 2 that was built for this one"
        found = Finding(SUBJECT, "rclpy", "warning", told.trouble or "it told nothing", hint)
    return [found, *domain(), *discovery()]


def domain() -> list[Finding]:
    """``ROS_DOMAIN_ID``: nodes of other domains don't exist for each other."""
    text = os.environ.get("ROS_DOMAIN_ID")
    name = "ROS_DOMAIN_ID"
    if not text:
        return [Finding(SUBJECT, name, "ok", "not set: domain 0, which all robots of the network share by default")]
    if not text.isdecimal() or int(text) > LARGEST_DOMAIN:
        return [Finding(SUBJECT, name, "warning", f"{text!r} is no domain", f"give a number from 0 to {SAFE_DOMAIN}")]
    if int(text) > SAFE_DOMAIN:
        hint = f"choose one up to {SAFE_DOMAIN}: Linux hands out the ports of this one to other programs"
        return [Finding(SUBJECT, name, "warning", text, hint)]
    return [Finding(SUBJECT, name, "ok", text)]


def discovery() -> list[Finding]:
    """``ROS_AUTOMATIC_DISCOVERY_RANGE`` and its relatives: how far nodes look for each other."""
    reach = os.environ.get("ROS_AUTOMATIC_DISCOVERY_RANGE", "")
    peers = os.environ.get("ROS_STATIC_PEERS", "")
    name = "discovery"
    if reach and reach not in RANGES:
        said = f"ROS_AUTOMATIC_DISCOVERY_RANGE={reach} is not known"
        return [Finding(SUBJECT, name, "warning", said, f"set it to one of {', '.join(RANGES)}")]
    findings = []
    if reach == "OFF":
        hint = "export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST (this machine) or SUBNET (the network)"
        findings.append(Finding(SUBJECT, name, "warning", "OFF: no node finds another, here neither", hint))
    elif "zenoh" in os.environ.get("RMW_IMPLEMENTATION", "") and (reach or peers):
        hint = "configure Zenoh's router instead: rmw_zenoh reads neither variable"
        findings.append(Finding(SUBJECT, name, "warning", f"{reach or peers}, which rmw_zenoh does not read", hint))
    else:
        beside = f", peers {peers}" if peers else ""
        findings.append(Finding(SUBJECT, name, "ok", f"{reach or 'not set: SUBNET, the whole local network'}{beside}"))
    if "ROS_LOCALHOST_ONLY" in os.environ:
        hint = "unset ROS_LOCALHOST_ONLY; export ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST says the same"
        said = "deprecated, and overrides the variables above"
        findings.append(Finding(SUBJECT, "ROS_LOCALHOST_ONLY", "warning", said, hint))
    return findings
