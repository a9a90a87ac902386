"""What kind of agent a configuration builds, and what each kind does: declared once, asked by everybody.

PyTorch is not needed to know a kind, so that whoever lists or checks settings does not wait for it. The class of an
agent names its kind (:attr:`crl.agents.base.Agent.kind`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from crl.config.schema import Config

NO_REFINER = "off"
"""Value of ``refiner.name`` with which no missions are flown."""
NOMINAL_STRATEGY = "single"
"""The strategy of runs with a refiner, unless the user names one: they learn one body, and retain nothing else."""


@dataclass(frozen=True)
class AgentKind:
    """A kind of agent.

    Attributes:
        name: What ``results.json`` and citations call it.
        components: Groups of settings whose choice is a part of it, such as ``planner``.
        flies_missions: Whether it learns the nominal body and then flies missions, instead of learning task by task.
        alone: Why runs of it can't learn and plan together in one process; empty: they can.
        settings: What it reads itself, beside what its components and every run read: dotted keys, or beginnings of
            such. ``None``: it does not say, and so may read everything.
    """

    name: str
    components: tuple[str, ...] = ()
    flies_missions: bool = False
    alone: str = "it does not plan on a learned model (agent=mpc does)"
    settings: tuple[str, ...] | None = None

    def method(self, agent: str, continual: str, refiner: str) -> str:
        """What tables group runs by, of the names that a run chose: refiner of missions, strategy, or agent."""
        if self.flies_missions:
            return f"refiner_{refiner}" if continual == NOMINAL_STRATEGY else f"refiner_{refiner}_{continual}"
        return continual if "continual" in self.components else agent


EXPLORATION = ("exploration.random_episodes", "exploration.noise", "exploration.noise_beta", "exploration.every")

MPC = AgentKind(
    "mpc",
    ("continual", "planner"),
    alone="",
    settings=(
        *EXPLORATION,
        "exploration.handover",
        "dynamics.hidden",
        "dynamics.activation",
        "dynamics.ensemble",
        "dynamics.out_var",
        "dynamics.loss",
        "dynamics.rollout",
        "dynamics.kernel",
        "dynamics.precision",
        "learning.batch",
        "learning.clip",
        "learning.lr_embedding",
        "learning.lr_final",
        "learning.lr_decay",
        "learning.recent",
        "learning.recent_window",
        "learning.events",
        "learning.value_discount",
        "learning.values",
    ),
)
PILOT = AgentKind(
    "mpc",
    ("continual", "planner", "refiner"),
    flies_missions=True,
    alone="it flies missions or lives on a moving body's model, which is unrolled by itself",
    settings=(*(MPC.settings or ()), "body", "missions", "flow.identification.measured"),
)
"""The same agent with a refiner: it learns a moving body and flies missions."""
RANDOM = AgentKind("random", settings=())
FROZEN = AgentKind("frozen", settings=("agent.run",))
SB3 = AgentKind(
    "sb3",
    settings=(
        "agent.hidden",
        "agent.lr",
        "agent.batch",
        "agent.gamma",
        "agent.tau",
        "agent.noise",
        "agent.reward_scale",
        "agent.buffer",
        "agent.keep_buffer",
        "agent.renew_entropy",
        "agent.options",
    ),
)
SB3_NAMES = "sb3_"
"""Beginning of the names of agents that learn by an algorithm of Stable-Baselines3."""

_KINDS: Mapping[str, AgentKind] = {kind.name: kind for kind in (MPC, RANDOM, FROZEN)}


def kind_of(config: Config) -> AgentKind:
    """The kind of agent that a configuration builds."""
    return kind_named(config.agent.name, config.refiner.name)


def recorded_kind(settings: Mapping[str, Any]) -> AgentKind:
    """The kind of agent that recorded settings, by dotted key, describe; an old run's say less."""
    return kind_named(str(settings.get("agent.name", MPC.name)), str(settings.get("refiner.name", NO_REFINER)))


def kind_named(agent: str, refiner: str) -> AgentKind:
    """The kind of agent by ``agent.name`` and ``refiner.name``; an agent that is not known here is one of its own."""
    if refiner != NO_REFINER:
        return PILOT
    if agent.startswith(SB3_NAMES):
        return replace(SB3, name=agent)
    return _KINDS.get(agent, AgentKind(agent))
