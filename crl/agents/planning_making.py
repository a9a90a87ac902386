"""The planning agent that settings describe."""

from __future__ import annotations

from collections.abc import Mapping

import torch

from crl.adaptation.base import Adaptation, NoAdaptation
from crl.adaptation.mission import MissionAdaptation
from crl.agents.exploration import Exploration
from crl.agents.planning import PlanningAgent
from crl.config import Config
from crl.config.declared.agents import kind_of
from crl.learning.knowledge import Knowledge
from crl.memory.adapting import LifelongAdaptation
from crl.planning.planner import make_planner
from crl.types import ActionSpec, ObservationSpec

ADAPTATIONS: Mapping[str, type[MissionAdaptation] | type[LifelongAdaptation]] = {"lifelong": LifelongAdaptation}
"""What is done about a body that changes, by ``refiner.kind``; missions adapt for the others."""


def planning_agent(
    config: Config,
    observation: ObservationSpec,
    action: ActionSpec,
    device: torch.device | str = "cpu",
    adaptation: Adaptation | None = None,
    kind: type[PlanningAgent] = PlanningAgent,
) -> PlanningAgent:
    """The planning agent that the settings describe.

    Args:
        config: The run's settings; with a refiner it adapts to a body that changes.
        observation: Fields of the observation, the same for all tasks.
        action: Elements of the action, the same for all tasks.
        device: Where tensors live. A body's networks are so small that a CPU is faster than any other device.
        adaptation: What is done about a body that changes; by default what ``config.refiner`` says.
        kind: The class: one of a user's own changes what it overrides, and nothing else.

    Raises:
        CrlError: The observation is of no use for a moving body, or a setting does not fit it.
    """
    if kind_of(config).flies_missions:
        device = "cpu"
        made = ADAPTATIONS.get(config.refiner.kind, MissionAdaptation)
        adaptation = adaptation or made(config, observation, action)
    adaptation = adaptation or NoAdaptation(action)
    return kind(
        config,
        action,
        Knowledge(
            config,
            observation,
            action,
            device,
            features=adaptation.features,
            unroll=adaptation.unroll,
            stride=adaptation.stride,
        ),
        make_planner(config.planner, action, device),
        Exploration(config.exploration, action, config.seed, hands_over=True),
        adaptation,
    )
