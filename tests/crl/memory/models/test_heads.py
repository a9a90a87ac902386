"""Last layers that are solved for: beside what a slow search finds, and what they keep of their neighbour."""

from __future__ import annotations

import pytest
import torch

from crl.memory.models.heads import HeadMemory
from crl.memory.models.steps import Steps
from crl.memory.recall.coverage import add
from crl.restoring import UnfitStateError
from tests.crl.memory.unicycle import drive, make_bridge, squared, units

SPREAD = 0.15
INPUTS = 8


def memory() -> HeadMemory:
    """An empty memory."""
    return HeadMemory(make_bridge(), units(), 8, spread=SPREAD, inputs=INPUTS)


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


def learned(count: int = 60) -> tuple[HeadMemory, int]:
    """A memory that has learned a regime, and noted where it was seen."""
    heads, steps = memory(), drive(squared, count, 2)
    index, _ = heads.open(0, part(steps, 0, 6), 0)
    heads.learn(index, steps, 1, torch.Generator())
    for observation, action in zip(steps.observation, steps.action, strict=True):
        add(heads.regimes[index], heads.base, observation, action)
    return heads, index


def predicted(heads: HeadMemory, index: int, steps: Steps) -> torch.Tensor:
    return heads.predict(steps.observation, steps.action)[heads.order.index(index)]


def test_a_few_transitions_are_kept_of_a_regime_that_is_left() -> None:
    heads, index = learned()
    once, size = heads.kept_bytes()["once"], 4 * (heads.base.network.head_size + len(make_bridge().nominal))
    assert once == 4 * heads.base.network.size + size + heads.regimes[index].kept_bytes()  # the one at work
    assert heads.kept_bytes()["per_regime"] == 0
    heads.rest()
    kept = heads.kept_bytes()
    reads, changes = heads.base.reads + 2, heads.base.size
    assert kept["prediction"] == 2 * INPUTS * changes + 4 * len(make_bridge().nominal)
    assert kept["record"] == 2 * INPUTS * reads + 4 * changes + 20
    assert kept["per_regime"] == kept["prediction"] + kept["record"]
    assert kept["once"] == 4 * heads.base.network.size


@pytest.mark.parametrize(("inputs", "share"), [(8, 0.5), (32, 0.1)])
def test_a_regime_that_is_left_is_predicted_nearly_as_before(inputs: int, share: float) -> None:
    heads, index = learned()
    heads._inputs = inputs
    later = drive(squared, 64, 3)
    known, nominal = predicted(heads, index, later), predicted(heads, 0, later)
    context = heads.base.predict(heads._relative.weights(index, heads.base.weights).unsqueeze(0), *later.parts[:2])[0]
    heads.rest()
    after = predicted(heads, index, later)
    assert not torch.equal(after, known)
    lost = (after - known).square().mean().sqrt()
    assert float(lost) < share * float((context - known).square().mean().sqrt())
    assert torch.equal(predicted(heads, 0, later), nominal)
    heads.rest()
    assert torch.equal(predicted(heads, index, later), after)  # nothing wears away by resting again


def test_with_no_transitions_the_layer_itself_is_kept() -> None:
    heads, index = learned()
    heads._inputs = 0
    known, later = heads._kept[index].clone(), drive(squared, 20, 7)
    heads.rest()
    assert torch.equal(heads._kept[index], known)
    kept = heads.kept_bytes()
    assert kept["prediction"] == 4 * (heads.base.network.head_size + len(make_bridge().nominal))
    assert kept["once"] == 4 * heads.base.network.size
    other = memory()
    other._inputs = 0
    other.load_state_dict(heads.state_dict())
    assert torch.equal(predicted(other, index, later), predicted(heads, index, later))
    other._inputs = INPUTS
    other.rest()  # asked for now, it becomes a few transitions
    assert other.kept_bytes()["prediction"] < kept["prediction"]


def test_a_layer_rounded_to_sixteen_bits_predicts_the_same_to_a_thousandth() -> None:
    heads, index = learned()
    heads._inputs, heads._halved = 0, True
    later = drive(squared, 64, 3)
    known, nominal = predicted(heads, index, later), predicted(heads, 0, later)
    seen = len(heads.regimes[index].seen[1])  # type: ignore[index]
    assert heads.kept_bytes()["per_regime"] == 0  # at work
    heads.rest()
    after = predicted(heads, index, later)
    assert not torch.equal(after, known)
    assert float((after - known).abs().max()) < 1e-3 * float((known - nominal).abs().max())
    assert torch.equal(predicted(heads, 0, later), nominal)
    kept = heads.kept_bytes()
    assert kept["prediction"] == 2 * heads.base.network.head_size + 4 * len(make_bridge().nominal)
    assert kept["record"] == 2 * seen * (heads.base.reads + 2) + 4 * heads.base.size + 20
    heads.rest()
    assert torch.equal(predicted(heads, index, later), after)  # nothing wears away by resting again


def test_differences_of_unknown_regimes_are_refused() -> None:
    heads, index = learned()
    heads._inputs, heads._halved = 0, True
    heads.rest()
    state = heads.state_dict()
    state["predicts"]["differences"][index + 5] = state["predicts"]["differences"][index]
    with pytest.raises(UnfitStateError, match="other regimes"):
        memory().load_state_dict(state)


@pytest.mark.parametrize("inputs", [INPUTS, 0])
def test_what_is_used_of_a_regime_that_was_left_is_what_was_kept(inputs: int) -> None:
    heads, index = learned()
    heads._inputs, heads._halved = inputs, True
    heads.rest()
    add(heads.regimes[index], heads.base, torch.zeros(heads.base.reads), 0.3 * torch.ones(2))
    for _ in range(2):  # once with an input seen since, once without
        other, later = memory(), drive(squared, 20, 7)
        other._inputs, other._halved = inputs, True
        other.load_state_dict(heads.state_dict())
        assert torch.equal(other.weights(index), heads.weights(index))
        assert other.kept_bytes() == heads.kept_bytes()
        for one in (heads, other):
            one.rest()
        assert torch.equal(other.weights(index), heads.weights(index))
        doubts = [one.doubt(index, later.observation, later.action) for one in (heads, other)]
        assert doubts[0] is not None
        assert doubts[1] is not None
        assert torch.equal(doubts[0], doubts[1])


def test_a_memory_of_before_is_read_with_its_layers() -> None:
    heads, index = learned()
    state = heads.state_dict()
    assert not state["predicts"].pop("outputs")
    for entry in state["regimes"]:
        del entry["half"]
    other = memory()
    other.load_state_dict(state)
    assert torch.equal(other.weights(index), heads.weights(index))


def test_outputs_of_other_inputs_are_refused() -> None:
    heads, index = learned()
    heads.rest()
    state = heads.state_dict()
    state["predicts"]["outputs"][index] = state["predicts"]["outputs"][index][1:]
    with pytest.raises(UnfitStateError, match="other inputs"):
        memory().load_state_dict(state)


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
