"""Progressive networks: columns against a plain formulation, and nothing that was learned ever changes."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from crl.checks.regression import loss_on, rows_of
from crl.continual.generators.pnn import PNN
from crl.dynamics.network import TargetNetwork
from tests.crl.continual.trials import error, learn, strategy_of
from tests.crl.states import bits

DEEP = TargetNetwork(2, [5, 4], 2, ensemble=2)


def column_by_column(strategy: PNN, task: int, x: Tensor) -> Tensor:
    """Equation 1, as it is written: every layer reads the same layer of all columns up to its own."""
    columns = list(strategy.columns.values())[: list(strategy.columns).index(task) + 1]
    layers = len(strategy.network.layers)
    outputs = []
    for member in range(strategy.network.ensemble):
        below: list[Tensor] = []
        for layer in range(layers):
            here = []
            for k, column in enumerate(columns):
                reads = x if layer == 0 else torch.cat(below[: k + 1], dim=-1)
                out = reads @ column[f"matrix {layer}"][member].detach() + column[f"bias {layer}"][member].detach()
                here.append(functional.silu(out) if layer + 1 < layers else out)
            below = here
        outputs.append(below[-1])
    return torch.stack(outputs)


def test_columns_together_are_one_wider_network() -> None:
    strategy = strategy_of("pnn", network=DEEP)
    assert isinstance(strategy, PNN)
    for task in (4, 0, 2):
        learn(strategy, task, 30)
    x = torch.randn(9, 2, generator=torch.Generator().manual_seed(5))
    for task in (4, 0, 2):
        found = strategy.network_of(task).forward(strategy.weights(task), x.unsqueeze(0))
        torch.testing.assert_close(found, column_by_column(strategy, task, x), rtol=1e-4, atol=1e-5)
        lateral = strategy.columns[task]["matrix 1"][:, :-5].detach()
        assert (float(lateral.abs().max()) > 0) if task != 4 else lateral.numel() == 0, "laterals are learned"


def test_nothing_that_was_learned_changes() -> None:
    strategy = strategy_of("pnn")
    learn(strategy, 0, 50)
    weights, was = bits(strategy.weights(0)), error(strategy, 0)
    learn(strategy, 1, 50)
    learn(strategy, 2, 50)
    assert bits(strategy.weights(0)) == weights
    assert error(strategy, 0) == was


def test_a_new_column_starts_as_a_fresh_network() -> None:
    strategy = strategy_of("pnn", network=DEEP)
    assert isinstance(strategy, PNN)
    learn(strategy, 0, 50)
    strategy.begin_task(1)
    column = strategy.columns[1]
    fresh = torch.cat(
        [
            part.reshape(-1)
            for layer in range(3)
            for part in (column[f"matrix {layer}"][:, -DEEP.layers[layer][0] :], column[f"bias {layer}"])
        ]
    ).detach()
    x = torch.randn(1, 9, 2, generator=torch.Generator().manual_seed(5))
    found = strategy.network_of(1).forward(strategy.weights(1), x)
    torch.testing.assert_close(found, DEEP.forward(fresh, x))


def test_a_task_that_comes_back_learns_in_its_output_layer_alone() -> None:
    strategy = strategy_of("pnn")
    learn(strategy, 0, 50)
    learn(strategy, 1, 50)
    other = bits(strategy.weights(1))
    was = error(strategy, 0)
    learn(strategy, 0, 200, start=100)
    assert bits(strategy.weights(1)) == other
    assert error(strategy, 0) < was, "it goes on learning"
    assert len(strategy.columns) == 2  # type: ignore[attr-defined]


def test_it_works_with_averaged_weights_and_a_deeper_network() -> None:
    strategy = strategy_of("pnn", network=DEEP, average=0.9)
    for task in range(3):
        learn(strategy, task, 120)
        assert error(strategy, task) < 0.5
    report = None
    strategy.begin_task(1)
    report = strategy.step(loss_on(strategy, 1, rows_of(1)))
    assert set(report) == {"task"}
