"""What a memory's process is asked and answers (:mod:`crl.processes.letters` sends it)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from crl.config import Config
from crl.config.asking.composing import from_plain, to_plain
from crl.memory.making import Ground
from crl.memory.models.memory import Memory
from crl.memory.models.regime import Regime, Standing
from crl.memory.models.steps import Row, Steps
from crl.types import ActionSpec, ObservationField, ObservationSpec


@dataclass(frozen=True)
class Foundation:
    """All that a memory of a robot is made from.

    Attributes:
        config: The run's settings.
        observation: Fields of the observation.
        action: Elements of the action.
        measured: Where the measured counterparts of a command are in an observation.
        ground: What was fitted to the nominal body.
    """

    config: Config
    observation: ObservationSpec
    action: ActionSpec
    measured: tuple[int, ...]
    ground: Ground

    def plain(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "config": to_plain(self.config),
            "observation": asdict(self.observation),
            "action": asdict(self.action),
            "measured": self.measured,
            "ground": self.ground.state_dict(),
        }

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> Foundation:
        """What :meth:`plain` returned.

        Raises:
            CrlError: It does not fit together.
        """
        config, action = from_plain(plain["config"]), ActionSpec(**plain["action"])
        fields = tuple(ObservationField(**item) for item in plain["observation"]["fields"])
        observation = ObservationSpec(fields)
        ground = Ground.from_state(config, observation, action, plain["ground"])
        return cls(config, observation, action, tuple(plain["measured"]), ground)


@dataclass(frozen=True)
class Request:
    """What to learn.

    Attributes:
        number: Counts requests, from 1.
        regime: Number of the regime.
        revision: That of the memory.
        rows: Transitions: observations [N, S], actions [N, A] and changes [N, D].
        steps: Learning steps.
        seed: Of their batches.
        standings: Standing of every regime, by its number.
        lesson: What :meth:`crl.memory.models.memory.Memory.lesson` gave; ``None``: go on with what was learned last.
    """

    number: int
    regime: int
    revision: int
    rows: Row
    steps: int
    seed: int
    standings: dict[int, str]
    lesson: dict[str, Any] | None

    @classmethod
    def of(
        cls, memory: Memory, number: int, regime: int, steps: Steps, count: int, seed: int, *, known: bool
    ) -> Request:
        """A request to learn a regime of a memory; ``known``: the process has its lesson already."""
        standings = {entry.index: entry.standing.value for entry in memory.regimes.values()}
        lesson = None if known else memory.lesson(regime)
        return cls(number, regime, memory.revision, steps.parts, count, seed, standings, lesson)

    def fill(self, memory: Memory) -> None:
        """Give the entries of the regimes to a memory that has none, or none that are up to date."""
        memory.regimes = {
            index: Regime(index, memory.size, standing=Standing(standing)) for index, standing in self.standings.items()
        }


@dataclass(frozen=True)
class Answer:
    """What was learned.

    Attributes:
        number: That of the request.
        loss: Mean loss; ``None`` if there was nothing to learn.
        lesson: What :meth:`crl.memory.models.memory.Memory.lesson` gave then.
    """

    number: int
    loss: float | None
    lesson: dict[str, Any]

    @property
    def finite(self) -> bool:
        """Whether every number in it is."""
        return finite(self.loss) and finite(self.lesson)


def finite(state: Any) -> bool:
    """Whether every number in nested dicts and lists is finite."""
    if isinstance(state, Tensor):
        return bool(torch.isfinite(state).all())
    if isinstance(state, Mapping):
        return all(finite(value) for value in state.values())
    if isinstance(state, (list, tuple)):
        return all(finite(value) for value in state)
    return not isinstance(state, float) or math.isfinite(state)
