"""The page that compares all strategies: its numbers, and what it says of lacking runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from crl.config.declared.compositions import compositions
from crl.reporting.measures import comparable, scale
from crl.reporting.pages.strategies.page import kept, kind_of, search_table, strategies_page, table
from crl.reporting.tables.markdown import markdown

RESULTS = Path(__file__).resolve().parents[5] / "docs" / "results"


def test_scores_and_forgetting_are_those_of_the_page_of_ten_lengths() -> None:
    recorded = json.loads((RESULTS / "cartpole_length.json").read_text())
    zero = json.loads((RESULTS / "zeros.json").read_text())["cartpole_length"]
    groups, _ = comparable({name: kept(recorded[name]) for name in ("ewc", "hypercrl", "single")})
    rows = markdown(table(groups, scale(groups, zero, groups["single"]), []))
    page = (RESULTS / "cartpole_length.md").read_text().splitlines()
    for name, runs in groups.items():
        (ours,) = (row.split(" | ") for row in rows if f"`{name}`" in row)
        theirs = next(line.split(" | ") for line in page if line.startswith(f"| {name} | {len(runs)} |"))
        assert ours[3] == theirs[2] and ours[4] == theirs[4], name
        over_all = next(line.split(" | ") for line in page if line.startswith(f"| {name} |") and "%" in line)[6]
        assert ours[5] == over_all.removeprefix("| "), name


def test_episodes_that_were_kept_give_speed_and_transfer() -> None:
    def run(name: str, returns: list[float]) -> dict[str, object]:
        episodes = [["a", 10, value, False] for value in returns]
        matrix = [[returns[-1]]]
        return {
            "run": name,
            "strategy": name,
            "seed": 0,
            "tasks": [],
            "visits": [{"task": "a"}],
            "matrix": [[0.0]],
            "matrix_return": matrix,
            "matrix_tasks": ["a"],
            "evaluation": {},
            "gradient_steps": 5,
            "cpu_seconds": 2.5,
            "memory": {},
            "episodes": episodes,
        }

    groups = {"single": kept([run("single", [0.0, 5.0, 10.0])]), "ewc": kept([run("ewc", [5.0, 10.0, 10.0])])}
    rows = markdown(table(groups, scale(groups, {"a": 0.0}, groups["single"]), groups["single"]))
    cells = next(row for row in rows if "`ewc`" in row).split(" | ")
    # Areas 2.5 / 3 and 1.5 / 3: (2.5 - 1.5) / (3 - 1.5) is what there was to gain.
    assert cells[6] == f"{1 / 1.5:.3f}"


def test_every_strategy_has_a_kind() -> None:
    kinds = {name: kind_of(name) for name in compositions()}
    assert kinds["hypercrl"] == "generators"
    assert kinds["ewc"] == "penalties"
    assert kinds["zscl"] == "memories + averages"
    assert kind_of("sb3_sac") == "without a model"


def test_the_chosen_value_is_marked_and_a_lack_of_runs_is_said(tmp_path: Path) -> None:
    search = [{"value": 0.1, "return": 50.0}, {"value": 1.0, "return": 70.0}]
    found = {"setting": "continual.x", "search": search, "runs": [], "defaults": []}
    assert search_table({"mas": found}).rows == (("mas", "continual.x", "0.1: 50, 1: 70", 1.0),)
    for name in ("cartpole_length.json", "zeros.json"):
        shutil.copy(RESULTS / name, tmp_path)
    about = {"search_settings": ["a=1"], "development_seed": 100, "methods": {"mas": found}}
    (tmp_path / "strategies.json").write_text(json.dumps(about))
    (tmp_path / "remarks.md").write_text("- few seeds\n")
    text = strategies_page(tmp_path, remarks=tmp_path / "remarks.md").read_text()
    ten, four = (
        next(line for line in text.splitlines() if start in line) for start in ("No run on ten", "Of these, no")
    )
    assert "`mas`" in ten and "`mas`" in four and "`adaptors`" in ten and "`ewc`" not in ten
    assert "- few seeds" in text
    assert "## Four lengths" not in text


@pytest.mark.parametrize("name", ["strategies.json", "strategies.md"])
def test_the_page_is_in_the_documentation(name: str) -> None:
    assert (RESULTS / name).is_file()
