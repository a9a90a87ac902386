"""A deployment is loaded as it was exported, or not at all."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings

from crl.deployment.files import FILES, MANIFEST, DeploymentError
from crl.deployment.load import load_deployment
from crl.errors import CrlError
from crl.training.load import load_run
from tests.crl.agents.missions import flight
from tests.crl.deployment.test_export import altered


def test_the_agent_is_the_one_that_was_exported(exported: Path, run: Path) -> None:
    """To the bit: it flies a mission with a fault as the run's own agent does."""
    deployment = load_deployment(exported)
    assert deployment.robot.name == "ugv_generic"
    assert deployment.config.refiner.name == "afm"
    mine, theirs = flight(deployment.make_agent()[0]), flight(load_run(run).agent)
    np.testing.assert_array_equal(mine.path, theirs.path)


def test_the_reward_is_that_of_the_task(exported: Path, run: Path) -> None:
    task, learned = load_deployment(exported).task, load_run(run).sequence.spec(0)
    assert task.observation == learned.observation
    rows = torch.randn(50, 2, task.observation.size, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(task.reward(rows[:, 0], None, rows[:, 1]), learned.reward(rows[:, 0], None, rows[:, 1]))


def test_another_robot_is_refused(exported: Path, tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match="was exported for the robot 'ugv_generic', not for 'ugv_husky'\nexport"):
        load_deployment(exported, "ugv_husky")
    with pytest.raises(CrlError, match=r"takes speed from -1 to 0.5"):
        load_deployment(exported, altered(tmp_path, action__speed__high=0.5))
    own = load_deployment(exported, altered(tmp_path, geofence__x=[-3, 3]))
    assert own.robot.fence.high[0] == 3


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
def test_a_missing_file_is_named(name: str, spoiled: Callable[[], Path]) -> None:
    folder = spoiled()
    (folder / name).unlink()
    with pytest.raises(DeploymentError, match=name):
        load_deployment(folder)


def test_an_added_file_is_named(spoiled: Callable[[], Path]) -> None:
    folder = spoiled()
    (folder / "extra.pkl").write_bytes(b"")
    with pytest.raises(DeploymentError, match=r"holds extra.pkl, which were not exported\nmove"):
        load_deployment(folder)


def test_a_newer_format_asks_for_a_newer_version(spoiled: Callable[[], Path]) -> None:
    folder = spoiled()
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["format"], manifest["versions"]["crl"] = 99, "7.0"
    del manifest["sha256"]
    manifest["sha256"] = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(DeploymentError, match=r"has format 99, written by crl 7.0.*\ninstall crl 7.0 or newer"):
        load_deployment(folder)


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"kind": "crl deployment"}'])
def test_what_is_no_manifest_is_refused(content: bytes, spoiled: Callable[[], Path]) -> None:
    folder = spoiled()
    (folder / MANIFEST).write_bytes(content)
    with pytest.raises(DeploymentError, match=r"manifest\.json"):
        load_deployment(folder)


def test_what_is_no_deployment_is_refused(run: Path, tmp_path: Path) -> None:
    for folder in (run, tmp_path / "nowhere"):
        with pytest.raises(DeploymentError, match=r"is no deployment.*\nmake one with `crl deploy`"):
            load_deployment(folder)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from([*FILES, MANIFEST]),
    where=st.floats(0, 1, exclude_max=True),
    bit=st.integers(0, 7),
    cut=st.booleans(),
)
def test_no_changed_byte_passes(name: str, where: float, bit: int, cut: bool, exported: Path, tmp_path: Path) -> None:
    folder = tmp_path / "changed"
    folder.mkdir(exist_ok=True)
    for path in exported.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    data = bytearray((folder / name).read_bytes())
    at = int(where * len(data))
    if cut:
        del data[at:]
    else:
        data[at] ^= 1 << bit
    (folder / name).write_bytes(data)
    try:
        load_deployment(folder)
    except DeploymentError:
        return
    # JSON has bytes without meaning: a space between two entries of the manifest may become another one.
    assert name == MANIFEST
    assert json.loads(data) == json.loads((exported / MANIFEST).read_bytes())
