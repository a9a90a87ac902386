"""Run folders: unique names, the link to the latest, status, locks, atomic files, clear errors."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import socket
import subprocess
import sys
import warnings
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from crl.training.runs.folder import RunFolder, RunFolderError, find_unfinished, run_name


def test_names() -> None:
    when = datetime(2025, 1, 31, 14, 25, 1)
    assert run_name("door_open", "hypercrl", 3, when) == "door_open_hypercrl_s3_20250131-142501"
    assert run_name("my.pack:TASKS/x", "../a b", 0, when) == "my.pack-TASKS-x_..-a-b_s0_20250131-142501"
    assert run_name("a", "b", 1).startswith("a_b_s1_2")


def test_create_makes_unique_folders_and_points_to_the_latest(tmp_path: Path) -> None:
    root = tmp_path / "deep" / "runs"
    made = [RunFolder.create(root, "name").path.name for _ in range(3)]
    assert made == ["name", "name_2", "name_3"]
    assert (root / "latest").is_symlink()
    assert os.readlink(root / "latest") == "name_3"  # noqa: PTH115 - the text of the link, which is relative
    assert sorted(path.name for path in root.iterdir()) == ["latest", *made]


def test_latest_where_there_are_no_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(Path, "symlink_to", refuse)
    folder = RunFolder.create(tmp_path, "name")
    folder.write_text(folder.config, "seed: 0\n")
    assert (tmp_path / "latest.txt").read_text() == "name\n"
    assert RunFolder.open(tmp_path / "latest").path == folder.path


def test_paths(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "name")
    names = [folder.config, folder.metrics, folder.timing, folder.checkpoints, folder.results, folder.videos]
    assert [path.relative_to(folder.path).as_posix() for path in names] == [
        "config.yaml",
        "metrics.jsonl",
        "timing.jsonl",
        "checkpoints",
        "results.json",
        "videos",
    ]


def test_status_and_open(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "name")
    assert folder.status() == "half-written"
    with pytest.raises(RunFolderError, match=r"no config\.yaml\n.*remove it and start the run again"):
        RunFolder.open(folder.path)
    folder.write_text(folder.config, "seed: 0\n")
    assert folder.status() == "unfinished"
    folder.results.write_text('{"tasks": [')
    assert folder.status() == "unfinished"
    folder.write_json(folder.results, {"tasks": []})
    assert folder.status() == "finished"
    assert RunFolder.open(tmp_path / "latest").path == folder.path
    assert RunFolder.open(folder.path).status() == "finished"


def test_opening_what_does_not_exist_names_what_does(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"there is no run folder .*nothing\n.*holds no runs"):
        RunFolder.open(tmp_path / "nothing")
    folder = RunFolder.create(tmp_path, "name")
    folder.write_text(folder.config, "")
    with pytest.raises(RunFolderError, match=r"runs in .*: name$"):
        RunFolder.open(tmp_path / "nothing")


def test_find_unfinished_takes_the_newest_with_the_same_fingerprint(tmp_path: Path) -> None:
    assert find_unfinished(tmp_path / "none", "a") is None
    made = {}
    for age, (name, fingerprint) in enumerate(
        [("z_old", "a"), ("b_new", "a"), ("other", "b"), ("half", "a"), ("done", "a")]
    ):
        folder = made[name] = RunFolder.create(tmp_path, name, fingerprint)
        os.utime(folder.path / "fingerprint", (1000 + age, 1000 + age))
        if name != "half":
            folder.write_text(folder.config, "seed: 0\n")
    made["done"].write_json(made["done"].results, {})
    assert find_unfinished(tmp_path, "a") == made["b_new"].path
    assert find_unfinished(tmp_path, "b") == made["other"].path
    assert find_unfinished(tmp_path, "") is None
    made["b_new"].write_json(made["b_new"].results, {})
    assert find_unfinished(tmp_path, "a") == made["z_old"].path


def test_json_is_strict_and_takes_arrays(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "name")
    path = folder.path / "new" / "x.json"
    data = {
        "nan": float("nan"),
        "inf": [-np.inf, (1.5, 2)],
        "array": np.array([[1.0, np.nan]], np.float32),
        "scalar": np.float64(0.1),
        "count": np.int64(3),
        "flag": np.bool_(True),
        "tensor": torch.tensor([1, 2]),
        "path": Path("a/b"),
        3: None,
    }
    folder.write_json(path, data)
    assert json.loads(path.read_text()) == {
        "nan": None,
        "inf": [None, [1.5, 2]],
        "array": [[1.0, None]],
        "scalar": 0.1,
        "count": 3,
        "flag": True,
        "tensor": [1, 2],
        "path": "a/b",
        "3": None,
    }
    with pytest.raises(TypeError, match="a object can't be written"):
        folder.write_json(path, {"x": object()})
    assert [item.name for item in path.parent.iterdir()] == ["x.json"]


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.ENOSPC, "disk is full"),
        (errno.EROFS, "make it writable"),
        (errno.EACCES, "make it writable"),
        (errno.EIO, ""),
    ],
)
def test_what_can_not_be_written_is_explained_and_what_was_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, words: str
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise OSError(code, os.strerror(code))

    folder = RunFolder.create(tmp_path, "name")
    folder.write_json(folder.results, {"x": 1})
    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", fail)
        with pytest.raises(RunFolderError, match=r"results\.json can't be written") as caught:
            folder.write_json(folder.results, {"x": 2})
        with pytest.raises(RunFolderError, match="can't be written"):
            RunFolder.create(tmp_path, "other")
    assert words in str(caught.value)
    assert "run_dir" in str(caught.value)
    assert json.loads(folder.results.read_text()) == {"x": 1}
    assert sorted(item.name for item in folder.path.iterdir()) == ["fingerprint", "results.json"]


def test_a_read_only_folder_can_not_be_locked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    folder = RunFolder.create(tmp_path, "name")
    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(RunFolderError, match="Read-only file system"), folder.lock():
        pass


def test_a_file_in_the_place_of_the_runs(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("")
    with pytest.raises(RunFolderError, match="choose another folder"):
        RunFolder.create(tmp_path / "runs", "name")


HOLD = """
import sys
from pathlib import Path
from crl.training.runs.folder import RunFolder
with RunFolder(Path(sys.argv[1])).lock():
    print("held", flush=True)
    sys.stdin.read()
"""


def test_two_processes_can_not_train_in_one_folder(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "name")
    (folder.path / ".lock").write_text("a longer text that an earlier process left\n" * 5)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    command = [sys.executable, "-c", HOLD, str(folder.path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with pytest.raises(RunFolderError, match=f"process {other.pid} on .* trains in it"), folder.lock():
            pass
        other.kill()  # a kill releases the lock
        other.wait()
    with folder.lock():
        assert (folder.path / ".lock").read_text() == f"{os.getpid()} on {socket.gethostname()}\n"
        with pytest.raises(RunFolderError, match=f"process {os.getpid()}"), folder.lock():
            pass
    with folder.lock():
        pass


def test_a_file_system_without_locks_is_a_warning(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    folder = RunFolder.create(tmp_path, "name")
    monkeypatch.setattr(fcntl, "flock", refuse)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        with folder.lock():
            pass
    assert "can't be locked" in str(caught[0].message)
