"""``batch=seeds``: the runs of a batch are those that each seed makes alone."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from crl.config.asking.composing import compose
from crl.errors import CrlError
from crl.sweeps import record as records
from crl.sweeps.batches import by_seed
from crl.sweeps.driver import drive
from crl.sweeps.folder import SweepFolder
from crl.sweeps.launchers import worker
from crl.sweeps.launchers.local import LocalPool
from crl.sweeps.launchers.process import FAILED, FINISHED, STOPPED
from crl.sweeps.locks import hold
from crl.sweeps.points.point import Point
from crl.sweeps.points.sources import Listed
from crl.sweeps.screen import Screen
from crl.sweeps.state import state
from crl.sweeps.sweep import sweep
from crl.training.loop import TrainingLoop
from crl.training.runner import resume, train
from crl.training.together.meeting import Meeting
from tests import tiny
from tests.crl.sweeps.small_sweep import arguments, command, planned, silent, surroundings

CODE = "code 1"
MEASURED = {"wall_seconds", "cpu_seconds", "time", "decision_ms", "run", "commit"}
"""Results that tell how long a run took, and where."""


@pytest.fixture(autouse=True)
def code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "code_version", lambda: CODE)


@contextmanager
def held(folder: SweepFolder) -> Iterator[dict[str, ExitStack]]:
    """The locks of all points, as a worker holds them."""
    with ExitStack() as every:
        locks = {}
        for name in folder.names():
            locks[name] = every.enter_context(ExitStack())
            locks[name].enter_context(hold(folder.point(name)))
        yield locks


def together(folder: SweepFolder) -> int:
    with held(folder) as locks:
        return worker.work_together(folder, locks, CODE)


def numbers(plain: Any, path: str = "") -> dict[str, torch.Tensor]:
    """All numbers in nested data by their place, and texts as they are."""
    if isinstance(plain, dict):
        items = [(f"{path}/{key}", value) for key, value in plain.items() if key not in MEASURED]
    elif isinstance(plain, list | tuple):
        items = [(f"{path}/{at}", value) for at, value in enumerate(plain)]
    elif isinstance(plain, str | None):
        return {f"{path}={plain}": torch.zeros(())}
    else:
        return {path: torch.as_tensor(plain).double()}
    return {key: value for place, item in items for key, value in numbers(item, place).items()}


def close(one: Path, other: Path) -> None:
    """Compare two runs within float32's error: the log's lines, the results and the weights."""
    mine, theirs = tiny.outcome(one), tiny.outcome(other)
    logs = [[json.loads(line) for line in outcome.pop("metrics").splitlines()] for outcome in (mine, theirs)]
    found, wanted = (numbers([outcome, log]) for outcome, log in zip((mine, theirs), logs, strict=True))
    assert found.keys() == wanted.keys()
    assert len(found) > 100
    for place, value in wanted.items():
        torch.testing.assert_close(
            found[place], value, rtol=1e-4, atol=1e-5, msg=lambda said, at=place: f"{at}: {said}"
        )


@pytest.mark.parametrize(
    "more",
    [
        ("continual=finetune", "dynamics.ensemble=2", "dynamics.rollout=2"),
        ("continual=hypercrl", "planner=cem"),
        ("continual=coreset", "tasks=[0,1]"),
    ],
)
def test_two_seeds_at_once_are_the_runs_of_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...]
) -> None:
    met: list[Meeting] = []
    monkeypatch.setattr(Meeting, "__init__", _noting(met))
    given = arguments("seed=3,4", "budget.steps=[32]", "dynamics.kernel=torch", *more)
    with planned(tmp_path / "sweep", given) as folder:
        assert together(folder) == FINISHED
        assert all(set(sizes) == {2} for sizes in met[0].sizes.values()) and set(met[0].sizes) == {0, 1}
        for name, seed in zip(folder.names(), (3, 4), strict=True):
            single = [word for word in given if not word.startswith("seed=")]
            train(compose([*single, f"seed={seed}", f"run_dir={tmp_path}", f"name=alone{seed}"]), tiny.quiet()[0])
            close(tmp_path / f"alone{seed}", folder.run(name))
            shown = state(folder, name)
            assert (shown.state, shown.error) == ("finished", None)
            assert "length" not in folder.log(name).read_text() and "slide_0" in folder.log(name).read_text()


def _noting(met: list[Meeting]) -> Any:
    original = Meeting.__init__

    def note(self: Meeting) -> None:
        original(self)
        met.append(self)

    return note


def test_one_that_fails_does_so_alone_and_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = TrainingLoop.unit

    def unit(self: TrainingLoop) -> None:
        if self.config.seed == 1 and self.state.episodes == 1:
            raise ZeroDivisionError("by nothing")
        original(self)

    with planned(tmp_path / "sweep", arguments("seed=0,1,2", "budget.steps=[32]")) as folder:
        with monkeypatch.context() as patched:
            patched.setattr(TrainingLoop, "unit", unit)
            assert together(folder) == FAILED
        names = folder.names()
        assert [state(folder, name).state for name in names] == ["finished", "failed", "finished"]
        assert state(folder, names[1]).error == "ZeroDivisionError: by nothing"
        assert "Traceback" in folder.log(names[1]).read_text()
        assert together(folder) == FINISHED
        attempts = [record.attempts for name in names if (record := records.read(folder.point(name)))]
        assert attempts == [1, 2, 1], "what was finished is left alone"


def test_what_was_stopped_goes_on_together_or_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given = arguments("seed=0,1", "budget.steps=[48]", "checkpoint.seconds=0")
    with planned(tmp_path / "sweep", given) as folder, planned(tmp_path / "whole", given) as whole:
        with monkeypatch.context() as patched:
            patched.setattr(TrainingLoop, "unit", _interrupting(3))
            assert together(folder) == STOPPED
        assert [state(folder, name).state for name in folder.names()] == ["stopped", "stopped"]
        first, second = folder.names()
        resume(folder.run(first))
        assert together(folder) == FINISHED
        assert together(whole) == FINISHED
        for name in (first, second):
            close(whole.run(name), folder.run(name))


def _interrupting(units: int) -> Any:
    """A unit of work, the ``units``-th of which is one's last: Ctrl-C comes in it."""
    original = TrainingLoop.unit
    done: list[TrainingLoop] = []

    def unit(self: TrainingLoop) -> None:
        original(self)
        done.append(self)
        if len(done) == units:
            os.kill(os.getpid(), signal.SIGINT)

    return unit


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (("env=cartpole_length", "agent=sb3_sac"), "sb3_sac: it does not plan on a learned model"),
        (("env=cartpole_length", "agent=random"), "random: it does not plan"),
        (("env=ugv_mission", "refiner=afm"), "flies missions or lives"),
        (("env=cartpole_length", "planner.deadline=0.02"), "planner.deadline"),
        (("env=cartpole_length", "launcher=ray"), "use launcher=local"),
        (("env=cartpole_length", "launcher=slurm"), "use launcher=local"),
        (("env=cartpole_length", "sweep=tune"), "sweep=tune makes its points one by one"),
        (("env=cartpole_length", "batch=tasks"), "unknown batch 'tasks'"),
    ],
)
def test_what_cannot_be_batched_is_refused_before_anything_starts(
    given: Sequence[str], said: str, workplace: Path
) -> None:
    with pytest.raises(CrlError) as caught:
        sweep(["batch=seeds", *given], silent())
    assert said in str(caught.value)
    assert not (workplace / "sweeps").exists()


def test_a_batch_is_what_differs_in_the_seed_alone() -> None:
    every = [
        Point(f"{strategy}_s{seed}", ("env=cartpole_length", f"continual={strategy}", f"seed={seed}"), "", 0, 1)
        for seed in (0, 1)
        for strategy in ("ewc", "si")
    ]
    found = [[point.name for point in batch] for batch in by_seed(every)]
    assert found == [["ewc_s0", "ewc_s1"], ["si_s0", "si_s1"]]


class Process:
    """Stands in for a worker's process: it ends at once, and the first one is killed."""

    started: ClassVar[list[list[str]]] = []

    def __init__(self, folder: Path, names: Sequence[str], number: int, any_code: bool) -> None:
        self.started.append(list(names))
        self.status = -signal.SIGKILL if len(self.started) == 1 else 0

    def poll(self) -> int:
        return self.status

    def wait(self) -> int:
        return self.status

    def stop(self) -> None:
        pass


def test_a_killed_process_is_started_again_with_all_of_its_points(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crl.sweeps.launchers.local.Worker", Process)
    monkeypatch.setattr(Process, "started", [])
    with planned(tmp_path, arguments("seed=0,1", "planner=icem,cem")) as folder:
        every = by_seed([point for name in folder.names() if (point := folder.read_point(name))])
        names = [[point.name for point in batch] for batch in every]
        pool = LocalPool(folder.path, 1, any_code=True, batches=names)
        source = Listed([point for batch in every for point in batch])
        console = silent()
        assert drive(folder, source, pool, 2, Screen(folder, console))
        assert Process.started[0] == names[0] and sorted(map(sorted, Process.started)) == sorted(
            map(sorted, [names[0], *names])
        )
        assert pool.room == 1
        assert console.file.getvalue().count("SIGKILL; it goes on") == 2  # type: ignore[attr-defined]


@pytest.mark.slow
def test_the_command_makes_ordinary_runs_and_survives_the_power_cut(tmp_path: Path, repository: Path) -> None:
    given = [*arguments("seed=0,1", "budget.steps=[160]", "checkpoint.seconds=0"), "batch=seeds", "--any-code"]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    surrounded = surroundings(repository)

    def finish(path: Path) -> None:
        subprocess.run(command(*given, f"sweep_dir={path}"), cwd=tmp_path, env=surrounded, check=True)

    finish(whole)
    with subprocess.Popen(command(*given, f"sweep_dir={killed}"), cwd=tmp_path, env=surrounded) as process:
        while not len(list((killed / "runs").glob("*/checkpoints/step_*"))) > 3 and process.poll() is None:
            time.sleep(0.05)
        for record in (killed / "points").glob("*/record.json"):
            with suppress(OSError):
                os.kill(int(json.loads(record.read_text())["process"].split()[0]), signal.SIGKILL)
        process.kill()
    finish(killed)
    names = SweepFolder.open(whole).names()
    processes = {json.loads((whole / "points" / name / "record.json").read_text())["process"] for name in names}
    assert len(names) == 2 and len(processes) == 1
    for name in names:
        close(whole / "runs" / name, killed / "runs" / name)
