"""A simulated drive between real processes that somebody looks at: for measurements and for tests of faults."""

from __future__ import annotations

import os
from pathlib import Path as File
from types import TracebackType
from typing import Any

from nav_msgs.msg import Path

from crl_robots import RobotMission, RobotSpec, load_spec
from crl_ros import qualities
from crl_ros.conductor import LONG, Conductor
from crl_ros.mission_node import path_of
from crl_ros.processes import LOCALHOST, Processes, fresh_domain
from crl_ros.watching import Watcher

AGENT = "crl_agent"
MOVING = 0.1
"""Speed (m/s) from which a body counts as moving."""


class Drive:
    """Simulated robot and agent as processes, in a domain of their own, and a watcher here.

    Args:
        robot: Name of the robot.
        deployment: Folder of the agent; without one a waypoint follower drives.
        relayed: The robot publishes ``odom_raw``, and somebody else must publish ``odom``.
        agent: Further parameters of the agent.
        body: Further parameters of the simulated robot.
        logs: Folder for the nodes' output.
        mission: Map; by default one that fits the robot.
    """

    def __init__(
        self,
        robot: str,
        deployment: File | None = None,
        relayed: bool = False,
        agent: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
        logs: File | None = None,
        mission: str | None = None,
    ) -> None:
        self.spec: RobotSpec = load_spec(robot)
        mission = mission or ("courtyard" if self.spec.body == "ground" else "hall")
        plan = RobotMission.read(self.spec, mission)
        self._points = (plan.progress.mission.points + plan.origin).tolist()
        os.environ.update(LOCALHOST)
        os.environ["ROS_DOMAIN_ID"] = str(fresh_domain())
        driver = {"deployment": str(deployment.resolve())} if deployment is not None else {"follower": True}
        self._agent = {"robot": robot, **driver, **(agent or {})}
        self._body = {"robot": robot, "mission": mission, **(body or {})}
        self._relayed = relayed
        self.processes = Processes(output=logs)
        self.conductor = Conductor(name="watcher")
        self.watcher = Watcher(self.conductor, self.spec, "odom_raw" if relayed else "odom")
        self._plans = self.conductor.node.create_publisher(Path, "plan", qualities.PLAN)

    def __enter__(self) -> Drive:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.processes.end()
        self.conductor.close()

    def start(self) -> None:
        """Start both, and let the agent be active; there is no plan yet."""
        remaps = {"odom": "odom_raw"} if self._relayed else {}
        self.processes.start("robot", "crl_ros.sim_robot_node", self._body, remaps)
        self.start_agent()

    def start_agent(self) -> None:
        """Start the agent and activate it."""
        self.processes.start("agent", "crl_ros.agent_node", self._agent)
        self.conductor.change(AGENT, "configure")
        self.conductor.change(AGENT, "activate")

    def kill_agent(self) -> None:
        """End the agent by SIGKILL, and forget what it said."""
        agent = self.processes.running["agent"]
        agent.kill()
        agent.wait()
        self.conductor.said.pop(AGENT, None)
        self.processes.stop("agent")

    def send_plan(self) -> None:
        """Send the mission; then again, and it goes back."""
        self.conductor.wait(self._plans.get_subscription_count, LONG, "somebody who takes plans")
        self._plans.publish(path_of(self.spec, self._points, self.conductor.node))
        self._points.reverse()

    def go(self) -> None:
        """Send the mission and wait until the robot is driven."""
        self.send_plan()
        self.wait_until_driven()

    def wait_until_driven(self) -> None:
        """Wait for half a second of commands from now on without a stop, and until the body is seen moving."""
        now = len(self.watcher.commands)
        recent = round(0.5 * self.spec.command_rate)
        watcher = self.watcher

        def driven() -> bool:
            heard = len(watcher.commands) >= now + recent
            return heard and watcher.driving and bool(watcher.speeds) and watcher.speeds[-1][1] > MOVING

        self.conductor.wait(driven, LONG, "driving")

    def wait_for_stop(self, began: float) -> float:
        """Wait for the first stop command after a moment of the steady clock (s); its moment."""
        self.conductor.wait(lambda: self.watcher.first_stop(began), LONG, "a stop")
        stopped = self.watcher.first_stop(began)
        assert stopped is not None
        return stopped

    def values(self) -> dict[str, str]:
        """The last diagnostics of the agent."""
        return self.conductor.said.get(AGENT, ("", {}))[1]
