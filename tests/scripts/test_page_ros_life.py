"""The page of a life over ROS 2 is made of its JSON file, and says what is in it."""

from __future__ import annotations

import json
from pathlib import Path

from tests.scripts_by_path import load_script

ROOT = Path(__file__).resolve().parents[2]


def test_the_page_is_what_the_file_says() -> None:
    script = load_script("scripts/page_ros_life.py")
    found = json.loads((ROOT / "docs/results/ros_life.json").read_text(encoding="utf-8"))
    page = script.page(found)
    assert page == (ROOT / "docs/results/ros_life.md").read_text(encoding="utf-8")
    worse = {**found, "recalled": 4, "unsafe": 3}
    assert "round: 4 of 6 regimes" in script.page(worse)
    assert "Unsafe commands: 3 of" in script.page(worse)
