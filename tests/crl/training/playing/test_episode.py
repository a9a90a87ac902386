from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import pytest

from crl.sequences import load_sequence
from crl.training.clock import Clock
from crl.training.playing.episode import EpisodeResult, Observer, play
from crl.types import Array, Decision, LearnBudget, Transition
from tests.tiny import EPISODE_STEPS, Puppet


class Watcher(Observer):
    """Keeps every transition."""

    def __init__(self, seen: list[Transition]) -> None:
        self.seen = seen

    def step(self, transition: Transition, info: Any) -> None:
        self.seen.append(transition)


def once(agent: Puppet, env: str = "SLIDES", *, task: int = 0, seed: int = 0, **options: Any) -> EpisodeResult:
    """One episode of a tiny task, a training episode unless ``options`` say otherwise."""
    sequence = load_sequence(f"tests.tiny:{env}")
    options = {"explore": True, "episode": 7, "clock": Clock(), **options}
    return play(agent, sequence.make(task), sequence.spec(task), seed=seed, **options)


def test_the_agent_sees_every_step_in_order() -> None:
    agent, watched = Puppet(lambda puppet: [0.1 * len(puppet.seen) - 0.5]), list[Transition]()
    result = once(agent, observer=Watcher(watched))
    assert agent.begun == [("slide_0", 7, True)]
    assert agent.seen == watched
    assert agent.followed == []
    assert result.steps == len(watched) == EPISODE_STEPS == len(result.decision_ms)
    assert result.total == pytest.approx(sum(step.reward for step in watched))
    assert [step.first for step in watched] == [True] + [False] * (EPISODE_STEPS - 1)
    assert [step.last for step in watched] == [False] * (EPISODE_STEPS - 1) + [True]
    for before, after in zip(watched, watched[1:], strict=False):
        assert np.array_equal(before.next_observation, after.observation)
    assert [float(step.executed[0]) for step in watched] == pytest.approx(np.arange(EPISODE_STEPS) * 0.1 - 0.5)
    assert (result.fault, result.reasons) == (None, {})


def test_an_end_is_told_from_a_cut() -> None:
    ended, cut = Puppet(), Puppet()
    assert once(ended, "FALLS").steps == 5
    assert [(step.last, step.terminated) for step in ended.seen] == [(False, False)] * 4 + [(True, True)]
    assert once(cut, "FALLS", steps=3).steps == 3
    assert [(step.last, step.terminated) for step in cut.seen] == [(False, False)] * 2 + [(True, False)]
    timed = Puppet()
    once(timed)
    assert (timed.seen[-1].last, timed.seen[-1].terminated) == (True, False), "a time limit"


def test_an_episode_that_is_no_training_is_followed_but_not_observed() -> None:
    agent, watched = Puppet(), list[Transition]()
    once(agent, explore=False, observer=Watcher(watched))
    assert agent.begun == [("slide_0", 7, False)]
    assert len(watched) == EPISODE_STEPS
    assert agent.followed == watched
    assert agent.seen == []


def test_the_seed_decides_where_an_episode_starts() -> None:
    starts = [
        tuple(run.seen[0].observation) for run, seed in ((Puppet(), s) for s in (1, 1, 2)) if once(run, seed=seed)
    ]
    assert starts[0] == starts[1] != starts[2]


@pytest.mark.parametrize(
    ("wanted", "executed", "reason"),
    [
        ([7.0], 1.0, "an action outside its limits"),
        ([float("nan")], 0.125, "an action that is not finite"),
        ([1.0, 1.0], 0.125, "an action of shape (2,) instead of (1,)"),
    ],
)
def test_nothing_goes_round_the_command_filter(wanted: Sequence[float], executed: float, reason: str) -> None:
    agent = Puppet(lambda puppet: wanted)
    result = once(agent)
    assert {float(step.executed[0]) for step in agent.seen} == {executed}
    assert np.array_equal(agent.seen[0].planned, np.float32(wanted), equal_nan=True)
    assert result.reasons == {reason: EPISODE_STEPS}
    assert np.isfinite(agent.seen[-1].next_observation).all()


@pytest.mark.parametrize(
    ("env", "fault"),
    [
        ("NAN", "the simulator returned a number that is not finite"),
        ("NAN_REWARD", "the simulator returned a number that is not finite"),
        ("SHAPE", "the simulator returned an observation of shape (3,) instead of (2,)"),
        ("TOLD", "the motor is on fire"),
    ],
)
def test_a_fault_of_the_simulator_ends_the_episode_and_its_step_is_not_learned(env: str, fault: str) -> None:
    agent = Puppet()
    result = once(agent, env)
    assert (result.fault, result.steps) == (fault, 5)
    assert len(agent.seen) == 4, "what came before the fault is worth learning"
    assert all(np.isfinite(step.next_observation).all() for step in agent.seen)
    assert result.total == pytest.approx(sum(step.reward for step in agent.seen))


@pytest.mark.parametrize(
    ("env", "fault"),
    [
        ("NAN_RESET", "the simulator began with a number that is not finite"),
        ("SHAPE_RESET", "the simulator began with an observation of shape (3,) instead of (2,)"),
    ],
)
def test_a_fault_at_the_very_beginning(env: str, fault: str) -> None:
    agent = Puppet()
    result = once(agent, env)
    assert (result.fault, result.steps, result.success, agent.seen) == (fault, 0, False, [])


class TestSuccess:
    """On a slide that succeeds once the point is within 0.3 of the origin."""

    SEED = 2

    @staticmethod
    def homing(puppet: Puppet) -> list[float]:
        """Push towards the origin, without friction in mind."""
        if not puppet.seen:
            return [0.0]
        x, v = puppet.seen[-1].next_observation
        return [float(np.clip(-2 * x - 2 * v, -1, 1))]

    def at(self) -> int:
        """Step at which the episode first succeeds: neither at once nor at the end."""
        agent = Puppet(self.homing)
        result = once(agent, seed=self.SEED)
        inside = [abs(float(step.next_observation[0])) < 0.3 for step in agent.seen]
        assert result.success
        assert 1 < inside.index(True) + 1 < EPISODE_STEPS - 4
        return inside.index(True) + 1

    def test_a_success_does_not_end_an_episode(self) -> None:
        assert once(Puppet(self.homing), seed=self.SEED).steps == EPISODE_STEPS

    @pytest.mark.parametrize("more", [0, 1, 3])
    def test_after_success(self, more: int) -> None:
        agent = Puppet(self.homing)
        result = once(agent, seed=self.SEED, after_success=more)
        assert result.success
        assert result.steps == self.at() + more
        assert [step.last for step in agent.seen] == [False] * (result.steps - 1) + [True]

    def test_until_success(self) -> None:
        agent = Puppet(self.homing)
        result = once(agent, seed=self.SEED, after_success=3, until_success=True)
        assert (result.success, result.steps) == (True, self.at())


def test_the_environments_last_word_on_success_counts() -> None:
    class Fickle(gymnasium.Wrapper[Any, Any, Any, Any]):
        """Succeeds at step 3 and takes it back at the end."""

        def step(self, action: Any) -> Any:
            *rest, info = super().step(action)
            self.count = getattr(self, "count", 0) + 1
            return *rest, {**info, "is_success": self.count == 3}

    sequence = load_sequence("tests.tiny:SLIDES")
    env = Fickle(sequence.make(0))
    result = play(Puppet(), env, sequence.spec(0), episode=0, seed=0, explore=True, clock=Clock())
    assert (result.success, result.steps) == (False, EPISODE_STEPS)


def test_planning_and_simulation_are_accounted_for() -> None:
    clock = Clock()
    once(Puppet(), clock=clock)
    totals = clock.totals()
    assert totals["plan"]["wall"] > 0
    assert totals["simulate"]["wall"] > 0
    assert totals["learn"]["wall"] == totals["evaluate"]["wall"] == 0


def test_the_tiny_environment_keeps_the_contract() -> None:
    """The tests of this folder rest on it."""
    from crl.checks import check_task_sequence

    check_task_sequence("tests.tiny:SLIDES")


class Meddler(Observer):
    """Halves what is decided, and ends the episode with its fourth step."""

    def __init__(self) -> None:
        self.called: list[str] = []

    def begin(self, env: Any, info: Any) -> None:
        self.called.append("begin")

    def deciding(self) -> None:
        self.called.append("deciding")

    def sent(self, decision: Decision) -> Array:
        return decision.action / 2

    def ends(self) -> bool:
        return self.called.count("deciding") == 4

    def step(self, transition: Transition, info: Any) -> None:
        self.called.append("step")


def test_an_observer_may_change_what_is_sent_and_end_the_episode() -> None:
    agent, meddler = Puppet(lambda puppet: [0.5]), Meddler()
    result = once(agent, observer=meddler)
    assert result.steps == 4
    assert meddler.called == ["begin", *(["deciding", "step"] * 4)]
    assert [float(step.executed[0]) for step in agent.seen] == [0.25] * 4
    assert [float(step.refined[0]) for step in agent.seen] == [0.5] * 4
    assert [step.last for step in agent.seen] == [False] * 3 + [True]


def test_online_every_step_is_observed_and_followed_by_a_learning_step() -> None:
    agent = Puppet()
    once(agent, explore=False, online=True)
    assert len(agent.seen) == EPISODE_STEPS
    assert agent.budgets == [LearnBudget(1, online=True)] * EPISODE_STEPS
