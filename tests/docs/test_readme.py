"""The README: every block runs, or is looked at in another way and says here why.

Lines of ``crl`` run with small settings, in their order, in one folder.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import crl
from tests import tiny, tiny_missions
from tests.docs.pages import SHELL, Reader, blocks, check_taken, shell_lines

NOT_TYPED = {
    "make train": "installs into .venv and trains for minutes; what it runs is looked at by make -n, and is tutorial 1",
    "make test": "is what runs this test",
    "crl deploy": "is of a run of missions, which trains for minutes; tests/crl/deployment exports small ones",
    "pip install": "scripts/check_release.sh installs into an empty environment; here pip only resolves it",
}
"""Beginnings of lines that are not typed here, and why."""
MINIMAL = {
    "cartpole_length": ("budget.steps=[400]",),
    "door_open": ("budget.steps=[240]", "budget.mastery=false"),
    "pusher": ("budget.steps=[200]",),
    "ugv_mission": (*tiny_missions.SMALL, "missions.steps=40", "planner.samples=8"),
}


def small(words: list[str]) -> list[str]:
    """Further arguments for a command, so that it takes seconds."""
    env = next((word.partition("=")[2] for word in words if word.startswith("env=")), "")
    if words[1] == "train":
        return tiny.read_with([*tiny.SMALL, *MINIMAL[env]], *(word for word in words if "=" in word))
    if words[1] == "eval-missions":
        return [*MINIMAL[env], "gains=[[-1,2]]", "seeds=1", "workers=1"]
    if words[1] == "sweep":
        return [*tiny.SMALL, *MINIMAL[env], "tasks=[0]"]
    return ["--episodes", "1"] if words[1] == "eval" else []


def readme(repository: Path) -> Path:
    return repository / "README.md"


def test_every_line_is_taken(repository: Path) -> None:
    lines = [line for block in blocks(readme(repository)) if block.language in SHELL for line in shell_lines(block)]
    typed = [line for line in lines if line.words[0] == "crl"]
    assert len(typed) >= 15
    for line in typed:
        check_taken(line, "README.md")
    for line in lines:
        assert line in typed or line.typed.startswith(tuple(NOT_TYPED)), f"nobody looks at {line.typed!r}"


def test_make_knows_its_targets(repository: Path) -> None:
    done = subprocess.run(["make", "-n", "train", "test"], cwd=repository, capture_output=True, text=True, check=True)
    assert "crl train env=door_open" in done.stdout
    assert "pytest" in done.stdout


def test_pip_takes_the_folder(repository: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--dry-run", "--no-deps"]
    command += ["--no-build-isolation", "--quiet", "-c", "constraints.txt", "."]
    subprocess.run(command, cwd=repository, capture_output=True, text=True, check=True)


def test_the_layout_is_the_one_of_the_repository(repository: Path) -> None:
    [block] = [block for block in blocks(readme(repository)) if not block.language]
    named = [line.split()[0] for line in block.text.splitlines()]
    assert len(named) >= 5
    for folder in named:
        assert (repository / folder).is_dir(), folder


def test_no_block_is_of_another_kind(repository: Path) -> None:
    assert {block.language for block in blocks(readme(repository))} <= {"sh", "python", ""}


def test_the_python_runs(repository: Path, workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a run of a few seconds in place of a whole one."""
    brief = {"planner.samples": 32, "learning.final_steps": 10, "evaluation.episodes": 1, "videos": False}
    train = crl.train
    monkeypatch.setattr(
        crl, "train", lambda env, **given: train(env, tasks=[0, 1], steps=200, settings=brief, **given), raising=False
    )
    [block] = [block for block in blocks(readme(repository)) if block.language == "python"]
    exec(compile(block.text, "README.md", "exec"), {"__name__": "readme"})
    assert len(list((workplace / "runs").glob("*/results.json"))) >= 1


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_line_runs(repository: Path, workplace: Path) -> None:
    def another_run() -> None:
        shutil.copytree((workplace / "runs/latest").resolve(), workplace / "runs/other")

    reader = Reader(small, excused=NOT_TYPED, before={"crl replay latest other": another_run})
    for block in blocks(readme(repository)):
        if block.language in SHELL:
            reader.run(block, "README.md")
    assert "cartpole_length" in reader.output["crl envs"]
    assert (workplace / "report.html").stat().st_size > 10_000
    assert len(list((workplace / "runs").glob("*/results.json"))) >= 7
    [sweep] = (workplace / "sweeps").iterdir()
    assert len({file.resolve() for file in sweep.glob("runs/*/results.json")}) == 9  # beside a link to the newest
    assert (workplace / "missions/ugv_mission/table.md").is_file()
