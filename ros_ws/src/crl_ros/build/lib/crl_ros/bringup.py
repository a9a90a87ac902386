"""Starts a robot with its agent, without a launch system: ``python -m crl_ros.bringup --robot ugv_husky --sim``.

The nodes run as processes of their own. The agent is configured and activated, the mission sent, and the end awaited.
Nothing is restarted: whoever dies is named, and the rest is ended in order, the agent first, so that the robot stands.
Exit codes: 0 the mission was completed; 1 it was not; 2 something was refused; 3 a node died; 130 interrupted.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from crl.errors import CrlError
from crl_robots import load_spec
from crl_ros.processes import LOCALHOST, Processes

COMPLETED, NOT_COMPLETED, REFUSED, DIED, INTERRUPTED = 0, 1, 2, 3, 130
AGENT = "crl_agent"
NEEDED = ("agent", "robot", "mission")
"""Processes without which there is no mission. A recorder is not one of them."""


class _NodeDied(Exception):
    pass


class _Interrupted(Exception):
    pass


def main(args: Sequence[str] | None = None) -> int:
    """Entry point of ``bringup``."""
    wanted = _arguments(args)
    # Before rclpy is imported, and for all children.
    for name, value in LOCALHOST.items():
        os.environ.setdefault(name, value)
    if wanted.domain is not None:
        os.environ["ROS_DOMAIN_ID"] = str(wanted.domain)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    try:
        _check(wanted)
        with Processes(wanted.namespace, wanted.logs) as processes:
            try:
                return _conduct(wanted, processes)
            finally:
                # A second Ctrl-C must not leave children behind.
                for number in (signal.SIGINT, signal.SIGTERM):
                    signal.signal(number, signal.SIG_IGN)
                processes.stop("agent")
    except _NodeDied as death:
        print(f"error: {death}", file=sys.stderr)
        return DIED
    except _Interrupted:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    except CrlError as error:
        print(f"error: {error}", file=sys.stderr)
        return REFUSED


def _interrupt(number: int, frame: Any) -> None:
    del number, frame
    raise _Interrupted


def _check(wanted: argparse.Namespace) -> None:
    """Refuse what can't work before anything is started."""
    try:
        import rclpy  # noqa: F401
    except ImportError as error:
        raise CrlError(
            f"ROS 2 is not there ({error})", "source the robot's ROS 2, or install the wheels: pip install 'crl[ros]'"
        ) from error
    if not wanted.deployment and not wanted.follower:
        if not wanted.sim:
            raise CrlError("nobody drives", "give --deployment DIR, or --follower to check the wiring without an agent")
        print("without --deployment a plain waypoint follower drives; it learns nothing", flush=True)
    if wanted.logs is not None:
        wanted.logs.mkdir(parents=True, exist_ok=True)


def _conduct(wanted: argparse.Namespace, processes: Processes) -> int:
    from crl_ros.conductor import LONG, Conductor

    lost: set[str] = set()

    def watch() -> None:
        for name in processes.dead():
            if name in NEEDED:
                code = processes.running[name].returncode
                raise _NodeDied(f"the {name} has ended by itself (exit code {code})")
            if name not in lost:
                lost.add(name)
                print(f"warning: the {name} has ended; the robot goes on", file=sys.stderr, flush=True)

    with Conductor(wanted.namespace, "bringup", watch) as conductor:
        _start(wanted, processes)
        if wanted.record:  # nothing moves before it can be recorded
            conductor.wait(lambda: "recorder" in conductor.said, LONG, "a word of the recorder")
        conductor.change(AGENT, "configure")
        conductor.change(AGENT, "activate")
        print(f"{wanted.robot}: driving", flush=True)
        _send_mission(wanted, processes)
        began, shown = time.monotonic(), ""
        while True:
            conductor.spin(0.2)
            watch()
            message, values = conductor.said.get(AGENT, ("", {}))
            now = f"{values.get('reached', 0)} of {values.get('waypoints', 0)} waypoints, {message}"
            if now != shown:
                print(now, flush=True)
                shown = now
            if values.get("done") == "True":
                conductor.change(AGENT, "deactivate")
                print("the mission is complete", flush=True)
                return COMPLETED
            if wanted.timeout and time.monotonic() - began > wanted.timeout:
                conductor.change(AGENT, "deactivate")
                print(f"not completed within {wanted.timeout:g} s", file=sys.stderr)
                return NOT_COMPLETED


def _start(wanted: argparse.Namespace, processes: Processes) -> None:
    stamped = {"enable_stamped_cmd_vel": not wanted.unstamped}
    if wanted.record:
        processes.start("recorder", "crl_ros.recorder_node", {"folder": wanted.record, **stamped})
    if wanted.sim:
        body = {"robot": wanted.robot, "mission": wanted.mission, "fault": wanted.fault, "seed": wanted.seed}
        body |= {"inject": wanted.inject, "remove": wanted.remove, **stamped}
        processes.start("robot", "crl_ros.sim_robot_node", body)
    agent: dict[str, Any] = {"robot": wanted.robot, "learn": not wanted.no_learn, "seed": wanted.seed, **stamped}
    agent |= {"deployment": str(Path(wanted.deployment).resolve())} if wanted.deployment else {"follower": True}
    processes.start("agent", "crl_ros.agent_node", agent)


def _send_mission(wanted: argparse.Namespace, processes: Processes) -> None:
    if wanted.mission:
        mission = {"robot": wanted.robot, "mission": wanted.mission, "altitude": wanted.altitude}
        processes.start("mission", "crl_ros.mission_node", mission)


def _arguments(args: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m crl_ros.bringup", description=(__doc__ or "").partition("\n")[0])
    add = parser.add_argument
    add("--robot", required=True, help="name or file of the robot's description")
    add("--sim", action="store_true", help="also start a simulated robot")
    add("--deployment", metavar="DIR", help="the agent, as made by `crl deploy`")
    add("--follower", action="store_true", help="drive with a plain waypoint follower, to check the wiring")
    add("--mission", help="a map or a CSV file; empty: plans come from elsewhere (default: courtyard, or hall in air)")
    add("--altitude", type=float, default=1.5, metavar="M", help="height of waypoints without z (m)")
    add("--fault", default="", metavar="YAML", help="what goes wrong with the simulated robot: '{sides: [0.6, 1.0]}'")
    add("--inject", type=float, default=0.5, metavar="SHARE", help="share of the waypoints from which it is on")
    add("--remove", type=float, default=1.0, metavar="SHARE", help="share from which it is off again")
    add("--record", metavar="DIR", help="record all topics as MCAP files")
    add("--namespace", default="", help="of all nodes, such as ugv1")
    add("--domain", type=int, metavar="N", help="ROS_DOMAIN_ID")
    add("--seed", type=int, default=0)
    add("--no-learn", action="store_true", help="the agent keeps the weights that it has")
    add("--unstamped", action="store_true", help="cmd_vel is a Twist, not a TwistStamped")
    add("--timeout", type=float, default=0.0, metavar="S", help="give up after so many seconds; 0: never")
    add("--logs", type=Path, metavar="DIR", help="write the nodes' output there, one file each")
    wanted = parser.parse_args(args)
    if wanted.mission is None:
        try:
            wanted.mission = "courtyard" if load_spec(wanted.robot).body == "ground" else "hall"
        except CrlError as error:
            parser.error(str(error))
    return wanted


if __name__ == "__main__":
    raise SystemExit(main())
