"""Before a run its environments are tried: what can't work is refused before there is a folder, the rest is said."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crl.checks import CheckFailed
from crl.config import Config
from crl.config.asking.composing import fingerprint
from crl.sequences import load_sequence
from crl.training import trying
from crl.training.runner import train
from tests import foreign, tiny


def settings(tmp_path: Path, env: str, *overrides: str) -> Config:
    config = tiny.settings(
        tmp_path, "check=true", "budget.steps=[16]", "evaluation.episodes=1", *overrides, tasks="[0]"
    )
    config.env.name = env
    return config


@pytest.mark.parametrize("manner", ["raise_step", "reward_none", "info_none", "outlier", "reset_bare", "four_values"])
def test_what_can_not_work_is_refused_before_there_is_a_folder(manner: str, tmp_path: Path) -> None:
    env = f"tests.foreign:{manner.upper()}"
    words = foreign.FAULTS[manner]
    with pytest.raises(CheckFailed, match=rf"(?s)^task 0 \('slide_0'\).*{words}.*crl check env={env}.*check=false"):
        train(settings(tmp_path, env), tiny.quiet()[0])
    assert list(tmp_path.iterdir()) == []


def test_what_fails_now_and_then_is_said_and_learned(tmp_path: Path) -> None:
    progress, text = tiny.quiet()
    train(settings(tmp_path, "tests.tiny:SOMETIMES_NAN"), progress)
    said = [line for line in text.getvalue().splitlines() if "episodes end early" in line]
    assert len(said) == 1
    assert "task 0 ('slide_0')" in said[0]
    assert "a number that is not finite" in said[0]


def test_a_sound_sequence_says_nothing(tmp_path: Path) -> None:
    assert (
        trying.try_first(settings(tmp_path, "tests.tiny:SLIDES"), load_sequence("tests.tiny:SLIDES"), plans=True) == []
    )


@pytest.mark.parametrize("env", ["cartpole_length", "half_cheetah_body", "pusher", "door_open", "ugv_mission"])
def test_the_packages_own_sequences_say_nothing(env: str, tmp_path: Path) -> None:
    sequence = load_sequence(env)
    assert trying.try_first(settings(tmp_path, env), sequence, plans=True) == []


class TestFunctions:
    """A reward that planners can't compute with stops those who plan; others don't need it."""

    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (lambda before, action, after: None, "gave None"),
            (lambda before, action, after: "good", "gave str 'good'"),
            (lambda before, action, after: 1.0, "gave float 1.0"),
            (lambda before, action, after: np.zeros(3), r"has the shape \(3,\)|gave numpy.ndarray"),
            (lambda before, action, after: np.cos(np.asarray(after[..., 0])), "gave numpy.ndarray"),
            (lambda before, action, after: after[0], "has the shape"),
            (lambda before, action, after: before.nothing, "raised AttributeError: .*nothing.*test_trying.py, line"),
        ],
    )
    def test_who_plans(self, value: Any, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.of_planners(monkeypatch, value)
        with pytest.raises(CheckFailed, match=rf"(?s)slide_0.*can't be computed with torch: reward\(\).*{words}"):
            train(settings(tmp_path, "tests.tiny:SLIDES"), tiny.quiet()[0])

    def test_who_does_not(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.of_planners(monkeypatch, lambda before, action, after: None)
        progress, text = tiny.quiet()
        train(settings(tmp_path, "tests.tiny:SLIDES", "agent=random"), progress)
        assert "can't be computed with torch" in text.getvalue()

    def test_without_the_check_it_ends_in_the_fault_path(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        from crl.training.showing.telling import SimulatorFailed

        self.of_planners(monkeypatch, lambda before, action, after: 1.0)
        config = settings(tmp_path, "tests.tiny:SLIDES", "check=false", "budget.steps=[160]")
        with pytest.raises(SimulatorFailed, match=r"(?s)reward\(\) of .*gave float 1.0.*crl resume"):
            train(config, tiny.quiet()[0])

    @staticmethod
    def of_planners(monkeypatch: pytest.MonkeyPatch, value: Any) -> None:
        """The steps of the environment keep their rewards."""
        own = tiny.Slide.reward

        def reward(self: Any, before: Any, action: Any, after: Any) -> Any:
            return own(self, before, action, after) if np.ndim(after) == 1 else value(before, action, after)

        monkeypatch.setattr(tiny.Slide, "reward", reward)


def test_it_decides_nothing_of_a_run(tmp_path: Path) -> None:
    with_check, without = (
        settings(tmp_path, "tests.tiny:SLIDES"),
        settings(tmp_path, "tests.tiny:SLIDES", "check=false"),
    )
    assert fingerprint(with_check) == fingerprint(without)
    train(with_check, tiny.quiet()[0])
    written = (tmp_path / "run/metrics.jsonl").read_bytes()
    without.run_dir = str(tmp_path / "other")
    train(without, tiny.quiet()[0])
    assert (tmp_path / "other/run/metrics.jsonl").read_bytes() == written


def test_a_resumed_run_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("crl.training.runner.try_first", lambda *_, **__: pytest.fail("tried"))
    train(settings(tmp_path, "tests.tiny:SLIDES", "resume=true"), tiny.quiet()[0])
    train(settings(tmp_path, "tests.tiny:SLIDES", "check=false", "name=other"), tiny.quiet()[0])


def test_it_takes_no_longer_than_it_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment of slow steps is looked at as far as the time goes."""
    clock = iter(range(10_000))
    monkeypatch.setattr("time.monotonic", lambda: float(next(clock)))
    monkeypatch.setattr(trying, "SECONDS", 6.0)
    sequence = load_sequence("tests.tiny:SLIDES")
    assert trying.try_first(settings(tmp_path, "tests.tiny:SLIDES"), sequence, plans=True) == []
    assert next(clock) < 20
