"""A unicycle's model, fitted in a second, and its regimes: what the tests of memories share."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from crl.adaptation.box import Box
from crl.config import Config
from crl.config.asking.composing import compose
from crl.config.sections.flow import IdentificationConfig
from crl.dynamics.buffer import Buffer
from crl.memory.belief.loop import Belief
from crl.memory.making import Ground, fit_ground, make_memory
from crl.memory.models.base_model import BaseModel
from crl.memory.models.bridge import Bridge
from crl.memory.models.memory import Memory
from crl.memory.models.steps import Steps
from crl.memory.models.units import Units
from crl.sequences import load_sequence
from crl.types import Transition

PERIOD = 0.2
NOISE = 1e-4
Effect = Callable[[Tensor], Tensor]
TASK = load_sequence("ugv_life").spec(0)
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
def ground() -> Ground:
    """What was fitted to the nominal body."""
    config = settings("networks")
    config.learning.lr = 5e-3
    return fit_ground(config, TASK.observation, TASK.action, nominal_rows())[0]


def nominal_rows() -> Buffer:
    """Transitions of the nominal body, from the origin."""
    steps, buffer = drive(gains(1, 1), 1500, 0), Buffer(TASK.observation.size, TASK.action.size)
    for action, change in zip(steps.action.numpy(), steps.change.numpy(), strict=True):
        before, after = np.zeros((2, TASK.observation.size), np.float32)
        after[:3] = change
        buffer.add(Transition(0, before, action, action, action, 0.0, after, True, True))
    return buffer


def settings(kind: str, most: int = 8) -> Config:
    """Settings of a memory."""
    given = [f"memory.kind={kind}", f"memory.most={most}", "memory.base_steps=1200"]
    return compose(["env=ugv_life", "refiner=lifelong", *given])


def make_bridge() -> Bridge:
    """A bridge over it, with couplings."""
    return Bridge(IdentificationConfig(structure="matrix"), BaseModel.of(ground().model), BOX, ground().calibration)


def memory_of(kind: str, most: int = 8) -> Memory:
    """An empty memory."""
    bridge = make_bridge()
    return make_memory(settings(kind, most), bridge, units())


def units() -> Units:
    """Common units of the fitted model."""
    return Units(0.02 * ground().model.scale)


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
