"""Every kind of memory: predict, open, learn, drop, merge, the bound, and its state."""

from __future__ import annotations

import pytest
import torch

from crl.config.sections.memory import KINDS
from crl.errors import CrlError
from crl.memory.models.memory import Memory
from crl.memory.models.networks import NetworkMemory
from crl.memory.models.regime import Standing, robust_scale
from crl.memory.recall.merging import dense_grid, twin
from tests.crl.memory.unicycle import BOX, PERIOD, Effect, drive, gains, ground, make_bridge, memory_of, squared, units

EACH = pytest.mark.parametrize("kind", KINDS)


WEAK = gains(-1, 0.7)


def learned(kind: str, effect: Effect = WEAK, most: int = 8) -> tuple[Memory, int]:
    """A memory with one regime learned from 60 transitions."""
    memory = memory_of(kind, most)
    steps = drive(effect, 60, 5)
    index, gone = memory.open(0, steps, now=10)
    assert gone is None
    generator = torch.Generator().manual_seed(0)
    for _ in range(40):
        memory.learn(index, steps, 10, generator)
    return memory, index


def errors(memory: Memory, effect: Effect) -> torch.Tensor:
    """Root mean square error of every regime on fresh transitions, as a share of the greatest change."""
    steps = drive(effect, 200, 9)
    full = PERIOD * torch.tensor([1.0, 1.0, torch.pi / 2])
    return ((memory.predict(steps.observation, steps.action) - steps.change) / full).square().mean(dim=(1, 2)).sqrt()


@EACH
def test_the_nominal_regime_is_the_nominal_model(kind: str) -> None:
    memory, steps = memory_of(kind), drive(gains(1, 1), 50, 1)
    expected = ground().model.predict(steps.observation, steps.action)
    assert memory.order == [0]
    assert torch.allclose(memory.predict(steps.observation, steps.action)[0], expected, atol=1e-6)


@EACH
def test_a_regime_is_learned_and_the_nominal_one_stays(kind: str) -> None:
    before = float(errors(memory_of(kind), gains(1, 1))[0])
    memory, index = learned(kind)
    assert memory.order == [0, index]
    assert float(errors(memory, gains(-1, 0.7))[1]) < 0.08
    assert float(errors(memory, gains(-1, 0.7))[0]) > 0.5
    assert float(errors(memory, gains(1, 1))[0]) < before + 0.03


@pytest.mark.parametrize("kind", ["networks", "hypercrl"])
def test_networks_learn_what_no_context_expresses(kind: str) -> None:
    context, _ = learned("contexts", squared)
    network, _ = learned(kind, squared)
    assert float(errors(network, squared)[1]) < 0.6 * float(errors(context, squared)[1])


@EACH
def test_the_weights_and_context_of_a_regime_predict_what_the_memory_does(kind: str) -> None:
    memory, index = learned(kind)
    steps, bridge = drive(gains(-1, 0.7), 20, 3), make_bridge()
    context = memory.context(index)
    weights = memory.weights(index)
    if context is None:
        alone = bridge.base.predict(weights.unsqueeze(0), steps.observation, steps.action)[0]
    else:
        alone = bridge.predict(weights, context.unsqueeze(0), steps.observation, steps.action)[0]
    assert torch.allclose(alone, memory.predict(steps.observation, steps.action)[1], atol=1e-6)


@EACH
def test_the_nominal_regime_is_never_learned_or_dropped(kind: str) -> None:
    memory, steps = memory_of(kind), drive(gains(-1, 1), 20, 0)
    assert memory.learn(0, steps, 5, torch.Generator()) is None
    with pytest.raises(CrlError, match="nominal"):
        memory.drop(0)
    with pytest.raises(CrlError, match="there is no regime 7"):
        memory.drop(7)


@EACH
def test_what_goes_at_the_bound_is_the_least_visited_and_then_the_longest_ago(kind: str) -> None:
    memory, steps = memory_of(kind, most=4), drive(gains(-1, 1), 10, 0)
    for now, (visits, standing) in enumerate([(3, Standing.KEPT), (1, Standing.KEPT), (1, Standing.KEPT)]):
        index, gone = memory.open(0, steps, now)
        assert gone is None
        memory.regimes[index].visits, memory.regimes[index].standing = visits, standing
    index, gone = memory.open(0, steps, 5)
    assert (index, gone) == (4, 2)
    memory.regimes[4].visits, memory.regimes[4].standing = 9, Standing.PROVISIONAL
    assert memory.open(0, steps, 6)[1] == 4  # what is not kept goes first
    assert len(memory.regimes) == memory.predict(steps.observation, steps.action).shape[0] == 4
    assert memory.open(0, steps, 7, held=(3, 5))[1] == 1


def test_a_bound_without_room_is_refused() -> None:
    with pytest.raises(CrlError, match="no room"):
        NetworkMemory(make_bridge(), units(), most=1)
    memory = memory_of("contexts", most=2)
    steps = drive(gains(-1, 1), 10, 0)
    first, _ = memory.open(0, steps, 0)
    with pytest.raises(CrlError, match="in use"):
        memory.open(0, steps, 1, held=(first,))


@EACH
def test_merged_regimes_are_one_and_their_counts_add_up(kind: str) -> None:
    memory, index = learned(kind)
    steps = drive(gains(-1, 0.7), 60, 6)
    second, _ = memory.open(index, steps, now=50)
    one, other = memory.regimes[index], memory.regimes[second]
    one.visits, other.visits, one.transitions, other.transitions, other.last = 2, 3, 60, 40, 90
    other.name = "worn left wheel"
    memory.merge(index, second)
    assert memory.order == [0, index]
    assert (one.visits, one.transitions, one.first, one.last, one.name) == (5, 100, 10, 90, "worn left wheel")
    with pytest.raises(CrlError, match="nominal"):
        memory.merge(index, 0)


@EACH
def test_only_regimes_that_can_not_be_told_apart_are_twins(kind: str) -> None:
    memory, index = learned(kind)
    grid, observation = dense_grid(BOX), torch.zeros(10)
    assert twin(memory, index, make_bridge().base, units(), observation, grid) is None
    generator = torch.Generator().manual_seed(0)
    steps = drive(gains(-1, 0.7), 60, 7)
    second, _ = memory.open(index, steps, now=50)
    for _ in range(20):
        memory.learn(second, steps, 10, generator)
    assert twin(memory, second, make_bridge().base, units(), observation, grid) == index


def test_a_dense_grid_fills_the_box() -> None:
    grid = dense_grid(BOX)
    assert len(grid) >= 512
    assert torch.allclose(grid.amin(dim=0), BOX.low)
    assert torch.allclose(grid.amax(dim=0), BOX.high)
    assert len(grid[:, 1].unique()) > 20


@EACH
def test_the_state_is_restored_to_the_bit_and_learning_goes_on_alike(kind: str) -> None:
    memory, index = learned(kind)
    other = memory_of(kind)
    other.load_state_dict(memory.state_dict())
    steps = drive(gains(-1, 0.7), 64, 8)
    pair = []
    for one in (memory, other):
        generator = torch.Generator().manual_seed(3)
        one.learn(index, steps, 5, generator)
        third, _ = one.open(index, steps, 99)
        one.learn(third, steps, 5, generator)
        pair.append(one.predict(steps.observation, steps.action))
    assert torch.equal(*pair)
    assert other.regimes[index].state_dict().keys() == memory.regimes[index].state_dict().keys()


@EACH
def test_a_memory_of_another_kind_or_size_is_named(kind: str) -> None:
    memory, _ = learned(kind)
    other = memory_of("contexts" if kind != "contexts" else "networks")
    with pytest.raises(CrlError, match="of the kind"):
        other.load_state_dict(memory.state_dict())
    small = memory_of(kind, most=2)
    memory.open(0, drive(gains(1, -1), 10, 0), 0)
    with pytest.raises(CrlError, match=r"3 regimes.*at most 2"):
        small.load_state_dict(memory.state_dict())
    state = memory_of(kind).state_dict()
    state["regimes"][0]["scale"] = torch.zeros(7)
    with pytest.raises(CrlError, match="scale"):
        memory_of(kind).load_state_dict(state)


def test_a_regime_can_be_named() -> None:
    memory, index = learned("contexts")
    memory.name(index, "worn left wheel")
    assert memory.regimes[index].name == "worn left wheel"
    with pytest.raises(CrlError, match="there is no regime 77"):
        memory.name(77, "x")


def test_the_robust_scale_is_that_of_most_residuals() -> None:
    residuals = torch.randn(2000, 2, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 5.0])
    residuals[:200] *= 100  # stops and spins
    assert torch.allclose(robust_scale(residuals), torch.tensor([1.0, 5.0]), rtol=0.25)


def test_a_hypernetwork_generates_what_is_beyond_its_cache() -> None:
    memory = memory_of("hypercrl")
    steps = drive(gains(-1, 1), 10, 0)
    for _ in range(5):
        memory.open(0, steps, 0)
    whole = memory.predict(steps.observation, steps.action)
    memory._cache, memory._stacked = 2, None  # type: ignore[attr-defined]
    assert torch.allclose(memory.predict(steps.observation, steps.action), whole, atol=1e-6)


def test_many_short_visits_do_not_wear_the_others_away() -> None:
    memory, index = learned("hypercrl")
    memory.rest()
    memory.regimes[index].standing = Standing.KEPT
    steps = drive(gains(1, -1), 12, 1)
    before = memory.predict(steps.observation, steps.action)
    generator = torch.Generator().manual_seed(0)
    for _ in range(5):
        other, _ = memory.open(0, steps, 0)
        memory.learn(other, steps, 10, generator)
        memory.drop(other)
        memory.learn(index, steps, 10, generator)
        memory.rest()
    assert torch.equal(memory.predict(steps.observation, steps.action), before)
