"""Refiners: identity where they have no say, bounded and projected where they have; the oracle is an inverse."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch

from crl.adaptation.authority import reachable_box
from crl.adaptation.box import Box
from crl.adaptation.flow_matching.action_flow import ActionFlow
from crl.adaptation.refiners.base import NoRefiner, Refiner
from crl.adaptation.refiners.flow import FlowRefiner
from crl.adaptation.refiners.making import TRACKING
from crl.adaptation.refiners.oracle import OracleRefiner
from crl.config.declared.components import FOLLOWING
from crl.errors import CrlError
from crl.types import Array
from tests.crl.adaptation import bodies
from tests.flow_settings import flow_config
from tests.oracles import unicycle

RNG = np.random.default_rng(0)
PLANS = RNG.uniform(-1, 1, (20, 2)).astype(np.float32) * np.array(unicycle.ACTION.high, dtype=np.float32)


def refiner(clipped: bool = True, **changes: object) -> FlowRefiner:
    """A refiner whose flow was never trained: it must keep its promises all the same."""
    config = flow_config(field_hidden=[16], **changes)
    flow = ActionFlow(config, unicycle.ACTION, bodies.structured(config), bodies.calibration())
    flow.field.weights = 5 * flow.field.network.initial(torch.Generator().manual_seed(0))
    return FlowRefiner(flow, bodies.NOMINAL, clipped=clipped)


def observe(ours: Refiner, gains: tuple[float, float], steps: int = 5) -> None:
    state = np.array([0.0, 0.0, 3.1], dtype=np.float32)
    for plan in PLANS[:steps]:
        after = unicycle.step(state, plan, gains)
        ours.observe(*bodies.noted(state, plan, after))
        state = after


def test_identity_while_nominal() -> None:
    ours = refiner()
    observe(ours, (1, 1), 20)
    for plan in PLANS:
        refined = ours.refine(plan)
        assert np.array_equal(refined, plan)
        assert refined is not plan
    assert ours.authority() == unicycle.ACTION


@pytest.mark.parametrize("bound", [0.0, 0.1, 0.5])
def test_the_correction_is_bounded_and_the_result_inside_the_box(bound: float) -> None:
    ours = refiner(tracking_max_correction=bound)
    observe(ours, (-1, 1))
    assert ours.regime.active
    half = np.array(unicycle.ACTION.high, dtype=np.float32)
    changes = np.array([(ours.refine(plan) - plan) / half for plan in PLANS])
    assert np.abs(changes).max() <= bound + 1e-6
    assert np.abs(changes).max() >= 0.9 * bound  # the wild flow wanted more
    assert all((np.abs(ours.refine(plan)) <= half + 1e-6).all() for plan in PLANS)


def test_unclipped_commands_may_leave_the_box_up_to_that_of_the_fit() -> None:
    ours = refiner(clipped=False, field_box_scale=3.0)
    observe(ours, (-1, 1))
    refined = np.abs([ours.refine(plan) for plan in PLANS]) / np.array(unicycle.ACTION.high)
    assert 1 < refined.max() <= 3 + 1e-5
    assert ours.authority() == unicycle.ACTION


def test_what_is_not_finite_falls_back_to_the_plan_and_says_so_once() -> None:
    ours = refiner()
    observe(ours, (-1, 1))
    ours.flow.field.weights = torch.full_like(ours.flow.field.weights, torch.nan)
    with pytest.warns(RuntimeWarning, match="not finite"):
        assert np.array_equal(ours.refine(PLANS[0]), PLANS[0])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for plan in PLANS:
            assert np.array_equal(ours.refine(plan), plan)


def test_a_restored_refiner_has_the_same_future() -> None:
    first, second = refiner(), refiner()
    observe(first, (-1, 2), 4)
    second.load_state_dict(first.state_dict())
    for ours in (first, second):
        observe(ours, (-1, 2), 7)
    assert all(np.array_equal(first.refine(plan), second.refine(plan)) for plan in PLANS)
    first.begin()
    assert np.array_equal(first.refine(PLANS[0]), PLANS[0])


@pytest.mark.parametrize("gains", unicycle.GAINS)
@pytest.mark.parametrize("clipped", [True, False])
def test_the_oracle_divides_by_the_true_gains(gains: tuple[float, float], clipped: bool) -> None:
    oracle = OracleRefiner(unicycle.ACTION, clipped=clipped)
    oracle.tell(torch.tensor(gains))
    for plan in PLANS:
        wanted = plan / np.array(gains)
        if clipped:
            wanted = np.clip(wanted, unicycle.ACTION.low, unicycle.ACTION.high)
        np.testing.assert_allclose(oracle.refine(plan), wanted, rtol=1e-3, atol=1e-4)


def test_the_oracle_undoes_couplings_and_biases_and_survives_a_dead_channel() -> None:
    oracle = OracleRefiner(unicycle.ACTION, clipped=False)
    matrix, bias = torch.tensor([[0.5, 0.3], [-0.4, 1.2]]), torch.tensor([0.1, -0.2])
    oracle.tell(matrix, bias)
    for plan in PLANS:
        done = matrix.numpy() @ oracle.refine(plan) + bias.numpy()
        np.testing.assert_allclose(done, plan, atol=1e-4)
    for clipped in (True, False):
        dead = OracleRefiner(unicycle.ACTION, clipped=clipped)
        dead.tell(torch.tensor([-1.0, 0.0]))
        for plan in PLANS:
            np.testing.assert_allclose(dead.refine(plan), plan * np.array([-1, 1]), atol=1e-4)
    with pytest.raises(CrlError, match="do not fit 2 actions"):
        oracle.tell(torch.ones(3))


def test_authority_is_what_the_gains_leave() -> None:
    ours = refiner()
    observe(ours, (0.1, -1.5), 8)
    reachable = ours.authority()
    np.testing.assert_allclose(reachable.high, [0.1, np.pi / 2], rtol=0.02)
    np.testing.assert_allclose(reachable.low, [-0.1, -np.pi / 2], rtol=0.02)
    assert (reachable.names, reachable.units) == (unicycle.ACTION.names, unicycle.ACTION.units)
    oracle = OracleRefiner(unicycle.ACTION)
    oracle.tell(torch.tensor([0.1, -1.5]))
    np.testing.assert_allclose(oracle.authority().high, [0.1, np.pi / 2], rtol=1e-5)


def test_reachable_commands_of_a_coupled_body_are_inside_their_box() -> None:
    config = flow_config(identification_structure="affine", field_hidden=[16])
    ident = bodies.structured(config)
    ours = FlowRefiner(ActionFlow(config, unicycle.ACTION, ident, bodies.calibration()), bodies.NOMINAL)
    matrix, bias = torch.tensor([[0.2, 0.3], [0.1, -0.5]]), torch.tensor([0.3, 0.0])
    bodies.believe(ours.tracker, ident.context_of(matrix, bias))
    box = reachable_box(ident, ours.regime.context, bodies.BOX)
    commands = ident.effective(
        bodies.BOX.sample(500, torch.Generator().manual_seed(0)), ours.regime.context.expand(500, -1)
    )
    scaled = Box(box.low - 1e-5, box.high + 1e-5)
    assert bool((scaled.clip(commands) == commands).all())
    torch.testing.assert_close(box.high / bodies.BOX.half, torch.tensor([0.8, 0.6]))


class Halving(Refiner):
    """A refiner of a user's own: nothing but what it makes of an action."""

    def refine(self, planned: Array) -> Array:
        return planned / 2


def test_a_refiner_need_not_say_more_than_what_it_refines() -> None:
    ours = Halving(unicycle.ACTION)
    observe(ours, (-1, 1))
    ours.begin()
    ours.tell(torch.ones(2))
    ours.load_state_dict(ours.state_dict())
    assert not ours.tracks
    assert not ours.is_told
    assert not ours.regime.off
    assert ours.reach() is None
    assert torch.equal(ours.nominal_command(torch.ones(2)), torch.ones(2))
    assert ours.authority() == unicycle.ACTION
    with pytest.raises(TypeError, match="refine"):
        Refiner(unicycle.ACTION)  # type: ignore[abstract]


def test_every_refiner_declares_what_it_does() -> None:
    ours = refiner()
    observe(ours, (-1, 1))
    assert (ours.tracks, ours.is_told) == (True, False)
    assert ours.regime.off
    oracle = OracleRefiner(unicycle.ACTION)
    assert (oracle.tracks, oracle.is_told) == (False, True)


def test_no_refiner_does_nothing() -> None:
    ours = NoRefiner(unicycle.ACTION)
    observe(ours, (-1, 1))
    assert all(np.array_equal(ours.refine(plan), plan) for plan in PLANS)
    assert ours.authority() == unicycle.ACTION


def test_every_kind_that_follows_the_regime_has_a_class() -> None:
    assert tuple(TRACKING) == FOLLOWING
