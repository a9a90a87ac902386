"""Vehicles learn with retention strategies: faults are tasks, and missions say which learned task is in force."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from crl.training.runner import train
from tests import tiny, tiny_missions


def mission(folder: Path, *overrides: str) -> dict[str, Any]:
    """The record of the mission with the sign flip, without any correction or learning on the way."""
    settings = tiny_missions.settings(
        folder, "refiner=frozen", "missions.steps=220", *overrides, env="tests.tiny_missions:LABELLED"
    )
    results = train(settings, tiny.quiet()[0])
    [record] = [found for found in results["missions"] if found["mission"] == "gain_-1_1"]
    return dict(record)


@pytest.mark.parametrize("strategy", [pytest.param("snapshot", marks=pytest.mark.slow), "hypercrl"])
def test_who_has_learned_a_fault_is_told_of_it_and_keeps_to_the_mission(strategy: str, tmp_path: Path) -> None:
    record = mission(tmp_path, f"continual={strategy}", "tasks=[0,1]")
    assert record["completed"], record


def test_who_has_not_is_lost(tmp_path: Path) -> None:
    assert not mission(tmp_path, "tasks=[0]")["completed"]


@pytest.mark.slow
def test_who_forgets_the_nominal_body_is_lost_before_the_fault(tmp_path: Path) -> None:
    """Fine-tuning ends with the model of the fault, whatever it is told."""
    record = mission(tmp_path, "continual=finetune", "tasks=[0,1]")
    assert not record["completed"]
    assert record["fault_came"] is None, record
