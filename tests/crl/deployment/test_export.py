"""Exports hold all that a robot needs, and are refused where an agent must not drive."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml
from safetensors.numpy import load_file

from crl.config.asking.composing import load_yaml, to_yaml
from crl.deployment.export import export_run
from crl.deployment.files import FILES, MANIFEST, DeploymentError
from crl.errors import CrlError
from crl.training.load import load_run
from crl.training.runner import train
from crl_robots.spec_file import SPECS
from tests import tiny, tiny_missions


def altered(folder: Path, **entries: Any) -> str:
    """A description of the robot that the tiny run learned on, with some entries (a__b for a.b) changed."""
    plain = yaml.safe_load(SPECS["ugv_generic"].read_text())
    for key, value in entries.items():
        *parents, last = key.split("__")
        node = plain
        for parent in parents:
            node = node[parent]
        if value is None:
            del node[last]
        else:
            node[last] = value
    path = folder / "robot.yaml"
    path.write_text(yaml.safe_dump(plain, sort_keys=False))
    return str(path)


def test_the_folder_says_all_and_its_checksums_are_right(exported: Path, run: Path) -> None:
    manifest = json.loads((exported / MANIFEST).read_text())
    assert {path.name for path in exported.iterdir()} == {*FILES, MANIFEST}
    for name, record in manifest["files"].items():
        data = (exported / name).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (record["bytes"], record["sha256"])
    assert manifest["robot"] == "ugv_generic"
    assert manifest["versions"]["torch"] == torch.__version__
    assert [item["unit"] for item in manifest["action"]] == ["m/s", "rad/s"]
    assert manifest["learner_rate"] == 5.0  # one per decision
    # Any program that knows the format reads the weights: they are the run's.
    weights = load_file(exported / "weights.safetensors")
    mine = load_run(run).agent.state_dict()
    for name, part in mine["adaptation"]["fitted"]["one_step"]["scales"]["changes"].items():
        if isinstance(part, torch.Tensor):
            np.testing.assert_array_equal(weights[f"adaptation/fitted/one_step/scales/changes/{name}"], part.numpy())
    own = mine["adaptation"]["fitted"]["one_step"]["weights"]
    np.testing.assert_array_equal(weights["adaptation/fitted/one_step/weights"], own.numpy())
    np.testing.assert_array_equal(weights["strategy/trunk"], mine["strategy"]["trunk"].numpy())


def test_data_of_the_training_stays_at_home(exported: Path, run: Path) -> None:
    kept = sum(path.stat().st_size for path in (run / "checkpoints").rglob("*.safetensors"))
    assert (exported / "weights.safetensors").stat().st_size < kept
    assert not any(
        name.startswith("buffer/") and array.size for name, array in load_file(exported / "weights.safetensors").items()
    )


def test_a_taken_folder_is_not_written_over(run: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(DeploymentError, match="exists already\nname another folder"):
        export_run(run, "ugv_generic", tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"state__heading": None}, "observes other fields than the run learned on: without heading"),
        ({"rates__decision": 4}, "decides 4 times a second, the run learned 5\nset rates.decision to 5"),
        ({"action__speed__high": 2}, "takes speed from -1 to 2 m/s, the run learned -1 to 1\nset action.speed.low"),
        ({"action__turn_rate__safe": 0.1}, "the safe action of turn_rate is 0.1 rad/s, which moves the body"),
        (
            {"state__reached__range": [0, 2]},
            r"reached.high = 2 1, .* learned 1\nset state.reached.range to \[0, 1\]",
        ),
        ({"simulation": None}, "never tested together: the robot's simulated body is none"),
        ({"simulation__options__body": "husky"}, "never tested together"),
        ({"mission__radius": 20.0}, "would see"),
    ],
)
def test_a_robot_that_differs_is_refused(changes: dict[str, Any], message: str, run: Path, tmp_path: Path) -> None:
    with pytest.raises(CrlError, match=message):
        export_run(run, altered(tmp_path, **changes), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_another_robot_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(CrlError, match=r"with forward, sideways, .* the run does not know\nlist these fields"):
        export_run(run, "ugv_husky", tmp_path / "out")
    with pytest.raises(CrlError, match="no robot and no file 'ugv_generc': did you mean 'ugv_generic'"):
        export_run(run, "ugv_generc", tmp_path / "out")


def test_what_concerns_the_site_may_differ(run: Path, tmp_path: Path) -> None:
    robot = altered(tmp_path, geofence__x=[-3, 3], timeouts__observation=0.3, frames__odometry="odom_2")
    assert export_run(run, robot, tmp_path / "out")["reward"] == "mission"


@pytest.mark.parametrize(
    ("name", "clipped", "message"),
    [("oracle", True, "which no robot is"), ("afm", False, "leave the robot's limits")],
)
def test_untested_settings_are_refused(name: str, clipped: bool, message: str, run: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    config = load_yaml(copy / "config.yaml")
    config.refiner.name, config.refiner.clipped = name, clipped
    (copy / "config.yaml").write_text(to_yaml(config))
    with pytest.raises(DeploymentError, match=message):
        export_run(copy, "ugv_generic", tmp_path / "out")


def test_runs_without_an_agent_of_missions_are_refused(tmp_path: Path) -> None:
    other = train(tiny.settings(tmp_path))
    with pytest.raises(DeploymentError, match="has no agent of missions: refiner=off\ntrain one"):
        export_run(Path(other["run"]), "ugv_generic", tmp_path / "out")


def test_runs_without_a_fitted_agent_are_refused(tmp_path: Path) -> None:
    short = ("budget.steps=[120]", "missions.seeds=0", "checkpoint.seconds=0")
    settings = tiny_missions.settings(tmp_path, "refiner=afm", *short)
    with pytest.raises(CrlError, match="too few to fit"):
        train(settings)
    with pytest.raises(DeploymentError, match=r"not fitted yet.*\nlet the run go on: crl resume"):
        export_run(tmp_path / "run", "ugv_generic", tmp_path / "out")
