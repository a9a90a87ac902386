"""Rows of a hundred lengths: new ones replace those of the same seed, others stay."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.scripts_by_path import ROOT, load_script


def test_rows_whose_runs_are_gone_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [str(Path(ROOT) / "scripts"), *sys.path])
    script = load_script("scripts/measure_long.py")
    before = {"hypercrl": [{"seed": 0, "commit": "old"}, {"seed": 3, "commit": "old"}]}
    new = {"snapshot": [{"seed": 0, "commit": "new"}], "hypercrl": [{"seed": 3, "commit": "new"}], "pnn": []}
    merged = script.merged(before, new)
    assert list(merged) == ["snapshot", "hypercrl"]
    assert merged["hypercrl"] == [{"seed": 0, "commit": "old"}, {"seed": 3, "commit": "new"}]
