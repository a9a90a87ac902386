"""Notebooks: they are well formed, hold no outputs, and their cells run from top to bottom."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

FOLDER = Path(__file__).parents[2] / "docs" / "notebooks"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


def cells(name: str) -> list[dict[str, Any]]:
    read: dict[str, Any] = json.loads((FOLDER / f"{name}.ipynb").read_text(encoding="utf-8"))
    assert (read["nbformat"], read["nbformat_minor"]) == (4, 5)
    found: list[dict[str, Any]] = read["cells"]
    return found


def test_there_are_three() -> None:
    assert NAMES == ["adapt_a_vehicle", "bring_your_own", "learn_and_keep"]


@pytest.mark.parametrize("name", NAMES)
def test_a_notebook_is_well_formed(name: str) -> None:
    found = cells(name)
    assert len({cell["id"] for cell in found}) == len(found)
    assert found[0]["cell_type"] == "markdown"
    for cell in found:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [] and cell["execution_count"] is None, "clear the outputs before you commit"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.slow] if name == "bring_your_own" else []) for name in NAMES]
)
def test_the_cells_of_a_notebook_run(name: str, workplace: Path) -> None:
    names: dict[str, Any] = {"__name__": "notebook"}
    for cell in cells(name):
        if cell["cell_type"] == "code":
            exec(compile("".join(cell["source"]), f"{name}.ipynb", "exec"), names)
