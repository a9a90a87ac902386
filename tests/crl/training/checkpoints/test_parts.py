"""Large arrays that did not change are linked, not written; what is read is always the whole state, to the bit."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crl.reporting.store.faults import of_files
from crl.training.checkpoints.manifest import ARRAYS
from crl.training.checkpoints.parts import LARGE
from crl.training.checkpoints.store import CheckpointError, CheckpointStore

COUNT = LARGE // 4
"""Numbers of the least large array."""


def state(of: float, small: float) -> dict[str, Any]:
    """Two large arrays, one of which has this value, and a small one."""
    fixed = torch.arange(2 * COUNT, dtype=torch.float32).reshape(2, COUNT).T
    return {"fixed": fixed, "moving": np.full(COUNT, of, np.float32), "small": torch.tensor([small])}


def kept(path: Path) -> list[Path]:
    return sorted(path.glob("kept-*"))


def holds(store: CheckpointStore, path: Path, wanted: dict[str, Any]) -> None:
    found = store.load(path).state
    assert torch.equal(found["fixed"], wanted["fixed"])
    assert found["fixed"].stride() == wanted["fixed"].stride()
    assert np.array_equal(found["moving"], wanted["moving"])
    assert torch.equal(found["small"], wanted["small"])


def test_what_did_not_change_is_written_once_more_and_then_linked(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=3)
    states = [state(of, small) for of, small in ((1, 1), (2, 2), (3, 3))]
    paths, written = [], []
    for step, one in enumerate(states):
        paths.append(store.save(step, one))
        written.append(store.written)
    assert [len(kept(path)) for path in paths] == [0, 1, 1]
    assert kept(paths[1])[0].samefile(kept(paths[2])[0])
    assert written[2] < LARGE + 2000 < 3 * LARGE <= min(written[:2])
    for path, one in zip(paths, states, strict=True):
        holds(store, path, one)
        size = sum(file.stat().st_size for file in path.iterdir())
        assert 3 * LARGE < size < 3 * LARGE + 3000


def test_a_full_disk_is_told_all_that_a_checkpoint_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Arrays that did not change are written once more, to a file of their own; from then on they are linked."""

    def full(*args: Any, **named: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    store = CheckpointStore(tmp_path, keep=3)
    store.save(1, state(1, 1))
    told = []
    for step in (2, 3):
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", full)
            with pytest.raises(CheckpointError) as caught:
                store.save(step, state(step, step))
        told.append(int(str(caught.value).split("needs ")[1].split(" bytes")[0].replace(",", "")))
        store.save(step, state(step, step))
    assert 3 * LARGE < told[0] < 3 * LARGE + 3000
    assert LARGE < told[1] < LARGE + 3000


def test_a_checkpoint_needs_no_other_one(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=1)
    for step in range(4):
        store.save(step, state(1, step))
    (left,) = store.list()
    assert len(kept(left)) == 2
    holds(CheckpointStore(tmp_path), left, state(1, 3))


def test_what_changes_again_goes_back_to_the_others(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    for step, of in enumerate((1, 1, 2)):
        path = store.save(step, state(of, 0))
    assert len(kept(path)) == 1
    holds(store, path, state(2, 0))
    path = store.save(3, {**state(2, 0), "fixed": torch.zeros(COUNT), "more": torch.zeros(COUNT)})
    assert len(kept(path)) == 1, "the moving one, which stood still for once"


def test_one_number_that_changes_is_seen_wherever_it_is(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    numbers = np.zeros(5 * COUNT, np.float32)
    store.save(0, {"numbers": numbers})
    for step, at in enumerate((0, COUNT - 1, COUNT, 5 * COUNT - 1), 1):
        assert len(kept(store.save(2 * step, {"numbers": numbers}))) == 1
        numbers[at] = step
        path = store.save(2 * step + 1, {"numbers": numbers})
        assert not kept(path)
        assert np.array_equal(store.load(path).state["numbers"], numbers)


def test_a_zero_that_changes_its_sign_has_changed(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(0, {"numbers": np.zeros(COUNT, np.float32)})
    path = store.save(1, {"numbers": -np.zeros(COUNT, np.float32)})
    assert np.signbit(store.load(path).state["numbers"]).all()


def test_the_same_bytes_in_another_shape_are_read_in_it(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    for shape in ((COUNT,), (COUNT,), (2, COUNT // 2), (2, COUNT // 2)):
        path = store.save(len(store.list()), {"numbers": torch.ones(shape)})
        assert store.load(path).state["numbers"].shape == shape


def test_another_process_begins_with_everything(tmp_path: Path) -> None:
    for step in range(3):
        path = CheckpointStore(tmp_path).save(step, state(1, 1))
        assert not kept(path)


def test_a_disk_without_links_gets_the_file_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(os, "link", refuse)
    store = CheckpointStore(tmp_path)
    paths = [store.save(step, state(1, step)) for step in range(3)]
    assert store.written > 3 * LARGE
    assert not kept(paths[1])[0].samefile(kept(paths[2])[0])
    holds(store, paths[2], state(1, 2))


def test_a_full_disk_without_links_is_told_all_that_a_checkpoint_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What would be linked elsewhere is written again, so it counts."""

    def refuse(*_: Any) -> None:
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    def full(*_: Any) -> Any:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "link", refuse)
    store = CheckpointStore(tmp_path, keep=3)
    for step in range(3):
        store.save(step, state(1, step))
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CheckpointError) as caught:
        store.save(3, state(1, 3))
    told = int(str(caught.value).split("needs ")[1].split(" bytes")[0].replace(",", ""))
    assert 3 * LARGE < told < 3 * LARGE + 3000


@pytest.mark.parametrize("damage", ["a byte", "cut", "gone"])
def test_a_damaged_file_is_named_and_never_linked_again(tmp_path: Path, damage: str) -> None:
    store = CheckpointStore(tmp_path / "checkpoints", keep=3)
    first, second = (store.save(step, state(step, step)) for step in range(2))
    (file,) = kept(second)
    data = file.read_bytes()
    file.unlink()
    if damage != "gone":
        file.write_bytes(data[:-1] if damage == "cut" else data[:-1] + bytes([data[-1] ^ 1]))
    loaded = store.load_latest()
    assert loaded.path == first
    assert file.name in loaded.problems[0]
    if damage != "a byte":  # what is told without reading everything
        assert any(file.name in finding.what for finding in of_files(tmp_path, "finished", {}, {}))
    third, fourth = (store.save(step, state(step, step)) for step in (2, 3))
    assert not kept(third), "it is written with what changed"
    holds(store, third, state(2, 2))
    assert kept(fourth)[0].name == file.name
    holds(store, fourth, state(3, 3))


def test_a_save_that_fails_leaves_what_is_known_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = CheckpointStore(tmp_path)
    store.save(0, state(0, 0))
    with monkeypatch.context() as full:

        def fail(*_: Any) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        full.setattr(os, "fsync", fail)
        with pytest.raises(CheckpointError, match="full"):
            store.save(1, state(5, 1))
    path = store.save(1, state(0, 1))
    assert len(kept(path)) == 2
    assert (path / ARRAYS).stat().st_size < 1000
    holds(store, path, state(0, 1))
