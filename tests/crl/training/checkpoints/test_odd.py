"""Checkpoints that are odd things, or whose right checksums cover wrong content, are named; the one before is used."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from crl.reading.states import FORMAT_ERRORS, decode, read_safetensors
from crl.training.checkpoints.manifest import ARRAYS, MANIFEST, TREE, seal
from crl.training.checkpoints.store import CheckpointError, CheckpointStore, DamagedCheckpointError

FILES = (ARRAYS, TREE, MANIFEST)


def two(folder: Path) -> tuple[CheckpointStore, Path]:
    store = CheckpointStore(folder)
    store.save(1, {"x": torch.ones(100)})
    return store, store.save(2, {"x": torch.zeros(100)})


def reseal(path: Path, change: Callable[[dict[str, Any]], object] = lambda manifest: None) -> None:
    """Write the manifest anew, with right checksums for whatever the files hold now."""
    manifest = json.loads((path / MANIFEST).read_text())
    for name in (ARRAYS, TREE):
        data = (path / name).read_bytes()
        manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    change(manifest)
    (path / MANIFEST).write_text(json.dumps({**manifest, "sha256": seal(manifest)}))


def the_one_before(store: CheckpointStore, words: str) -> None:
    loaded = store.load_latest()
    assert loaded.step == 1 and len(loaded.problems) == 1 and words in loaded.problems[0], loaded.problems


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("kind", ["pipe", "device", "huge", "folder"])
def test_what_is_no_file_is_never_read(name: str, kind: str, tmp_path: Path) -> None:
    store, newest = two(tmp_path)
    path = newest / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)
    the_one_before(store, str(path))


def test_a_huge_file_that_the_manifest_knows_is_not_read_either(tmp_path: Path) -> None:
    store, newest = two(tmp_path)
    with (newest / ARRAYS).open("r+b") as file:
        file.truncate(1 << 43)
    manifest = json.loads((newest / MANIFEST).read_text())
    manifest["files"][ARRAYS]["bytes"] = 1 << 43
    (newest / MANIFEST).write_text(json.dumps({**manifest, "sha256": seal(manifest)}))
    the_one_before(store, "more than this machine has memory")


@pytest.mark.parametrize("key", ["format", "step", "crl_version", "files"])
@pytest.mark.parametrize("value", [None, "x", ["a"], {"a": 1}, -1, 10**30, True, "missing"])
def test_a_sealed_manifest_with_odd_entries(key: str, value: Any, tmp_path: Path) -> None:
    store, newest = two(tmp_path)
    reseal(newest, lambda manifest: manifest.pop(key) if value == "missing" else manifest.update({key: value}))
    if key == "format" and value == 10**30:  # a newer version's
        with pytest.raises(CheckpointError, match="has format"):
            store.load_latest()
    elif key == "crl_version" and isinstance(value, str) and value != "missing":
        assert store.load_latest().step == 2
    else:
        the_one_before(store, "is not a manifest: it")


def test_a_manifest_that_is_nested_too_deeply(tmp_path: Path) -> None:
    store, newest = two(tmp_path)
    (newest / MANIFEST).write_text('{"a":' * 100_000 + "1" + "}" * 100_000)
    the_one_before(store, "levels deep")


TREES = [
    "[" * 100_000 + "]" * 100_000,
    "[]",
    "3",
    '{"x": {"$": "tensor"}}',
    '{"x": {"$": "tensor", "name": "x", "dtype": "float32", "order": [0, 0, 7]}}',
    '{"x": {"$": "array", "name": "x", "dtype": "float64"}}',
    '{"x": {"$": "scalar", "dtype": "O", "bytes": "0000000000000000"}}',
    '{"x": {"$": "scalar", "dtype": "float64", "bytes": "00"}}',
    '{"x": {"$": "float", "bits": "00"}}',
    '{"x": {"$": "int", "hex": "zz"}}',
    '{"x": {"$": "dict", "items": [[[], 1]]}}',
    '{"x": {"$": "tuple", "items": 5}}',
    '{"x": {"$": "what"}}',
    '{"x": {"$": ["a"]}}',
]


@pytest.mark.parametrize("tree", TREES, ids=range(len(TREES)))
def test_a_tree_that_no_state_has(tree: str, tmp_path: Path) -> None:
    store, newest = two(tmp_path)
    (newest / TREE).write_text(tree)
    reseal(newest)
    the_one_before(store, "the content does not follow the format")


def safetensors(header: Any, data: bytes = bytes(400)) -> bytes:
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    return struct.pack("<Q", len(text)) + text + data


def entry(**changes: Any) -> dict[str, Any]:
    return {"x": {"dtype": "F32", "shape": [100], "data_offsets": [0, 400], **changes}}


ARRAY_FILES = [
    b"",
    b"\xff" * 8,
    struct.pack("<Q", 2**63) + b"{}",
    safetensors(b"[" * 50_000),
    safetensors([]),
    safetensors({"x": 1}),
    safetensors(entry(dtype="F99")),
    safetensors(entry(dtype=["F32"])),
    safetensors(entry(shape=[101])),
    safetensors(entry(shape=[-1, -100])),
    safetensors(entry(shape=[2**62, 2**62])),
    safetensors(entry(shape="abc")),
    safetensors(entry(shape=[1.5])),
    safetensors(entry(data_offsets=[0, 800])),
    safetensors(entry(data_offsets=[-400, 0])),
    safetensors(entry(data_offsets=[400, 0])),
    safetensors(entry(data_offsets=[0])),
    safetensors(entry(), bytes(10)),
]


@pytest.mark.parametrize("content", ARRAY_FILES, ids=range(len(ARRAY_FILES)))
def test_arrays_that_no_state_has(content: bytes, tmp_path: Path) -> None:
    store, newest = two(tmp_path)
    (newest / ARRAYS).write_bytes(content)
    reseal(newest)
    the_one_before(store, "the content does not follow the format")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**65), 2**65) | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=10,
)
TAGGED = st.dictionaries(
    st.sampled_from(["$", "items", "hex", "bits", "dtype", "bytes", "name", "order"]),
    JSON | st.sampled_from(["tuple", "dict", "ordered", "int", "float", "scalar", "tensor", "array", "x", "float32"]),
    max_size=5,
)


@given(tree=JSON | TAGGED, header=JSON | st.dictionaries(st.just("x"), TAGGED | JSON))
def test_whatever_the_files_hold_is_read_or_refused(tree: Any, header: Any) -> None:
    arrays = {"x": torch.zeros(2, 3)}
    with contextlib.suppress(FORMAT_ERRORS):
        decode(tree, arrays)
    with contextlib.suppress(FORMAT_ERRORS):
        read_safetensors(bytearray(safetensors(header)))


def nested(levels: int) -> dict[str, Any]:
    state: dict[str, Any] = {"x": 1}
    for _ in range(levels):
        state = {"x": state}
    return state


def test_what_is_too_deep_to_be_read_again_is_not_saved(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    for levels in (310, 5000):
        with pytest.raises(CheckpointError, match="nested too deeply"):
            store.save(1, nested(levels))
    assert store.list() == []
    store.save(1, nested(250))
    assert store.load_latest().state == nested(250)


def test_a_state_that_does_not_fit_is_passed_over(tmp_path: Path) -> None:
    store, newest = two(tmp_path)

    def fit(state: dict[str, Any]) -> float:
        total = float(state["x"].sum())
        if total == 0:
            raise ValueError("all zero")
        return total

    loaded = store.load_latest(fit)
    assert (loaded.step, loaded.fitted) == (1, 100.0)
    assert loaded.problems == [f"{newest} does not fit the run: ValueError('all zero')"]
    with pytest.raises(DamagedCheckpointError):
        store.load(newest / "nowhere")
