"""Activating and deactivating again and again: does anything leak?"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from crl_ros.driving import AGENT, Drive

WARM = 20
"""Cycles that are not counted: whatever is made once is made in them."""


def cycle(robot: str, deployment: Path | None, cycles: int, logs: Path | None = None) -> dict[str, Any]:
    """Activate and deactivate an agent; before, after, and every tenth part of the way its resources are looked at.

    Args:
        robot: Name of the robot.
        deployment: Folder of the agent; without one a waypoint follower drives.
        cycles: How often.
        logs: Folder for the nodes' output.

    Returns:
        ``before`` and ``after``: ``threads``, ``files`` (with sockets), ``children`` and ``resident_kib`` of the agent;
        ``course`` of the memory; ``seconds``.
    """
    with Drive(robot, deployment, logs=logs) as drive:
        drive.start()
        drive.go()
        agent = drive.processes.running["agent"].pid
        before, course = None, []
        began = time.monotonic()
        for count in range(WARM + cycles):
            if count == WARM:
                before = resources(agent)
            drive.conductor.change(AGENT, "deactivate")
            drive.conductor.change(AGENT, "activate")
            if drive.values().get("done") == "True":
                drive.send_plan()
            if cycles >= 10 and count >= WARM and (count - WARM) % (cycles // 10) == 0:
                course.append(resources(agent)["resident_kib"])
        after = resources(agent)
        drive.wait_until_driven()
        return {
            "cycles": cycles,
            "before": before,
            "after": after,
            "course_kib": course,
            "seconds": round(time.monotonic() - began, 1),
            "unsafe": len(drive.watcher.unsafe),
            "processes_that_died": drive.processes.dead(),
        }


def resources(pid: int) -> dict[str, int]:
    """What a process holds (Linux)."""
    lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines()
    status = dict(line.split(":", 1) for line in lines if ":" in line)
    children = Path(f"/proc/{pid}/task/{pid}/children")
    return {
        "threads": int(status["Threads"]),
        "files": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "children": len(children.read_text(encoding="utf-8").split()) if children.exists() else -1,
        "resident_kib": int(status["VmRSS"].split()[0]),
    }
