"""One tiny run and one deployment of it, shared by the tests of deployments; tests that spoil something copy it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from crl.deployment.export import export_run
from crl.training.runner import train
from tests import tiny_missions

ROBOT = "ugv_generic"


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of missions whose agent is fitted."""
    folder = tmp_path_factory.mktemp("deployed")
    results = train(tiny_missions.settings(folder, "refiner=afm", "missions.seeds=0"))
    return Path(results["run"])


@pytest.fixture(scope="session")
def exported(run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A deployment; not to be changed."""
    folder = tmp_path_factory.mktemp("exported") / "deployment"
    export_run(run, ROBOT, folder)
    return folder


@pytest.fixture
def spoiled(exported: Path, tmp_path: Path) -> Callable[[], Path]:
    """A copy to be changed."""

    def copy() -> Path:
        return Path(shutil.copytree(exported, tmp_path / "copy"))

    return copy
