"""Completion as shells ask for it: words in variables, candidates on standard output."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from crl.cli import app
from crl.commands.completing import complete_run
from crl.config.asking.composing import names, profiles


def offered(*words: str) -> list[str]:
    """What bash offers for the last of the words, which it has split at every ``=``."""
    variables = {"COMP_WORDS": "\n".join(words), "COMP_CWORD": str(len(words) - 1), "_CRL_COMPLETE": "complete_bash"}
    done = CliRunner().invoke(app, [], prog_name="crl", env=variables)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.stdout.split()


class TestInBash:
    def test_the_values_of_groups(self) -> None:
        assert offered("crl", "train", "env", "=") == names("env")
        assert offered("crl", "train", "env", "=", "door") == ["door_open"]
        assert offered("crl", "train", "seed", "=", "1", "planner", "=") == names("planner")
        assert offered("crl", "config", "profile", "=") == profiles()
        assert set(offered("crl", "train", "continual", "=", "hyper")) == {
            name for name in names("continual") if name.startswith("hyper")
        }

    def test_settings_and_choices(self) -> None:
        assert "env=" in offered("crl", "train", "")
        assert offered("crl", "train", "planner.sam") == ["planner.samples=64"]
        assert offered("crl", "train", "dynamics.los") == ["dynamics.loss=mse", "dynamics.loss=smooth_l1"]
        assert offered("crl", "train", "videos", "=") == ["true", "false"]
        assert offered("crl", "train", "nothing.like.it") == []

    def test_commands_and_options(self) -> None:
        assert {"replay", "resume"} <= set(offered("crl", "re"))
        assert "--no-overlay" in offered("crl", "replay", "latest", "--no")

    def test_runs_newest_first(self, workplace: Path) -> None:
        assert complete_run("") == []
        for age, name in ((100, "older"), (0, "newer")):
            folder = workplace / "runs" / name
            folder.mkdir(parents=True)
            (folder / "config.yaml").touch()
            os.utime(folder, (1e9 - age, 1e9 - age))
        (workplace / "runs" / "no_run").mkdir()
        assert offered("crl", "eval", "") == ["latest", "newer", "older"]
        assert offered("crl", "replay", "newer", "ol") == ["older"]
        assert offered("crl", "cite", "x") == []


def test_other_shells_replace_the_whole_word() -> None:
    done = CliRunner().invoke(
        app, [], prog_name="crl", env={"_CRL_COMPLETE": "complete_zsh", "_TYPER_COMPLETE_ARGS": "crl train env=door"}
    )
    assert '"env=door_open"' in done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_itself(tmp_path: Path) -> None:
    """The function that `crl --install-completion` installs, called by bash with a program crl in its path."""
    program = tmp_path / "crl"
    program.write_text(f"#!{sys.executable}\nfrom crl.cli import main\nmain()\n")
    program.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    source = {**os.environ, "PATH": path, "_CRL_COMPLETE": "source_bash"}
    script = subprocess.run([str(program)], env=source, capture_output=True, text=True, check=False).stdout
    assert "COMPREPLY" in script
    asked = 'COMP_WORDS=(crl train env = door); COMP_CWORD=4; _crl_completion crl; printf "%s\\n" "${COMPREPLY[@]}"'
    done = subprocess.run(
        ["bash", "--norc", "-c", f"{script}\n{asked}"],
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "door_open\n"


def test_completion_does_not_load_what_learns() -> None:
    code = (
        "import sys\nfrom crl.cli import app\n"
        "try: app(prog_name='crl')\n"
        "except SystemExit: print({'torch', 'mujoco', 'gymnasium'} & set(sys.modules))"
    )
    variables = {"COMP_WORDS": "crl\ntrain\nenv\n=\ndoor", "COMP_CWORD": "4", "_CRL_COMPLETE": "complete_bash"}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **variables}, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["door_open", "set()"]


def test_the_program_installs_it() -> None:
    assert "--install-completion" in CliRunner().invoke(app, ["--help"]).stdout
