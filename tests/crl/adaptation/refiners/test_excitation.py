"""What seems dead because its cause was never commanded is tried; what was tried is believed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crl.adaptation.authority import seems_dead
from crl.adaptation.box import Box
from crl.adaptation.flow_matching.action_flow import ActionFlow
from crl.adaptation.refiners.excitation import EXCITED, PULSE, excited
from crl.adaptation.refiners.flow import FlowRefiner
from tests.crl.adaptation import bodies
from tests.flow_settings import flow_config
from tests.oracles import unicycle

HALF = bodies.BOX.half


def test_only_what_is_not_excited_is_tried_and_large_commands_stay() -> None:
    action = torch.tensor([0.1, -0.2]) * HALF
    torch.testing.assert_close(
        excited(action, torch.tensor([0.0, 1.0]), bodies.BOX), torch.tensor([PULSE, -0.2]) * HALF
    )
    torch.testing.assert_close(
        excited(action, torch.tensor([1.0, 0.0]), bodies.BOX), torch.tensor([0.1, -PULSE]) * HALF
    )
    large = torch.tensor([0.9, -0.9]) * HALF
    assert torch.equal(excited(large, torch.zeros(2), bodies.BOX), large)
    assert torch.equal(excited(action, torch.full((2,), EXCITED), bodies.BOX), action)


def test_a_small_range_is_not_dead() -> None:
    for share, dead in ((0.5, False), (0.15, False), (0.05, True)):
        reachable = Box(bodies.BOX.low * torch.tensor([1.0, share]), bodies.BOX.high * torch.tensor([1.0, share]))
        assert seems_dead(reachable, bodies.BOX) == dead


REVERSED = torch.tensor([[0.0, -0.55], [-1.7, 0.0]])
"""One side of a vehicle turns the other way: what should drive it turns it, and the other way round."""


def _drive() -> tuple[FlowRefiner, list[float]]:
    """A robot that thinks it can't move, and turns on the spot; what it knows of how to move, step by step."""
    config = flow_config(identification_structure="matrix", field_hidden=[16])
    ident = bodies.structured(config)
    ours = FlowRefiner(ActionFlow(config, unicycle.ACTION, ident, bodies.calibration()), bodies.NOMINAL)
    rng, state, known = np.random.default_rng(0), np.zeros(3, np.float32), []
    for _ in range(60):
        # The flow is not fitted: its place is taken by what turns under the true context, with nothing that drives.
        wanted = torch.tensor([0.0, float(rng.uniform(-0.8, 0.8))])
        ours.flow.refine = lambda *_, wanted=wanted: (torch.linalg.solve(REVERSED, wanted) * HALF).unsqueeze(0)  # type: ignore[method-assign]
        action = ours.refine(np.zeros(2, np.float32)) if ours.regime.active else np.array([0.4, 0.0], np.float32)
        done = (REVERSED @ (torch.from_numpy(action) / HALF)) * HALF
        after = unicycle.step(state, done.numpy(), (1.0, 1.0), rng.normal(size=3))
        ours.observe(*bodies.noted(state, action, after))
        state = after
        known.append(float(ident.channels.matrix(ident.parameters(ours.regime.context))[0, 1]))
    return ours, known


def test_a_robot_that_thinks_it_cannot_move_finds_out_that_it_can(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, known = _drive()
    assert abs(known[-1] - (-0.55)) < 0.02
    assert float(ours.authority().high[0] / HALF[0]) > 0.5
    monkeypatch.setattr("crl.adaptation.refiners.tracking.excited", lambda action, *_: action)
    trapped, unknown = _drive()
    assert unknown[-1] == 0.0
    assert float(trapped.authority().high[0] / HALF[0]) < 0.1
