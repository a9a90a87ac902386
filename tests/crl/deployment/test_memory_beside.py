"""A robot with a memory of regimes: it grows while the robot drives, and survives a reboot."""

from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from crl.deployment.export import export_run
from crl.deployment.load import load_deployment
from crl.deployment.memory_beside import MemoryBeside, folder_of
from crl.deployment.pilot import Pilot
from crl.errors import CrlError
from crl.training.runner import train
from tests import tiny_missions
from tests.crl.deployment.conftest import ROBOT
from tests.crl.deployment.driving import Drive, ended, piloting, unicycle, wait

QUICK = ("memory.kind=networks", "memory.base_steps=600", "memory.hidden=[24]", "missions.seeds=0")


@pytest.fixture(scope="module")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment with a memory that knows the nominal body alone; not to be changed."""
    folder = tmp_path_factory.mktemp("lasting")
    results = train(tiny_missions.settings(folder, "refiner=lifelong", *QUICK))
    export_run(Path(results["run"]), ROBOT, folder / "deployment")
    return folder / "deployment"


@pytest.fixture
def deployment(lasting: Path, tmp_path: Path) -> Path:
    """A copy, so that each test has a memory of its own beside it."""
    return Path(shutil.copytree(lasting, tmp_path / "deployment"))


@pytest.fixture
def met(deployment: Path) -> Iterator[Pilot]:
    """A pilot that has met a body with a turned sign, and knows it."""
    with piloting(deployment, learn=True) as pilot, unicycle(deployment) as env:
        Drive(pilot, env).until(lambda: pilot.status()["regime"] == "known")
        yield pilot


def test_a_new_robot_knows_its_nominal_body(deployment: Path) -> None:
    with piloting(deployment, learn=True) as pilot, unicycle(deployment, fault=0) as env:
        drive = Drive(pilot, env)
        drive.step()
        status = pilot.status()
        assert (status["regime"], status["regime_number"], status["regimes_known"]) == ("nominal", 0, 1)
        assert (status["memory_trouble"], status["learning"], pilot.learner_pid) == ("", True, None)


def test_a_regime_that_was_met_is_known_after_a_reboot(deployment: Path) -> None:
    with piloting(deployment, learn=True) as pilot, unicycle(deployment) as env:
        Drive(pilot, env).until(lambda: pilot.status()["regime"] == "known")
        number = pilot.status()["regime_number"]
        assert pilot.status()["regimes_known"] == 2
    assert folder_of(deployment).is_dir()
    with piloting(deployment, learn=True) as pilot, unicycle(deployment) as env:
        assert pilot.status()["regimes_known"] == 2
        drive = Drive(pilot, env)
        for _ in range(30):
            drive.step()
        assert (pilot.status()["regime"], pilot.status()["regime_number"]) == ("known", number)
        assert pilot.status()["regimes_known"] == 2


def test_it_is_saved_while_the_robot_drives_and_a_kill_loses_nothing_that_was_saved(
    deployment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crl.deployment.memory_beside.SECONDS", 0.0)
    pilot = Pilot(load_deployment(deployment), learn=True)  # never closed, as after SIGKILL
    with unicycle(deployment) as env:
        drive = Drive(pilot, env)
        drive.until(lambda: pilot.status()["regime"] == "known")
        saves = pilot.status()["memory_saves"]
        drive.until(lambda: pilot.status()["memory_saves"] > saves + 1)
    assert isinstance(pilot.beside, MemoryBeside)
    wait(lambda: not pilot.beside._writing)
    with piloting(deployment, learn=False) as again:
        assert again.status()["regimes_known"] == 2


def test_learning_can_be_switched_on_on_the_way(deployment: Path) -> None:
    with piloting(deployment, learn=False) as pilot, unicycle(deployment) as env:
        drive = Drive(pilot, env)
        drive.until(lambda: pilot.status()["regime"] != "nominal")
        assert pilot.status()["learning"] is False
        drive.step()
        pilot.learning = True
        assert pilot.status()["learning"] is True


def test_a_damaged_save_is_passed_over_and_named(deployment: Path, met: Pilot) -> None:
    met.close()
    saves = sorted(folder_of(deployment).iterdir())
    shutil.copytree(saves[-1], saves[-1].with_name("step_009999999"))
    (victim,) = (path for path in saves[-1].with_name("step_009999999").iterdir() if path.suffix == ".safetensors")
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 1
    victim.write_bytes(data)
    with piloting(deployment, learn=False) as again:
        assert again.status()["regimes_known"] == 2
        assert "step_009999999" in again.status()["memory_trouble"]


def test_the_memory_of_another_robot_is_refused(deployment: Path, met: Pilot) -> None:
    met.close()
    for save in folder_of(deployment).iterdir():
        shutil.rmtree(save)
    (folder_of(deployment) / "step_000000001").mkdir()
    with pytest.raises(CrlError):
        Pilot(load_deployment(deployment), learn=False)


def test_a_disk_that_is_full_is_said_and_the_robot_drives_on(deployment: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crl.deployment.memory_beside.SECONDS", 0.0)

    def full(*given: object) -> None:
        raise OSError(28, "No space left on device")

    with piloting(deployment, learn=True) as pilot, unicycle(deployment, fault=0) as env:
        assert isinstance(pilot.beside, MemoryBeside)
        monkeypatch.setattr(pilot.beside._store, "save", full)
        drive = Drive(pilot, env)
        drive.until(lambda: "No space left" in pilot.status()["memory_trouble"])
        assert np.isfinite(drive.step()).all()


@pytest.mark.slow
def test_the_memory_can_be_learned_by_another_process(deployment: Path) -> None:
    with piloting(deployment, learn=True, memory_learner="process") as pilot, unicycle(deployment) as env:
        first = pilot.learner_pid
        assert first is not None
        drive = Drive(pilot, env)
        drive.until(lambda: pilot.status()["lessons_taken"] > 3, pause=0.01)
        os.kill(first, signal.SIGKILL)
        drive.until(lambda: pilot.learner_pid != first, pause=0.01)
        assert "started again" in pilot.status()["memory_trouble"]
        taken = pilot.status()["lessons_taken"]
        drive.until(lambda: pilot.status()["lessons_taken"] > taken, pause=0.01)
        second = pilot.learner_pid
        assert second is not None
    assert ended(second)
    with piloting(deployment, learn=False) as again:
        assert again.status()["regimes_known"] == 2


def test_a_place_to_learn_that_there_is_not_is_named(deployment: Path) -> None:
    with pytest.raises(CrlError, match="memory_learner is 'cloud'"):
        Pilot(load_deployment(deployment), learn=True, memory_learner="cloud")


class TestNames:
    def test_a_regime_can_be_named(self, deployment: Path, met: Pilot) -> None:
        number = met.status()["regime_number"]
        met.beside.name(number, "worn left wheel")
        assert met.status()["regime_name"] == "worn left wheel"
        met.close()
        with piloting(deployment, learn=False) as again:
            memory = again.agent.adaptation.known.memory
            assert memory.regimes[number].name == "worn left wheel"

    def test_one_that_is_not_in_force_can_be_forgotten(self, deployment: Path, met: Pilot) -> None:
        number = met.status()["regime_number"]
        with pytest.raises(CrlError, match="in force"):
            met.beside.forget(number)
        with unicycle(deployment, fault=0) as env:
            Drive(met, env).until(lambda: met.status()["regime"] == "nominal")
        met.beside.forget(number)
        assert met.status()["regimes_known"] == 1
        with pytest.raises(CrlError, match="no regime"):
            met.beside.forget(number)

    def test_a_robot_without_a_memory_says_so(self, exported: Path) -> None:
        with piloting(exported, learn=False) as pilot:
            with pytest.raises(CrlError, match="remembers no regimes"):
                pilot.beside.name(1, "x")
            with pytest.raises(CrlError, match="remembers no regimes"):
                pilot.beside.forget(1)


def test_the_manifest_names_the_refiner(lasting: Path) -> None:
    assert json.loads((lasting / "manifest.json").read_text())["refiner"] == "lifelong"
