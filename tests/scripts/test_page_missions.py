"""Pages of missions say what follows from the results beside them, by today's rules."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "results").glob("missions_*.json"))


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_a_page_is_that_of_its_results(path: Path) -> None:
    script = runpy.run_path(str(ROOT / "scripts" / "page_missions.py"))
    made = script["page"](path.stem, json.loads(path.read_text(encoding="utf-8")))
    texts = [made, path.with_suffix(".md").read_text(encoding="utf-8")]
    new, kept = (re.sub(r"page: commit \S+", "page: commit", text) for text in texts)
    assert new == kept, f"scripts/page_missions.py {path.stem.removeprefix('missions_')} makes it anew"


def test_there_are_pages() -> None:
    assert len(PAGES) >= 5
