"""The reach monitor as a callback of the loop: what is written, that nothing else changes, and that it resumes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from crl.training.clock import Clock
from crl.training.playing.probes import collect_probes
from crl.training.runs.results import collect_results
from tests import tiny
from tests.crl.states import differences

WATCHED = ("monitor.probes=2", "monitor.window=32", "budget.steps=[96]")


def test_changes_are_logged_and_the_verdict_is_in_the_results(tmp_path: Path) -> None:
    config = tiny.settings(tmp_path, *WATCHED)
    loop = tiny.finish(tiny.make_loop(config, tmp_path / "run"))
    results = collect_results(config, loop, Clock(), "run")
    changes = tiny.lines(tmp_path / "run", "change")
    assert len(changes) >= 4
    assert all(0 <= change["distance"] <= 2 and change["moved"] for change in changes)
    reach = results["reach"]
    assert reach["kind"] in ("not settled", "settling")
    assert reach["horizon"] == results["env_steps"] - tiny.EPISODE_STEPS, "from the end of the random episode on"
    assert (reach["window"], reach["tolerance"]) == (32, 1e-3)
    finite = [change for change in reach["changes"] if math.isfinite(change["distance"])]
    assert [change["distance"] for change in finite] == [change["distance"] for change in changes]


def test_an_agent_that_does_not_learn_is_reported_as_settled(tmp_path: Path) -> None:
    config = tiny.settings(
        tmp_path, *WATCHED, "learning.initial_steps=0", "learning.steps_per_env_step=0", "learning.final_steps=0",
        tasks="[0]",
    )  # fmt: skip
    loop = tiny.finish(tiny.make_loop(config, tmp_path / "run"))
    reach = collect_results(config, loop, Clock(), "run")["reach"]
    assert reach["kind"] == "settled"
    assert reach["frozen_share"] == 1.0


def test_without_probes_nothing_is_watched(tmp_path: Path) -> None:
    config = tiny.settings(tmp_path)
    loop = tiny.finish(tiny.make_loop(config, tmp_path / "run"))
    assert collect_results(config, loop, Clock(), "run")["reach"] is None
    assert not tiny.lines(tmp_path / "run", "change")


def test_a_watched_run_learns_the_same(tmp_path: Path) -> None:
    watched, alone = (
        tiny.finish(tiny.make_loop(tiny.settings(tmp_path, "budget.steps=[96]", probes), tmp_path / probes))
        for probes in ("monitor.probes=3", "monitor.probes=0")
    )
    assert not differences(watched.agent.state_dict(), alone.agent.state_dict())
    assert watched.state.rows == alone.state.rows


@pytest.mark.parametrize("units", [1, 3, 6, 8])
def test_a_resumed_watch_ends_like_one_that_went_through(tmp_path: Path, units: int) -> None:
    config = tiny.settings(tmp_path, *WATCHED)
    whole = tiny.make_loop(config, tmp_path / "whole")
    for _ in range(units):
        whole.unit()
    state = whole.state_dict()
    resumed = tiny.make_loop(config, tmp_path / "whole")
    resumed.load_state_dict(state)
    for loop in (whole, resumed):
        tiny.finish(loop)
    assert not differences(resumed.monitor.state_dict(), whole.monitor.state_dict())
    assert resumed.monitor.verdict() == whole.monitor.verdict()


def test_probes_follow_from_seed_and_task(tmp_path: Path) -> None:
    config = tiny.settings(tmp_path, "monitor.probes=5")
    loop = tiny.make_loop(config, tmp_path / "run")
    task, other = loop.sequence.spec(0), loop.sequence.spec(1)
    first = collect_probes(loop.sequence.make(0), task, config)
    assert first.shape == (5, task.observation.size)
    np.testing.assert_array_equal(collect_probes(loop.sequence.make(0), task, config), first)
    assert not np.array_equal(collect_probes(loop.sequence.make(1), other, config), first)
    assert len({row.tobytes() for row in first}) > 1
