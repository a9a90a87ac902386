"""Rollouts by the compiled kernel and by PyTorch are one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from crl.config import PlannerConfig
from crl.dynamics.model import DynamicsModel
from crl.kernel.library import Library, library
from crl.planning import compiling
from crl.planning.body_rollout import BodyRollout
from crl.planning.planner import make_planner
from crl.planning.rollout import Rollout
from tests.crl.dynamics.test_model import ACTION, SPECS, observations, trained
from tests.crl.planning.test_body_rollout import KINDS, fields, made

BUILT = pytest.mark.skipif(library().loaded is None, reason="the kernel was not built")
PLANNERS = ("icem", "cem", "mppi", "random_shooting")


def both(name: str = "mixed", *, apart: bool = False, **settings: object) -> tuple[Rollout, Rollout]:
    """A rollout as it comes, and the same one by PyTorch."""
    model, weights, normalisers, _ = trained(name, **settings)
    plain = DynamicsModel(replace(model.config, kernel="torch"), SPECS[name], ACTION)
    return (
        Rollout(model, weights.float(), normalisers, apart=apart),
        Rollout(plain, weights.float(), normalisers, apart=apart),
    )


def reward(observation: Tensor, action: Tensor, after: Tensor) -> Tensor:
    return -after.square().sum(dim=-1) - 0.1 * action.square().sum(dim=-1)


@BUILT
@pytest.mark.parametrize("name", SPECS)
@pytest.mark.parametrize(("ensemble", "apart"), [(1, False), (3, False), (3, True)])
def test_trajectories_are_equal_but_for_rounding(name: str, ensemble: int, apart: bool) -> None:
    compiled, plain = both(name, apart=apart, ensemble=ensemble, hidden=[7, 5], out_var=True)
    start, actions = observations(name, seed=5).float(), torch.rand(9, 4, 2) * 2 - 1
    found, wanted = compiled(start, actions), plain(start, actions)
    assert found.shape == wanted.shape
    assert not torch.equal(found, wanted), "the two took the same path"
    torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)


@BUILT
@pytest.mark.parametrize(("ensemble", "apart"), [(1, False), (3, False), (3, True)])
def test_in_bfloat16_they_are_equal_but_for_its_rounding(ensemble: int, apart: bool) -> None:
    about = {"apart": apart, "ensemble": ensemble, "hidden": [9, 7, 5]}
    compiled, plain = both(precision="bfloat16", **about)
    exact, _ = both(**about)
    actions = torch.rand(9, 4, 2, generator=torch.Generator().manual_seed(6)) * 2 - 1
    start = observations("mixed", seed=5).float()
    found, wanted, reference = (one(start, actions) for one in (compiled, plain, exact))
    moved = (reference - start).norm()
    assert not torch.equal(found, wanted), "the two took the same path"
    for one in (found, wanted):
        assert 1e-5 < float((one - reference).norm() / moved) < 1e-2


@BUILT
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("precision", "error"), [("float32", 2e-5), ("bfloat16", 2e-2)])
def test_bodies_too(kind: str, precision: str, error: float) -> None:
    body, model = made(kind, 2)
    model.model.config = replace(model.model.config, precision=precision)
    rollout = BodyRollout(body, model)
    source = torch.Generator().manual_seed(3)
    observation, actions = torch.randn(fields(*KINDS[kind]).size, generator=source), torch.rand(5, 4, 2)
    model.model.config = replace(model.model.config, kernel="torch")
    plain = BodyRollout(body, model)
    for one in (rollout, plain):
        one.offset = torch.linspace(-0.1, 0.1, body.changes)
        one.effect = lambda wanted: 0.7 * wanted
    found, wanted = rollout(observation, actions), plain(observation, actions)
    assert not torch.equal(found, wanted), "the two took the same path"
    torch.testing.assert_close(found, wanted, rtol=error / 2, atol=error)


@BUILT
@pytest.mark.parametrize("planner", PLANNERS)
def test_planners_draw_the_same_and_plan_the_same(planner: str) -> None:
    config = PlannerConfig(name=planner, samples=24, horizon=4, rounds=2, elites=4)
    plans = []
    for rollout in both("linear", hidden=[6]):
        generator = torch.Generator().manual_seed(4)
        made_planner = make_planner(config, ACTION)
        found = [made_planner.plan(rollout, reward, torch.tensor([0.5, -0.2]), generator) for _ in range(2)]
        plans.append((found[-1], generator.get_state()))
    (first, one), (second, other) = plans
    assert torch.equal(one, other)
    torch.testing.assert_close(first.actions, second.actions, rtol=1e-4, atol=1e-4)
    assert first.value == pytest.approx(second.value, rel=1e-4)


def test_without_the_kernel_pytorch_unrolls(monkeypatch: pytest.MonkeyPatch) -> None:
    start, actions = observations("mixed", seed=5).float(), torch.rand(3, 2, 2)
    monkeypatch.setattr(compiling, "library", lambda: Library(None, trouble="it was not built"))
    without, plain = both()
    assert torch.equal(without(start, actions), plain(start, actions))


def test_gradients_go_through_pytorch() -> None:
    rollout, plain = both("linear")
    wanted = torch.rand(3, 2, 2, requires_grad=True)
    start = torch.zeros(2)
    gradients = [torch.autograd.grad(one(start, wanted).sum(), wanted)[0] for one in (rollout, plain)]
    assert torch.equal(*gradients)
    assert float(gradients[0].abs().max()) > 0
