"""The log of a resumed run is the log of a run that was never killed."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from crl.training.checkpoints.store import CheckpointStore
from crl.training.runs.folder import RunFolder, RunFolderError
from crl.training.runs.log import RunLog


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    return RunFolder.create(tmp_path, "name")


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def train(log: RunLog, first: int, last: int) -> None:
    for step in range(first, last):
        log.write("episode", step * 10, {"return": step / 3, "success": step % 2 == 0, "task": "a"})
        if step % 3 == 0:
            log.write(
                "learn", step * 10, {"loss": float("nan") if step == 6 else 1.0 / (step + 1), "terms": [step, 0.5]}
            )


def scalars(folder: RunFolder, tag: str) -> list[tuple[int, float]]:
    events = EventAccumulator(str(folder.path), size_guidance={"scalars": 0})
    events.Reload()
    return [(event.step, event.value) for event in events.Scalars(tag)]


def test_lines_are_strict_json_and_with_the_system_at_once(folder: RunFolder) -> None:
    log = RunLog(folder, tensorboard=False)
    log.write("evaluation", 5, {"returns": [1.0, float("inf")], "x": np.float32(0.5), "n": np.int64(2), "why": None})
    assert folder.metrics.read_text() == (
        '{"kind":"evaluation","step":5,"returns":[1.0,null],"x":0.5,"n":2,"why":null}\n'
    )
    log.write_timing("learn", 5, {"seconds": 0.25})
    assert lines(folder.timing) == [{"kind": "learn", "step": 5, "seconds": 0.25}]
    for word in ("kind", "step"):
        with pytest.raises(ValueError, match="entries of every line"):
            log.write("x", 5, {word: 1})
    log.close()


def test_a_resumed_log_is_that_of_a_run_never_killed(tmp_path: Path) -> None:
    whole = RunFolder.create(tmp_path, "whole")
    with RunLog(whole) as log:
        train(log, 0, 12)

    killed = RunFolder.create(tmp_path, "killed")
    store = CheckpointStore(killed.checkpoints)
    log = RunLog(killed)
    train(log, 0, 7)
    store.save(60, {"log": log.state_dict()})
    train(log, 7, 9)
    log.close()
    with killed.metrics.open("ab") as file:
        file.write(b'{"kind":"episode","st')  # what a kill in the middle of a line leaves

    with RunLog(killed) as log:
        assert log.load_state_dict(store.load_latest().state["log"]) == []
        train(log, 7, 12)
    assert killed.metrics.read_bytes() == whole.metrics.read_bytes()
    for tag in ("episode/return/a", "episode/success/a", "learn/loss"):
        assert scalars(killed, tag) == scalars(whole, tag)


def test_tensorboard_gets_the_finite_numbers(folder: RunFolder) -> None:
    with RunLog(folder) as log:
        train(log, 0, 8)
    assert scalars(folder, "episode/success/a") == [(step * 10, float(step % 2 == 0)) for step in range(8)]
    assert [step for step, _ in scalars(folder, "learn/loss")] == [0, 30]
    events = EventAccumulator(str(folder.path))
    events.Reload()
    assert events.Tags()["scalars"] == ["episode/return/a", "episode/success/a", "learn/loss"]


def test_a_run_without_a_checkpoint_starts_its_log_anew(folder: RunFolder) -> None:
    with RunLog(folder) as log:
        train(log, 0, 4)
    expected = folder.metrics.read_bytes()
    with RunLog(folder) as log:
        train(log, 0, 4)
    assert folder.metrics.read_bytes() == expected
    assert [step for step, _ in scalars(folder, "episode/return/a")] == [0, 10, 20, 30]


def test_a_closed_log_continues(folder: RunFolder) -> None:
    log = RunLog(folder, tensorboard=False)
    train(log, 0, 2)
    log.close()
    train(log, 2, 4)
    log.close()
    assert [line["step"] for line in lines(folder.metrics) if line["kind"] == "episode"] == [0, 10, 20, 30]


def test_a_log_that_was_shortened_is_continued_and_named(folder: RunFolder) -> None:
    log = RunLog(folder, tensorboard=False)
    train(log, 0, 4)
    state = log.state_dict()
    log.close()
    folder.metrics.write_bytes(folder.metrics.read_bytes()[:-5])
    (problem,) = log.load_state_dict(state)
    assert "metrics.jsonl" in problem
    assert "lost" in problem
    train(log, 4, 5)
    log.close()
    assert [line["step"] for line in lines(folder.metrics)] == [0, 0, 10, 20, 30, 40]


def test_a_full_disk_leaves_whole_lines(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    original = os.write
    log = RunLog(folder, tensorboard=False)
    train(log, 0, 2)
    before = folder.metrics.read_bytes()

    def half(descriptor: int, data: memoryview) -> int:
        if len(data) < 20:
            raise OSError(errno.ENOSPC, "No space left on device")
        return original(descriptor, data[: len(data) // 2])

    with monkeypatch.context() as full:
        full.setattr(os, "write", half)
        with pytest.raises(RunFolderError, match=r"metrics\.jsonl can't be written: the disk is full"):
            train(log, 2, 3)
    assert folder.metrics.read_bytes() == before
    train(log, 2, 3)
    assert lines(folder.metrics)[-1]["step"] == 20
    log.close()


def test_tensorboard_never_stops_a_run(folder: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("crl.training.runs.event_file.EventFile.add_scalar", refuse)
    with RunLog(folder) as log:
        with pytest.warns(UserWarning, match="end here: .*No space left"):
            train(log, 0, 1)
        train(log, 1, 3)
    assert len(lines(folder.metrics)) == 4
