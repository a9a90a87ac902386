"""Checkpoints come back to the bit, and survive kills, full disks and flipped bytes."""

from __future__ import annotations

import errno
import json
import math
import os
import shutil
import subprocess
import sys
import tempfile
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from crl.reading import states as checkpoint_format
from crl.reading.states import decode, encode, read_safetensors, safetensors_parts
from crl.training.checkpoints import manifest as checkpoint_manifest
from crl.training.checkpoints import store as checkpoint
from crl.training.checkpoints.store import (
    CheckpointError,
    CheckpointStore,
    CheckpointVersionError,
    DamagedCheckpointError,
)


def same(left: Any, right: Any) -> bool:
    """Equal in type, structure and every bit."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return list(left) == list(right) and all(
            type(a) is type(b) and same(left[a], right[b]) for a, b in zip(left, right, strict=True)
        )
    if isinstance(left, (list, tuple)):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, torch.Tensor):
        if left.dtype != right.dtype or left.shape != right.shape:
            return False
        return bits(left) == bits(right)
    if isinstance(left, np.ndarray):
        return bool(left.dtype == right.dtype and left.shape == right.shape and left.tobytes() == right.tobytes())
    if isinstance(left, np.generic):
        return bool(left.tobytes() == right.tobytes())
    if isinstance(left, float):
        return np.float64(left).tobytes() == np.float64(right).tobytes()
    return bool(left == right)


def bits(tensor: torch.Tensor) -> list[int]:
    return list(tensor.detach().clone(memory_format=torch.contiguous_format).untyped_storage().tolist())


def round_trip(state: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        store = CheckpointStore(Path(folder))
        return store.load(store.save(0, state)).state


DTYPES = ["f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?", "c8", "c16"]
arrays = hnp.arrays(
    st.sampled_from([np.dtype(name) for name in DTYPES]),
    hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4),
)
views = arrays.flatmap(lambda array: st.sampled_from([array, array.T, array[..., ::2] if array.ndim else array]))
tensors = views.map(torch.from_numpy)
scalars = arrays.filter(lambda array: array.size > 0).map(lambda array: array.reshape(-1)[0])
leaves = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(2**120, 2**130),
    st.floats(),
    st.text(),
    views,
    tensors,
    scalars,
)
names = st.one_of(st.text(max_size=5), st.sampled_from(["$", "a/b", "__metadata__", "1"]))
keys = st.one_of(names, st.integers())
nodes = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.lists(inner, max_size=4).map(tuple),
        st.dictionaries(keys, inner, max_size=4),
        st.dictionaries(keys, inner, max_size=4).map(OrderedDict),
    ),
    max_leaves=12,
)


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(names, nodes, max_size=4))
def test_nested_states_come_back_to_the_bit(state: dict[str, Any]) -> None:
    assert same(round_trip(state), state)


def test_numbers_at_the_edges() -> None:
    floats = [math.inf, -math.inf, math.nan, -math.nan, -0.0, 5e-324, 1.7976931348623157e308, 0.1]
    integers = [2**63, 2**64 - 1, 2**64, -(2**63) - 1, 10**6000, -(10**6000)]
    state = {
        "floats": floats,
        "integers": integers,
        "both": {1: "integer", "1": "string"},
        "scalars": [np.float64(1.5)],
    }
    assert same(round_trip(state), state)


def test_denormal_numbers_survive_a_processor_that_flushes_them() -> None:
    tiny = [5e-324, -5e-324, 2.2e-308, 2.3e-308, 1e-300, 1.2345678901234567e-250, 0.0, -0.0]
    state = {"floats": tiny, "tensor": torch.tensor(tiny, dtype=torch.float64), "scalar": np.float64(5e-324)}
    torch.set_flush_denormal(True)
    try:
        loaded = round_trip(state)
    finally:
        torch.set_flush_denormal(False)
    assert same(loaded, state)


def test_states_of_generators_and_optimisers_continue_exactly(tmp_path: Path) -> None:
    torch_rng = torch.Generator().manual_seed(3)
    numpy_rng = np.random.default_rng(4)
    legacy_rng = np.random.RandomState(5)
    net = torch.nn.Linear(3, 2)
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    net(torch.ones(1, 3)).sum().backward()
    optimiser.step()
    state = {
        "torch": torch_rng.get_state(),
        "numpy": numpy_rng.bit_generator.state,
        "legacy": legacy_rng.get_state(legacy=False),
        "net": net.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    store = CheckpointStore(tmp_path)
    store.save(7, state)
    loaded = store.load_latest()
    assert loaded.step == 7
    assert same(loaded.state, state)

    other_torch, other_numpy = torch.Generator(), np.random.default_rng()
    other_torch.set_state(loaded.state["torch"])
    other_numpy.bit_generator.state = loaded.state["numpy"]
    assert torch.equal(torch.rand(5, generator=other_torch), torch.rand(5, generator=torch_rng))
    assert np.array_equal(other_numpy.random(5), numpy_rng.random(5))
    other = torch.optim.Adam(torch.nn.Linear(3, 2).parameters())
    other.load_state_dict(loaded.state["optimiser"])
    assert same(other.state_dict(), state["optimiser"])


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2])
def test_dtypes_that_numpy_lacks(dtype: torch.dtype) -> None:
    state = {"x": torch.arange(6.0).to(dtype).reshape(2, 3).T, "scalar": torch.tensor(1.5).to(dtype)}
    assert same(round_trip(state), state)


def test_shared_and_sliced_memory_comes_back_as_values_of_its_own() -> None:
    base = torch.arange(12.0).reshape(3, 4)
    loaded = round_trip(
        {"base": base, "again": base, "row": base[1], "columns": base[:, ::2], "grad": base.T.requires_grad_()}
    )
    assert torch.equal(loaded["again"], base)
    assert torch.equal(loaded["row"], base[1])
    assert torch.equal(loaded["columns"], base[:, ::2])
    loaded["base"].zero_()
    assert torch.equal(loaded["again"], torch.arange(12.0).reshape(3, 4))


def test_memory_layout_is_kept() -> None:
    tensor = torch.arange(24.0).reshape(2, 3, 4).permute(2, 0, 1)
    array = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    loaded = round_trip({"tensor": tensor, "array": array})
    assert loaded["tensor"].stride() == tensor.stride()
    assert loaded["array"].strides == array.strides
    assert loaded["array"].flags.writeable


def test_conjugate_and_negative_views() -> None:
    value = torch.tensor([1 + 2j, 3 - 4j])
    loaded = round_trip({"conj": value.conj(), "neg": value.conj().imag})
    assert torch.equal(loaded["conj"], value.conj().resolve_conj())
    assert torch.equal(loaded["neg"], value.conj().imag)


def test_the_arrays_are_a_safetensors_file_with_readable_names(tmp_path: Path) -> None:
    path = CheckpointStore(tmp_path).save(1, {"agent": {"layers": [torch.ones(2), np.zeros(3, np.uint8)]}})
    found = safetensors.torch.load_file(path / "arrays.safetensors")
    assert sorted(found) == ["agent/layers/0", "agent/layers/1"]
    assert torch.equal(found["agent/layers/0"], torch.ones(2))


class Strange:
    pass


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (Strange(), "Strange"),
        ({1.5: 0}, "key 1.5"),
        ({True: 0}, "key True"),
        (np.array([object()]), "dtype"),
        (np.zeros(2, ">f4"), "dtype"),
        (np.array(["a"]), "dtype"),
        (torch.zeros(2, 2).to_sparse(), "sparse"),
        (torch.Size([1]), "Size"),
        ("\ud800", "half a character"),
    ],
)
def test_what_can_not_be_stored_is_named_with_its_place(tmp_path: Path, value: Any, words: str) -> None:
    store = CheckpointStore(tmp_path)
    with pytest.raises(CheckpointError, match=words) as caught:
        store.save(3, {"agent": [0, value]})
    assert "state['agent'][1]" in str(caught.value)
    assert store.list() == []


def test_only_the_newest_are_kept(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "new" / "folder", keep=3)
    for step in (0, 10, 200, 3000, 40000):
        store.save(step, {"step": step})
    assert [path.name for path in store.list()] == ["step_000000200", "step_000003000", "step_000040000"]
    assert [store.load(path).state["step"] for path in store.list()] == [200, 3000, 40000]


def test_a_second_save_at_one_step_is_the_latest(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    for number in range(12):
        store.save(5, {"number": number})
    loaded = CheckpointStore(tmp_path).load_latest()
    assert (loaded.step, loaded.state["number"]) == (5, 11)
    assert len(store.list()) == 2


def test_going_back_gives_up_the_later_checkpoints(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    store.save(10, {"x": 1})
    store.save(20, {"x": 2})
    store.save(15, {"x": 3})
    assert [path.name for path in store.list()] == ["step_000000010", "step_000000015"]


def flip(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(bytes(data))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-2])


def empty(path: Path) -> None:
    path.write_bytes(b"")


DAMAGES: list[Callable[[Path], None]] = [flip, truncate, Path.unlink, empty]


@pytest.mark.parametrize("damage", DAMAGES, ids=["flipped", "truncated", "missing", "empty"])
@pytest.mark.parametrize("name", ["arrays.safetensors", "state.json", "manifest.json"])
def test_a_damaged_checkpoint_is_named_and_the_previous_one_used(
    tmp_path: Path, name: str, damage: Callable[[Path], None]
) -> None:
    store = CheckpointStore(tmp_path)
    store.save(1, {"x": torch.ones(100)})
    newest = store.save(2, {"x": torch.zeros(100)})
    expected = json.loads((newest / "manifest.json").read_text())["files"]
    damage(newest / name)
    loaded = store.load_latest()
    assert loaded.step == 1
    assert torch.equal(loaded.state["x"], torch.ones(100))
    assert len(loaded.problems) == 1
    assert str(newest / name) in loaded.problems[0]
    if name != "manifest.json" and damage is flip:
        assert expected[name]["sha256"] in loaded.problems[0]
        assert "SHA-256" in loaded.problems[0]
    with pytest.raises(DamagedCheckpointError):
        store.load(newest)


def test_every_byte_of_the_manifest_that_means_something_is_guarded(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path)
    path = store.save(2, {"x": 1}) / "manifest.json"
    data = path.read_bytes()
    for index, byte in enumerate(data):
        if not chr(byte).isspace():
            path.write_bytes(data[:index] + bytes([byte ^ 1]) + data[index + 1 :])
            with pytest.raises(DamagedCheckpointError):
                store.load(path.parent)


def test_damaged_checkpoints_do_not_push_out_good_ones(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, keep=2)
    store.save(1, {"x": 1})
    flip(store.save(5, {"x": 5}) / "state.json")
    assert store.load_latest().step == 1
    store.save(5, {"x": 6})
    assert [path.name for path in store.list()] == ["step_000000001", "step_000000005.2"]
    assert store.load_latest().problems == []


def test_no_usable_checkpoint(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path / "none")
    with pytest.raises(CheckpointError, match="there are none"):
        store.load_latest()
    flip(store.save(1, {"x": 1}) / "state.json")
    with pytest.raises(CheckpointError, match=r"state\.json is damaged"):
        store.load_latest()


def test_a_newer_format_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = CheckpointStore(tmp_path)
    store.save(1, {"x": 1})
    with monkeypatch.context() as newer:
        newer.setattr(checkpoint_manifest, "FORMAT", checkpoint.FORMAT + 1)
        newer.setattr(checkpoint_manifest, "__version__", "99.0")
        store.save(2, {"x": 2})
    with pytest.raises(CheckpointVersionError, match=r"format 4, written by crl 99\.0.*\ninstall crl 99\.0 or newer"):
        store.load_latest()


def test_many_small_arrays_share_an_entry_and_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of any shape and layout; large ones keep their own entry, and names that look like a pack's stay apart."""
    monkeypatch.setattr(checkpoint_format, "MANY", 3)
    generator = torch.Generator().manual_seed(0)
    state = {
        "packed/F32": torch.randn(300, generator=generator),
        "tasks": {i: torch.randn(3, 2, generator=generator, dtype=torch.float64).T for i in range(5)},
        "odd": [torch.zeros(0, 4), torch.tensor(2.5), torch.tensor([1 + 2j, 3j]), torch.ones(2, dtype=torch.bfloat16)],
        "arrays": (np.arange(6, dtype=np.int8).reshape(2, 3), np.asfortranarray(np.ones((2, 3), np.float32))),
    }
    path = CheckpointStore(tmp_path).save(1, state)
    names = set(read_safetensors(bytearray((path / "arrays.safetensors").read_bytes())))
    assert names == {"packed/F32", "packed/F32#2", "packed/F64", "packed/C64", "packed/BF16", "packed/I8"}
    back = CheckpointStore(tmp_path).load_latest().state
    assert torch.equal(back["packed/F32"], state["packed/F32"])
    for i, one in state["tasks"].items():
        assert torch.equal(back["tasks"][i], one)
        assert back["tasks"][i].stride() == one.stride()
    for one, other in zip([*back["odd"], *back["arrays"]], [*state["odd"], *state["arrays"]], strict=True):
        assert (one.dtype, tuple(one.shape)) == (other.dtype, tuple(other.shape))
        assert bool((one == other).all())


def test_a_checkpoint_of_format_1_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All its arrays are entries of their own."""
    state = {"tasks": {i: torch.full((3,), float(i)) for i in range(3)}}
    with monkeypatch.context() as older:
        older.setattr(checkpoint_manifest, "FORMAT", 1)
        path = CheckpointStore(tmp_path).save(1, state)
    assert len(read_safetensors(bytearray((path / "arrays.safetensors").read_bytes()))) == 3
    back = CheckpointStore(tmp_path).load_latest().state
    assert all(torch.equal(back["tasks"][i], one) for i, one in state["tasks"].items())


@pytest.mark.parametrize("change", [{"at": -1}, {"at": 4}, {"shape": [7]}, {"shape": [-1]}])
def test_a_part_outside_of_its_entry_is_damage(change: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint_format, "MANY", 1)
    tree, arrays = encode([torch.arange(3.0), torch.arange(3.0)], packed=True)
    stored = read_safetensors(bytearray(b"".join(safetensors_parts(arrays))))
    assert torch.equal(decode(tree, stored)[1], torch.arange(3.0))
    tree[1].update(change)
    with pytest.raises(ValueError, match="outside"):
        decode(tree, stored)


def test_an_older_format_is_migrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = CheckpointStore(tmp_path)
    with monkeypatch.context() as older:
        older.setattr(checkpoint_manifest, "FORMAT", 0)
        path = store.save(1, {"network": torch.ones(2)})
    with pytest.raises(CheckpointVersionError, match="can't bring format 0"):
        store.load(path)
    monkeypatch.setitem(checkpoint.MIGRATIONS, 0, lambda state: {"agent": {"network": state["network"]}})
    assert torch.equal(store.load_latest().state["agent"]["network"], torch.ones(2))


def failing(name: str, code: int, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a system call fail from its ``after``-th call on."""
    original = getattr(os, name)
    calls = 0

    def call(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls > after:
            raise OSError(code, os.strerror(code))
        return original(*args, **kwargs)

    monkeypatch.setattr(os, name, call)


@pytest.mark.parametrize(
    ("name", "after"), [("write", 0), ("write", 3), ("fsync", 0), ("fsync", 3), ("mkdir", 1), ("rename", 0)]
)
def test_a_full_disk_is_reported_and_costs_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, after: int
) -> None:
    store = CheckpointStore(tmp_path)
    store.save(1, {"x": torch.ones(1000)})
    with monkeypatch.context() as full:
        failing(name, errno.ENOSPC, after, full)
        with pytest.raises(CheckpointError, match="full") as caught:
            store.save(2, {"x": torch.zeros(1000)})
    message = str(caught.value)
    needed = int(message.split("needs ")[1].split(" bytes")[0].replace(",", ""))
    assert str(tmp_path) in message
    assert 4000 < needed < 5000
    assert "are free" in message
    assert "resume=true" in message
    assert [path.name for path in tmp_path.iterdir()] == ["step_000000001"]
    assert torch.equal(store.load_latest().state["x"], torch.ones(1000))
    store.save(3, {"x": torch.zeros(1)})
    assert store.load_latest().step == 3


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS, errno.EIO])
def test_a_folder_that_can_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    store = CheckpointStore(tmp_path)
    store.save(1, {"x": 1})
    with monkeypatch.context() as broken:
        failing("open", code, 0, broken)
        with pytest.raises(CheckpointError, match="intact") as caught:
            store.save(2, {"x": 2})
    assert str(tmp_path) in str(caught.value)
    assert os.strerror(code) in str(caught.value)
    assert store.load_latest().step == 1


def test_an_interrupt_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        CheckpointStore(tmp_path).save(2, {"x": 2})
    assert list(tmp_path.iterdir()) == []


def test_an_old_checkpoint_that_can_not_be_removed_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    store = CheckpointStore(tmp_path, keep=1)
    store.save(1, {"x": 1})
    with monkeypatch.context() as stuck:
        stuck.setattr(shutil, "rmtree", refuse)
        with pytest.warns(UserWarning, match="can't be removed"):
            store.save(2, {"x": 2})
    assert store.load_latest().step == 2
    store.save(3, {"x": 3})
    assert [path.name for path in tmp_path.iterdir()] == ["step_000000003"]


@pytest.mark.parametrize("mode", ["every", "random"])
def test_a_kill_at_any_instant_leaves_a_usable_checkpoint(tmp_path: Path, mode: str) -> None:
    script = Path(__file__).with_name("killed_saves.py")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path), mode], env=environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= 8
