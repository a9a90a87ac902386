"""metrics.jsonl can be read as a table: a key has one type; and TensorBoard has one curve per task."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from crl.training.runner import train
from tests import tiny, tiny_missions


def kind_of(value: Any) -> str | None:
    """As JSON has it, with integers and floats as numbers and ``None`` as any type."""
    if value is None:
        return None
    return "number" if isinstance(value, (int, float)) and not isinstance(value, bool) else type(value).__name__


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two runs that write lines of all kinds."""
    root = tmp_path_factory.mktemp("runs")
    mastery = ("budget.mastery=true", "budget.mastery_successes=0", "budget.validation_episodes=2")
    more = (*mastery, "budget.validation_successes=1", "monitor.probes=2", "budget.steps=[96]")
    train(tiny.settings(root / "tasks", *more), tiny.quiet()[0])
    missions = ("refiner=none", "planner.samples=8", "missions.steps=30", "learning.final_steps=60")
    (root / "missions").mkdir()
    train(tiny_missions.settings(root / "missions", *missions), tiny.quiet()[0])
    return root / "tasks/run", root / "missions/run"


def test_a_key_has_one_type_in_all_lines(runs: tuple[Path, Path]) -> None:
    lines = [line for run in runs for line in tiny.lines(run)]
    kinds = {"episode", "learning", "validation", "evaluation", "visit", "change", "mission"}
    assert {line["kind"] for line in lines} == kinds
    types: dict[str, set[str]] = {}
    for line in lines:
        for key, value in line.items():
            types.setdefault(key, set()).update({kind_of(value)} - {None})  # type: ignore[arg-type]
    assert {key: found for key, found in types.items() if len(found) > 1} == {}
    assert types["task"] == {"str"}
    assert all(isinstance(line["loss"], float) for line in lines if line["kind"] == "learning")


def test_a_curve_is_of_one_task(runs: tuple[Path, Path]) -> None:
    for run, key, names in ((runs[0], "task", ("slide_0", "slide_1")), (runs[1], "mission", ("nominal", "gain_-1_1"))):
        events = EventAccumulator(str(run), size_guidance={"scalars": 0})
        events.Reload()
        tags = set(events.Tags()["scalars"])
        assert not {tag for tag in tags if tag.count("/") != 2}, "every line here is about a task or a mission"
        assert not {tag for tag in tags if tag.startswith("learning/task")}
        for name in names:
            kind, value = ("episode", "return") if key == "task" else ("mission", "reached")
            expected = [float(line[value]) for line in tiny.lines(run, kind) if line[key] == name]
            shown = [event.value for event in events.Scalars(f"{kind}/{value}/{name}")]
            assert expected == pytest.approx(shown)
        assert run == runs[1] or "learning/loss/slide_1" in tags
