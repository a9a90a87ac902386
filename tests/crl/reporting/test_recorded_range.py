"""A run is compared with the recorded range of its settings, and of no others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from crl.config.asking.composing import compose
from crl.reporting import recorded_range
from crl.reporting.recorded_range import compared, sentences

RANGE = {
    "seeds": [201, 202, 203],
    "episodes": 4,
    "least": 2,
    "opened": {"pull": [3, 4], "lever": [2, 4]},
    "success": [0.8333, 1.0],
    "env_steps": [5100, 6800],
}


def results(pull: int, lever: int, steps: int = 6000) -> dict[str, Any]:
    def successes(count: int) -> list[bool]:
        return [True] * count + [False] * (4 - count)

    tasks = [{"name": "pull", "successes": successes(pull)}, {"name": "lever", "successes": successes(lever)}]
    return {"tasks": tasks, "env_steps": steps}


def test_every_score_is_shown_with_its_range() -> None:
    assert sentences(results(4, 3), RANGE) == [
        "beside 3 recorded seeds, successes of 4: pull 4 (3 to 4), lever 3 (2 to 4), mean 88% (83% to 100%), "
        "environment steps 6,000 (5,100 to 6,800)",
        "no score is below that range",
    ]


def test_what_lies_below_is_named() -> None:
    expected = "below that range, but not below the 2 that are expected: "
    assert sentences(results(2, 4), RANGE)[1] == f"{expected}pull, the mean"
    assert sentences(results(3, 2), RANGE)[1] == f"{expected}the mean"
    assert sentences(results(2, 1), RANGE)[1].startswith("below that range, and below the 2 that are expected: lever. ")
    assert sentences(results(3, 2), {**RANGE, "success": [0.625, 1]})[1] == "no score is below that range"


class TestWhichRuns:
    @pytest.fixture(autouse=True)
    def shipped(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "recorded").mkdir()
        (tmp_path / "recorded" / "door_open_quick.json").write_text(json.dumps(RANGE), encoding="utf-8")
        monkeypatch.setattr(recorded_range, "config_dir", lambda: tmp_path)

    @pytest.mark.parametrize("settings", [[], ["seed=7", "videos=false", "name=mine", "checkpoint.seconds=1"]])
    def test_seed_and_what_has_no_effect_may_differ(self, settings: list[str]) -> None:
        assert len(compared(results(4, 4), compose(["env=door_open", *settings]))) == 2

    @pytest.mark.parametrize(
        "settings",
        [
            ["env=door_open", "planner.samples=64"],
            ["env=door_open", "continual=finetune"],
            ["env=door_open", "profile=full"],
            ["env=cartpole_length"],
        ],
    )
    def test_other_settings_are_compared_with_nothing(self, settings: list[str]) -> None:
        assert compared(results(4, 4), compose(settings)) == []
