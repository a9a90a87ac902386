from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from crl.cli import app
from crl.errors import EGL_PACKAGES, RenderingError
from crl.reporting.replay import filming as replay
from crl.reporting.replay.filming import Replayed


def crl(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["replay", *arguments])


@pytest.fixture
def runs(workplace: Path) -> Path:
    """Two runs' folders, with the link ``latest``."""
    for name in ("first", "second"):
        folder = workplace / "runs" / name
        folder.mkdir(parents=True)
        (folder / "config.yaml").write_text("seed: 0\n")
    (workplace / "runs" / "latest").symlink_to("first")
    return workplace / "runs"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What films were asked for; none is made."""
    calls: list[Any] = []

    def film(folders: list[Path], task: int, episode: int, out: Path | None, *, overlay: bool, told: Any) -> Replayed:
        calls.append(([folder.name for folder in folders], task, episode, out, overlay))
        return Replayed(out or Path("some.mp4"), ["no pictures here"])

    monkeypatch.setattr(replay, "film", film)
    return calls


def test_one_run(runs: Path, asked: list[Any]) -> None:
    done = crl("latest", "--task", "2", "--out", "other.mp4")
    assert done.exit_code == 0, done.output
    assert asked == [(["first"], 2, 0, Path("other.mp4"), True)]
    assert done.stdout == "other.mp4\n"
    assert "note: no pictures here" in done.stderr


def test_two_runs_without_overlay(runs: Path, asked: list[Any]) -> None:
    done = crl("first", "second", "--task", "0", "--episode", "3", "--no-overlay")
    assert done.exit_code == 0, done.output
    assert asked == [(["first", "second"], 0, 3, None, False)]


def test_a_second_run_that_is_none(runs: Path, asked: list[Any]) -> None:
    done = crl("first", "third", "--task", "0")
    assert done.exit_code == 2
    assert "third" in done.stderr
    assert asked == []


def test_missing_egl_names_the_packages(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def film(*args: Any, **options: Any) -> Replayed:
        raise RenderingError("no picture can be rendered: no EGL device")

    monkeypatch.setattr(replay, "film", film)
    done = crl("latest", "--task", "0", "--no-overlay")
    assert done.exit_code == 2
    assert done.stderr.startswith("error: no picture can be rendered: no EGL device\n")
    assert " ".join(EGL_PACKAGES) in done.stderr


def test_it_needs_a_task(runs: Path) -> None:
    done = crl("latest")
    assert done.exit_code == 2
    assert "--task" in done.stderr


@pytest.mark.parametrize("more", [["second"], ["--out", "x.mp4"], ["--rerun", "x.rrd"]])
def test_live_writes_nothing(runs: Path, more: list[str]) -> None:
    done = crl("first", *more, "--task", "0", "--live")
    assert done.exit_code == 2
    assert "--live shows one run and writes nothing" in done.stderr
