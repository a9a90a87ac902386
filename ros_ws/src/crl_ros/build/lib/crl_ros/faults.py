"""Faults of every kind between real processes, with the time from the fault to the first stop.

Each fault is brought about several times; a watcher in this process sees when the stop arrives, and whether any command
was unsafe. Times are on one steady clock.
"""

from __future__ import annotations

import os
import resource
import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from std_msgs.msg import Bool
from std_srvs.srv import Trigger

from crl_robots.mcap.salvage import salvage
from crl_robots.recordings.bags import read_bag
from crl_robots.recordings.ros_messages import seconds
from crl_ros import qualities
from crl_ros.conductor import ConductError
from crl_ros.driving import AGENT, Drive
from crl_ros.line import BROKEN, LATE, Line, broken, reordered
from crl_ros.processes import wait_for_end

REPEATS = 5
"""How often each fault is brought about that leaves everybody alive."""
LONG = 20.0
"""Seconds that anything may take."""
LASTING = 1.0
"""Seconds for which a fault lasts."""
SMALL = 60_000
"""Bytes that fit on a disk that is soon full."""


def inject(robot: str, deployment: Path | None, logs: Path | None = None, only: str | None = None) -> dict[str, Any]:
    """Bring about all faults.

    Args:
        robot: Name of the robot.
        deployment: Folder of the agent; without one a waypoint follower drives, and faults of the learner are left out.
        logs: Folder for the nodes' output.
        only: Name of one fault.

    Returns:
        By fault, in plain data: ``stop_ms``, from the fault to the first stop command, each time; ``stands_ms``, until
        the body stood; ``unsafe``, commands outside the limits; and what else the fault is about.
    """
    found: dict[str, Any] = {}
    for name, (relayed, agent, bring) in _faults(deployment).items():
        if only is not None and only != name:
            continue
        with Drive(robot, deployment, relayed, agent, logs=logs) as drive:
            line = Line(drive.conductor) if relayed else None
            drive.start()
            drive.go()
            found[name] = {**bring(drive, line), "unsafe": len(drive.watcher.unsafe)}
            print(f"{name}: {found[name]}", flush=True)
    return found


def _faults(deployment: Path | None) -> dict[str, tuple[bool, dict[str, Any], Callable[..., dict[str, Any]]]]:
    """By name: whether odometry passes a line, parameters of the agent, and how it is brought about."""
    faults: dict[str, tuple[bool, dict[str, Any], Callable[..., dict[str, Any]]]] = {
        name: (True, {}, _on_the_line(name)) for name in BROKEN
    }
    faults["odometry comes late"] = (True, {}, _late)
    faults["odometry twice and out of order"] = (True, {}, _reordered)
    faults["odometry stops while simulated time stands still"] = (
        True,
        {"use_sim_time": True},
        _on_the_line("odometry stops"),
    )
    faults["e-stop during a decision"] = (True, {}, _pressed)
    faults["SIGSTOP of the agent"] = (False, {}, _frozen_agent)
    if deployment is not None:
        faults["SIGKILL of the learner"] = (False, {}, _learner(signal.SIGKILL))
        faults["SIGSTOP of the learner"] = (False, {}, _learner(signal.SIGSTOP))
    faults["SIGKILL of the recorder"] = (False, {}, _killed_recorder)
    faults["full disk of the recorder"] = (False, {}, _full_disk)
    faults["SIGKILL of the robot"] = (False, {}, _killed_robot)
    faults["SIGKILL of the agent"] = (False, {}, _killed_agent)
    if deployment is not None:
        faults["corrupt deployment"] = (False, {}, _corrupt(deployment))
    return faults


# ---------------------------------------------------------------------- the line
def _on_the_line(name: str) -> Callable[[Drive, Line], dict[str, Any]]:
    def bring(drive: Drive, line: Line) -> dict[str, Any]:
        def begin() -> None:
            line.change = broken(line)[name]()

        return _stops(drive, line, begin)

    return bring


def _late(drive: Drive, line: Line) -> dict[str, Any]:
    def begin() -> None:
        line.delay = LATE

    return _stops(drive, line, begin)


def _stops(drive: Drive, line: Line, begin: Callable[[], None]) -> dict[str, Any]:
    """Bring a fault of the line about again and again, at changing moments between two messages."""
    times, moved = [], 0
    for count in range(REPEATS):
        drive.conductor.spin(0.2 + 0.017 * count)
        begin()
        began = time.monotonic()
        stopped = drive.wait_for_stop(began)
        times.append(1e3 * (stopped - began))
        drive.conductor.spin(LASTING)
        moved += drive.watcher.moves(stopped)
        line.change, line.delay = None, 0.0
        drive.conductor.spin(2 * LATE)  # what was held up arrives
        drive.send_plan()
        drive.conductor.call(Trigger, f"{AGENT}/reset_e_stop", Trigger.Request(), LONG)
        drive.wait_until_driven()
    return {"stop_ms": _rounded(times), "commands_that_moved_after_the_stop": moved}


def _reordered(drive: Drive, line: Line) -> dict[str, Any]:
    before = len(drive.watcher.commands)
    line.change = reordered()
    drive.conductor.spin(3 * LASTING)
    commands = drive.watcher.commands[before:]
    return {"commands": len(commands), "stops": sum(map(drive.watcher.is_stop, commands))}


def _pressed(drive: Drive, line: Line) -> dict[str, Any]:
    """The button is pressed right after odometry has passed, when the agent decides on it."""
    conductor, watcher = drive.conductor, drive.watcher
    button = conductor.node.create_publisher(Bool, "e_stop", qualities.E_STOP)
    conductor.wait(button.get_subscription_count, LONG, "somebody who hears the e-stop")
    times: list[float] = []
    pressed: list[float] = []
    moved = released = 0

    def press() -> None:
        pressed.append(time.monotonic())
        button.publish(Bool(data=True))

    for count in range(REPEATS):
        line.on_pass = press
        conductor.wait(lambda: line.on_pass is None, LONG, "odometry")
        stopped = drive.wait_for_stop(pressed[count])
        times.append(1e3 * (stopped - pressed[count]))
        early = conductor.call(Trigger, f"{AGENT}/reset_e_stop", Trigger.Request(), LONG).success
        button.publish(Bool(data=False))
        conductor.spin(LASTING)
        moved += watcher.moves(stopped) + early
        released += conductor.call(Trigger, f"{AGENT}/reset_e_stop", Trigger.Request(), LONG).success
        drive.wait_until_driven()
    return {"stop_ms": _rounded(times), "commands_that_moved_before_the_reset": moved, "released": released}


# ---------------------------------------------------------------------- processes
def _frozen_agent(drive: Drive, line: None) -> dict[str, Any]:
    """The agent hangs as a whole: the body's own time-out stops it, and the agent's first word afterwards is a stop."""
    del line
    agent, watcher = drive.processes.running["agent"], drive.watcher
    stands: list[float] = []
    first = 0
    for _ in range(3):
        agent.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        drive.conductor.spin(0.1)  # what was under way
        heard = len(watcher.commands)
        stood = _wait_until_it_stands(drive, began)
        stands.append(1e3 * (stood - began))
        agent.send_signal(signal.SIGCONT)
        while len(watcher.commands) <= heard and time.monotonic() < stood + LONG:
            drive.conductor.spin(0.01)
        first += watcher.is_stop(watcher.commands[heard])
        drive.wait_until_driven()
    return {"stands_ms": _rounded(stands), "first_command_was_a_stop": f"{first} of {len(stands)}"}


def _killed_agent(drive: Drive, line: None) -> dict[str, Any]:
    del line
    learner = drive.values().get("learner_pid", "None")
    drive.processes.running["agent"].kill()
    began = time.monotonic()
    stood = _wait_until_it_stands(drive, began)
    found: dict[str, Any] = {"stands_ms": _rounded([1e3 * (stood - began)])}
    found["receivers_time_out_ms"] = 1e3 * drive.spec.timeouts.receiver
    if learner.isdecimal():
        drive.conductor.wait(lambda: not _alive(int(learner)), LONG, "the learner's end")
        found["learner_left_behind"] = False
    return found


def _killed_robot(drive: Drive, line: None) -> dict[str, Any]:
    del line
    drive.processes.running["robot"].kill()
    began = time.monotonic()
    stopped = drive.wait_for_stop(began)
    drive.conductor.spin(LASTING)
    moved = drive.watcher.moves(stopped)
    return {"stop_ms": _rounded([1e3 * (stopped - began)]), "commands_that_moved_after_the_stop": moved}


def _learner(number: signal.Signals) -> Callable[[Drive, None], dict[str, Any]]:
    def bring(drive: Drive, line: None) -> dict[str, Any]:
        del line
        learner, watcher = int(drive.values()["learner_pid"]), drive.watcher
        os.kill(learner, number)
        before = len(watcher.commands)
        drive.conductor.spin(3 * LASTING)
        message = drive.conductor.said[AGENT][0]
        if number == signal.SIGSTOP:
            os.kill(learner, signal.SIGCONT)
        commands = watcher.commands[before:]
        return {"commands": len(commands), "stops": sum(map(watcher.is_stop, commands)), "diagnostics": message}

    return bring


def _killed_recorder(drive: Drive, line: None) -> dict[str, Any]:
    del line
    with tempfile.TemporaryDirectory() as folder:
        recorder = _record(drive, folder)
        drive.conductor.spin(2 * LASTING)
        recorder.kill()
        killed = time.monotonic()
        wait_for_end(recorder)
        drive.conductor.spin(LASTING)
        # What was sent just before may never have reached the recorder.
        pairs = zip(drive.watcher.arrivals, drive.watcher.stamps, strict=True)
        sent = [round(1e9 * stamp) for arrived, stamp in pairs if arrived < killed - 0.1]
        salvage(folder, whole := Path(folder) / "whole")
        kept = [round(1e9 * seconds(message.header.stamp)) for *_, message in read_bag(whole, ("cmd_vel",))]
        lost = [stamp for stamp in sent if stamp >= kept[0] and stamp not in set(kept)]
    stops = sum(map(drive.watcher.is_stop, drive.watcher.commands[-round(LASTING * drive.spec.command_rate) :]))
    return {"recorded": len(kept), "lost": len(lost), "stops": stops}


def _full_disk(drive: Drive, line: None) -> dict[str, Any]:
    del line
    with tempfile.TemporaryDirectory() as folder:
        recorder = _record(drive, folder)
        before = len(drive.watcher.commands)
        resource.prlimit(recorder.pid, resource.RLIMIT_FSIZE, (SMALL, SMALL))
        drive.conductor.wait(lambda: "ended" in drive.conductor.said.get("recorder", ("",))[0], LONG, "a full disk")
        drive.conductor.spin(LASTING)
        message = drive.conductor.said["recorder"][0]
        alive = recorder.poll() is None
        drive.processes.stop("recorder")
        salvage(folder, whole := Path(folder) / "whole")
        kept = sum(1 for _ in read_bag(whole, ("cmd_vel",)))
    stops = sum(map(drive.watcher.is_stop, drive.watcher.commands[before:]))
    return {"recorded": kept, "stops": stops, "recorder_lives": alive, "diagnostics": message.replace(folder, "DIR")}


def _corrupt(deployment: Path) -> Callable[[Drive, None], dict[str, Any]]:
    def bring(drive: Drive, line: None) -> dict[str, Any]:
        del line
        found: dict[str, Any] = {}
        drive.processes.stop("agent")
        with tempfile.TemporaryDirectory() as folder:
            copy = Path(folder) / "deployment"
            shutil.copytree(deployment, copy)
            largest = max((file for file in copy.rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)
            data = bytearray(largest.read_bytes())
            data[len(data) // 2] ^= 1
            largest.write_bytes(data)
            parameters = {"robot": drive.spec.name, "deployment": str(copy)}
            agent = drive.processes.start("agent", "crl_ros.agent_node", parameters)
            drive.conductor.spin(0.1)
            try:
                drive.conductor.change(AGENT, "configure")
            except ConductError as refusal:
                found["refused"] = refusal.message.replace(folder, "DIR")
            found["state"] = drive.conductor.state(AGENT)
            found["alive"] = agent.poll() is None
        return found

    return bring


def _record(drive: Drive, folder: str) -> Any:
    recorder = drive.processes.start("recorder", "crl_ros.recorder_node", {"folder": folder})
    drive.conductor.wait(lambda: "recorder" in drive.conductor.said, LONG, "a word of the recorder")
    drive.conductor.spin(1.5)  # diagnostics may come before the first command is heard
    return recorder


def _wait_until_it_stands(drive: Drive, since: float) -> float:
    drive.conductor.wait(lambda: drive.watcher.stands(since), LONG, "the body's stop")
    stood = drive.watcher.stands(since)
    assert stood is not None
    return stood


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def _rounded(values: list[float]) -> list[float]:
    return [round(value, 1) for value in values]
