"""L1 adaptive control and INDI against their theory: which offset is found, how fast, and what they can't do."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.adaptation.nominal_model import NominalModel
from crl.adaptation.refiners.compensation import CompensatingRefiner
from crl.adaptation.refiners.indi import IndiRefiner
from crl.adaptation.refiners.l1 import L1Refiner
from crl.adaptation.refiners.making import check_refiner
from crl.config import Config
from crl.errors import CrlError
from crl.types import ActionSpec
from tests.crl.adaptation import bodies
from tests.crl.states import differences
from tests.oracles import unicycle

FILTER = 4.0
SHARE = 1 - math.exp(-1 / FILTER)
HALF = np.array(unicycle.ACTION.high, dtype=np.float32)
PLAN = np.array([0.3, 0.4], dtype=np.float32)
SPREAD = torch.full((3,), 1e-4)

COMMANDS = ActionSpec(("thrust", "rate"), ("1", "rad/s"), (0.0, -2.0), (1.0, 2.0))
FOLLOWS = 0.4
"""Share of the way to the commanded rate that a step goes."""


def rates(observation: Tensor, action: Tensor) -> Tensor:
    """A body of one rate [N, 1] that follows its command, and climbs by its thrust: changes [N, 2]."""
    return torch.stack([0.1 * action[:, 0], FOLLOWS * (action[:, 1] - observation[:, 0])], dim=-1)


def l1(clipped: bool = True, most: float = 2.0) -> L1Refiner:
    return L1Refiner(bodies.NOMINAL, SPREAD, unicycle.ACTION, filter=FILTER, most=most, clipped=clipped)


def indi() -> IndiRefiner:
    spread = torch.full((2,), 1e-4)
    return IndiRefiner(NominalModel(rates), spread, COMMANDS, rows=(-1, 1), filter=FILTER, most=2.0)


def drive(ours: CompensatingRefiner, gains: tuple[float, float], steps: int, bias: float = 0.0) -> list[np.ndarray]:
    """What a unicycle of these gains, and a bias on its speed (m/s), makes of a constant plan: effective commands."""
    effects, state = [], torch.zeros(3)
    for _ in range(steps):
        executed = torch.from_numpy(ours.refine(PLAN))
        command = executed * torch.tensor(gains) + torch.tensor([bias, 0.0])
        ours.observe(state, executed, unicycle.nominal(state[None], command[None])[0])
        effects.append(command.numpy())
    return effects


@pytest.mark.parametrize("gain", [0.5, 1.0, 1.8])
def test_the_offset_converges_as_theory_says(gain: float) -> None:
    """eta_k = eta_oo (1 - (1 - alpha m)^k) with eta_oo = ((m - 1) r + b) / m, in half ranges (here 1 m/s)."""
    ours, bias = l1(), 0.1
    limit = ((gain - 1) * PLAN[0] + bias) / gain
    for step in range(1, 9):
        drive(ours, (gain, 1.0), 1, bias)
        expected = limit * (1 - (1 - SHARE * gain) ** step)
        assert float(ours.filtered[0]) == pytest.approx(expected, abs=2e-3)
        assert float(ours.filtered[1]) == pytest.approx(0.0, abs=2e-3)


def test_a_known_gain_is_compensated_within_the_filters_time() -> None:
    before = abs(1.5 * PLAN[0] - PLAN[0])
    effects = drive(l1(), (1.5, 0.6), 40)
    assert abs(effects[round(FILTER)][0] - PLAN[0]) < before / math.e
    np.testing.assert_allclose(effects[-1], PLAN, atol=2e-3)


def test_a_turned_sign_drives_the_command_to_its_limit_on_the_wrong_side() -> None:
    """The sign of the input gain is assumed to be known: with another one, the loop is unstable."""
    effects = drive(l1(), (-1.0, 1.0), 60)
    assert effects[-1][0] == pytest.approx(-HALF[0])
    assert effects[-1][1] == pytest.approx(PLAN[1], abs=2e-3)


@pytest.mark.parametrize("gains", [(0.01, -3.0), (-2.0, 0.0), (20.0, 1.0)])
def test_commands_are_bounded_whatever_the_body_does(gains: tuple[float, float]) -> None:
    ours = l1(clipped=False, most=0.7)
    drive(ours, gains, 30)
    assert (np.abs(ours.refine(PLAN) - PLAN) <= 0.7 * HALF + 1e-5).all()
    clipped = l1()
    drive(clipped, gains, 30)
    assert (np.abs(clipped.refine(PLAN)) <= HALF + 1e-6).all()


@pytest.mark.parametrize("make", [l1, indi])
def test_a_nominal_body_is_left_alone_and_what_is_not_finite_passed_over(make: type[CompensatingRefiner]) -> None:
    ours = make()
    plan = np.array([0.5, 0.3], dtype=np.float32)
    size = 1 if isinstance(ours, IndiRefiner) else 3
    model = rates if isinstance(ours, IndiRefiner) else unicycle.nominal
    for _ in range(5):
        executed, state = torch.from_numpy(ours.refine(plan)), torch.full((size,), 0.2)
        ours.observe(state, executed, model(state[None], executed[None])[0])
        np.testing.assert_allclose(ours.refine(plan), plan, atol=1e-4)
    ours.observe(state, executed, torch.full_like(model(state[None], executed[None])[0], math.nan))
    np.testing.assert_allclose(ours.refine(plan), plan, atol=1e-4)


def test_indi_makes_a_rate_of_another_gain_follow_its_command_and_leaves_thrust_alone() -> None:
    """In the end the rate changes by what the nominal body would change it by, with half the thrust or not."""
    ours, plan, rate = indi(), np.array([0.5, 0.8], dtype=np.float32), torch.zeros(1)
    for _ in range(60):
        executed = torch.from_numpy(ours.refine(plan))
        assert executed[0] == plan[0]
        change = torch.tensor([0.05 * executed[0], FOLLOWS * (1.6 * executed[1] - 0.3 - rate[0])])
        ours.observe(rate, executed, change)
        rate = rate + change[1:]
    assert float(rate) == pytest.approx(float(plan[1]), abs=5e-3)
    assert float(ours.filtered[0]) == 0.0
    assert float(ours.refine(plan)[1]) == pytest.approx((plan[1] + 0.3) / 1.6, abs=5e-3)


def test_the_offset_is_attributed_once_comes_back_and_is_forgotten() -> None:
    ours, again = l1(), l1()
    drive(ours, (0.5, 1.0), 10)
    executed = torch.tensor([0.4, 0.0])
    offset = ours.box.half * ours.offset
    torch.testing.assert_close(ours.nominal_command(executed), executed + offset)
    assert float(offset[0]) == pytest.approx(-0.5 * float(ours.refine(PLAN)[0]), abs=0.03)
    again.load_state_dict(ours.state_dict())
    assert differences(again.state_dict(), ours.state_dict()) == []
    assert np.array_equal(again.refine(PLAN), ours.refine(PLAN))
    ours.begin()
    assert np.array_equal(ours.refine(PLAN), PLAN)


def test_each_is_refused_for_commands_of_the_others_kind() -> None:
    config = Config()
    config.refiner.kind = "l1"
    check_refiner(config, ())
    with pytest.raises(CrlError, match="refiner=indi"):
        check_refiner(config, (-1, 4, 5, 6))
    config.refiner.kind = "indi"
    check_refiner(config, (-1, 4, 5, 6))
    with pytest.raises(CrlError, match="refiner=l1"):
        check_refiner(config, (-1, -1))
    config.refiner.kind = "inverse"
    check_refiner(config, (-1, -1))
