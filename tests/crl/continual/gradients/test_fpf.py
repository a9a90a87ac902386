"""Forgetting-prioritised fine-tuning: what is chosen, what rests, and that it gives back what was forgotten."""

from __future__ import annotations

import pytest
import torch

from crl.continual.gradients.fpf import FPF
from crl.dynamics.network import TargetNetwork
from tests.crl.continual.trials import error, learn, network_of, part_of, strategy_of
from tests.crl.states import bits

NETWORK = TargetNetwork(2, [8, 8], 2)


def test_the_tensors_that_move_most_are_chosen_and_the_others_rest() -> None:
    strategy = strategy_of("fpf", network=NETWORK, memory=20, options={"fpf_share": 0.5, "fpf_steps": 20})
    host, part = network_of(strategy), part_of(strategy, FPF)
    learn(strategy, 0, 10)
    assert not bool(part.sensitivity.any()), "the first task forgets nothing"
    learn(strategy, 1, 10, end=False)
    part.sensitivity = torch.tensor([1.0, 4.0, 3.0, 2.0])  # matrix, bias, matrix, bias
    before = host.trunk.detach().clone()
    learn(strategy, 1, 0)
    moved = [bool((part != 0).any()) for part in torch.split(host.trunk.detach() - before, part.sizes)]
    assert moved == [False, True, True, False]


def test_sensitivity_is_the_mean_change_per_weight() -> None:
    strategy = strategy_of("fpf", network=NETWORK, memory=20, options={"fpf_steps": 0})
    host, part = network_of(strategy), part_of(strategy, FPF)
    learn(strategy, 0, 3)
    strategy.begin_task(1)
    before = host.trunk.detach().clone()
    learn(strategy, 1, 1, end=False)
    away = torch.split((host.trunk.detach() - before).abs(), part.sizes)
    torch.testing.assert_close(part.sensitivity, torch.stack([one.mean() for one in away]))


@pytest.mark.parametrize("name", ["fpf", "kfpf"])
def test_fine_tuning_gives_back_what_was_forgotten(name: str) -> None:
    errors = []
    for steps in (0, 150):
        options = {"fpf_steps": steps, **({"kfpf_every": 60} if name == "kfpf" else {})}
        strategy = strategy_of(name, network=NETWORK, memory=60, options=options)
        learn(strategy, 0, 150)
        learn(strategy, 2, 119, end=name == "fpf")
        errors.append(error(strategy, 0))
    assert errors[1] < 0.5 * errors[0]


def test_it_trains_every_so_many_steps() -> None:
    trunks = []
    for every in (4, 5):
        strategy = strategy_of("kfpf", network=NETWORK, memory=20, options={"kfpf_every": every, "fpf_steps": 2})
        learn(strategy, 0, 8)
        learn(strategy, 1, 1, end=False)
        first = bits(network_of(strategy).trunk)
        learn(strategy, 1, 1, start=1, end=False)
        trunks.append((first, bits(network_of(strategy).trunk)))
    assert trunks[0][0] == trunks[1][0]  # no memory in the first task, and step 9 is no multiple
    assert trunks[0][1] != trunks[1][1]  # step 10 is one of 5
