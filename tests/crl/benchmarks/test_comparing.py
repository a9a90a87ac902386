"""What is measured of bfloat16 and of a rival; how long anything takes is never asserted."""

from __future__ import annotations

import sys

import pytest

from crl.benchmarks import precision, rivals
from crl.benchmarks.planning import PATHS, Size

TINY = (Size("tiny", 4, 2, (6, 5), linear=2, actions=1),)


def test_bfloat16_is_measured_on_both_paths_and_deviates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(precision, "SIZES", TINY)
    (row,) = precision.measure_precisions(1)
    assert row["ms"].keys() == row["ratio"].keys() == set(PATHS)
    for path in PATHS:
        wanted = row["ms"][path]["float32"] / row["ms"][path]["bfloat16"]
        assert row["ratio"][path] == pytest.approx(wanted, abs=0.01)
    assert 1e-6 < row["deviation"] < 1e-2


def test_a_rival_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pytorch_mppi", None)
    assert "pip install pytorch-mppi==" in rivals.measure_rival()["missing"]


def test_a_rival_plans_with_our_network(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pytorch_mppi")
    monkeypatch.setattr(rivals, "SIZES", TINY)
    (row,) = rivals.measure_rival(1)["rows"]
    assert row["ms"].keys() == {f"{name} {path}" for name in ("mppi", "icem") for path in PATHS}
    for name, taken in row["ms"].items():
        assert row["ratio"][name] == pytest.approx(row["theirs_ms"] / taken, abs=0.01)
