"""Selection by reconstruction against a slow oracle and against chance, and the gate of the regulariser."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from crl.checks.regression import rows_of
from crl.continual.memories.selected import Selected, selection
from tests.crl.continual.trials import learn, network_of, part_of, strategy_of


def unexplained(inputs: Tensor, kept: Tensor) -> Tensor:
    """Squared error [N] of reconstructing every input from the kept ones, solved as it is written."""
    every = inputs.double()
    kernel = torch.exp(-(every.unsqueeze(1) - every.unsqueeze(0)).square().mean(dim=-1))
    with_kept = kernel[:, kept]
    return 1 - (with_kept * torch.linalg.solve(kernel[kept][:, kept], with_kept.T).T).sum(dim=1)


def test_each_input_that_is_kept_is_the_one_that_reconstructs_the_rest_best() -> None:
    inputs = rows_of(0, 1, count=30).observation
    places = selection(inputs, 6).tolist()
    for count in range(6):
        tried = [
            float(unexplained(inputs, torch.tensor([*places[:count], at])).sum()) if at not in places[:count] else 99.0
            for at in range(30)
        ]
        assert tried[places[count]] == pytest.approx(min(tried), rel=1e-9)


def test_selected_inputs_reconstruct_better_than_random_ones_of_the_same_number() -> None:
    inputs = rows_of(0, 1, count=200).observation
    selected = unexplained(inputs, selection(inputs, 10))
    random = [
        unexplained(inputs, torch.randperm(200, generator=torch.Generator().manual_seed(seed))[:10])
        for seed in range(5)
    ]
    assert float(selected.mean()) < 0.8 * min(float(left.mean()) for left in random)


def test_what_is_there_twice_is_kept_once() -> None:
    few = rows_of(0, 1, count=5).observation
    places = selection(few.repeat(4, 1), 12)
    assert len(places) == 5
    assert len({tuple(few.repeat(4, 1)[at].tolist()) for at in places}) == 5


def test_only_answers_that_moved_too_far_cost_anything() -> None:
    strategy = strategy_of("selected", memory=10, options={"selected_gate": 0.5})
    learn(strategy, 0, 100)
    part: Selected[Any] = part_of(strategy, Selected)
    limit = 0.5 * part.errors[0]
    distance = torch.tensor([0.9, 1.1, 0.0, 2.0]).view(1, 4, 1).expand(1, 4, 2) * limit
    assert float(part.cost(0, distance)) == pytest.approx(limit * (1.1 + 2.0) / 4)
    strategy.begin_task(1)
    network_of(strategy).optimiser.zero()
    closed, trunk = part.replay(), network_of(strategy).trunk
    assert closed is not None and float(closed.detach()) == 0.0
    closed.backward()
    assert trunk.grad is not None and not bool(trunk.grad.any()), "what has not moved holds nothing"
    with torch.no_grad():
        trunk += 0.5
    opened = part.replay()
    assert opened is not None and float(opened.detach()) > limit
