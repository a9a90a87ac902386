"""Last layers that are solved for: beside what a slow search finds, and what they keep of their neighbour."""

from __future__ import annotations

import pytest
import torch

from crl.memory.models.heads import HeadMemory
from crl.memory.models.steps import Steps
from crl.memory.recall.coverage import add
from tests.crl.memory.unicycle import drive, gains, make_bridge, squared, units

SPREAD = 0.15


def memory() -> HeadMemory:
    """An empty memory."""
    return HeadMemory(make_bridge(), units(), 8, spread=SPREAD)


def part(steps: Steps, start: int, end: int) -> Steps:
    return steps[start:end]


def test_it_is_what_gradient_descent_on_the_posterior_finds() -> None:
    heads, steps = memory(), drive(squared, 40, 1)
    index, _ = heads.open(0, part(steps, 0, 6), 0)
    before = heads._kept[index].clone()
    assert heads.learn(index, steps, 1, torch.Generator()) is not None
    base, inner = heads.base, heads._relative.inner(index, steps)
    deviation = units().unit / base.scale
    moving = before.double().requires_grad_(True)
    trunk, target = base.weights[: -len(before)], (inner.change / base.scale).double()
    read = base.read(inner.observation, inner.action).unsqueeze(0)
    features = base.network.layer_inputs(base.weights, read)[-2][0].double()
    search = torch.optim.LBFGS([moving], max_iter=400, tolerance_grad=1e-10, line_search_fn="strong_wolfe")

    def energy() -> torch.Tensor:
        search.zero_grad()
        count = features.shape[1] * base.size
        out = features @ moving[:count].view(-1, base.size) + moving[count:]
        misfit = ((out - target) / deviation).square().sum() / 2
        # Every column of weights is that of one output, whose deviation is in its own units.
        total = misfit + ((moving - before) / SPREAD).square().sum() / 2
        total.backward()
        return total

    search.step(energy)
    slow = torch.cat([trunk, moving.detach().float()])
    fast = torch.cat([trunk, heads._kept[index]])
    found = [base.predict(weights.unsqueeze(0), inner.observation, inner.action)[0] for weights in (slow, fast)]
    torch.testing.assert_close(found[1] / base.scale, found[0] / base.scale, rtol=0, atol=2e-3)


def test_a_regime_is_predicted_better_than_its_context_can() -> None:
    heads, steps, later = memory(), drive(squared, 60, 2), drive(squared, 64, 3)
    index, _ = heads.open(0, part(steps, 0, 6), 0)

    def error() -> float:
        predicted = heads.predict(later.observation, later.action)[heads.order.index(index)]
        return float((predicted - later.change).square().mean().sqrt())

    before = error()
    heads.learn(index, steps, 1, torch.Generator())
    assert error() < 0.5 * before


def test_no_more_is_kept_of_a_regime_than_a_layer_and_a_context() -> None:
    heads = memory()
    for seed, effect in enumerate((gains(1, -1), squared)):
        steps = drive(effect, 20, seed)
        index, _ = heads.open(0, steps, 0)
        heads.learn(index, steps, 1, torch.Generator())
    kept = heads.kept_bytes()
    size = 4 * (heads.base.network.head_size + len(make_bridge().nominal))
    assert kept["prediction"] == size
    assert kept["per_regime"] == pytest.approx(size + kept["record"])
    assert kept["once"] == 4 * heads.base.network.size


def test_what_is_not_finite_changes_nothing() -> None:
    heads, steps = memory(), drive(squared, 10, 2)
    index, _ = heads.open(0, steps, 0)
    before = heads._kept[index].clone()
    broken = Steps(steps.observation, steps.action, torch.full_like(steps.change, torch.inf))
    heads.learn(index, broken, 1, torch.Generator())
    assert torch.equal(heads._kept[index], before)


def test_what_is_doubted_is_the_posterior_deviation_of_a_last_layer() -> None:
    heads, steps = memory(), drive(squared, 12, 4)
    index, _ = heads.open(0, steps, 0)
    assert heads.doubt(index, steps.observation, steps.action) is None  # nothing is known of where it was seen
    for observation, action in zip(steps.observation, steps.action, strict=True):
        add(heads.regimes[index], heads.base, observation, action)
    later = drive(squared, 30, 5)
    doubted = heads.doubt(index, later.observation, later.action)
    seen = heads.regimes[index].seen
    assert doubted is not None
    assert seen is not None
    # Slowly: the covariance of all weights of one output, from the inputs that were seen.
    base, rows = (
        heads.base,
        [heads._relative.inner(index, Steps(*part, later.change)) for part in (seen, later.parts[:2])],
    )
    seen_features, features = (heads._features(row) for row in rows)
    for at in range(base.size):
        noise = (units().unit / base.scale)[at].double()
        precision = torch.eye(features.shape[1]) / SPREAD**2 + seen_features.T @ seen_features / noise**2
        variance = (features @ torch.linalg.inv(precision) * features).sum(dim=1)
        torch.testing.assert_close(doubted[:, at].double(), variance.sqrt() * base.scale[at], rtol=1e-3, atol=1e-6)
    there = heads.doubt(index, seen[0], seen[1])
    assert there is not None
    assert float(there.max()) < float(doubted.max())
