"""Planner settings that keep a rate: what is tried, what is chosen, and that no time decides a test."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from crl.benchmarks.tuning import FEWEST, Choice, best_of, tried, tune
from crl.config import PlannerConfig
from crl.config.asking.composing import compose
from crl.errors import CrlError
from crl.training.runner import train
from tests import tiny


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tuned")
    train(tiny.settings(folder), tiny.quiet()[0])
    return folder / "run"


def choice(value: float, median: float) -> Choice:
    return Choice(PlannerConfig(), median, median, value, keeps=True)


def test_the_cheapest_of_the_good_is_chosen() -> None:
    good, better, poor = choice(9.995, 3.0), choice(10.0, 8.0), choice(5.0, 1.0)
    assert best_of([better, good, poor]) is good
    assert best_of([better, poor]) is better
    assert best_of([poor]) is poor


@pytest.mark.parametrize(
    "words", [[], ["planner.samples=9", "planner.elites=9", "planner.keep=9"], ["planner.rounds=1"]]
)
def test_all_that_is_tried_is_sound(words: list[str]) -> None:
    config = compose(["env=cartpole_length", *words])
    found = tried(config)
    work = [planner.samples * planner.rounds for planner in found]
    assert work == sorted(work, reverse=True)
    assert len({(planner.samples, planner.rounds) for planner in found}) == len(found)
    assert any((p.samples, p.rounds) == (config.planner.samples, config.planner.rounds) for p in found)
    for planner in found:
        assert planner.samples >= FEWEST
        assert planner.keep <= planner.elites <= planner.samples
        assert planner.horizon == config.planner.horizon
        assert replace(planner, samples=1, rounds=1, elites=1, keep=0) == replace(
            config.planner, samples=1, rounds=1, elites=1, keep=0
        )


def test_a_rate_that_anything_keeps_gets_a_choice_that_is_as_good_as_any(run: Path) -> None:
    choices, best = tune(run, rate=0.1, share=1.0)
    assert all(one.keeps for one in choices)
    values = [one.value for one in choices]
    assert best.value >= max(values) - 0.01 * (max(values) - min(values)) - 1e-12
    assert set(best.settings) == {"planner.samples", "planner.rounds", "planner.elites", "planner.keep"}


def test_a_rate_that_nothing_keeps_is_refused_with_what_helps(run: Path) -> None:
    with pytest.raises(CrlError, match=r"(?s)keeps 10000 Hz: the fastest takes .*horizon"):
        tune(run, rate=1e4, share=0.01)


def test_what_does_not_plan_is_refused(tmp_path: Path) -> None:
    train(tiny.settings(tmp_path, "agent=random"), tiny.quiet()[0])
    with pytest.raises(CrlError, match="does not plan"):
        tune(tmp_path / "run", rate=1.0, share=1.0)
