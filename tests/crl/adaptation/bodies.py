"""What the tests of the flow share: a unicycle's identifiers, its transitions, and a body that is one gain."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from crl.adaptation.box import Box
from crl.adaptation.calibration import Calibration, calibrate
from crl.adaptation.identification.simulator import ChannelRegimes
from crl.adaptation.identification.structured import StructuredIdentifier
from crl.adaptation.nominal_model import NominalModel
from crl.adaptation.tracking.decision import Belief
from crl.adaptation.tracking.hypotheses import Faulty
from crl.adaptation.tracking.regime import Regime
from crl.adaptation.tracking.tracker import RegimeTracker
from crl.config.sections.flow import FlowConfig
from crl.dynamics.features import FeatureMap
from tests.oracles import unicycle

BOX = Box.of(unicycle.ACTION)
NOMINAL = NominalModel(unicycle.nominal)
SCALE = torch.tensor([0.2, 0.2, 0.3])
FEATURES = FeatureMap(unicycle.OBSERVATION)


def calibration(seed: int = 0) -> Calibration:
    """From the unicycle's noise, with a thousandth of the changes' scale as floor."""
    residuals = unicycle.NOISE * torch.randn(1000, 3, generator=torch.Generator().manual_seed(seed))
    return calibrate(residuals, 1e-3 * SCALE)


def simulator(config: FlowConfig) -> ChannelRegimes:
    """Regimes of the unicycle at any heading."""
    heading = torch.linspace(-math.pi, math.pi, 500).unsqueeze(1)
    return ChannelRegimes(config, NOMINAL, BOX, heading.expand(-1, 3).contiguous(), SCALE)


def structured(config: FlowConfig) -> StructuredIdentifier:
    return StructuredIdentifier(config.identification, BOX, NOMINAL, calibration())


def noted(state: np.ndarray, executed: np.ndarray, after: np.ndarray) -> tuple[torch.Tensor, ...]:
    """A transition as refiners observe it: observation, executed action and (wrapped) change."""
    first, second = torch.from_numpy(state), torch.from_numpy(after)
    return first, torch.from_numpy(executed), FEATURES.change(first, second)


def drive(
    tracker: RegimeTracker,
    gains: tuple[float, float],
    steps: int,
    rng: np.random.Generator,
    state: np.ndarray | None = None,
    least: float = 0.1,
) -> tuple[list[Regime], np.ndarray]:
    """Regimes after each of ``steps`` random commands, ``least`` to 1 of the limits, and the last state."""
    state = np.array([3.0, -4.0, 3.1], dtype=np.float32) if state is None else state
    regimes = []
    for _ in range(steps):
        size = rng.uniform(least, 1, 2) * rng.choice([-1, 1], 2)
        action = (size * np.array(unicycle.ACTION.high)).astype(np.float32)
        after = unicycle.step(state, action, gains, rng.normal(size=3))
        regimes.append(tracker.observe(*noted(state, action, after)))
        state = after
    return regimes, state


def effect_error(tracker: RegimeTracker, regime: Regime, gains: tuple[float, float]) -> float:
    """Mean error of what a context says commands do, in half ranges, over a grid of commands."""
    axis = torch.linspace(-1, 1, 9)
    actions = torch.cartesian_prod(axis, axis) * BOX.half
    said: Tensor = tracker.identifier.effective(actions, regime.context.expand(len(actions), -1))
    return float(((said - actions * torch.tensor(gains)) / BOX.half).abs().mean())


def believe(tracker: RegimeTracker, context: Tensor | None = None, *, explains: bool = True) -> None:
    """Put a context in force; by default the nominal one, which stands for a fault of which nothing is known."""
    model = tracker.belief.hypothesis._model
    tracker.belief = Belief(Faulty(model, tracker.identifier.nominal if context is None else context, 1.0), explains)
