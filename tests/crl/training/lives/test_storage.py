"""A memory on disk: bit for bit, another robot, a flipped byte, a kill, a full disk."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from crl.errors import CrlError
from crl.training.lives import storage
from crl.training.lives.storage import MemoryFolder, MemoryFolderError, robot_of
from crl.types import ActionSpec
from tests.crl.memory.unicycle import TASK, belief_of, gains, live, memory_of


def robot(action: ActionSpec = TASK.action) -> dict[str, str]:
    """What the tests' memory is of."""
    return robot_of(replace(TASK, action=action))


def learned() -> dict[str, Any]:
    """A memory's state with a regime or two."""
    belief = belief_of("networks")
    live(belief, gains(1, 1), 10, 1)
    live(belief, gains(1, -1), 50, 2)
    return {"memory": belief.memory.state_dict(), "belief": belief.state_dict()}


def read(folder: MemoryFolder) -> tuple[dict[str, Any], list[str]]:
    """What the folder holds, and its problems."""
    found: list[Any] = []
    problems = folder.load(found.append)
    return found[0], problems


def test_a_memory_is_read_to_the_bit_by_another_robot_of_the_kind(tmp_path: Path) -> None:
    state = learned()
    MemoryFolder(tmp_path / "memory", robot()).save(60, state)
    found, problems = read(MemoryFolder(tmp_path / "memory", robot()))
    assert problems == []
    memory = memory_of("networks")
    memory.load_state_dict(found["memory"])
    for index, weights in state["memory"]["predicts"]["weights"].items():
        assert torch.equal(memory.state_dict()["predicts"]["weights"][index], weights)
    assert found["belief"]["watch"] == state["belief"]["watch"]


def test_a_memory_of_another_robot_is_named(tmp_path: Path) -> None:
    MemoryFolder(tmp_path, robot()).save(1, {"memory": 1})
    with pytest.raises(MemoryFolderError, match="another robot: its action differ"):
        read(MemoryFolder(tmp_path, robot(replace(TASK.action, high=(2.0, 2.0)))))
    found, _ = read(MemoryFolder(tmp_path, robot()))
    assert found == {"memory": 1}


def test_a_memory_of_another_rate_is_named_and_one_that_does_not_say_is_read(tmp_path: Path) -> None:
    slow = robot_of(replace(TASK, control_period=2 * TASK.control_period))
    MemoryFolder(tmp_path / "slow", slow).save(1, {"memory": 1})
    with pytest.raises(MemoryFolderError, match="another robot: its control period differs"):
        read(MemoryFolder(tmp_path / "slow", robot()))
    before = {name: mark for name, mark in robot().items() if name != storage.PERIOD}
    MemoryFolder(tmp_path / "before", before).save(1, {"memory": 2})
    assert read(MemoryFolder(tmp_path / "before", robot()))[0] == {"memory": 2}


def test_a_memory_of_another_version_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "VERSION", 99)
    MemoryFolder(tmp_path, robot()).save(1, {"memory": 1})
    monkeypatch.undo()
    with pytest.raises(MemoryFolderError, match="has version 99") as caught:
        read(MemoryFolder(tmp_path, robot()))
    assert caught.value.hint is not None


@pytest.mark.parametrize("name", ["arrays.safetensors", "state.json", "manifest.json"])
def test_a_flipped_byte_is_named_and_the_save_before_is_read(tmp_path: Path, name: str) -> None:
    folder = MemoryFolder(tmp_path, robot())
    folder.save(1, {"weights": torch.arange(4.0)})
    newest = folder.save(2, {"weights": torch.arange(5.0)})
    data = bytearray((newest / name).read_bytes())
    data[len(data) // 2] ^= 1
    (newest / name).write_bytes(data)
    found, problems = read(MemoryFolder(tmp_path, robot()))
    assert torch.equal(found["weights"], torch.arange(4.0))
    assert len(problems) == 1
    assert newest.name in problems[0]


def test_nothing_whole_is_an_error_with_a_hint(tmp_path: Path) -> None:
    with pytest.raises(MemoryFolderError, match="there is no memory") as caught:
        read(MemoryFolder(tmp_path / "nothing", robot()))
    assert caught.value.hint is not None


def test_a_full_disk_loses_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = MemoryFolder(tmp_path, robot())
    folder.save(1, {"weights": torch.ones(3)})

    def full(descriptor: int, data: Any) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(CrlError, match=r"(?i)space|full"):
            folder.save(2, {"weights": torch.zeros(3)})
    found, problems = read(MemoryFolder(tmp_path, robot()))
    assert torch.equal(found["weights"], torch.ones(3))
    assert problems == []


SAVER = """
import sys, torch
from pathlib import Path
from crl.training.lives.storage import MemoryFolder
folder = MemoryFolder(Path(sys.argv[1]), {"robot": "a"})
for now in range(1, 100000):
    folder.save(now, {"now": now, "weights": torch.full((50000,), float(now))})
    print(now, flush=True)
"""


def test_a_kill_at_any_moment_leaves_a_whole_memory(tmp_path: Path) -> None:
    for patience in (0.0, 0.013, 0.029):
        process = subprocess.Popen([sys.executable, "-c", SAVER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        assert process.stdout is not None
        process.stdout.readline()
        last = int(process.stdout.readline())
        time.sleep(patience)
        process.send_signal(signal.SIGKILL)
        process.wait()
        found, problems = read(MemoryFolder(tmp_path, {"robot": "a"}))
        assert problems == []
        assert found["now"] >= last
        assert torch.equal(found["weights"], torch.full((50000,), float(found["now"])))
