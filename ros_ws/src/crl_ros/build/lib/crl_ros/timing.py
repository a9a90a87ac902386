"""How regularly commands come while the learner trains at full speed beside them."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from crl_ros.conductor import LONG
from crl_ros.driving import Drive
from crl_ros.watching import regularity

SETTLE = 5.0
"""Seconds of driving that are not counted: caches are cold, and the phase of the commands is found."""


def measure(robot: str, deployment: Path | None, seconds: float, logs: Path | None = None) -> dict[str, Any]:
    """Drive a simulated robot there and back for some seconds, and measure.

    Args:
        robot: Name of the robot.
        deployment: Folder of the agent; ``None``: the waypoint follower, without a learner.
        seconds: How long.
        logs: Folder for the nodes' output.

    Returns:
        Plain data: ``period_error_ms_p50``, ``period_error_ms_p99``, ``period_max_ms`` and ``missed`` of the commands
        as they arrived in another process; ``sent_...``, the same of their stamps; ``decisions``, ``learner_steps`` and
        so on as the agent said in the end; ``unsafe`` commands.
    """
    with Drive(robot, deployment, agent={"learner_rate": 0.0}, logs=logs) as drive:
        drive.start()
        drive.go()
        drive.conductor.wait(drive.values, LONG, "the agent's word")
        if drive.values().get("pilot.learning") == "True":
            # Its process needs a while to begin.
            drive.conductor.wait(
                lambda: int(drive.values()["pilot.learner_steps"]) > 0, LONG, "the learner's first step"
            )
        drive.conductor.spin(SETTLE)
        begun, before = len(drive.watcher.arrivals), drive.values()
        missions, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            drive.conductor.spin(min(0.5, max(end - time.monotonic(), 0.0)))
            if drive.values().get("done") == "True":
                missions += 1
                drive.send_plan()
                drive.conductor.wait(lambda: drive.values().get("done") != "True", 10.0, "the next mission")
            if dead := drive.processes.dead():
                return {"failed": f"{', '.join(dead)} ended by itself"}
        drive.conductor.spin(1.1)
        after, watcher = drive.values(), drive.watcher
        period = 1 / drive.spec.command_rate
        sent = regularity(watcher.stamps[begun:], period)
        return {
            "robot": robot,
            "deployment": None if deployment is None else str(deployment),
            "seconds": seconds,
            "rate": drive.spec.command_rate,
            "cores": os.cpu_count(),
            **regularity(watcher.arrivals[begun:], period),
            **{f"sent_{key}": value for key, value in sent.items() if key != "commands"},
            "decisions": _count(after, before, "count.decisions"),
            "transitions": _count(after, before, "count.transitions"),
            "weights_taken_over": _count(after, before, "count.weights"),
            "learner_steps": _count(after, before, "pilot.learner_steps"),
            "decision_ms_p50": float(after.get("decision_ms_p50", "nan")),
            "decision_ms_p99": float(after.get("decision_ms_p99", "nan")),
            "stops": sum(map(watcher.is_stop, watcher.commands[begun:])),
            "missions": missions,
            "unsafe": len(watcher.unsafe),
            "agent": after,
        }


def _count(after: dict[str, str], before: dict[str, str], key: str) -> int:
    return round(float(after.get(key, 0)) - float(before.get(key, 0)))
