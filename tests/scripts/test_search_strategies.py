"""Rows of pages that runs are collected for: new ones replace those of the same seed, others stay."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.scripts_by_path import load_script


def test_rows_whose_runs_are_gone_stay() -> None:
    script = load_script("scripts/search_strategies.py")
    before = {"hypercrl": [{"seed": 0, "commit": "old"}, {"seed": 3, "commit": "old"}]}
    new = {"snapshot": [{"seed": 0, "commit": "new"}], "hypercrl": [{"seed": 3, "commit": "new"}], "pnn": []}
    merged = script.merged(["snapshot", "hypercrl", "pnn"], before, new)
    assert list(merged) == ["snapshot", "hypercrl"]
    assert merged["hypercrl"] == [{"seed": 0, "commit": "old"}, {"seed": 3, "commit": "new"}]


def test_collecting_from_an_empty_folder_loses_nothing(tmp_path: Path) -> None:
    script = load_script("scripts/search_strategies.py")
    row = {"setting": "continual.x", "defaults": [{"seed": 100}], "ten": [{"seed": 541}], "runs": [{"seed": 0}]}
    kept = {"mas": {**row, "search": [{"value": 0.1, "return": 50.0}, {"value": 1.0, "return": 70.0}]}}
    out = tmp_path / "strategies.json"
    out.write_text(json.dumps({"methods": kept}))
    script.collect(tmp_path / "runs", out)
    found = json.loads(out.read_text())["methods"]
    setting = script.STRENGTHS["mas"][0]
    assert found == {"mas": {**kept["mas"], "setting": setting}}
    assert script.strength(tmp_path / "runs", out, "mas") == [f"{setting}=1"]
    assert script.strength(tmp_path / "runs", out, "single") == []
    with pytest.raises(LookupError, match="agem: no run of the search is finished"):
        script.strength(tmp_path / "runs", out, "agem")


def test_ten_lengths_have_the_budget_of_the_search() -> None:
    script = load_script("scripts/search_strategies.py")
    search, ten = ({item.split("=")[0]: item.split("=", 1)[1] for item in each} for each in (script.SEARCH, script.TEN))
    assert {key for key in search if search[key] != ten[key]} == {"tasks", "evaluation.episodes"}
    assert ten["tasks"] == "[0,1,2,3,4,5,6,7,8,9]"
