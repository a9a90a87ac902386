"""The nodes as real processes over DDS on this machine; skipped without ROS 2."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from crl_ros import qualities
from crl_ros.conductor import ConductError, Conductor
from crl_ros.driving import AGENT, Drive
from crl_ros.line import BROKEN, Line, broken
from crl_ros.mission_node import path_of
from crl_ros.processes import Processes, environment, wait_for_end
from geometry_msgs.msg import Twist, TwistStamped
from nav_msgs.msg import Path as Plan
from rclpy.qos import QoSProfile, ReliabilityPolicy
from std_msgs.msg import Bool
from std_srvs.srv import SetBool, Trigger

from crl_robots import load_spec
from crl_robots.recordings.bags import read_bag

LONG = 30.0
"""Seconds that anything may take."""
HUSKY = load_spec("ugv_husky")


@pytest.fixture(scope="module")
def shared(shared_domain: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Drive, Line]]:
    """A follower that drives a simulated husky, whose odometry passes a line that can fail."""
    logs = tmp_path_factory.mktemp("logs")
    with Drive("ugv_husky", relayed=True, logs=logs) as drive:
        line = Line(drive.conductor)
        drive.start()
        yield drive, line


@pytest.fixture
def drive(shared: tuple[Drive, Line]) -> Drive:
    """Driving, with nothing wrong."""
    drive, line = shared
    line.change, line.delay = None, 0.0
    if drive.conductor.state(AGENT) == "inactive":
        drive.conductor.change(AGENT, "activate")
    drive.conductor.call(Trigger, f"{AGENT}/reset_e_stop", Trigger.Request(), LONG)
    drive.go()
    return drive


@pytest.fixture
def line(shared: tuple[Drive, Line]) -> Line:
    return shared[1]


@pytest.fixture
def nodes(domain: int, tmp_path: Path) -> Iterator[tuple[Processes, Conductor]]:
    """Processes and a conductor in a domain of the test's own."""
    del domain
    with Processes(output=tmp_path) as processes, Conductor() as conductor:
        yield processes, conductor


# ---------------------------------------------------------------------- a drive, and what interrupts it
def test_it_drives_and_says_so(drive: Drive) -> None:
    drive.conductor.wait(lambda: drive.values().get("driving") == "True", LONG, "its word")
    drive.conductor.wait(lambda: int(drive.values()["reached"]) >= 1, LONG, "a waypoint")
    assert drive.watcher.unsafe == []
    values = drive.values()
    assert values["waypoints"] == "31"
    assert int(values["count.transitions"]) > 0
    assert "driving" in drive.conductor.said[AGENT][0] or "stopped" in drive.conductor.said[AGENT][0]
    # The body refused nothing, and says what it knows of its own mission.
    drive.conductor.wait(lambda: "sim_robot" in drive.conductor.said, LONG, "the robot's word")
    assert drive.conductor.said["sim_robot"][1]["refused"] == "0"


@pytest.mark.parametrize("fault", BROKEN)
def test_a_broken_line_stops_the_robot_and_it_goes_on_when_it_is_fixed(drive: Drive, line: Line, fault: str) -> None:
    began = time.monotonic()
    line.change = broken(line)[fault]()
    stopped = drive.wait_for_stop(began)
    drive.conductor.spin(0.4)
    assert drive.watcher.moves(stopped) == 0
    assert drive.watcher.unsafe == []
    line.change = None
    drive.conductor.call(Trigger, f"{AGENT}/reset_e_stop", Trigger.Request(), LONG)
    drive.wait_until_driven()


def test_the_e_stop_latches_through_the_life_cycle_until_it_is_reset(drive: Drive) -> None:
    conductor, watcher = drive.conductor, drive.watcher
    button = conductor.node.create_publisher(Bool, "e_stop", qualities.E_STOP)
    conductor.wait(button.get_subscription_count, LONG, "somebody who hears the e-stop")
    began = time.monotonic()
    button.publish(Bool(data=True))
    stopped = drive.wait_for_stop(began)
    refused = conductor.call(Trigger, f"{AGENT}/reset_e_stop", Trigger.Request(), LONG)
    assert not refused.success
    assert "still pressed" in refused.message
    button.publish(Bool(data=False))
    conductor.wait(lambda: "e-stop" in conductor.said[AGENT][0], LONG, "a word of the e-stop")
    for transition in ("deactivate", "cleanup", "configure", "activate"):
        conductor.change(AGENT, transition)
    drive.send_plan()
    conductor.spin(0.5)
    assert watcher.moves(stopped) == 0
    assert conductor.call(Trigger, f"{AGENT}/reset_e_stop", Trigger.Request(), LONG).success
    drive.wait_until_driven()
    conductor.node.destroy_publisher(button)


def test_deactivated_it_stops_and_falls_silent(drive: Drive) -> None:
    began = time.monotonic()
    drive.conductor.change(AGENT, "deactivate")
    drive.conductor.spin(0.3)
    assert drive.watcher.is_stop(drive.watcher.commands[-1])
    assert drive.watcher.moves(began + 0.2) == 0
    count = len(drive.watcher.commands)
    drive.conductor.spin(0.5)
    assert len(drive.watcher.commands) == count
    drive.conductor.change(AGENT, "activate")
    # The mission goes on where it was.
    drive.wait_until_driven()


def test_a_plan_outside_the_fence_is_refused_and_the_old_one_goes_on(drive: Drive) -> None:
    plans = drive.conductor.node.create_publisher(Plan, "plan", qualities.PLAN)
    drive.conductor.wait(plans.get_subscription_count, LONG, "the agent")
    plans.publish(path_of(HUSKY, [[0.0, 0.0], [500.0, 0.0]], drive.conductor.node))
    drive.conductor.wait(lambda: "outside the fence" in drive.conductor.said[AGENT][0], LONG, "the refusal")
    assert drive.values()["waypoints"] == "31"
    assert drive.watcher.driving
    plans.publish(path_of(HUSKY, [], drive.conductor.node))
    drive.wait_for_stop(time.monotonic())
    drive.conductor.wait(lambda: drive.values()["waypoints"] == "0", LONG, "no plan")
    drive.conductor.node.destroy_publisher(plans)


def test_learning_is_a_service_that_a_follower_declines(drive: Drive) -> None:
    answer = drive.conductor.call(SetBool, f"{AGENT}/learn", SetBool.Request(data=True), LONG)
    assert not answer.success
    assert "does not learn" in answer.message


# ---------------------------------------------------------------------- deaths
def test_when_the_agent_hangs_or_dies_the_robot_stops_by_itself(domain: int, tmp_path: Path) -> None:
    with Drive("ugv_husky", logs=tmp_path) as drive:
        drive.start()
        drive.go()
        agent = drive.processes.running["agent"]
        agent.send_signal(signal.SIGSTOP)
        began = time.monotonic()
        drive.conductor.wait(lambda: drive.watcher.stands(began), LONG, "the body's stop")
        heard = len(drive.watcher.commands)
        agent.send_signal(signal.SIGCONT)
        drive.conductor.wait(lambda: len(drive.watcher.commands) > heard, LONG, "a command")
        assert drive.watcher.is_stop(drive.watcher.commands[heard])
        drive.wait_until_driven()
        # Told to end, it stops the robot first.
        agent.terminate()
        assert wait_for_end(agent, LONG)
        assert agent.returncode == 0
        drive.conductor.spin(0.2)
        assert drive.watcher.is_stop(drive.watcher.commands[-1])
        drive.processes.stop("agent")
        drive.start_agent()
        drive.go()
        drive.processes.running["agent"].kill()
        killed = time.monotonic()
        drive.conductor.wait(lambda: drive.watcher.stands(killed), LONG, "the body's stop")
        assert drive.watcher.unsafe == []


# ---------------------------------------------------------------------- configuration
def test_a_node_that_can_not_be_configured_lives_and_says_why(nodes: Any, tmp_path: Path) -> None:
    processes, conductor = nodes
    agent = processes.start("agent", "crl_ros.agent_node", {"deployment": str(tmp_path / "nothing")})
    with pytest.raises(ConductError, match=r"refuses to configure: .*nothing"):
        conductor.change(AGENT, "configure")
    assert conductor.state(AGENT) == "unconfigured"
    assert agent.poll() is None


def test_an_e_stop_button_of_another_quality_counts_as_pressed(nodes: Any) -> None:
    processes, conductor = nodes
    button = conductor.node.create_publisher(Bool, "e_stop", QoSProfile(depth=1))
    processes.start("agent", "crl_ros.agent_node", {"follower": True, "robot": "ugv_husky"})
    conductor.change(AGENT, "configure")
    conductor.wait(lambda: "e-stop" in conductor.said.get(AGENT, ("",))[0], LONG, "its word")
    assert not conductor.call(Trigger, f"{AGENT}/reset_e_stop", Trigger.Request(), LONG).success
    assert button.get_subscription_count() == 0
    [said, values] = conductor.said[AGENT]
    assert (
        "/conductor can't be heard on /e_stop: its durability does not fit; publish it reliable, transient local"
        in said
    )
    assert "0x" not in said
    assert "e_stop" in values["trouble"]
    conductor.node.destroy_publisher(button)
    conductor.wait(lambda: not conductor.said[AGENT][1]["trouble"], LONG, "no more trouble")
    # Who can be heard again can release it.
    good = conductor.node.create_publisher(Bool, "e_stop", qualities.E_STOP)
    good.publish(Bool(data=False))
    conductor.wait(good.get_subscription_count, LONG, "the agent")
    conductor.wait(
        lambda: conductor.call(Trigger, f"{AGENT}/reset_e_stop", Trigger.Request(), LONG).success, LONG, "a release"
    )


BEST_EFFORT = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)


@pytest.mark.parametrize(
    ("module", "node", "kind", "topic", "parameters"),
    [
        ("agent_node", AGENT, Plan, "plan", {"follower": True, "robot": "ugv_husky"}),
        ("sim_robot_node", "sim_robot", TwistStamped, "cmd_vel", {}),
        ("recorder_node", "recorder", Plan, "plan", {"topics": ["plan"]}),
    ],
)
def test_who_publishes_with_another_quality_is_said_in_the_diagnostics(
    nodes: Any, tmp_path: Path, module: str, node: str, kind: type[Any], topic: str, parameters: dict[str, Any]
) -> None:
    processes, conductor = nodes
    if node == "recorder":
        parameters = {**parameters, "folder": str(tmp_path / "bag")}
    publisher = conductor.node.create_publisher(kind, topic, BEST_EFFORT)
    processes.start("node", f"crl_ros.{module}", parameters)
    if node == AGENT:
        conductor.change(AGENT, "configure")
    wanted = f"/conductor can't be heard on /{topic}: its reliability does not fit; publish it reliable"
    conductor.wait(lambda: wanted in conductor.said.get(node, ("",))[0], LONG, "its word")
    assert conductor.levels[node] >= 1
    conductor.node.destroy_publisher(publisher)
    conductor.wait(lambda: "can't be heard" not in conductor.said[node][0], LONG, "no more trouble")


@pytest.mark.parametrize(
    ("module", "parameters", "said"),
    [
        ("sim_robot_node", {"time_scale": -1.0}, "time_scale"),
        ("sim_robot_node", {"robot": "ugv_huski"}, "did you mean 'ugv_husky'"),
        ("sim_robot_node", {"fault": "{sidez: [1, 1]}"}, "did you mean 'sides'"),
        ("sim_robot_node", {"fault": "much"}, "such as '{sides"),
        ("mission_node", {"mission": "nowhere.csv"}, "nowhere.csv"),
        ("mission_node", {"altitude": "high"}, "altitude"),
        ("recorder_node", {"folder": "/proc/nothing"}, "can't be made"),
    ],
)
def test_impossible_parameters_end_a_node_with_the_reason(
    domain: int, tmp_path: Path, module: str, parameters: dict[str, Any], said: str
) -> None:
    with Processes(output=tmp_path) as processes:
        process = processes.start("node", f"crl_ros.{module}", parameters)
        assert wait_for_end(process, LONG)
        assert process.returncode == 2
        text = (tmp_path / "node.log").read_text()
    assert said in text
    assert "Traceback" not in text


# ---------------------------------------------------------------------- the simulated robot
def test_the_simulated_robot_carries_out_no_unsafe_command(nodes: Any) -> None:
    processes, conductor = nodes
    commands = conductor.node.create_publisher(TwistStamped, "cmd_vel", qualities.COMMANDS)
    processes.start("robot", "crl_ros.sim_robot_node")
    conductor.wait(commands.get_subscription_count, LONG, "the robot")
    for count, (speed, frame) in enumerate(((9.0, ""), (float("nan"), ""), (0.5, "map")), start=1):
        message = TwistStamped()
        message.header.frame_id, message.twist.linear.x = frame, speed
        commands.publish(message)
        conductor.wait(
            lambda count=count: conductor.said.get("sim_robot", ("", {}))[1].get("refused") == str(count),
            LONG,
            "a word",
        )
    assert conductor.levels["sim_robot"] == 2


@pytest.mark.slow
def test_commands_without_stamps_are_the_same_on_both_sides(nodes: Any) -> None:
    processes, conductor = nodes
    heard: list[Twist] = []
    conductor.node.create_subscription(Twist, "/ugv1/cmd_vel", heard.append, 10)
    plain = {"enable_stamped_cmd_vel": False}
    grouped = Processes("ugv1", output=processes._output)
    with grouped:
        grouped.start("robot", "crl_ros.sim_robot_node", plain)
        grouped.start("mission", "crl_ros.mission_node", {"period": 0.2})
        grouped.start("agent", "crl_ros.agent_node", {"follower": True, "robot": "ugv_husky", **plain})
        conductor.change(f"/ugv1/{AGENT}", "configure")
        conductor.change(f"/ugv1/{AGENT}", "activate")
        conductor.wait(lambda: any(twist.linear.x > 0.3 for twist in heard), LONG, "commands")
        reached = "reached"
        conductor.wait(
            lambda: int(conductor.said.get("sim_robot", ("", {}))[1].get(reached, 0)) >= 1, LONG, "a waypoint"
        )


# ---------------------------------------------------------------------- the recorder
def test_the_recorder_keeps_everything_and_the_bag_can_be_read(nodes: Any, tmp_path: Path) -> None:
    processes, conductor = nodes
    folder = tmp_path / "bag"
    topics = ["cmd_vel", "later", "/diagnostics", "e_stop"]
    processes.start("recorder", "crl_ros.recorder_node", {"folder": str(folder), "topics": topics})
    commands = conductor.node.create_publisher(TwistStamped, "cmd_vel", 100)
    later = conductor.node.create_publisher(Twist, "later", 100)
    button = conductor.node.create_publisher(Bool, "e_stop", qualities.E_STOP)
    button.publish(Bool(data=True))
    for publisher in (commands, later, button):
        conductor.wait(publisher.get_subscription_count, LONG, "the recorder")
    for number in range(100):
        message = TwistStamped()
        message.twist.linear.x = number / 100
        commands.publish(message)
        later.publish(message.twist)

    def recorded() -> int:
        return int(conductor.said.get("recorder", ("", {}))[1].get("recorded", 0))

    # 201 messages of the test, and at least one of its own diagnostics.
    conductor.wait(lambda: recorded() >= 202, LONG, "everything on the disk")
    assert processes.stop("recorder") == 0
    messages = list(read_bag(folder))
    for topic in ("/cmd_vel", "/later"):
        of_topic = [message for name, _, _, message in messages if name == topic]
        speeds = [(m.twist if topic == "/cmd_vel" else m).linear.x for m in of_topic]
        assert speeds == [number / 100 for number in range(100)]
    assert sum(name == "/e_stop" for name, *_ in messages) == 1
    assert any(name == "/diagnostics" for name, *_ in messages)


# ---------------------------------------------------------------------- bringup
def run(*arguments: str, seconds: float = 60.0) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "crl_ros.bringup", *arguments]
    return subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=seconds)


def test_bringup_completes_a_short_mission_and_leaves_no_process(domain: int, tmp_path: Path) -> None:
    route = tmp_path / "route.csv"
    route.write_text("x,y\n0,0\n1,0\n1.8,0.4\n")
    bag = tmp_path / "bag"
    done = run("--robot", "ugv_husky", "--sim", "--mission", str(route), "--record", str(bag), "--timeout", "120")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the mission is complete" in done.stdout
    assert "waypoint follower" in done.stdout
    topics = {name for name, *_ in read_bag(bag)}
    assert topics == {"/odom", "/cmd_vel", "/plan", "/diagnostics"}
    assert str(tmp_path) not in " ".join(_command_lines())


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("--robot", "ugv_husky"), 2, "nobody drives"),
        (("--robot", "ugv_huski", "--sim"), 2, "did you mean 'ugv_husky'"),
        (("--robot", "ugv_husky", "--sim", "--mission", "nowhere"), 3, "the robot has ended by itself"),
        pytest.param(
            ("--robot", "ugv_husky", "--sim", "--deployment", "nowhere"),
            2,
            "refuses to configure",
            marks=pytest.mark.slow,
        ),
        (("--robot", "ugv_husky", "--sim", "--timeout", "1"), 1, "not completed"),
    ],
)
def test_bringup_says_why_there_is_no_mission(domain: int, arguments: tuple[str, ...], code: int, said: str) -> None:
    done = run(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert said in done.stderr


@pytest.mark.slow
def test_bringup_names_who_died_and_ends_in_order_when_interrupted(domain: int) -> None:
    for victim, code in (("sim_robot_node", 3), ("bringup", 130)):
        command = [sys.executable, "-m", "crl_ros.bringup", "--robot", "ugv_husky", "--sim"]
        process = subprocess.Popen(
            command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        try:
            assert process.stdout is not None
            while "driving" not in (text := process.stdout.readline()):
                assert text, process.communicate()[1]
            children = _children(process.pid)
            for pid, words in ((process.pid, "bringup"), *children.items()):
                if victim in words:
                    os.kill(pid, signal.SIGKILL if code == 3 else signal.SIGINT)
            _, errors = process.communicate(timeout=LONG)
            assert process.returncode == code, errors
            assert ("robot has ended by itself" in errors) is (code == 3)
            assert not any(Path(f"/proc/{pid}").exists() for pid in children)
        finally:
            process.kill()
            process.wait()


@pytest.mark.slow
def test_children_end_when_bringup_is_killed(domain: int) -> None:
    command = [sys.executable, "-m", "crl_ros.bringup", "--robot", "ugv_husky", "--sim"]
    process = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    while "driving" not in (text := process.stdout.readline()):
        assert text
    children = _children(process.pid)
    process.kill()
    process.wait()
    process.stdout.close()
    _wait(lambda: not any(_lives(pid) for pid in children), "the children's end")
    assert children


def _children(parent: int) -> dict[int, str]:
    pids = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return {int(pid): Path(f"/proc/{pid}/cmdline").read_text() for pid in pids}


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _command_lines() -> list[str]:
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_text().replace("\0", " "))
        except OSError:
            continue
    return [line for line in found if "pytest" not in line]


def _wait(condition: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)
