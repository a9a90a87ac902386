"""What tests of the agent of missions share: an agent that knows a unicycle, fitted in a second or two."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from crl.agents.planning import PlanningAgent, planning_agent
from crl.config import Config
from crl.sequences import load_sequence
from crl.training.clock import Clock
from crl.training.missions.flying import Flight, fly, mission_sequence
from crl.training.playing.episode import play
from crl.types import LearnBudget
from tests import tiny_missions

SEQUENCE = load_sequence("tests.tiny_missions:UGV")
TASK = SEQUENCE.spec(0)


def config(folder: Path, *overrides: str) -> Config:
    """Tiny settings with the refiner ``afm`` unless ``overrides`` name another."""
    return tiny_missions.settings(folder, "refiner=afm", *overrides)


def blank(settings: Config) -> PlanningAgent:
    """An agent that knows nothing."""
    return planning_agent(settings, TASK.observation, TASK.action)


def collect(agent: PlanningAgent, episodes: int = 5) -> None:
    """Random episodes of the nominal body."""
    with closing(SEQUENCE.make(0)) as env:
        for number in range(episodes):
            play(agent, env, TASK, episode=number, seed=number, explore=True, clock=Clock())


def fitted(settings: Config, steps: int = 400) -> PlanningAgent:
    """An agent after its closing session."""
    agent = blank(settings)
    collect(agent)
    report = agent.learn(LearnBudget(steps, closing=True))
    assert report.steps == steps
    return agent


def flight(agent: PlanningAgent, index: int = 1, seed: int = 3) -> Flight:
    """A mission flown: 0 is nominal, 1 has a sign flip on the speed."""
    sequence = mission_sequence(agent.config, SEQUENCE)
    with closing(sequence.make(index)) as env:
        return fly(agent, env, sequence.spec(index), seed, agent.config, faulty=bool(index))
