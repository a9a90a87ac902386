"""A memory of regimes between real processes: it survives the agent's SIGKILL; skipped without ROS 2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("rclpy")

from crl_ros.conductor import LONG
from crl_ros.driving import AGENT, Drive
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import SetParameters
from std_srvs.srv import Trigger

from crl.deployment.export import export_run
from crl.training.runner import train
from tests import tiny_missions

QUICK = ("memory.kind=networks", "memory.base_steps=600", "memory.hidden=[24]", "missions.seeds=0")
TURNED = {"fault": "{gain: [-1, 1]}", "inject": 0.0}


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A unicycle's agent with a memory that knows the nominal body alone."""
    folder = tmp_path_factory.mktemp("lasting")
    results = train(tiny_missions.settings(folder, "refiner=lifelong", *QUICK))
    export_run(Path(results["run"]), "ugv_generic", folder / "deployment")
    return folder / "deployment"


@pytest.fixture
def drive(domain: int, deployment: Path, tmp_path: Path) -> Iterator[Drive]:
    """A robot whose steering is turned, driven by the agent."""
    del domain
    with Drive(
        "ugv_generic", deployment, logs=tmp_path, body=TURNED, agent={"memory": str(tmp_path / "memory")}
    ) as one:
        one.start()
        one.send_plan()
        yield one


def told(drive: Drive, name: str) -> str:
    return drive.values().get(f"pilot.{name}", "")


@pytest.mark.slow
def test_a_regime_is_recalled_from_disk_after_the_agent_was_killed(drive: Drive) -> None:
    wait = drive.conductor.wait
    wait(lambda: told(drive, "regime") == "known", 4 * LONG, "a regime that was learned")
    number = told(drive, "regime_number")
    value = ParameterValue(type=ParameterType.PARAMETER_STRING, string_value="turned")
    named = SetParameters.Request(parameters=[Parameter(name="regime_name", value=value)])
    drive.conductor.call(SetParameters, f"{AGENT}/set_parameters", named, LONG)
    answer = drive.conductor.call(Trigger, f"{AGENT}/name_regime", Trigger.Request(), LONG)
    assert answer.success, answer.message
    saves = int(told(drive, "memory_saves"))
    wait(lambda: int(told(drive, "memory_saves") or 0) > saves, 4 * LONG, "a save with the name")
    refused = drive.conductor.call(Trigger, f"{AGENT}/forget_regime", Trigger.Request(), LONG)
    assert not refused.success
    assert "in force" in refused.message

    drive.kill_agent()
    drive.start_agent()
    drive.send_plan()
    wait(lambda: told(drive, "regime_name") == "turned", 4 * LONG, "the regime by its name")
    assert (told(drive, "regime"), told(drive, "regime_number"), told(drive, "regimes_known")) == ("known", number, "2")
