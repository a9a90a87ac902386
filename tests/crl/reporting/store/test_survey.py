"""What the store finds wrong with a run's folder, and the hint that it names."""

from __future__ import annotations

import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crl.config.asking.composing import compose, fingerprint, to_yaml
from crl.reporting.store import faults, survey
from crl.reporting.store.discover import discover
from crl.reporting.store.entry import Entry, flat
from crl.reporting.store.holder import holder
from crl.training.checkpoints.manifest import seal
from crl.version import __version__
from tests.crl.reporting.folders import leave


def whole(root: Path, name: str = "run", **results: object) -> Path:
    """A finished run with settings of today and a checkpoint, as far as names and sizes go."""
    folder = leave(root, "hypercrl", 0, name=name, **{"version": __version__, **results})
    text, mark = settings_of_today()
    (folder / "config.yaml").write_text(text)
    (folder / "fingerprint").write_text(f"{mark}\n")
    checkpoint(folder, 240)
    return folder


@functools.cache
def settings_of_today() -> tuple[str, str]:
    """Settings as a run records them, and their fingerprint."""
    config = compose(["env=cartpole_length"])
    return to_yaml(config), fingerprint(config)


def checkpoint(folder: Path, step: int, form: int = 1) -> Path:
    path = folder / "checkpoints" / f"step_{step:09d}"
    path.mkdir(parents=True)
    files = {name: {"bytes": 2, "sha256": ""} for name in ("state.json", "arrays.safetensors")}
    for name in files:
        (path / name).write_text("{}")
    manifest = {"format": form, "step": step, "crl_version": "9.9.9", "files": files}
    (path / "manifest.json").write_text(json.dumps({**manifest, "sha256": seal(manifest)}))
    return path


def look(folder: Path) -> Entry:
    return survey.survey(folder, folder.parent)


def said(folder: Path, *, serious: bool | None = None) -> str:
    return "\n".join(str(each) for each in look(folder).findings if serious in (None, each.serious))


@contextmanager
def trained_in(folder: Path) -> Iterator[None]:
    """Another process holds the folder's lock."""
    code = (
        "import sys; from pathlib import Path; from crl.training.runs.folder import RunFolder\n"
        "with RunFolder(Path(sys.argv[1])).lock(): print('held', flush=True); sys.stdin.read()"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield
    finally:
        process.communicate("", timeout=60)


def test_a_sound_run_has_its_facts_and_no_findings(tmp_path: Path) -> None:
    entry = look(whole(tmp_path))
    assert entry.findings == ()
    assert (entry.name, entry.status, entry.method, entry.seed, entry.visits) == ("run", "finished", "hypercrl", 0, 3)
    assert entry.steps == 240 and entry.settings["planner.name"] == "icem" and len(entry.fingerprint or "") == 64
    assert entry.size is not None and entry.size > 1000
    assert Entry.from_json(entry.to_json()) == entry


def test_a_run_that_has_just_begun_is_not_damaged(tmp_path: Path) -> None:
    """As it is before its first episode has ended: settings, a lock, and the code that makes it."""
    from crl.config.asking.composing import compose, fingerprint, to_yaml
    from crl.training.runs.folder import RunFolder
    from crl.training.runs.provenance import note_code

    config = compose(["env=cartpole_length"])
    folder = RunFolder.create(tmp_path, "new", fingerprint(config))
    folder.write_text(folder.config, to_yaml(config))
    assert look(folder.path).problems == []
    with trained_in(folder.path):
        note_code(folder)
        entry = look(folder.path)
    assert (entry.status, entry.problems, entry.version) == ("running", [], __version__)
    assert look(folder.path).problems == [], "nor is one that was stopped then"


def test_half_written(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "fingerprint").write_text("abc\n")
    (tmp_path / "door_open_hypercrl_s0_20250131-142501").mkdir()  # killed when it had only its folder
    (tmp_path / "notes").mkdir()
    found = [look(path) for path in discover(tmp_path)]
    assert [entry.status for entry in found] == ["half-written", "half-written"]
    assert "crl runs rm" in said(tmp_path / "a", serious=True)


def test_unfinished_and_running(tmp_path: Path) -> None:
    folder = whole(tmp_path)
    (folder / "results.json").unlink()
    assert look(folder).status == "unfinished"
    assert look(folder).steps == 240, "from its log"
    with trained_in(folder):
        assert look(folder).status == "running"
        assert holder(folder) is not None
    assert look(folder).status == "unfinished"
    assert holder(folder) is None, "a lock file that is left behind holds nobody up"


@pytest.mark.parametrize(
    ("file", "content", "expected"),
    [
        ("config.yaml", "a: [", "config.yaml can't be read"),
        ("config.yaml", "- 1", "it holds no settings"),
        ("results.json", "{", "crl resume"),
        ("results.json", "[]", "it holds no results"),
        ("results.json", "{}", "results.json lacks matrix"),
        ("config.yaml", None, "has lost its config.yaml"),
        ("metrics.jsonl", None, "no learning curves"),
    ],
)
def test_a_part_that_is_broken_or_missing_is_named(
    tmp_path: Path, file: str, content: str | None, expected: str
) -> None:
    folder = whole(tmp_path)
    if content is None:
        (folder / file).unlink()
    else:
        (folder / file).write_text(content)
    assert expected in said(folder, serious=True)


def test_checkpoints(tmp_path: Path) -> None:
    folder = whole(tmp_path)
    (checkpoint(folder, 300) / "state.json").write_text("{")
    assert "step_000000300/state.json has 1 bytes of 2; step_000000240 is used instead" in said(folder, serious=False)
    (folder / "checkpoints/step_000000240/state.json").unlink()
    assert "no checkpoint is whole: step_000000300/state.json has 1 bytes" in said(folder, serious=True)
    for path in (folder / "checkpoints").iterdir():
        for file in path.iterdir():
            file.unlink()
        path.rmdir()
    assert "has no checkpoint: its results stand" in said(folder, serious=True)
    checkpoint(folder, 500, form=99)
    assert "install crl 9.9.9" in said(folder, serious=True)


def test_another_version(tmp_path: Path) -> None:
    folder = whole(tmp_path, version="9.9.9")
    assert "pip install crl==9.9.9" in said(folder, serious=False)
    assert not look(folder).problems, "its numbers are as good as any"
    with (folder / "config.yaml").open("a") as file:
        file.write("teleport: true\n")
    assert "does not know the setting 'teleport'" in said(folder, serious=True)
    assert "pip install crl==9.9.9" in said(folder, serious=True)


def test_another_commit_of_this_version(tmp_path: Path) -> None:
    folder = whole(tmp_path, commit="abc1234")
    with (folder / "config.yaml").open("a") as file:
        file.write("teleport: true\n")
    told = said(folder, serious=True)
    assert f"was made by commit abc1234 of crl {__version__}" in told
    assert "take the setting out of config.yaml" in told
    assert "pip install" not in told


def test_moved(tmp_path: Path) -> None:
    folder = whole(tmp_path)
    folder.rename(tmp_path / "elsewhere")
    assert f"was moved or copied from {folder}" in said(tmp_path / "elsewhere", serious=False)
    found = next(each for each in survey.survey(tmp_path / "elsewhere", tmp_path).findings if "moved" in each.what)
    assert found.shared == "was moved or copied", "runs that were moved have this in common"


def test_read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = whole(tmp_path)
    monkeypatch.setattr(faults.os, "access", lambda path, mode: mode != os.W_OK)
    assert "is read-only: videos need another place" in said(folder, serious=False)
    (folder / "results.json").unlink()
    assert "resume can't continue it; chmod -R u+w" in said(folder, serious=True)


def test_links_are_not_followed(tmp_path: Path) -> None:
    whole(tmp_path / "runs")
    (tmp_path / "runs" / "latest").symlink_to("run", target_is_directory=True)
    (tmp_path / "runs" / "group").mkdir()
    whole(tmp_path / "runs" / "group", "inner")
    (tmp_path / "runs" / "loop").symlink_to(tmp_path, target_is_directory=True)
    assert [path.name for path in discover(tmp_path / "runs")] == ["inner", "run"]


def test_flat_keeps_empty_sections() -> None:
    assert flat({"a": {"b": 1, "c": {}}, "d": [1]}) == {"a.b": 1, "a.c": {}, "d": [1]}
