"""ReDo and continual backpropagation: which units are renewed, when, and with which weights."""

from __future__ import annotations

import pytest
import torch

from crl.continual.plasticity.continual_backprop import ContinualBackprop
from crl.continual.plasticity.plasticity import Plasticity
from crl.continual.plasticity.redo import ReDo
from crl.dynamics.network import TargetNetwork
from tests.crl.continual.trials import learn, network_of, part_of, strategy_of

NETWORK = TargetNetwork(2, [6, 5], 2, activation="relu", ensemble=2)


def test_a_renewed_unit_has_new_incoming_and_no_outgoing_weights_and_no_moments() -> None:
    strategy = strategy_of("redo", network=NETWORK)
    learn(strategy, 0, 5)
    learn(strategy, 1, 5, end=False)
    host = network_of(strategy)
    part: Plasticity = part_of(strategy, ReDo)
    before = strategy.weights(1)
    units = torch.zeros(2, 6, dtype=torch.bool)
    units[0, 2] = units[1, 4] = True
    part.renew(0, units)
    after = strategy.weights(1)
    matrix, bias = NETWORK.unpack(after)[0]
    changed = (matrix != NETWORK.unpack(before)[0][0]).any(dim=1)
    assert torch.equal(changed, units)
    assert torch.equal((bias != NETWORK.unpack(before)[0][1])[:, 0], units)
    outgoing = NETWORK.unpack(after)[1][0]
    assert not bool(outgoing[units].any())
    assert torch.equal(outgoing[~units], NETWORK.unpack(before)[1][0][~units])
    touched = after[: len(host.trunk)] != before[: len(host.trunk)]
    moments = host.optimiser.state_dict()["trunk"]
    assert not bool(moments["exp_avg"][touched].any())
    assert bool(moments["exp_avg"][~touched].any())


def test_units_that_never_act_are_found_and_recycled() -> None:
    strategy = strategy_of("redo", network=NETWORK, options={"redo_every": 10, "redo_threshold": 0.0})
    strategy.begin_task(0)
    host = network_of(strategy)
    with torch.no_grad():
        bias = host.trunk[NETWORK.tensor_sizes[0] : NETWORK.tensor_sizes[0] + 12].view(2, 6)
        bias[1, 3] = -100.0
    learn(strategy, 0, 9, end=False)
    part = part_of(strategy, ReDo)
    dormant = part.dormant()[0]
    assert bool(dormant[1, 3])
    learn(strategy, 0, 10, end=False)
    assert float(host.trunk[NETWORK.tensor_sizes[0] + 9]) > -50, "it has a fresh bias"


@pytest.mark.parametrize("rate", [0.0, 0.01])
def test_as_many_units_are_replaced_as_the_rate_asks_for(rate: float) -> None:
    strategy = strategy_of(
        "continual_backprop", network=NETWORK, options={"cbp_rate": rate, "cbp_maturity": 10}
    )  # fmt: skip
    part = part_of(strategy, ContinualBackprop)
    replaced = 0
    renew = part.renew

    def counting(layer: int, units: torch.Tensor) -> None:
        nonlocal replaced
        replaced += int(units.sum())
        renew(layer, units)

    part.renew = counting  # type: ignore[method-assign]
    learn(strategy, 0, 110, end=False)
    # 100 steps with 11 units of two members, fewer by those that are young.
    assert 0.6 * rate * 100 * 22 <= replaced <= rate * 100 * 22


def test_the_unit_of_least_utility_goes_and_young_ones_stay() -> None:
    strategy = strategy_of("continual_backprop", network=NETWORK, options={"cbp_maturity": 5})
    part = part_of(strategy, ContinualBackprop)
    part.utility["0"][:] = torch.tensor([3.0, 1.0, 2.0, 0.5, 4.0, 5.0])
    part.age["0"][:] = torch.tensor([9.0, 9.0, 9.0, 2.0, 9.0, 9.0])
    part.due["0"][:] = torch.tensor([1.0, 0.5])
    chosen = part._least("0", part.age["0"] > part.maturity)
    expected = torch.zeros(2, 6, dtype=torch.bool)
    expected[0, 1] = True
    assert torch.equal(chosen, expected)


@pytest.mark.parametrize("name", ["ewc+redo", "coreset+continual_backprop"])
def test_they_stand_beside_any_retention(name: str) -> None:
    strategy = strategy_of(name, options={})
    learn(strategy, 0, 20)
    learn(strategy, 1, 20)
    assert isinstance(part_of(strategy, Plasticity), Plasticity)
