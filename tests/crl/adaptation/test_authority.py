"""What is left of a robot's authority where channels are coupled, and care while nothing explains what it does."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crl.adaptation.authority import Reach, careful_box
from crl.adaptation.flow_matching.action_flow import ActionFlow
from crl.adaptation.identification.learned import LearnedIdentifier
from crl.adaptation.refiners.flow import FlowRefiner
from crl.adaptation.refiners.oracle import OracleRefiner
from tests.crl.adaptation import bodies
from tests.flow_settings import flow_config
from tests.oracles import unicycle

HALF = bodies.BOX.half
WEAK_SIDE = torch.tensor([[0.65, 0.2], [0.65, 0.65]])
"""The left side of a vehicle turns at three tenths of its speed."""


def refiner(**changes: object) -> FlowRefiner:
    config = flow_config(identification_structure="affine", field_hidden=[16], **changes)
    ident = bodies.structured(config)
    return FlowRefiner(ActionFlow(config, unicycle.ACTION, ident, bodies.calibration()), bodies.NOMINAL)


def under(ours: FlowRefiner, matrix: torch.Tensor, bias: torch.Tensor | None = None) -> FlowRefiner:
    """The refiner with a context in force."""
    context = ours.flow.identifier.context_of(matrix, bias)  # type: ignore[attr-defined]
    bodies.believe(ours.tracker, context)
    return ours


@pytest.mark.parametrize("bias", [torch.zeros(2), torch.tensor([0.2, -0.1])])
def test_what_remains_of_a_plan_can_be_done_and_what_can_be_done_remains(bias: torch.Tensor) -> None:
    reach = under(refiner(), WEAK_SIDE, bias).reach()
    assert reach is not None
    planned = bodies.BOX.sample(2000, torch.Generator().manual_seed(0)).view(10, 200, 2)
    remains = reach(planned)
    needed = torch.linalg.solve(WEAK_SIDE, (remains / HALF - bias).unsqueeze(-1))[..., 0]
    assert float(needed.abs().max()) <= 1.005
    wanted = torch.linalg.solve(WEAK_SIDE, (planned / HALF - bias).unsqueeze(-1))[..., 0]
    attainable = (wanted.abs() <= 1).all(dim=-1)
    assert 0.1 < float(attainable.float().mean()) < 0.9
    torch.testing.assert_close(remains[attainable], planned[attainable], atol=0.02, rtol=0)
    torch.testing.assert_close(reach(remains), remains, atol=0.02, rtol=0)


def test_without_a_coupling_the_box_says_it_all() -> None:
    assert refiner().reach() is None
    assert under(refiner(), torch.diag(torch.tensor([0.1, -1.5]))).reach() is None
    oracle = OracleRefiner(unicycle.ACTION)
    assert oracle.reach() is None
    oracle.tell(torch.tensor([0.3, -2.0]))
    assert oracle.reach() is None


def test_a_learned_identifier_only_approximates_and_keeps_to_the_box() -> None:
    config = flow_config(encoder_hidden=[8], encoder_context=4)
    learned = LearnedIdentifier(config, bodies.BOX, bodies.NOMINAL, bodies.calibration())
    assert not learned.affine
    assert Reach.of(learned, torch.ones(4), bodies.BOX) is None


def test_a_channel_that_is_dead_in_a_coupled_body_is_never_planned_with() -> None:
    reach = under(refiner(), torch.tensor([[0.8, 0.4], [0.0, 0.0]])).reach()
    assert reach is not None
    remains = reach(bodies.BOX.sample(100, torch.Generator().manual_seed(1)))
    torch.testing.assert_close(remains[:, 1], torch.zeros(100), atol=1e-4, rtol=0)
    assert float(remains[:, 0].abs().max()) > 0.5


def test_the_oracle_and_a_refiner_that_knows_the_truth_reach_the_same() -> None:
    oracle = OracleRefiner(unicycle.ACTION)
    bias = torch.tensor([0.1, 0.3])
    oracle.tell(WEAK_SIDE * HALF.unsqueeze(-1) / HALF, bias * HALF)
    ours, theirs = under(refiner(), WEAK_SIDE, bias).reach(), oracle.reach()
    assert ours is not None
    assert theirs is not None
    planned = bodies.BOX.sample(100, torch.Generator().manual_seed(2))
    torch.testing.assert_close(ours(planned), theirs(planned), atol=1e-3, rtol=0)
    for row in theirs(planned)[:20]:  # and what remains is what it then makes the body do
        done = oracle.nominal_command(torch.from_numpy(oracle.refine(row.numpy())))
        torch.testing.assert_close(done, row, atol=5e-3, rtol=0)
    assert OracleRefiner(unicycle.ACTION, clipped=False).reach() is None


def test_a_context_that_is_not_finite_leaves_the_box() -> None:
    ours = refiner().flow.identifier
    context = ours.nominal.clone()
    context[1] = torch.nan
    assert Reach.of(ours, context, bodies.BOX) is None


def _push(ours: FlowRefiner, steps: int) -> list[bool]:
    """Sideways pushes that come and go, which no context explains; whether each step is planned with care."""
    rng, careful = np.random.default_rng(0), []
    half = careful_box([0, 1], bodies.BOX)
    for step in range(steps):
        action = torch.tensor(rng.uniform(0.3, 1, 2), dtype=torch.float32)
        observation = torch.tensor([0.0, 0.0, float(rng.uniform(-3, 3))])
        change = unicycle.nominal(observation.unsqueeze(0), action.unsqueeze(0))[0]
        push = 0.1 * rng.normal() * torch.stack([-observation[2].sin(), observation[2].cos(), torch.zeros(())])
        ours.observe(observation, action, change + push * (step % 20 < 10))
        careful.append(ours.authority().high == tuple(half.high.tolist()))
    return careful


def test_care_is_taken_while_nothing_explains_and_while_there_is_trust() -> None:
    careful = _push(refiner(tracking_care=True), 600)
    assert sum(careful[:20]) > 5
    assert sum(careful[-200:]) == 0
    assert not any(_push(refiner(), 60))


def test_care_is_over_when_a_context_explains() -> None:
    ours = refiner(tracking_care=True)
    _push(ours, 6)
    assert ours.authority() != unicycle.ACTION
    under(ours, torch.diag(torch.tensor([1.0, -1.0])))
    np.testing.assert_allclose(ours.authority().high, unicycle.ACTION.high, rtol=1e-5)
