"""A third party's package adds a strategy by entry point, without a change of this repository."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

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
