"""A unicycle's model, fitted in a second, and its regimes: what the tests of memories share."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import torch
from torch import Tensor

from crl.adaptation.box import Box
from crl.adaptation.calibration import calibrate
from crl.config import Config
from crl.config_missions import BodyConfig, FlowConfig
from crl.dynamics.body import Body
from crl.dynamics.body_model import BodyModel, Rows
from crl.memory.base_model import BaseModel
from crl.memory.belief import Belief
from crl.memory.bridge import Bridge
from crl.memory.likelihood import Units
from crl.memory.making import make_memory
from crl.memory.memory import Memory
from crl.memory.settings import MemoryConfig
from crl.memory.steps import Steps
from crl.sequences import load_sequence

PERIOD = 0.2
NOISE = 1e-4
Effect = Callable[[Tensor], Tensor]
TASK = load_sequence("crl_envs.sequences:UGV_LIFE").spec(0)
BOX = Box.of(TASK.action)


def gains(v: float, w: float) -> Effect:
    """Gains on both channels."""
    return lambda action: action * torch.tensor([v, w])


def squared(action: Tensor) -> Tensor:
    """A turn rate that goes with -w |w|: no gains express it."""
    half = BOX.half[1]
    return torch.stack([action[..., 0], -action[..., 1] * action[..., 1].abs() / half], dim=-1)


def drive(effect: Effect, count: int, seed: int, box: Box = BOX) -> Steps:
    """Transitions of a regime under uniform commands."""
    generator = torch.Generator().manual_seed(seed)
    action = box.sample(count, generator)
    done = effect(action) * PERIOD
    change = torch.stack([done[:, 0], torch.zeros(count), done[:, 1]], dim=-1)
    change = change + NOISE * torch.randn(change.shape, generator=generator)
    return Steps(torch.zeros(count, TASK.observation.size), action, change)


@lru_cache
def fitted() -> tuple[BodyModel, Tensor]:
    """The nominal body's model and its residuals."""
    body = Body(TASK.observation, TASK.action)
    config = BodyConfig(hidden=[48, 48], ensemble=1, lr=5e-3)
    model = BodyModel(config, body, 2, torch.Generator().manual_seed(0))
    model.weights[: sum(model.network.tensor_sizes[:2])] *= 3  # as crl.memory.making does
    steps = drive(gains(1, 1), 1500, 0)
    rows = Rows(body.encode(steps.observation), steps.action, steps.change)
    model.normalise(rows)
    model.fit(rows, 1200, torch.Generator().manual_seed(1))
    return model, steps.change - model.predict(steps.observation, steps.action)


def make_bridge() -> Bridge:
    """A bridge over it, with couplings."""
    model, residuals = fitted()
    base = BaseModel.of(model)
    calibration = calibrate(residuals, 0.02 * base.scale)
    return Bridge(FlowConfig(structure="matrix"), base, BOX, calibration)


def memory_of(kind: str, most: int = 8) -> Memory:
    """An empty memory."""
    bridge = make_bridge()
    return make_memory(Config(), MemoryConfig(kind=kind, most=most), bridge.base, bridge)


def units() -> Units:
    """Common units of the fitted model."""
    return Units(0.02 * fitted()[0].scale.std)


def belief_of(kind: str, most: int = 8) -> Belief:
    """A loop of belief over an empty memory."""
    return Belief(memory_of(kind, most), make_bridge(), units(), BOX.middle)


def live(belief: Belief, effect: Effect, count: int, seed: int, learning: int = 4) -> list[int]:
    """Show it transitions of a regime, and let it learn; returns the regime in force after each."""
    generator = torch.Generator().manual_seed(seed)
    steps, found = drive(effect, count, seed), []
    for at in range(count):
        belief.observe(steps.observation[at], steps.action[at], steps.change[at])
        belief.learn(learning, generator)
        found.append(belief.force.regime)
    return found


def error(belief: Belief, effect: Effect, seed: int) -> float:
    """Root mean square error of what is expected in a regime, as a share of the greatest change."""
    steps = drive(effect, 64, seed)
    pairs = zip(steps.observation, steps.action, strict=True)
    expected = torch.stack([belief.predict(observation, action) for observation, action in pairs])
    full = PERIOD * torch.tensor([1.0, 1.0, torch.pi / 2])
    return float(((expected - steps.change) / full).square().mean().sqrt())
