"""What ``crl bench lifelong`` measures; how long anything takes is never asserted."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from crl.benchmarks import lifelong as measuring
from crl.benchmarks.lifelong import marks_up_to
from crl.benchmarks.linear_tasks import LINEAR
from crl.benchmarks.peak import CLEAR
from crl.checks import check_task_sequence
from crl.cli import app
from crl.sequences import load_sequence

SMALL = ("dynamics.hidden=[8,8]", "dynamics.hypernetwork.hidden=[4]", "planner.samples=12", "planner.horizon=2")


def test_marks_are_powers_of_ten_and_the_end() -> None:
    assert marks_up_to(1) == [1]
    assert marks_up_to(10) == [1, 2, 10]
    assert marks_up_to(250) == [1, 2, 10, 100, 250]
    assert marks_up_to(1000) == [1, 2, 10, 100, 1000]


def test_the_tasks_are_sound_and_differ() -> None:
    sequence = load_sequence("crl.benchmarks.linear_tasks:LINEAR")
    assert len(sequence) == len(LINEAR["tasks"])
    ends = []
    for index in (0, 1):
        env = sequence.make(index)
        env.reset(seed=3)
        ends.append(env.step(np.ones(2, np.float32))[0])
    assert not np.allclose(*ends)
    check_task_sequence(replace(sequence, tasks=sequence.tasks[:2]))


@pytest.mark.slow
def test_the_command_measures_every_mark(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measuring, "SETTINGS", (*measuring.SETTINGS, *SMALL))
    file, picture = tmp_path / "new" / "lifelong.json", tmp_path / "lifelong.png"
    words = ["bench", "lifelong", "--tasks", "11", "--protect", "2", "--evaluate", "3", "--steps", "1"]
    pytest.importorskip("matplotlib")
    done = CliRunner().invoke(app, [*words, "--json", str(file), "--plot", str(picture)])
    assert done.exit_code == 0, done.output
    found = json.loads(file.read_text())
    assert [mark["tasks"] for mark in found["marks"]] == [1, 2, 10, 11]
    assert [mark["evaluated"] for mark in found["marks"]] == [1, 2, 4, 4], "the drawn ones, and the one just learned"
    for mark in found["marks"]:
        assert set(mark["step_ms"]) == {"0", "2"} == set(mark["memory_beyond_mb"])
        assert min(mark["step_ms"].values()) > 0
        assert mark["checkpoint_mb"] > 0
        assert mark["evaluation_of_all_ms"] == pytest.approx(
            mark["evaluation_ms"] / mark["evaluated"] * mark["tasks"], abs=0.1
        )
        if CLEAR.exists():
            assert all(np.isfinite(value) for value in mark["memory_beyond_mb"].values())
    for kind, growth in found["growth"].items():
        steps = [mark["step_ms"][kind] for mark in found["marks"]]
        assert growth == pytest.approx(steps[-1] / steps[1], abs=0.01)
    assert found["growth"].keys() == {"0", "2"}
    assert picture.stat().st_size > 1000
    assert "protect=2: a step after 11 tasks" in done.output + done.stderr


def test_without_matplotlib_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    done = CliRunner().invoke(app, ["bench", "lifelong", "--plot", str(tmp_path / "a.png")])
    assert done.exit_code == 2
    assert "crl[viz]" in done.output + done.stderr
