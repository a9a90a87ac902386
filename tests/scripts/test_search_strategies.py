"""Rows of pages that runs are collected for: new ones replace those of the same seed, others stay."""

from __future__ import annotations

from tests.scripts_by_path import load_script


def test_rows_whose_runs_are_gone_stay() -> None:
    script = load_script("scripts/search_strategies.py")
    before = {"hypercrl": [{"seed": 0, "commit": "old"}, {"seed": 3, "commit": "old"}]}
    new = {"snapshot": [{"seed": 0, "commit": "new"}], "hypercrl": [{"seed": 3, "commit": "new"}], "pnn": []}
    merged = script.merged(["snapshot", "hypercrl", "pnn"], before, new)
    assert list(merged) == ["snapshot", "hypercrl"]
    assert merged["hypercrl"] == [{"seed": 0, "commit": "old"}, {"seed": 3, "commit": "new"}]
