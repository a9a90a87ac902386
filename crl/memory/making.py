"""A lifelong component from what was fitted to the nominal body."""

from __future__ import annotations

from dataclasses import replace

from crl.adaptation.box import Box
from crl.adaptation.calibration import calibrate
from crl.adaptation.fitted import Fitted
from crl.adaptation.fitting import FLOOR, HELD_OUT
from crl.config import Config
from crl.dynamics.body_model import BodyModel
from crl.errors import CrlError
from crl.matching import nearest
from crl.memory.base_model import BaseModel
from crl.memory.bridge import Bridge
from crl.memory.contexts import ContextMemory
from crl.memory.hypercrl import HyperMemory
from crl.memory.lifelong import Lifelong
from crl.memory.likelihood import Units
from crl.memory.memory import Memory
from crl.memory.networks import NetworkMemory
from crl.memory.regime import robust_scale
from crl.memory.settings import KINDS, MemoryConfig
from crl.seeding import torch_generator
from crl.types import ActionSpec


def make_lifelong(config: Config, settings: MemoryConfig, fitted: Fitted, action: ActionSpec) -> Lifelong:
    """Everything that remembers, for a body whose nominal model was fitted.

    The network whose weights regimes have is smaller than the planner's own: one member, and hidden layers of
    ``settings.hidden``. It is fitted here, on the nominal rows; the newest fifth of them calibrates its residuals.

    Args:
        config: The run's settings.
        settings: Those of the memory.
        fitted: What the closing session fitted.
        action: Elements of the action.

    Raises:
        CrlError: The kind of memory is unknown, or the body's model is of several control steps or has a memory.
    """
    if settings.kind not in KINDS:
        raise CrlError(f"memory.kind = {settings.kind!r} is unknown{nearest(settings.kind, KINDS)}")
    if config.body.stride > 1 or config.body.memory:
        raise CrlError(
            "a memory of regimes needs a model of one control step that reads the observation alone",
            "set body.stride=1 body.memory=false and fit the nominal body again",
        )
    body = fitted.model.body
    small = replace(config.body, hidden=list(settings.hidden), ensemble=1)
    model = BodyModel(small, body, action.size, torch_generator(config.seed, "memory-base"))
    model.weights[: sum(model.network.tensor_sizes[:2])] *= settings.curved
    rows = fitted.rows
    cut = round(len(rows) * (1 - HELD_OUT))
    model.normalise(rows)
    model.fit(rows[:cut], settings.base_steps, torch_generator(config.seed, "memory-fit"))
    base = BaseModel.of(model)
    held = rows[cut:]
    residuals = (
        held.change
        - model.outputs(model.weights, held.inputs, held.action, model.bounds)[0].mean(dim=0) * model.scale.std
    )
    calibration = calibrate(residuals.detach(), FLOOR * base.scale, rate=config.flow.false_alarms)
    flow = replace(config.flow, structure=settings.structure)
    box = Box.of(action)
    bridge = Bridge(flow, base, box, calibration, body.command, fitted.measured)
    units = Units(robust_scale(residuals.detach()).maximum(FLOOR * base.scale))
    memory = make_memory(config, settings, base, bridge)
    return Lifelong(settings, memory, bridge, units, model, action, torch_generator(config.seed, "memory-learn"))


def make_memory(config: Config, settings: MemoryConfig, base: BaseModel, bridge: Bridge) -> Memory:
    """An empty memory of the kind that the settings name."""
    if settings.kind == "contexts":
        return ContextMemory(bridge, settings.most)
    if settings.kind == "networks":
        return NetworkMemory(base, settings.most, lr=settings.lr, batch=settings.batch)
    hyper = replace(config.dynamics.hypernetwork, kind="full", embedding=settings.embedding, init="base")
    learning = replace(config.learning, lr=settings.lr_hyper, lr_embedding=settings.lr_hyper, average=0.0)
    own = replace(
        config,
        dynamics=replace(config.dynamics, hypernetwork=hyper),
        learning=learning,
        continual=replace(config.continual, name="hypercrl", beta=settings.beta, lookahead=False),
    )
    generator = torch_generator(config.seed, "memory-hypercrl")
    return HyperMemory(base, settings.most, own, generator, batch=settings.batch)
