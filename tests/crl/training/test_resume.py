"""A run that was stopped anywhere ends like the run that never was: to the bit, times aside."""

from __future__ import annotations

import json
import os
import random
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pytest

from crl.training.checkpoints.store import CheckpointStore
from crl.training.loop import TrainingLoop
from crl.training.runner import train
from tests import tiny
from tests.crl.states import differences, numbers

MASTERY = (
    "budget.mastery=true",
    "budget.mastery_window=2",
    "budget.mastery_successes=1",
    "budget.validation_episodes=3",
    "budget.validation_successes=3",
    "budget.steps=[300,100]",
)
CHUNKED = (
    "dynamics.hypernetwork.kind=chunked",
    "dynamics.ensemble=2",
    "dynamics.out_var=true",
    "dynamics.rollout=2",
)
KILLED = {
    # Physics, averaged weights, two tasks.
    "cartpole_length": ["budget.steps=[400]", "evaluation.episodes=1"],
    # Validations, and a snapshot that may come back.
    "LUCKY": MASTERY,
}
HERE = Path(__file__).parent
VARIANTS: dict[str, dict[str, Any]] = {
    "hypercrl": {},
    "hypercrl, look-ahead": {"more": ["continual.lookahead=true"]},
    "chunked, Gaussian ensemble": {
        "more": [
            "dynamics.hypernetwork.kind=chunked",
            "dynamics.ensemble=2",
            "dynamics.out_var=true",
            "dynamics.rollout=2",
        ]
    },
    "finetune": {"more": ["continual=finetune"]},
    "single": {"more": ["continual=single"]},
    "hypercrl, cycle": {"tasks": "[0,1,0,0]", "more": ["budget.steps=[32]"]},
    "single, own labels": {
        "tasks": "[0,1,0]",
        "more": ["budget.steps=[48]", "continual=single", "continual.labels=none", "learning.initial_steps=100"],
    },
    "single, cycle": {"tasks": "[0,1,0,0]", "more": ["budget.steps=[32]", "continual=single"]},
    "hypercrl, mastery": {"env": "LUCKY", "more": MASTERY},
    "exploration by handover": {"more": ["exploration.handover=1", "exploration.random_episodes=2"]},
    "faulty simulator": {"env": "SOMETIMES_NAN"},
}


def comparable(loop: TrainingLoop) -> dict[str, Any]:
    state = loop.state_dict()
    del state["clock"]
    return state


@pytest.mark.parametrize("variant", VARIANTS)
def test_stopped_after_every_unit(variant: str, tmp_path: Path) -> None:
    given = dict(VARIANTS[variant])
    config = tiny.settings(tmp_path, *given.pop("more", []), **given)
    whole = tiny.make_loop(config, tmp_path / "whole")
    store = CheckpointStore(tmp_path / "checkpoints", keep=1)
    tiny.make_loop(config, tmp_path / "stopped").log.close()
    stages: list[str] = []
    units = 0
    while not whole.done:
        # Every unit of the stopped run is done by a loop, an agent and environments that know the checkpoint only.
        stopped = tiny.make_loop(config, tmp_path / "stopped")
        if units:
            assert stopped.load_state_dict(store.load_latest().state) == []
        stages.append(whole.state.stage)
        whole.unit()
        stopped.unit()
        units += 1
        assert not differences(comparable(whole), comparable(stopped)), f"unit {units}: {stages[-1]}"
        store.save(stopped.state.env_steps, stopped.state_dict())
        stopped.log.close()
    whole.log.close()
    assert (tmp_path / "whole/metrics.jsonl").read_bytes() == (tmp_path / "stopped/metrics.jsonl").read_bytes()
    # The trial would mean nothing if little had happened.
    assert whole.state.gradient_steps > 30
    assert numbers(whole.agent.state_dict()) > 1000
    if "mastery" in variant:
        steps = list(zip(stages, stages[1:], strict=False))
        assert ("validate", "collect") in steps, "no validation failed, after which learning goes on"
        assert ("validate", "evaluate") in steps
    if variant == "faulty simulator":
        assert any("fault" in line for line in tiny.lines(tmp_path / "whole"))


@pytest.mark.parametrize("env", ["LUCKY", pytest.param("cartpole_length", marks=pytest.mark.slow)])
def test_killed_at_random_moments(env: str, tmp_path: Path, repository: Path) -> None:
    asked = tiny.arguments(tmp_path, "checkpoint.seconds=0", *KILLED[env], env=env)
    given = [item for item in asked if not item.startswith(("run_dir", "name"))]
    program = [sys.executable, str(HERE / "killed_runs.py"), str(tmp_path), "1", "5"]
    done = subprocess.run(
        [*program, *given], cwd=repository, env=surroundings(repository), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    kills = json.loads(done.stdout)
    written = len(tiny.lines(tmp_path / "whole/run"))
    assert len({lines for lines in kills if 0 < lines < written}) >= 3, "it was hardly killed"
    whole, killed = (tiny.outcome(tmp_path / name / "run") for name in ("whole", "killed"))
    assert not differences(whole, killed)
    assert len(killed["state"]["agent"]["buffer"]["reward"]) >= 16
    assert numbers(killed["state"]["agent"]["strategy"]) > 1000


class TestCommand:
    """``crl train`` as users run it: a process that signals reach."""

    # So many episodes that the run is not through before this process has seen the first of them and sent its signal.
    LONG = "budget.steps=[256]"

    @staticmethod
    @contextmanager
    def started(repository: Path, *command: str) -> Iterator[subprocess.Popen[str]]:
        process = subprocess.Popen(
            [sys.executable, "-m", "crl.cli", *command],
            cwd=repository,
            env=surroundings(repository),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            yield process
        finally:
            process.kill()
            process.communicate()

    @staticmethod
    def wait_for_episodes(output: IO[str], count: int) -> None:
        """Read what the run shows until so many training episodes have ended."""
        for line in output:
            count -= "return" in line and "task step" in line
            if count <= 0:
                return
        raise AssertionError("the run ended first")

    @pytest.mark.slow
    def test_killed_and_started_again_with_resume(self, tmp_path: Path, repository: Path) -> None:
        command = ["train", *tiny.arguments(tmp_path / "runs", self.LONG, "resume=true", "checkpoint.seconds=0")]
        rng = random.Random(0)
        for _ in range(2):
            with self.started(repository, *command) as process:
                assert process.stdout is not None
                self.wait_for_episodes(process.stdout, rng.randint(1, 3))
                process.kill()
        with self.started(repository, *command) as process:
            output, errors = process.communicate()
            assert process.returncode == 0, errors
        assert "continued from the checkpoint at" in output
        assert not differences(self.whole(tmp_path), tiny.outcome(tmp_path / "runs/run"))

    def test_ctrl_c_saves_and_prints_the_command_that_goes_on(self, tmp_path: Path, repository: Path) -> None:
        runs = tmp_path / "my runs"
        with self.started(repository, "train", *tiny.arguments(runs, self.LONG)) as process:
            assert process.stdout is not None
            self.wait_for_episodes(process.stdout, 3)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate()
        assert process.returncode == 130, errors
        *_, last = errors.splitlines()
        assert last.startswith("continue with: crl resume ")
        assert "Traceback" not in errors
        assert 3 <= len(tiny.lines(runs / "run", "episode")) < 32
        with self.started(repository, *shlex.split(last.removeprefix("continue with: crl "))) as process:
            output, errors = process.communicate()
            assert process.returncode == 0, errors
        assert "continued from the checkpoint at" in output
        assert not differences(self.whole(tmp_path), tiny.outcome(runs / "run"))

    def whole(self, tmp_path: Path) -> dict[str, Any]:
        """What the run comes to that nobody disturbs."""
        train(tiny.settings(tmp_path / "whole", self.LONG), tiny.quiet()[0])
        return tiny.outcome(tmp_path / "whole/run")


def surroundings(repository: Path) -> dict[str, str]:
    """The environment of a child: this one, and the tests' modules can be imported."""
    return {**os.environ, "PYTHONPATH": str(repository), "OMP_NUM_THREADS": "1"}
