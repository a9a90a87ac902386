"""``crl sweep`` as users run it, and as the power cut treats it."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from crl.cli import app
from crl.config.asking.composing import compose
from crl.sweeps import record as records
from crl.sweeps.folder import SweepFolder
from crl.sweeps.state import states
from crl.training.runner import train
from tests import tiny
from tests.crl.states import differences
from tests.crl.sweeps.small_sweep import arguments, command, points, surroundings

PATIENCE = 300.0


def crl(*given: str) -> Result:
    return CliRunner().invoke(app, ["sweep", *given])


class TestCommand:
    @pytest.mark.slow
    def test_one_fails_the_others_finish_and_the_same_command_tries_it_again(
        self, workplace: Path, repository: Path
    ) -> None:
        given = ["env=tests.tiny:SLIDES,tests.tiny:SHAPE", "tasks=[0]", *tiny.SMALL, "launcher.workers=2", "--any-code"]
        for attempt in (1, 2):
            done = subprocess.run(
                command(*given),
                cwd=workplace,
                env=surroundings(repository),
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 1, done.stderr
            assert "2 points: 1 finished, 1 failed" in done.stdout
            (path,) = (workplace / "sweeps").iterdir()
            folder = SweepFolder.open(path)
            good, bad = folder.names()
            attempts = [records.read(folder.point(name)).attempts for name in (good, bad)]  # type: ignore[union-attr]
            assert attempts == [1, attempt]
        assert "1 finished before" in done.stdout
        assert f"see {folder.log(bad)}" in done.stdout
        assert path.name.startswith("several-")
        shown = json.loads(crl("--status", str(path), "--json").stdout)
        assert [(row["point"], row["state"]) for row in shown] == [(good, "finished"), (bad, "failed")]
        assert "shape" in shown[1]["error"]
        table = crl("--status", str(path), "--watch").stdout
        assert "step / budget" in table and "2 points: 1 finished, 1 failed" in table

    def test_ctrl_c_saves_and_prints_the_command(self, tmp_path: Path, repository: Path) -> None:
        given = [*arguments("budget.steps=[100000]"), f"sweep_dir={tmp_path}/sweep", "launcher.workers=1"]
        with subprocess.Popen(
            command(*given),
            cwd=tmp_path,
            env=surroundings(repository),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            try:
                wait_for_lines(tmp_path / "sweep", 3, process)
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=PATIENCE)
            finally:
                process.kill()
        assert process.returncode == 130, errors
        assert "continue with: crl sweep env=tests.tiny:SLIDES" in errors and "Traceback" not in errors
        (state,) = states(SweepFolder.open(tmp_path / "sweep"))
        assert state.state == "stopped" and state.step > 0  # of the three lines seen, some may tell of learning alone
        assert list((tmp_path / "sweep/runs").glob("*/checkpoints/step_*"))

    @pytest.mark.parametrize(
        ("given", "said"),
        [
            (("--status", "nowhere"), "nowhere is no sweep"),
            (("--status", ".", "seed=1"), "leave out seed=1"),
            (("--watch",), "belong to --status"),
            (("env=cartpole_length", "launcher=moon"), "unknown launcher 'moon'"),
            (("env=cartpole_length", "seed=0,-1"), "1 of 2 points can't run"),
        ],
    )
    def test_errors_are_one_message(self, given: Sequence[str], said: str, workplace: Path) -> None:
        done = crl(*given)
        assert done.exit_code == 2
        assert said in done.stderr and "Traceback" not in done.output


@pytest.mark.slow
def test_killed_and_started_again(tmp_path: Path, repository: Path) -> None:
    torture(tmp_path, repository, seeds=2, kills=1)


@pytest.mark.slow
def test_killed_at_five_random_moments(tmp_path: Path, repository: Path) -> None:
    torture(tmp_path, repository, seeds=6, kills=5)


def torture(tmp_path: Path, repository: Path, seeds: int, kills: int) -> None:
    """Kill a sweep at random moments, start it again each time, and compare with runs that nobody disturbed."""
    given = arguments(
        "continual=finetune,ewc" if kills > 1 else "continual=ewc",
        f"seed=range(0,{seeds})",
        "budget.steps=[192]",
        "checkpoint.seconds=0",
    )
    # The checkout may be edited while this runs; what a change of code does is tested elsewhere.
    program = command(*given, f"sweep_dir={tmp_path}/sweep", "launcher.workers=2", "--any-code")
    expected = points(*given)
    whole: dict[str, dict[str, Any]] = {}
    total = 0
    for point in expected:
        train(compose([*point.settings, f"run_dir={tmp_path}/whole", f"name={point.name}"]), tiny.quiet()[0])
        whole[point.name] = tiny.outcome(tmp_path / "whole" / point.name)
        total += len(tiny.lines(tmp_path / "whole" / point.name))
    rng, child = random.Random(kills), surroundings(repository)
    finished: dict[str, tuple[int, ...]] = {}
    for count, moment in enumerate(sorted(rng.sample(range(total * 9 // 10), kills))):
        with subprocess.Popen(
            program, cwd=tmp_path, env=child, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        ) as process:
            wait_for_lines(tmp_path / "sweep", moment, process)
            process.kill()
        if count % 2:  # as when the machine loses its power; else the workers save and end by themselves
            kill_workers(tmp_path / "sweep")
        finished |= stamps(tmp_path / "sweep")
    assert len(finished) < len(expected), "there was nothing left to go on with"
    done = subprocess.run(
        program,
        cwd=tmp_path,
        env=surroundings(repository),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    folder = SweepFolder.open(tmp_path / "sweep")
    assert folder.names() == [point.name for point in expected]
    for name in folder.names():
        assert not differences(whole[name], tiny.outcome(folder.run(name))), name
    after = stamps(tmp_path / "sweep")
    assert {name: after[name] for name in finished} == finished, "a finished run ran again"
    assert not (folder.path / "superseded").exists()
    assert sorted(
        item.name for item in (folder.path / "runs").iterdir() if item.is_dir() and not item.is_symlink()
    ) == (sorted(folder.names()))


def wait_for_lines(sweep: Path, count: int, process: subprocess.Popen[Any]) -> None:
    """Wait until the runs of a sweep have written so many lines."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and process.poll() is None:
        if sum(path.read_bytes().count(b"\n") for path in sweep.glob("runs/*/metrics.jsonl")) >= count:
            return
        time.sleep(0.01)
    assert process.poll() is not None, "the sweep came to nothing"


def kill_workers(sweep: Path) -> None:
    """Kill the workers that a sweep has left behind; nobody else's."""
    for path in sweep.glob("points/*"):
        record = records.read(path)
        if record is None or record.outcome != "running":
            continue
        process = int(record.process.split()[0])
        with suppress(OSError):
            if str(sweep).encode() in Path(f"/proc/{process}/cmdline").read_bytes():
                os.kill(process, signal.SIGKILL)


def stamps(sweep: Path) -> dict[str, tuple[int, ...]]:
    """What would be another if a finished run ran again: inodes and times of what it wrote, per run."""
    found = {}
    for results in sweep.glob("runs/*/results.json"):
        if results.parent.is_symlink():
            continue
        files = [results, results.with_name("metrics.jsonl"), results.with_name("config.yaml")]
        found[results.parent.name] = tuple(n for file in files for n in (file.stat().st_ino, file.stat().st_mtime_ns))
    return found


def test_a_worker_without_its_parent_saves_and_ends(tmp_path: Path, repository: Path) -> None:
    given = [*arguments("budget.steps=[100000]"), f"sweep_dir={tmp_path}/sweep", "launcher.workers=1"]
    with subprocess.Popen(
        command(*given),
        cwd=tmp_path,
        env=surroundings(repository),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        wait_for_lines(tmp_path / "sweep", 2, process)
        process.kill()
    folder = SweepFolder.open(tmp_path / "sweep")
    (name,) = folder.names()
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        record = records.read(folder.point(name))
        if record is not None and record.outcome == "stopped":
            break
        time.sleep(0.05)
    else:
        raise AssertionError("it goes on without anybody")
    assert list(folder.run(name).glob("checkpoints/step_*"))


def test_help_does_not_wait_for_torch() -> None:
    code = "import sys, crl.cli; sys.exit('torch' in sys.modules or 'hydra' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
