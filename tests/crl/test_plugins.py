"""A third party's package adds a strategy by entry point, without a change of this repository."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crl.agents.factory import make_agent
from crl.config.asking.composing import compose
from crl.errors import CrlError
from crl.plugins import PluginError, entry_points, load_plugin, points
from crl.sequences import load_sequence
from tests import tiny

PROJECT = """
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "sleepy-robots"
version = "1.0"

[project.entry-points."crl.strategies"]
sleepy = "sleepy_robots:Sleepy"

[tool.hatch.build.targets.wheel]
include = ["sleepy_robots.py"]
"""

MODULE = '''
"""Learns the first task and sleeps ever after."""

from crl.continual.finetune import Finetune


class Sleepy(Finetune):
    def step(self, loss):
        if len(self.heads) > 1:
            return {"task": loss(self.join(self.task)).detach()}
        return super().step(loss)
'''


def run(*command: str, plugins: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join(filter(None, [str(plugins), os.environ.get("PYTHONPATH")]))
    environment = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=500)


def test_an_installed_package_adds_a_strategy(tmp_path: Path) -> None:
    source, plugins = tmp_path / "source", tmp_path / "plugins"
    source.mkdir()
    (source / "pyproject.toml").write_text(PROJECT)
    (source / "sleepy_robots.py").write_text(MODULE)
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation", "--no-index"]
    done = run(*pip, "--target", str(plugins), str(source), plugins=plugins, cwd=tmp_path)
    assert done.returncode == 0, done.stderr

    train = [
        sys.executable,
        "-m",
        "crl.cli",
        "train",
        "env=cartpole_length",
        "tasks=[0,1]",
        "steps=200",
        "videos=false",
    ]
    small = ["learning.initial_steps=5", "learning.final_steps=3", "evaluation.episodes=1", "planner.samples=8"]
    options = ["planner.elites=4", "planner.horizon=3", f"run_dir={tmp_path / 'runs'}", "name=slept"]
    done = run(*train, *small, *options, "continual=sleepy", plugins=plugins, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results = json.loads((tmp_path / "runs/slept/results.json").read_text())
    assert results["strategy"] == "sleepy"
    assert results["memory"]["measured_bytes_per_task"] == 0

    done = run(*train, "continual=sleapy", plugins=plugins, cwd=tmp_path)
    assert done.returncode != 0
    assert "sleepy" in done.stdout + done.stderr, "the nearest name is the plug-in's"


def test_what_is_installed_meanwhile_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for count in (1, 2):
        package = tmp_path / f"robots_{count}-1.0.dist-info"
        package.mkdir()
        (package / "METADATA").write_text(f"Metadata-Version: 2.1\nName: robots_{count}\nVersion: 1.0\n")
        (package / "entry_points.txt").write_text(f"[crl.test_group]\nrobot_{count} = a_module:Robot\n")
        assert sorted(points("crl.test_group")) == [f"robot_{number}" for number in range(1, count + 1)]
    assert entry_points(group="crl.test_group")[0].value == "a_module:Robot"
    assert entry_points(group="crl.no_such_group") == ()
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place != str(tmp_path)])
    assert not points("crl.test_group")


# ---------------------------------------------------------------------- without packaging
OWN = """
import numpy as np

from crl.agents.random import RandomAgent
from crl.continual.finetune import Finetune
from crl.planning.random_shooting import RandomShooting


class Strategy(Finetune):
    pass


class Planner(RandomShooting):
    pass


class Agent(RandomAgent):
    pass
"""


@pytest.fixture
def own_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Name of a module of the user's own, in the folder where he starts."""
    (tmp_path / "my_methods.py").write_text(OWN)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield "my_methods"
    sys.modules.pop("my_methods", None)


@pytest.mark.parametrize(("group", "name"), [("continual", "Strategy"), ("planner", "Planner"), ("agent", "Agent")])
def test_a_module_of_ones_own_is_named_by_its_path(own_module: str, group: str, name: str, tmp_path: Path) -> None:
    config = tiny.settings(tmp_path, f"{group}={own_module}:{name}")
    agent = make_agent(config, load_sequence(config.env.name).spec(0))
    parts = {"continual": lambda: agent.knowledge.strategy, "planner": lambda: agent.planner, "agent": lambda: agent}
    found = parts[group]()
    assert type(found).__module__ == own_module
    assert type(found).__name__ == name


def test_a_run_with_a_strategy_by_path_is_trained_and_named(own_module: str, tmp_path: Path) -> None:
    loop = tiny.finish(tiny.make_loop(tiny.settings(tmp_path, f"continual={own_module}:Strategy"), tmp_path))
    assert loop.done
    assert loop.config.method == f"{own_module}:Strategy"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_such_module_at_all:Strategy", "start in the folder that holds no_such_module_at_all"),
        ("my_methods:Strategie", "has no attribute 'Strategie'"),
        ("my_methods:", "can't be loaded"),
    ],
)
def test_a_path_that_leads_nowhere_is_said(own_module: str, name: str, said: str, tmp_path: Path) -> None:
    config = tiny.settings(tmp_path, f"continual={name}")
    with pytest.raises(PluginError, match="can't be loaded") as raised:
        make_agent(config, load_sequence(config.env.name).spec(0))
    assert said in str(raised.value)


def test_an_unknown_name_says_how_own_code_is_named() -> None:
    with pytest.raises(PluginError, match=r"unknown planner 'icme': did you mean 'icem'\?") as raised:
        load_plugin("crl.planners", "icme", "planner")
    assert "package.module:Name" in str(raised.value)
    with pytest.raises(CrlError, match="unknown planner 'icme'"):
        compose(["planner=icme"])
