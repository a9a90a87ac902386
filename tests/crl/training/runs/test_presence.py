"""A run whose folder is moved or removed while it works stops, says so, and loses nothing; `latest` is never a run."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from crl.cli import app
from crl.commands.completing import complete_run
from crl.reporting.reports import find_runs
from crl.reporting.runs import run_folders
from crl.reporting.store.discover import discover
from crl.training import runner
from crl.training.load import load_run
from crl.training.runner import resume, train
from crl.training.runs.folder import RunFolder, RunFolderError, find_unfinished
from crl.training.runs.presence import Presence
from crl.training.showing.progress import Progress
from tests import tiny
from tests.crl.states import differences


class Interfering(Progress):
    """Does something to the run's folder after so many episodes."""

    def __init__(self, episodes: int, act: Callable[[], object]) -> None:
        super().__init__(1, [], tiny.quiet()[0]._console)
        self.left, self.act = episodes, act

    def update(self, **values: Any) -> None:
        self.left -= "episode_return" in values
        if self.left == 0:
            self.left = -1
            self.act()


def stopped(runs: Path, act: Callable[[], object], *overrides: str, episodes: int = 3) -> RunFolderError:
    with pytest.raises(RunFolderError) as caught:
        train(tiny.settings(runs, *overrides), Interfering(episodes, act))
    return caught.value


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What the run leaves if nobody interferes."""
    runs = tmp_path_factory.mktemp("whole")
    train(tiny.settings(runs), tiny.quiet()[0])
    return tiny.outcome(runs / "run")


def test_a_folder_that_was_moved_gets_what_was_learned(workplace: Path, whole: dict[str, Any]) -> None:
    runs, away = workplace / "runs", workplace / "elsewhere" / "kept"
    away.parent.mkdir()
    error = stopped(runs, lambda: (runs / "run").rename(away), "checkpoint.seconds=0")
    assert f"was moved to {away} while the run worked in it" in error.message
    assert str(error.hint) == f"continue it with: crl resume {away}"
    assert not (runs / "run").exists()
    resume(away)
    assert not differences(whole, tiny.outcome(away))


def test_the_folder_of_runs_may_be_moved_as_well(workplace: Path) -> None:
    error = stopped(workplace / "runs", lambda: (workplace / "runs").rename(workplace / "other"))
    assert f"moved to {workplace}/other/run" in error.message
    assert resume(workplace / "other" / "run")["env_steps"] == 128


@pytest.mark.parametrize("replaced", [False, True])
def test_a_folder_that_was_removed_is_made_anew_beside_it(
    replaced: bool, workplace: Path, whole: dict[str, Any]
) -> None:
    runs = workplace / "runs"

    def remove() -> None:
        shutil.rmtree(runs / "run")
        if replaced:
            (runs / "run").mkdir()

    error = stopped(runs, remove)
    rescued = runs / "run_rescued"
    assert f"was removed while the run worked in it; everything that it has learned is in {rescued}" in error.message
    assert list(runs.glob("run/*")) == []
    resume(rescued)
    assert not differences(whole, tiny.outcome(rescued))


def test_where_its_place_is_gone_for_good_the_current_folder_serves(workplace: Path) -> None:
    runs = workplace / "runs"

    def remove() -> None:
        shutil.rmtree(runs)
        runs.write_text("a file")

    assert f"everything that it has learned is in {workplace / 'run_rescued'}" in stopped(runs, remove).message
    assert resume(workplace / "run_rescued")["env_steps"] == 128


def test_a_run_that_is_done_when_its_folder_goes_keeps_its_results(
    workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs, real = workplace / "runs", runner.collect_results

    def collect(*arguments: Any) -> dict[str, Any]:
        shutil.rmtree(runs / "run")
        return real(*arguments)

    monkeypatch.setattr(runner, "collect_results", collect)
    with pytest.raises(RunFolderError, match="removed while the run worked in it") as caught:
        train(tiny.settings(runs, tasks="[0]"), tiny.quiet()[0])
    assert caught.value.hint == f"see it with: crl runs show {runs / 'run_rescued'}"
    assert RunFolder.open(runs / "run_rescued").status() == "finished" and not (runs / "run").exists()
    assert load_run(runs / "run_rescued").state.env_steps == 64


def test_a_folder_is_known_by_its_lock_where_numbers_change(tmp_path: Path) -> None:
    folder, other = tmp_path / "run", tmp_path / "other"
    for path in (folder, other):
        path.mkdir()
        (path / ".lock").write_text("1 on here\n")
    presence = Presence(folder, (".lock", "1 on here\n"))
    assert presence.there() and presence.moved_to() == folder
    folder.rename(tmp_path / "aside")
    assert not presence.there() and presence.moved_to() == tmp_path / "aside"
    other.rename(folder)  # another folder for the file system, with what only the run's own holds
    assert presence.there()
    (folder / ".lock").write_text("2 on here\n")
    assert not presence.there()
    shutil.rmtree(tmp_path / "aside")
    assert presence.moved_to() is None
    presence.close()


def test_a_lock_that_is_a_link_leads_nowhere(tmp_path: Path) -> None:
    folder = RunFolder.create(tmp_path, "run")
    (tmp_path / "precious").write_text("mine")
    (folder.path / ".lock").symlink_to(tmp_path / "precious")
    with pytest.raises(RunFolderError, match=r"\.lock can't be written"), folder.lock():
        pass
    assert (tmp_path / "precious").read_text() == "mine"


@pytest.mark.parametrize("name", ["metrics.jsonl", ".lock"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(name: str, workplace: Path) -> None:
    train(tiny.settings(workplace / "runs", tasks="[0]"), tiny.quiet()[0])
    path = workplace / "runs" / "run"
    (path / "results.json").unlink()
    (path / name).unlink()
    os.mkfifo(path / name)
    with pytest.raises(RunFolderError, match=name.replace(".", r"\.")):
        resume(path)


def copied(root: Path) -> RunFolder:
    """A folder of runs that was copied with links followed: `latest` is a second copy of its newest run."""
    folder = RunFolder.create(root, "run", "mark")
    folder.write_text(folder.config, "seed: 1\n")
    (root / "latest").unlink()
    shutil.copytree(folder.path, root / "latest")
    return folder


def test_a_real_folder_called_latest_is_never_a_run(workplace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = workplace / "runs"
    folder = copied(runs)
    assert discover(runs) == [folder.path] and run_folders(runs) == [folder.path]
    assert find_unfinished(runs, "mark") == folder.path
    assert complete_run("") == ["latest", "run"]
    with pytest.raises(RunFolderError, match="is a folder of its own, not a link"):
        RunFolder.open(runs / "latest")
    with pytest.raises(RunFolderError, match="is a folder of its own"):
        find_runs(["latest"])
    with pytest.raises(SystemExit):
        app(["runs", "rm", "--yes", "latest"])
    assert "is a folder of its own" in capsys.readouterr().err and (runs / "latest" / "config.yaml").is_file()


def test_it_does_not_win_over_the_pointer_beside_it(workplace: Path) -> None:
    runs = workplace / "runs"
    copied(runs)
    second = RunFolder.create(runs, "second")
    second.write_text(second.config, "seed: 2\n")
    assert (runs / "latest.txt").read_text() == "second\n"
    assert RunFolder.open(runs / "latest").path == second.path
    assert find_runs(["latest"]) == [second.path]
    shutil.rmtree(runs / "latest")
    third = RunFolder.create(runs, "third")
    third.write_text(third.config, "seed: 3\n")
    assert RunFolder.open(runs / "latest").path == third.path and not (runs / "latest.txt").exists()


@pytest.mark.parametrize("name", ["../other", "", ".", "latest", "a/b", "x" * 5000, "a\0b"])
def test_a_pointer_that_leads_elsewhere_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "latest.txt").write_text(name)
    with pytest.raises(RunFolderError):
        RunFolder.open(tmp_path / "latest")


def test_a_run_that_asks_for_the_name_of_the_link_gets_another(tmp_path: Path) -> None:
    assert RunFolder.create(tmp_path, "latest").path.name == "latest_2"
