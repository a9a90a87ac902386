"""Agents by name, and the promises that all of them keep."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

import pytest

from crl import plugins
from crl.agents.base import Agent
from crl.agents.factory import make_agent
from crl.agents.frozen import Frozen
from crl.agents.model_free.sb3 import SB3Agent
from crl.agents.planning import PlanningAgent
from crl.agents.random import RandomAgent
from crl.checks import check_agent
from crl.errors import CrlError
from crl.sequences import load_sequence
from crl.types import LearnBudget
from tests.crl.point_mass import episode, point_mass, small

SLIDES = load_sequence("tests.tiny:SLIDES")
INSTALLED = sorted(point.name for point in entry_points(group="crl.agents"))
TINY = {"hidden": [8], "batch": 8}


def test_names_and_what_they_stand_for() -> None:
    kinds = {
        "mpc": PlanningAgent,
        "random": RandomAgent,
        "sb3_sac": SB3Agent,
        "sb3_td3": SB3Agent,
        "sb3_ddpg": SB3Agent,
    }
    assert set(kinds) | {"frozen"} <= set(INSTALLED)
    for name, kind in kinds.items():
        assert type(make_agent(small(agent={"name": name, **TINY}), point_mass())) is kind


@pytest.mark.parametrize("name", [name for name in INSTALLED if name not in ("mpc", "frozen")])
def test_installed_agents_pass(name: str) -> None:
    """The model-based agent and the frozen one are checked where they are tested."""

    def make(seed: int) -> Agent:
        return make_agent(small(agent={"name": name, "noise": 0.2, **TINY}, seed=seed), SLIDES.spec(0))

    check_agent(make, SLIDES, steps=6)


def test_an_agent_that_keeps_its_buffer_in_a_small_ring_passes() -> None:
    ring = {"name": "sb3_sac", "keep_buffer": True, "buffer": 20, "renew_entropy": False, **TINY}
    check_agent(lambda seed: make_agent(small(agent=ring, seed=seed), SLIDES.spec(0)), SLIDES, steps=6)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("rondom", "unknown agent 'rondom': did you mean 'random'?"),
        ("sb3_sacc", "unknown agent 'sb3_sacc': did you mean 'sb3_sac'?"),
        ("frozen", "name its folder: agent.run=runs/NAME"),
    ],
)
def test_a_name_that_does_not_serve_is_explained(name: str, expected: str) -> None:
    with pytest.raises(CrlError) as caught:
        make_agent(small(agent={"name": name}), point_mass())
    assert expected in str(caught.value)


def test_a_plug_in_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    points = [EntryPoint("mine", "crl.agents.random:RandomAgent", "crl.agents")]
    monkeypatch.setattr(plugins, "entry_points", lambda group: points if group == "crl.agents" else [])
    assert isinstance(make_agent(small(agent={"name": "mine"}), point_mass()), RandomAgent)


def test_the_frozen_agent_passes() -> None:
    """Frozen after it has learned both tasks of the trial."""
    check_agent(lambda seed: Frozen(learned(seed)), SLIDES, steps=6)


def learned(seed: int) -> Agent:
    agent = make_agent(small(agent={"name": "sb3_td3", **TINY}, seed=seed), SLIDES.spec(0))
    for index in (0, 1):
        list(episode(agent, SLIDES.spec(index), 0))
        agent.learn(LearnBudget(2))
    return agent
