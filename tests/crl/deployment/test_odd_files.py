"""A deployment whose files are odd, or whose right checksums cover wrong content, is refused by name and at once."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from crl.deployment.files import CONFIG, FILES, MANIFEST, ROBOT, STATE, TASK, WEIGHTS, DeploymentError
from crl.deployment.load import load_deployment
from crl.errors import CrlError
from crl.reading.states import decode, encode, read_safetensors, read_tree, safetensors_parts


def seal(folder: Path, change: Callable[[dict[str, Any]], None] = lambda manifest: None) -> None:
    """Write the manifest anew, with right checksums for whatever the files hold now."""
    manifest = json.loads((folder / MANIFEST).read_text())
    for name in FILES:
        data = (folder / name).read_bytes()
        manifest["files"][name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    change(manifest)
    manifest.pop("sha256", None)
    manifest["sha256"] = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))


@pytest.mark.parametrize("name", [*FILES, MANIFEST])
@pytest.mark.parametrize("kind", ["pipe", "device", "huge"])
def test_what_is_no_file_is_never_read(name: str, kind: str, spoiled: Callable[[], Path]) -> None:
    path = spoiled() / name
    path.unlink()
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        with path.open("wb") as file:
            file.truncate(1 << 40)
    with pytest.raises(DeploymentError, match=f"{name}.*(is a {kind}|1,?099,?511,?627,?776 bytes)"):
        load_deployment(path.parent)


def test_a_huge_file_that_the_manifest_knows_is_not_read_either(spoiled: Callable[[], Path]) -> None:
    folder = spoiled()
    with (folder / WEIGHTS).open("r+b") as file:
        file.truncate(1 << 40)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["files"][WEIGHTS]["bytes"] = 1 << 40
    manifest.pop("sha256")
    manifest["sha256"] = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(DeploymentError, match="more than any deployment has"):
        load_deployment(folder)


@pytest.mark.parametrize("key", ["format", "files", "robot", "env", "reward", "learner_rate", "sha256"])
def test_a_manifest_that_lacks_an_entry(key: str, spoiled: Callable[[], Path]) -> None:
    folder = spoiled()
    if key == "sha256":
        manifest = json.loads((folder / MANIFEST).read_text())
        del manifest["sha256"]
        (folder / MANIFEST).write_text(json.dumps(manifest))
    else:
        seal(folder, lambda manifest: manifest.pop(key))
    with pytest.raises(DeploymentError, match=r"manifest\.json"):
        load_deployment(folder)


@pytest.mark.parametrize("value", ["x", [1], {"a": 1}, None, -1, 10**30, True])
@pytest.mark.parametrize("key", ["format", "learner_rate", "robot", "versions", "files"])
def test_a_manifest_with_entries_of_another_type(key: str, value: Any, spoiled: Callable[[], Path]) -> None:
    folder = spoiled()
    seal(folder, lambda manifest: manifest.update({key: value}))
    with pytest.raises(CrlError, match=str(folder)):
        load_deployment(folder)


def test_a_manifest_that_is_nested_too_deeply(spoiled: Callable[[], Path]) -> None:
    folder = spoiled()
    (folder / MANIFEST).write_text('{"a":' * 50_000 + "1" + "}" * 50_000)
    with pytest.raises(DeploymentError, match="levels deep"):
        load_deployment(folder)


def rewrite_state(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
    state = decode(
        read_tree((folder / STATE).read_bytes()), read_safetensors(bytearray((folder / WEIGHTS).read_bytes()))
    )
    change(state)
    tree, arrays = encode(state)
    (folder / STATE).write_text(json.dumps(tree))
    (folder / WEIGHTS).write_bytes(b"".join(safetensors_parts(arrays)))
    seal(folder)


def not_finite(state: dict[str, Any]) -> None:
    state["strategy"]["trunk"].fill_(torch.nan)


def too_few(state: dict[str, Any]) -> None:
    state["adaptation"]["fitted"]["one_step"]["weights"] = state["adaptation"]["fitted"]["one_step"]["weights"][
        :-1
    ].clone()


def odd_flow(state: dict[str, Any]) -> None:
    field = state["adaptation"]["fitted"]["flow"]["field"]
    field["std"] = torch.full_like(field["std"], torch.inf)


def no_model(state: dict[str, Any]) -> None:
    del state["adaptation"]["fitted"]["one_step"]


@pytest.mark.parametrize("change", [not_finite, too_few, odd_flow, no_model], ids=lambda change: change.__name__)
def test_weights_that_do_not_fit(change: Callable[[dict[str, Any]], None], spoiled: Callable[[], Path]) -> None:
    folder = spoiled()
    rewrite_state(folder, change)
    with pytest.raises(
        DeploymentError, match=r"the weights do not fit the settings: (strategy|adaptation/fitted)"
    ) as caught:
        load_deployment(folder)
    assert caught.value.hint is not None and "crl deploy" in caught.value.hint


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 9)
)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        (CONFIG, BOMB),
        (CONFIG, ""),
        (CONFIG, "[" * 100_000),
        (ROBOT, BOMB),
        (ROBOT, "jump: 1" + "0" * 400),
        (ROBOT, "x"),
        (TASK, "[" * 100_000),
        (TASK, "{}"),
        (TASK, "[1]"),
        (STATE, "[" * 100_000),
        (STATE, "[]"),
        (STATE, '{"$": "tensor", "name": "x"}'),
        (STATE, '{"$": "scalar", "dtype": "O", "bytes": "00"}'),
        (WEIGHTS, "\xff" * 20),
        (WEIGHTS, ""),
    ],
)
def test_content_that_nobody_exports(name: str, content: str, spoiled: Callable[[], Path]) -> None:
    folder = spoiled()
    (folder / name).write_text(content, encoding="latin-1")
    seal(folder)
    with pytest.raises(CrlError):
        load_deployment(folder)
