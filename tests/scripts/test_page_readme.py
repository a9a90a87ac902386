"""Every figure of the README's tables is what the JSON of its page says."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType

import pytest

from tests.scripts_by_path import load_script

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def page() -> ModuleType:
    return load_script("scripts/page_readme.py")


def test_the_readme_says_what_the_results_say(page: ModuleType) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"<!-- figures: (\w+) -->", text)) == set(page.PARTS)
    assert page.renewed(text) == text, "run scripts/page_readme.py"


def test_a_figure_that_was_changed_by_hand_is_noticed(page: ModuleType) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    changed = text.replace("of the episodes succeed", "of the episodes do not fail", 1)
    assert changed != text
    assert page.renewed(changed) == text


def test_tables_outside_the_marks_hold_no_figure_of_a_result(page: ModuleType) -> None:
    """A row that links to a page of results is made by the script, or nobody checks it."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    outside = re.sub(r"<!-- figures: \w+ -->.*?<!-- end -->", "", text, flags=re.DOTALL)
    rows = [line for line in outside.splitlines() if line.startswith("|") and "docs/results/" in line]
    assert not [row for row in rows if re.search(r"\d+ (%|of \d)", row)]


def test_zeros_are_of_all_tasks_that_scores_are_of(page: ModuleType) -> None:
    """With them scores can be made again from the JSON alone."""
    kept = json.loads((ROOT / "docs" / "results" / "zeros.json").read_text(encoding="utf-8"))
    for sequence, zeros in kept.items():
        assert set(zeros) == {task["name"] for task in page.read(sequence)["single"][0]["tasks"]}
