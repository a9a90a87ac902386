"""An agent that drives and learns over ROS 2: missions, faults and life cycles, with what they measured."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy")

from crl_ros.cycles import cycle
from crl_ros.faults import inject
from crl_ros.processes import environment
from crl_ros.timing import measure

from crl.config.asking.composing import compose
from crl.deployment.export import export_run
from crl.training.runner import train
from crl_robots import make_robot
from crl_robots.recordings.bags import read_bag

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
HUSKY = (
    "env=ugv_mission_husky",
    "refiner=afm",
    "budget.steps=[3000]",
    "learning.final_steps=1500",
    "flow.field.updates=1500",
    "evaluation.episodes=1",
    "evaluation.episodes_between=0",
    "missions.seeds=0",
    "monitor.probes=0",
    "videos=false",
)
"""Enough to drive well and to know a side that slips."""
SLIPS = "{sides: [0.6, 1.0]}"


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A husky's agent, trained in a few minutes."""
    folder = tmp_path_factory.mktemp("agent")
    results = train(compose([*HUSKY, f"run_dir={folder}", "name=husky"]))
    export_run(Path(results["run"]), "ugv_husky", folder / "deployment")
    return folder / "deployment"


def test_the_left_wheels_lose_forty_percent_and_the_mission_is_completed(
    domain: int, deployment: Path, tmp_path: Path
) -> None:
    """Point one of the issue, end to end: identified, completed, learned meanwhile; and the bag replays."""
    bag = tmp_path / "bag"
    words = ["--robot", "ugv_husky", "--sim", "--deployment", str(deployment), "--fault", SLIPS, "--inject", "0.5"]
    command = [sys.executable, "-m", "crl_ros.bringup", *words, "--record", str(bag), "--timeout", "600"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    told = [dict(_values(message, "crl_agent")) for name, *_, message in read_bag(bag) if name == "/diagnostics"]
    told = [values for values in told if "pilot.regime" in values]
    half = [values for values in told if int(values["reached"]) > 17]
    assert any(values["pilot.regime"] == "identified" for values in half)
    assert int(told[-1]["pilot.learner_steps"]) > 100
    assert int(told[-1]["pilot.weights_version"]) > 0
    refused = [
        dict(_values(message, "sim_robot")).get("refused")
        for name, *_, message in read_bag(bag)
        if name == "/diagnostics"
    ]
    assert {value for value in refused if value is not None} == {"0"}
    robot: Any = make_robot("replay", "ugv_husky", bag=bag, lockstep=True)
    robot.connect()
    readings = 0
    while robot.read() is not None:
        readings += 1
    robot.close()
    assert readings > 300


def test_commands_come_regularly_beside_a_learner_at_full_speed(domain: int, deployment: Path) -> None:
    found = measure("ugv_husky", deployment, 10.0)
    assert found["commands"] > 100
    assert found["decisions"] > 50
    assert found["learner_steps"] > 10
    assert found["unsafe"] == 0
    assert {"period_error_ms_p50", "period_error_ms_p99", "period_max_ms", "missed"} <= set(found)


def test_no_fault_leads_to_an_unsafe_command(domain: int, deployment: Path, tmp_path: Path) -> None:
    """All faults between real processes. Their times are for reports; here only that the stops come counts."""
    found = inject("ugv_husky", deployment, logs=tmp_path)
    assert all(result["unsafe"] == 0 for result in found.values()), found
    for name, result in found.items():
        assert result.get("commands_that_moved_after_the_stop", 0) == 0, name
    assert found["e-stop during a decision"]["commands_that_moved_before_the_reset"] == 0
    assert found["SIGSTOP of the agent"]["first_command_was_a_stop"] == "3 of 3"
    assert "learner has died" in found["SIGKILL of the learner"]["diagnostics"]
    assert found["SIGKILL of the agent"]["learner_left_behind"] is False
    assert found["SIGKILL of the recorder"]["lost"] == 0
    assert found["full disk of the recorder"]["recorder_lives"] is True
    assert found["corrupt deployment"]["state"] == "unconfigured"
    assert found["corrupt deployment"]["alive"] is True
    assert "damaged" in found["corrupt deployment"]["refused"]


def test_activating_again_and_again_leaks_nothing(domain: int, deployment: Path) -> None:
    found = cycle("ugv_husky", deployment, 1000)
    before, after = found["before"], found["after"]
    for resource in ("threads", "files", "children"):
        assert after[resource] == before[resource], found
    # A leak of a kilobyte in each cycle would be a megabyte.
    assert after["resident_kib"] - before["resident_kib"] < 4096, found
    assert found["processes_that_died"] == []


def test_the_command_trains_a_small_agent_and_measures(domain: int, tmp_path: Path) -> None:
    file = tmp_path / "bench.json"
    words = ["bench", "ros", "--robot", "ugv_generic", "--seconds", "5", "--json", str(file)]
    done = subprocess.run([sys.executable, "-m", "crl.cli", *words], capture_output=True, text=True, timeout=900)
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads(file.read_text())
    assert found["rate"] == 20
    assert found["commands"] > 50
    assert found["unsafe"] == 0


def _values(message: Any, node: str) -> list[tuple[str, str]]:
    return [(pair.key, pair.value) for status in message.status if status.name.endswith(node) for pair in status.values]
