"""A lifelong component from the transitions of the nominal body, and from its state."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from torch import Tensor

from crl import restoring
from crl.adaptation.box import Box
from crl.adaptation.calibration import Calibration, calibrate
from crl.adaptation.fitting import FLOOR, HELD_OUT, LEAST, fit_alone, single_steps
from crl.config import Config
from crl.dynamics.body import Body
from crl.dynamics.buffer import Buffer
from crl.dynamics.model import DynamicsModel
from crl.dynamics.task_model import TaskModel
from crl.errors import CrlError
from crl.memory.lifelong import Lifelong
from crl.memory.models.base_model import BaseModel
from crl.memory.models.bridge import Bridge
from crl.memory.models.contexts import ContextMemory, GatheringContexts
from crl.memory.models.heads import HeadMemory
from crl.memory.models.hypercrl import HyperMemory
from crl.memory.models.memory import Memory
from crl.memory.models.networks import NetworkMemory
from crl.memory.models.regime import robust_scale
from crl.memory.models.units import Units
from crl.seeding import torch_generator
from crl.types import ActionSpec, ObservationSpec, Told, untold


@dataclass(frozen=True)
class Ground:
    """What a memory stands on: all that was fitted to the nominal body.

    Attributes:
        model: The network whose weights regimes have, with those of the nominal body.
        calibration: Distribution of its residuals.
        unit: Common units of residuals, [D].
    """

    model: TaskModel
    calibration: Calibration
    unit: Tensor

    def state_dict(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "model": self.model.state_dict(),
            "calibration": self.calibration.state_dict(),
            "unit": self.unit.clone(),
        }

    @classmethod
    def from_state(
        cls, config: Config, observation: ObservationSpec, action: ActionSpec, state: Mapping[str, Any]
    ) -> Ground:
        """What :meth:`state_dict` described.

        Raises:
            UnfitStateError: It is of another body, or of a network of another size.
        """
        with restoring.part("model"):
            model = TaskModel.from_state(small_dynamics(config, observation, action), state["model"])
        with restoring.part("calibration"):
            calibration = Calibration.from_state(state["calibration"], model.body.changes)
        return cls(model, calibration, restoring.tensor(state["unit"], "unit", model.scale))


def small_dynamics(config: Config, observation: ObservationSpec, action: ActionSpec) -> DynamicsModel:
    """The model whose weights regimes have: one member, and hidden layers of ``memory.hidden``."""
    small = replace(
        config.dynamics, hidden=list(config.memory.hidden), ensemble=1, out_var=False, loss="mse", rollout=1
    )
    return DynamicsModel(small, observation, action, features=read_body(config, observation, action))


def read_body(config: Config, observation: ObservationSpec, action: ActionSpec) -> Body:
    """What that model reads; with ``body.memory`` also what the step before changed."""
    return Body(observation, action, memory=config.body.memory)


def fit_ground(
    config: Config, observation: ObservationSpec, action: ActionSpec, buffer: Buffer, told: Told = untold
) -> tuple[Ground, float]:
    """Fit what a memory stands on to transitions of the nominal body; returns it with the loss.

    The newest fifth of them calibrates the residuals.

    Raises:
        CrlError: There are too few transitions.
    """
    if len(buffer) < LEAST:
        raise CrlError(
            f"{len(buffer)} transitions of the nominal body are too few for a memory to stand on",
            f"give budget.steps of at least {LEAST}",
        )
    every = single_steps(Body(observation, action), buffer, memory=config.body.memory)
    cut = round(len(every) * (1 - HELD_OUT))
    model, loss = fit_alone(
        config,
        small_dynamics(config, observation, action),
        every,
        cut,
        config.memory.base_steps,
        told,
        name="memory-base",
        about="nominal regime",
        curved=config.memory.curved,
    )
    seen, executed, after = every.tensors()
    residuals = model.body.change(seen, after)[cut:] - model.predict(seen[cut:], executed[cut:])
    floor = FLOOR * model.scale
    calibration = calibrate(residuals, floor, rate=config.flow.tracking.false_alarms)
    return Ground(model, calibration, robust_scale(residuals).maximum(config.memory.resolution * model.scale)), loss


def make_lifelong(
    config: Config, ground: Ground, body: Body, action: ActionSpec, measured: tuple[int, ...] = ()
) -> Lifelong:
    """Everything that remembers, with nothing but the nominal regime yet.

    Args:
        config: The run's settings.
        ground: What was fitted to the nominal body.
        body: What is read and predicted.
        action: Elements of the action.
        measured: Where the measured counterparts of a command are in an observation.
    """
    model = ground.model
    base = BaseModel.of(model, body.remembered)
    bridge = Bridge(config.flow.identification, base, Box.of(action), ground.calibration, tuple(body.command), measured)
    memory = make_memory(config, bridge, Units(ground.unit))
    generator = torch_generator(config.seed, "memory-learn")
    return Lifelong(
        config.memory, memory, bridge, Units(ground.unit), model, body, action, generator, config.body.stride
    )


def make_memory(config: Config, bridge: Bridge, units: Units) -> Memory:
    """An empty memory of the kind that the settings name."""
    settings = config.memory
    if settings.kind == "contexts":
        if settings.gathered:
            return GatheringContexts(bridge, units, settings.most)
        return ContextMemory(bridge, settings.most)
    if settings.kind == "networks":
        return NetworkMemory(bridge, units, settings.most, lr=settings.lr, batch=settings.batch)
    if settings.kind == "heads":
        return HeadMemory(
            bridge, units, settings.most, spread=settings.spread, inputs=settings.inputs, halved=settings.halved
        )
    hyper = replace(config.dynamics.hypernetwork, kind="full", embedding=settings.embedding, init="base")
    learning = replace(config.learning, lr=settings.lr_hyper, lr_embedding=settings.lr_hyper, average=0.0)
    own = replace(
        config,
        dynamics=replace(config.dynamics, hypernetwork=hyper),
        learning=learning,
        continual=replace(config.continual, name="hypercrl", beta=settings.beta, lookahead=False),
    )
    generator = torch_generator(config.seed, "memory-hypercrl")
    return HyperMemory(bridge, units, settings.most, own, generator, batch=settings.batch)
