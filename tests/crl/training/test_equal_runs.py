"""Equal runs leave equal checkpoints: under the same names, however often one saved, and equal but for the clock."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest

from crl.errors import Interrupted
from crl.training.checkpoints.names import checkpoint_folders
from crl.training.checkpoints.store import CheckpointStore
from crl.training.runner import resume, train
from crl.training.showing.progress import Progress
from tests import tiny, tiny_missions
from tests.crl.states import differences

OFTEN, SELDOM = "often", "seldom"
SECONDS = {OFTEN: "checkpoint.seconds=0", SELDOM: "checkpoint.seconds=100000"}


def last(run: Path) -> tuple[str, dict[str, Any]]:
    """Name and state of a run's last checkpoint, without the clock."""
    store = CheckpointStore(run / "checkpoints")
    state = store.load_latest().state
    del state["clock"]
    return store.list()[-1].name, state


def compared(one: Path, other: Path) -> None:
    (name, state), (other_name, other_state) = last(one), last(other)
    assert name == other_name
    assert not differences(state, other_state)


def test_however_often_one_saves(tmp_path: Path) -> None:
    for how in (OFTEN, SELDOM):
        train(tiny.settings(tmp_path / how, SECONDS[how], "checkpoint.keep=100"), tiny.quiet()[0])
    often, seldom = tmp_path / OFTEN / "run", tmp_path / SELDOM / "run"
    compared(often, seldom)
    names = [path.name for path in checkpoint_folders(often / "checkpoints")]
    assert len(names) == len(set(names)) > 10
    # The units at the second task's end: its last episode, the closing session, two evaluations, and the next visit.
    assert [name for name in names if name.startswith("step_000000128")] == [
        "step_000000128",
        "step_000000128.2",
        "step_000000128.3",
        "step_000000128.4",
        "step_000000128.5",
    ]
    assert [path.name for path in checkpoint_folders(seldom / "checkpoints")] == ["step_000000128.5"]


def test_missions_as_well(tmp_path: Path) -> None:
    brief = ("refiner=none", "planner.samples=8", "missions.steps=20", "learning.final_steps=60")
    for how in (OFTEN, SELDOM):
        (tmp_path / how).mkdir()
        train(tiny_missions.settings(tmp_path / how, SECONDS[how], *brief), tiny.quiet()[0])
    compared(tmp_path / OFTEN / "run", tmp_path / SELDOM / "run")
    store = CheckpointStore(tmp_path / OFTEN / "run" / "checkpoints")
    state = store.load_latest().state
    assert all("ms" not in mission for mission in state["run"]["missions"])
    assert [sorted(taken) for taken in state["clock"]["mission_ms"]] == [sorted(state["clock"]["mission_ms"][0])] * 2
    # A checkpoint of an older version has the milliseconds inside of the missions.
    for mission, taken in zip(state["run"]["missions"], state["clock"].pop("mission_ms"), strict=True):
        mission["ms"] = taken
    del state["run"]["revision"]
    older = store.save(store.load_latest().step, state)
    results = (tmp_path / OFTEN / "run" / "results.json").rename(tmp_path / "results.json")
    again = resume(tmp_path / OFTEN / "run")
    assert older in store.list() and results.exists()
    assert all(mission["ms"]["plan"]["median"] > 0 for mission in again["missions"])


class Interrupting(Progress):
    """Sends this process a signal after so many calls."""

    def __init__(self, calls: int) -> None:
        super().__init__(1, [], tiny.quiet()[0]._console)
        self.left = calls

    def update(self, **values: Any) -> None:
        self.left -= 1
        if self.left == 0:
            signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("calls", [3, 13])
def test_interrupted_or_not(calls: int, tmp_path: Path) -> None:
    train(tiny.settings(tmp_path / "whole"), tiny.quiet()[0])
    with pytest.raises(Interrupted):
        train(tiny.settings(tmp_path / "parts"), Interrupting(calls))
    resume(tmp_path / "parts" / "run")
    compared(tmp_path / "whole" / "run", tmp_path / "parts" / "run")


def test_a_damaged_checkpoint_gives_up_its_name_and_a_sound_one_does_not(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=9)
    store.save(10, {"x": 1}, 1)
    damaged = store.save(10, {"x": 2}, 3)
    assert damaged.name == "step_000000010.3"
    (damaged / "state.json").unlink()
    store = CheckpointStore(tmp_path, keep=9)
    assert store.load_latest().state == {"x": 1}
    assert store.save(10, {"x": 4}, 3) == damaged and store.load_latest().state == {"x": 4}
    assert store.save(10, {"x": 5}, 3).name == "step_000000010.4"
    assert [store.load(path).state["x"] for path in store.list()] == [1, 4, 5]
    assert not list(tmp_path.glob(".removing*"))
