from __future__ import annotations

import errno
import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from crl import cli
from crl.cli import app
from crl.commands.arguments import find_run
from crl.config import Config
from crl.errors import EGL_PACKAGES, CrlError, Interrupted, RenderingError, SettingsError
from crl.reporting.replay.filming import Filmed
from crl.reporting.replay.progress import FilmProgress
from crl.version import __version__

RESULTS: dict[str, Any] = {
    "env": "door_open",
    "strategy": "hypercrl",
    "seed": 0,
    "tasks": [
        {"name": "pull", "success_rate": 0.9, "successes": [True] * 9 + [False], "mean_return": 12.34},
        {"name": "lever_minus", "success_rate": 1.0, "mean_return": 56.78},
        {"name": "cheetah", "success_rate": None, "mean_return": None},
    ],
    "matrix": [],
    "forgetting": 0.0123,
    "forgetting_return": -0.5,
    "run": "runs/first",
    "env_steps": 3600,
    "wall_seconds": 754.0,
    "cpu_seconds": 700.0,
    "version": __version__,
}


def crl(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def stand_in(monkeypatch: pytest.MonkeyPatch, module: str, **functions: Any) -> None:
    """Put functions in the place of a module that the command imports when it runs."""
    fake = ModuleType(module)
    for name, function in functions.items():
        setattr(fake, name, function)
    monkeypatch.setitem(sys.modules, module, fake)


@pytest.fixture
def a_run(workplace: Path) -> Path:
    """A run's folder, with the link ``latest``."""
    folder = workplace / "runs" / "first"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("seed: 0\n")
    (workplace / "runs" / "latest").symlink_to("first")
    return folder


class TestTrain:
    def test_passes_the_composed_settings_and_prints_the_results(
        self, workplace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given: list[Config] = []

        def train(config: Config) -> dict[str, Any]:
            given.append(config)
            return RESULTS

        def record_all(folder: Path, progress: FilmProgress) -> Filmed:
            return Filmed([folder / "videos" / "pull.mp4"], ["lever_minus has no pictures"])

        stand_in(monkeypatch, "crl.training.runner", train=train)
        stand_in(monkeypatch, "crl.reporting.replay.filming", record_all=record_all)
        done = crl("train", "env=door_open", "seed=3", "tasks=[0,2]")
        assert done.exit_code == 0, done.output
        assert (given[0].seed, given[0].env.tasks) == (3, [0, 2])
        lines = done.output.splitlines()
        assert any("pull" in line and "9 of 10" in line and "12.3" in line for line in lines)
        assert any("lever_minus" in line and "100%" in line for line in lines)
        assert any("cheetah" in line and line.count(" - ") == 2 for line in lines)
        assert "forgetting: +0.012 success, -0.500 return" in lines
        assert "environment steps: 3,600" in lines
        assert "time: 12 min 34 s wall, 11 min 40 s CPU" in lines
        assert any(line.startswith("videos: runs/first/videos (1 film, 0.0 s)") for line in lines)
        assert "note: lever_minus has no pictures" in lines
        assert "run: runs/first" in lines

    def test_where_nothing_can_be_rendered_all_the_rest_is_there(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def record_all(folder: Path, progress: FilmProgress) -> Filmed:
            return Filmed(notes=[str(RenderingError("no picture can be rendered"))])

        stand_in(monkeypatch, "crl.training.runner", train=lambda config: RESULTS)
        stand_in(monkeypatch, "crl.reporting.replay.filming", record_all=record_all)
        done = crl("train", "env=door_open")
        assert done.exit_code == 0
        assert "no videos: no picture can be rendered" in done.output
        assert " ".join(EGL_PACKAGES) in done.output
        assert "run: runs/first" in done.output

    @pytest.mark.parametrize("command", ["train", "sweep"])
    def test_without_settings_it_explains_itself(
        self, command: str, workplace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        stand_in(monkeypatch, "crl.training.runner", train=lambda config: pytest.fail("a run was started"))
        stand_in(monkeypatch, "crl.sweeps.sweep", sweep=lambda *_: pytest.fail("a sweep was started"))
        done = crl(command)
        assert (done.exit_code, f"{command} [OPTIONS]" in done.output) == (2, True), done.output
        assert list(workplace.iterdir()) == []

    def test_missions_are_in_a_table_of_their_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def mission(name: str, group: str, **facts: Any) -> dict[str, Any]:
            plain = {"completed": True, "reached": 61, "waypoints": 61, "reached_fraction": 1.0, "steps": 900}
            return {
                "mission": name,
                "class": group,
                "seed": 90_000,
                "crash": None,
                "cross_track": 0.1,
                **plain,
                **facts,
            }

        lost = {"completed": False, "reached": 12, "reached_fraction": 0.2, "given_up": True, "cross_track": None}
        missions = [mission("nominal", "none"), mission("flip [-1]", "signs"), mission("late", "late", **lost)]
        stand_in(monkeypatch, "crl.training.runner", train=lambda config: {**RESULTS, "missions": missions})
        stand_in(monkeypatch, "crl.reporting.replay.filming", record_all=lambda *given: Filmed())
        done = crl("train", "env=ugv_mission", "refiner=afm")
        assert done.exit_code == 0, done.output
        said = " ".join(done.output.split())
        assert "none │ 1 of 1 │ 100% │ 900 │ 0.100 │" in said
        assert "late │ 0 of 1 │ 20% │ 900 │ - │" in said
        assert "not completed: late, seed 90000: 12 of 61 waypoints, given up" in said
        assert "all │ 2 of 3 │" in said
        assert "missions: 2 of 3 completed" in said

    def test_videos_can_be_left_out(self, monkeypatch: pytest.MonkeyPatch) -> None:
        stand_in(monkeypatch, "crl.training.runner", train=lambda config: RESULTS)
        stand_in(
            monkeypatch, "crl.reporting.replay.filming", record_all=lambda *given: pytest.fail("a video was recorded")
        )
        assert crl("train", "videos=false").exit_code == 0

    def test_a_wrong_key_is_one_message_and_no_run(self, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        stand_in(monkeypatch, "crl.training.runner", train=lambda config: pytest.fail("a run was started"))
        done = crl("train", "planer.samples=3")
        assert done.exit_code == 2
        assert done.stderr == "error: unknown key 'planer.samples': did you mean 'planner.samples'?\n"
        assert list(workplace.iterdir()) == []

    def test_an_interruption_prints_the_command_that_goes_on(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def train(config: Config) -> dict[str, Any]:
            raise Interrupted("crl train env=door_open tasks=[0,2] resume=true")

        stand_in(monkeypatch, "crl.training.runner", train=train)
        done = crl("train", "env=door_open")
        assert done.exit_code == 130
        assert "continue with: crl train env=door_open tasks=[0,2] resume=true\n" in done.stderr
        assert "error" not in done.stderr

    def test_ctrl_c_before_there_is_anything_to_save(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def train(config: Config) -> dict[str, Any]:
            raise KeyboardInterrupt

        stand_in(monkeypatch, "crl.training.runner", train=train)
        assert crl("train", "env=door_open").exit_code == 130

    def test_a_users_error_shows_what_and_how_to_fix_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def train(config: Config) -> dict[str, Any]:
            raise CrlError("the disk is full: " + "x" * 200, "free some space [in GB]")

        stand_in(monkeypatch, "crl.training.runner", train=train)
        done = crl("train", "env=door_open")
        assert done.exit_code == 2
        assert done.stderr == "error: the disk is full: " + "x" * 200 + "\nfree some space [in GB]\n"

    @pytest.mark.parametrize(
        "error",
        [
            MemoryError(),
            RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: 4 TB"),
            RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB"),
        ],
    )
    def test_too_little_memory_is_one_message(self, error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
        def train(config: Config) -> dict[str, Any]:
            raise error

        stand_in(monkeypatch, "crl.training.runner", train=train)
        done = crl("train", "env=door_open")
        assert done.exit_code == 2
        assert done.stderr.startswith("error: out of memory: ") and "fewer planner.samples" in done.stderr

    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (OSError(errno.ENOSPC, "full", "out/x.csv"), "error: out/x.csv: No space left on device\nmake room there"),
            (OSError(errno.ENOSPC, "full", "here", None, "there"), "error: there: No space left on device\n"),
            (OSError(errno.EROFS, "read", "x"), "error: x: Read-only file system\nchange the permissions (ls -l)"),
            (OSError(errno.EIO, "broken", "x"), "error: x: Input/output error\nthe disk or the network fails"),
            (sqlite3.OperationalError("database or disk is full"), "error: No space left on device\nmake room"),
            (RuntimeError("I/O error: No space left on device (os error 28)"), "error: No space left on device\n"),
        ],
    )
    def test_errors_of_the_disk_are_one_message(
        self, error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def train(config: Config) -> dict[str, Any]:
            raise error

        stand_in(monkeypatch, "crl.training.runner", train=train)
        done = crl("train", "env=door_open")
        assert done.exit_code == 2
        assert done.stderr.startswith(said)

    def test_a_file_that_the_program_misses_keeps_its_traceback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def train(config: Config) -> dict[str, Any]:
            raise FileNotFoundError(errno.ENOENT, "no such file", "x")

        stand_in(monkeypatch, "crl.training.runner", train=train)
        assert isinstance(crl("train", "env=door_open").exception, FileNotFoundError)

    def test_a_bug_keeps_its_traceback(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def train(config: Config) -> dict[str, Any]:
            raise ZeroDivisionError

        stand_in(monkeypatch, "crl.training.runner", train=train)
        assert isinstance(crl("train", "env=door_open").exception, ZeroDivisionError)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["eval", "x", "--episodes", "9" * 30], "--episodes"),
        (["deploy", "x", "--robot", "y", "--out", "z", "--learner-rate", "nan"], "Invalid value"),
        (["deploy", "x", "--robot", "y", "--out", "z", "--learner-rate", "inf"], "finite"),
        (["bench", "ros", "--seconds", "nan"], "Invalid value"),
    ],
)
def test_numbers_of_options_are_sane(arguments: list[str], said: str, workplace: Path) -> None:
    done = crl(*arguments)
    assert (done.exit_code, said in " ".join(done.output.split())) == (2, True), done.output
    assert list(workplace.iterdir()) == []


def test_the_home_folder_in_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/someone")
    assert cli._at_home("--out=~/x y") == "--out=/home/someone/x y"
    for word in ("run_dir=~/x", "--out", "~", "--out=a~b", "--json", "--out=~nobody-of-that-name/x"):
        assert cli._at_home(word) == word


def test_warnings_for_users_are_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    show = cli._show_warning
    show(UserWarning("MUJOCO_GL=x [y]"), UserWarning, "a.py", 3)
    show(RuntimeWarning("divided"), RuntimeWarning, "a.py", 3)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "warning: MUJOCO_GL=x [y]"
    assert lines[1].startswith("a.py:3: RuntimeWarning: divided")


class TestResume:
    def test_continues_the_named_run(self, a_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (a_run / "config.yaml").write_text("videos: false\n")
        asked: list[Path] = []

        def resume(folder: Path) -> dict[str, Any]:
            asked.append(folder)
            return RESULTS

        stand_in(monkeypatch, "crl.training.runner", resume=resume)
        done = crl("resume", "latest")
        assert done.exit_code == 0, done.output
        assert asked == [a_run]
        assert "9 of 10" in done.output


class TestEval:
    def test_prints_a_table(self, a_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[Any] = []

        def evaluate_run(folder: Path, episodes: int, task: int, console: Console, labels: str) -> dict[str, Any]:
            assert console.stderr, "what --json prints is for programs"
            asked.append((folder, episodes, task, labels))
            return {"episodes": 7, "tasks": RESULTS["tasks"][1:2], "problems": ["a damaged checkpoint"]}

        stand_in(monkeypatch, "crl.training.load", evaluate_run=evaluate_run)
        done = crl("eval", "latest", "--episodes", "7", "--task", "2")
        assert done.exit_code == 0, done.output
        assert asked == [(a_run, 7, 2, "told")]
        assert "7 of 7" in done.output
        assert "note: a damaged checkpoint\n" in done.output

    def test_json_is_all_that_is_printed(self, a_run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        stand_in(monkeypatch, "crl.training.load", evaluate_run=lambda *given: RESULTS)
        done = crl("eval", str(a_run), "--json")
        assert json.loads(done.stdout) == RESULTS

    def test_no_run_is_an_error(self, workplace: Path) -> None:
        done = crl("eval", "latest")
        assert done.exit_code == 2
        assert "runs/latest" in done.stderr
        assert "Traceback" not in done.output


class TestFindRun:
    def test_path_name_and_latest_mean_the_same(self, a_run: Path) -> None:
        assert find_run(str(a_run)) == find_run("first") == find_run("latest") == find_run("runs/latest") == a_run

    def test_a_folder_here_wins_over_a_name_in_runs(self, a_run: Path, workplace: Path) -> None:
        here = workplace / "first"
        here.mkdir()
        (here / "config.yaml").touch()
        assert find_run("first") == here

    def test_another_folder_is_no_run(self, workplace: Path) -> None:
        (workplace / "pictures").mkdir()
        with pytest.raises(CrlError, match="config"):
            find_run("pictures")


class TestEnvs:
    def test_lists_every_task_with_its_index(self) -> None:
        done = crl("envs")
        assert done.exit_code == 0, done.output
        for expected in ("door_open", "0 pull", "4 lever_plus", "cartpole_length", "9 length_1.3"):
            assert expected in done.output

    def test_long_sequences_are_shortened_until_one_is_named(self) -> None:
        shown = crl("envs").output
        assert "2 length_0.562" in shown and "50 length" not in shown and "(crl envs cartpole_100)" in shown
        done = crl("envs", "cartpole_100")
        assert done.exit_code == 0, done.output
        assert all(f" {index} length_" in done.output for index in range(100))
        assert "door_open" not in done.output

    def test_an_unknown_one_is_named(self) -> None:
        done = crl("envs", "dor_open")
        assert done.exit_code == 2
        assert "door_open" in done.stderr and "Traceback" not in done.stderr

    def test_a_narrow_terminal_shows_every_column(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cli.out, "_width", 44)
        assert "MuJoCo" in crl("envs", "cartpole_length").output


class TestConfig:
    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            (["tasks=[0,99]"], "has no task 99"),
            (["tasks=[0,1]", "steps=[1,2,3]"], "budget.steps has 3 entries for 2 tasks"),
        ],
    )
    def test_config_refuses_what_train_refuses(self, settings: list[str], expected: str) -> None:
        for command in ("config", "train"):
            done = crl(command, "env=door_open", *settings)
            assert done.exit_code != 0
            assert expected in done.output + str(done.exception or "")

    def test_prints_yaml_that_can_be_read_back(self, tmp_path: Path) -> None:
        from crl.config.asking.composing import compose, load_yaml

        done = crl("config", "env=door_open", "profile=full")
        (tmp_path / "config.yaml").write_text(done.stdout)
        assert load_yaml(tmp_path / "config.yaml") == compose(["env=door_open", "profile=full"])


class TestProgram:
    def test_version(self) -> None:
        assert crl("--version").stdout == f"crl {__version__}\n"

    def test_an_unknown_command_names_the_nearest(self) -> None:
        done = crl("trian")
        assert done.exit_code == 2
        assert "train" in done.stderr

    def test_help_of_every_command(self) -> None:
        for command in ("train", "resume", "eval", "replay", "envs", "config"):
            assert crl(command, "--help").exit_code == 0
            assert command in crl("--help").stdout

    def test_as_a_program_it_starts_without_the_heavy_libraries(self) -> None:
        code = (
            "import sys, crl.cli; sys.argv = ['crl', '--version']\n"
            "try: crl.cli.main()\n"
            "except SystemExit as end: print(end.code, {'torch', 'mujoco', 'hydra', 'gymnasium'} & set(sys.modules))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout == f"crl {__version__}\n0 set()\n"

    def test_as_a_program_it_exits_with_the_error_code(self) -> None:
        done = subprocess.run(
            [sys.executable, "-m", "crl.cli", "config", "seed=x"], capture_output=True, text=True, check=False
        )
        assert done.returncode == 2
        assert done.stderr.startswith("error: seed cannot be 'x'")
        assert "Traceback" not in done.stderr


def test_errors_show_message_and_hint() -> None:
    assert str(CrlError("what")) == "what"
    assert str(CrlError("what", "hint")) == "what\nhint"
    assert isinstance(SettingsError("x"), ValueError)


def test_a_sequence_in_the_current_folder_is_found(tmp_path: Path) -> None:
    """By the installed program, too, whose module search path does not begin with the current folder."""
    (tmp_path / "mine.py").write_text("import os\nprint('told to draw with', os.environ['MUJOCO_GL'])\n")
    code = "import sys; from crl.cli import main; sys.argv = ['crl', 'train', 'env=mine:TASKS']; main()"
    headless = {name: value for name, value in os.environ.items() if name not in ("MUJOCO_GL", "DISPLAY")}
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], cwd=tmp_path, env=headless, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "module 'mine' has no attribute 'TASKS'" in done.stderr
    # Before a user's module imports MuJoCo.
    assert "told to draw with" in done.stdout


def test_a_module_that_is_nowhere_says_where_it_is_looked_for(workplace: Path) -> None:
    done = crl("train", "env=nowhere_at_all:TASKS")
    assert done.exit_code == 2
    assert "start in the folder that holds nowhere_at_all" in done.stderr
