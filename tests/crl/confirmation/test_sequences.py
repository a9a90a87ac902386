"""Runs of a sequence are drawn by seed, the same for all strategies, and trained to the end as points of a sweep."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crl.cli import app
from crl.config.reserved import BLOCK, FIRST
from crl.confirmation import frozen, loading, sequences
from crl.confirmation.sequences import SequenceSuite, plan
from crl.errors import CrlError
from crl.reporting.confirmations.sequences import KEPT
from crl.sweeps.code_version import code_version
from crl.sweeps.folder import SweepFolder
from crl.sweeps.launchers.worker import work
from crl.sweeps.points.point import Point
from tests import tiny
from tests.crl.sweeps.small_sweep import StandIn

PLAIN: dict[str, Any] = {
    "claim": "it holds",
    "kind": "sequences",
    "env": "tests.tiny:SLIDES",
    "block": 3,
    "fits": 5,
    "order": "drawn",
    "methods": ["finetune", "snapshot"],
    "settings": [*tiny.SMALL, "learning.initial_steps=2", "budget.steps=[16]", "evaluation.episodes=1"],
    "criteria": [{"method": "snapshot", "quantity": "return", "relative_to": "finetune", "at_least": 0.5}],
}


def test_all_strategies_have_the_same_seeds_and_orders_and_no_two_seeds_are_alike() -> None:
    runs = plan(SequenceSuite.parse("s", PLAIN))
    assert [run.method for run in runs] == ["finetune", "snapshot"] * 5
    facts = [(run.config.seed, run.config.evaluation.seed, tuple(run.order)) for run in runs]
    assert facts[::2] == facts[1::2]
    assert all(FIRST + 3 * BLOCK <= seed < FIRST + 4 * BLOCK for fact in facts for seed in fact[:2])
    assert len({seed for fact in facts for seed in fact[:2]}) == 10
    assert all(sorted(order) == [0, 1, 2] for *_, order in facts)
    assert len({order for *_, order in facts}) > 1
    assert len({run.point.fingerprint for run in runs}) == 10


def test_the_sequences_own_order_is_kept_unless_orders_are_drawn() -> None:
    given = {key: value for key, value in PLAIN.items() if key != "order"}
    assert {tuple(run.order) for run in plan(SequenceSuite.parse("s", given))} == {(0, 1, 2)}
    with pytest.raises(CrlError, match="given, drawn"):
        SequenceSuite.parse("s", {**PLAIN, "order": "random"})
    with pytest.raises(CrlError, match="twice"):
        plan(SequenceSuite.parse("s", {**given, "settings": [*PLAIN["settings"], "env.tasks=[0,1,0]"]}))


def test_runs_are_trained_once_and_the_command_writes_their_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []

    def pool(path: Path, workers: int, any_code: bool) -> StandIn:
        def run(point: Point) -> None:
            started.append(point.name)
            if len(started) > 1:  # the very first worker does nothing
                work(SweepFolder(path), point.name, code_version())

        return StandIn(run)

    criteria = [{"method": "snapshot", "quantity": "kept_bytes", "at_least": 1}]
    suite = SequenceSuite.parse("s", {**PLAIN, "methods": ["snapshot"], "criteria": criteria})
    monkeypatch.setattr(sequences, "LocalPool", pool)
    monkeypatch.setattr(loading, "load_suite", lambda name: suite)
    monkeypatch.setattr(frozen, "commit", lambda: "1234567")
    folder, pages = tmp_path / "runs", tmp_path / "pages"
    command = ["confirm", "s", "--runs", str(folder), "--page", str(pages)]
    failed = CliRunner().invoke(app, command)
    assert failed.exit_code == 2
    assert "1 of 5 runs did not finish" in failed.output
    assert len(suite.read(folder)) == 4
    assert CliRunner().invoke(app, command).exit_code == 0
    assert started == [f"snapshot_{fit}" for fit in range(5)] + ["snapshot_0"]
    records = json.loads((pages / "confirm_s.json").read_text())["runs"]
    assert [record["fit"] for record in records] == [suite.seed(fit) for fit in range(5)]
    assert set(records[0]) == set(KEPT)
    assert all(record["kept_bytes"] > 0 for record in records)
    assert "| pass |" in (pages / "confirm_s.md").read_text()
