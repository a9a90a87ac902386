"""Suites are read strictly, and every suite that ships can be drawn and its missions made."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from crl.cli import app
from crl.config.asking.composing import compose
from crl.config.reserved import BLOCK, BLOCKS, FIRST, block_seed, is_reserved
from crl.confirmation.loading import load_suite, parse_suite, suites
from crl.confirmation.missions import MissionSuite, plan
from crl.errors import CrlError, SettingsError
from crl.reporting.confirmations.missions import MISSIONS

PLAIN: dict[str, Any] = {
    "claim": "it holds",
    "env": "ugv_mission",
    "block": 3,
    "fits": 5,
    "methods": ["afm", "none"],
    "maps": {"waypoints": [4, 5]},
    "faults": [
        {"name": "gains", "class": "A", "count": 2, "fault": {"gain": [{"uniform": [-2, -1]}, 1]}},
        {"name": "nominal", "class": "C", "fault": {}},
    ],
    "criteria": [{"method": "afm", "quantity": "success", "at_least": 0.9}],
}


def test_every_mission_is_drawn_anew_and_all_methods_have_the_same_ones(tmp_path: Path) -> None:
    suite = MissionSuite.parse("one", PLAIN)
    planned = plan(suite, tmp_path)
    assert [len(trials) for trials in planned] == [2 * 3] * 5
    trials = [trial for fit in planned for trial in fit]
    missions = {(t.mission.name, str(t.mission.fault), t.waypoints, t.seed) for t in trials}
    assert len(missions) == 5 * 3
    for refiner in ("afm", "none"):
        own = [t for t in trials if t.method.refiner == refiner]
        assert {(t.mission.name, str(t.mission.fault), t.waypoints, t.seed) for t in own} == missions
    assert len({Path(t.waypoints or "").read_text() for t in trials}) == 5 * 3
    assert len({t.method.fit_seed for t in trials}) == 5
    seeds = {t.seed for t in trials} | {t.method.fit_seed or 0 for t in trials}
    assert all(FIRST + 3 * BLOCK <= seed < FIRST + 4 * BLOCK for seed in seeds)
    again = [trial for fit in plan(MissionSuite.parse("one", PLAIN), tmp_path) for trial in fit]
    assert again == trials


def test_suites_and_blocks_have_seeds_of_their_own() -> None:
    one, other = parse_suite("one", PLAIN), parse_suite("other", PLAIN)
    later = parse_suite("one", {**PLAIN, "block": 4})
    assert len({one.seed(0), other.seed(0), later.seed(0)}) == 3
    assert one.digest != later.digest


@pytest.mark.parametrize("name", suites())
def test_every_suite_that_ships_can_be_run(name: str) -> None:
    """The draws are checked: every map, fault and setting is made once."""
    suite = load_suite(name)
    small = replace(suite, fits=1, methods=suite.methods[:2])
    assert len(list(small.draws())) == small.planned / (len(small.methods) if small.kind is MISSIONS else 1)


def test_showing_what_is_drawn_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    lines = CliRunner().invoke(app, ["confirm", "unicycle_gains", "--dry-run"]).output.splitlines()
    assert lines[0].startswith("gains-0  class A  {'gain': [")
    assert "map (0, 0) (" in lines[0]
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"fits": 4}, "at least 5"),
        ({"block": 100}, "no block 100"),
        ({"block": -1}, "whole number"),
        ({"faults": []}, "no faults"),
        ({"faults": [PLAIN["faults"][0]] * 2}, "of one name"),
        ({"typo": 1}, "unknown keys"),
        ({"kind": "sequence"}, "sequences"),
        ({"maps": {"leg": [1, 2], "length": 3}}, "length"),
        ({"criteria": [{"method": "afm", "quantity": "sucess", "at_least": 1}]}, "success"),
        ({"criteria": [{"method": "afm", "quantity": "success"}]}, "one bound"),
        ({"criteria": [{"method": "inverse", "quantity": "success", "at_least": 1}]}, "the methods are afm, none"),
        ({"criteria": [{"method": "afm", "quantity": "success", "class": "E", "at_least": 1}]}, "class 'E'"),
    ],
)
def test_what_is_wrong_with_a_suite_is_named(change: dict[str, Any], named: str) -> None:
    with pytest.raises(CrlError, match=named):
        parse_suite("one", {**PLAIN, **change})


def test_an_unknown_suite_is_named_with_the_nearest() -> None:
    with pytest.raises(CrlError, match="unicycle_gains"):
        load_suite("unicycle_gain")


def test_no_run_of_ones_own_may_use_a_seed_of_a_confirmation() -> None:
    for text in (f"seed={FIRST}", f"seed={FIRST + BLOCKS * BLOCK - 1}", f"evaluation.seed={FIRST + 5}"):
        with pytest.raises(SettingsError, match="crl confirm"):
            compose(["env=cartpole_length", text])
    assert compose(["env=cartpole_length", f"seed={FIRST - 1}"]).seed == FIRST - 1
    assert is_reserved(block_seed(0, 0))
    assert not is_reserved(FIRST + BLOCKS * BLOCK)
