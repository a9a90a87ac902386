"""A deployment with other planner settings: whole, sealed, and otherwise the same."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from crl.deployment.files import CONFIG, DeploymentError, read_folder
from crl.deployment.load import config_of, load_deployment
from crl.deployment.retuning import retune


def test_only_the_planner_changes(spoiled: Callable[[], Path]) -> None:
    folder = spoiled()
    before = read_folder(folder)
    retune(folder, {"planner.samples": 24, "planner.deadline": 0.05})
    after = read_folder(folder)
    assert (config_of(after).planner.samples, config_of(after).planner.deadline) == (24, 0.05)
    for name, data in before.files.items():
        assert (after.files[name] == data) is (name != CONFIG)
    entries = ("robot", "run", "step", "rates", "versions")
    assert {key: after.manifest[key] for key in entries} == {key: before.manifest[key] for key in entries}
    assert load_deployment(folder).config.planner.samples == 24
    assert [path.name for path in folder.parent.iterdir() if path.name.startswith(".")] == []


def test_a_damaged_deployment_is_not_sealed_again(spoiled: Callable[[], Path]) -> None:
    folder = spoiled()
    content = (folder / CONFIG).read_bytes()
    (folder / CONFIG).write_bytes(content.replace(b"samples", b"sampled"))
    with pytest.raises(DeploymentError, match="damaged"):
        retune(folder, {"planner.samples": 24})
    assert b"sampled" in (folder / CONFIG).read_bytes()
