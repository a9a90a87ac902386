"""The page of presets: what a line says, and that it is the page of its data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from crl.reporting.pages.presets_page import ENVIRONMENTS, line, page

RESULTS = Path("docs/results/presets.json")


def row(preset: str, *returns: float, task: int = 0, **more: Any) -> dict[str, Any]:
    about = {"preset": preset, "task": task, "name": f"task {task}", "returns": list(returns), "random": -9.0}
    return {**about, "idle": -8.0, "seed": 500, "commit": "abc", "env_steps": 100, "cpu_seconds": 90.0, **more}


def test_a_line_stands_beside_chance_and_the_reference() -> None:
    found = line(row("pendulum", -100.0, -300.0, reward_error=0.1))
    assert found == ("Pendulum-v1", "-", 500, 100, 2, -9.0, -8.0, -200.0, -300.0, -157.0, 0.1, 1.5, "abc")


def test_what_was_not_measured_is_named_task_by_task() -> None:
    text = page([row("reacher", -4.0), row("pendulum", -150.0), row("inverted_pendulum", 1000.0, task=2)])
    [missing] = [each for each in text.splitlines() if each.startswith("Not measured")]
    assert "Hopper-v5" in missing
    assert "Reacher-v5" not in missing
    assert "InvertedPendulum-v5 (task 1)" in missing
    assert "InvertedPendulum-v5 (task 2)" not in missing
    assert text.index("| `Pendulum-v1` |") < text.index("| `Reacher-v5` |")


def test_every_preset_is_on_the_page(repository: Path) -> None:
    presets = {path.stem for path in (repository / "configs" / "recipes").glob("*.yaml")}
    assert presets == set(ENVIRONMENTS)


def test_the_page_is_that_of_its_data_and_the_data_of_the_presets(repository: Path) -> None:
    rows = json.loads((repository / RESULTS).read_text())
    remarks = (repository / "scripts" / "remarks" / "presets.md").read_text()
    assert (repository / RESULTS).with_suffix(".md").read_text() == page(rows, remarks)
    for one in rows:
        preset = repository / "configs" / "recipes" / f"{one['preset']}.yaml"
        assert one["settings"] == yaml.safe_load(preset.read_text()), one["preset"]
