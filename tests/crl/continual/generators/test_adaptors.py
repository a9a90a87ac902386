"""Adaptors found by codes: what the codes preserve, who shares an adaptor, and what rests."""

from __future__ import annotations

import pytest
import torch

from crl.checks.regression import loss_on, rows_of
from crl.continual.access import inferred
from crl.continual.generators.lora.adaptors import Adaptors, code
from crl.continual.strategy import Labels
from crl.dynamics.network import TargetNetwork
from tests.crl.continual.trials import error, learn, strategy_of
from tests.crl.states import bits

NETWORK = TargetNetwork(2, [12, 12], 2, ensemble=2)


def alike(one: torch.Tensor, other: torch.Tensor) -> float:
    return float((one.float() * other.float()).mean())


def lived() -> Adaptors:
    """One that has learned tasks 0, 2 and 4."""
    strategy = strategy_of("adaptors", network=NETWORK, options={"lora_rank": 2})
    assert isinstance(strategy, Adaptors)
    for task in (0, 2, 4):
        learn(strategy, task, 60)
    return strategy


def test_a_code_is_the_bundle_of_the_products_of_what_was_read_and_what_followed() -> None:
    """The sum over transitions, one by one and member by member, against the form that the derivative allows."""
    draw = torch.Generator().manual_seed(1)
    read, said = (torch.randn(2, 9, size, generator=draw) for size in (5, 3))  # [E, transitions, size]
    signs = 2.0 * torch.randint(2, (2 * 5 + 3, 1024), generator=torch.Generator().manual_seed(0)) - 1
    bundle = torch.zeros(1024)
    for member in range(2):
        left = signs[3:].view(2, 5, 1024)[member]
        for h, d in zip(read[member], said[member], strict=True):
            bundle += (h @ left) * (d @ signs[:3])
    assert torch.equal(code(read.mT @ said), bundle.sign().to(torch.int8))


def test_codes_are_as_much_alike_as_what_they_stand_for() -> None:
    draw = torch.Generator().manual_seed(2)
    one, other = (torch.randn(1, 30, 4, generator=draw) for _ in range(2))
    assert alike(code(one), code(3.0 * one)) == 1.0
    assert alike(code(one), code(-one)) == -1.0
    assert abs(alike(code(one), code(other))) < 0.1
    # The signs of projections agree as the angle says: 1 - 2 / pi * angle, for projections that are nearly normal.
    assert alike(code(one), code(one + other)) == pytest.approx(0.5, abs=0.12)


def test_a_body_under_a_second_label_reads_its_old_adaptor_and_nothing_of_it_moves() -> None:
    strategy = lived()
    assert set(strategy.codes) == set(strategy.finished) - {0} == {2, 4}
    before, size = {task: bits(strategy.weights(task)) for task in (0, 2, 4)}, len(strategy.trunk)
    strategy.begin_task(7)
    strategy.step(loss_on(strategy, 7, rows_of(2, 0)))  # what task 2 met first, under a number of its own
    assert strategy.routes[7] == 2
    for step in range(30):
        strategy.step(loss_on(strategy, 7, rows_of(2, 900 + step)))
    strategy.end_task(rows_of(2, 500, count=64))
    assert {task: bits(strategy.weights(task)) for task in (0, 2, 4)} == before
    assert bits(strategy.weights(7)[:size]) == bits(strategy.weights(2)[:size])
    assert bits(strategy.weights(7)[size:]) != bits(strategy.weights(2)[size:]), "its head is its own"
    assert 7 not in strategy.finished and 7 not in strategy.codes


def test_another_body_gets_an_adaptor_and_learns() -> None:
    strategy = lived()
    before = {task: bits(strategy.weights(task)) for task in (0, 2, 4)}
    strategy.begin_task(6)
    start = error(strategy, 6)
    learn(strategy, 6, 150)
    assert strategy.routes[6] == 6 and 6 in strategy.finished
    assert error(strategy, 6) < 0.3 * start
    assert {task: bits(strategy.weights(task)) for task in (0, 2, 4)} == before


def test_a_task_that_comes_back_learns_in_its_head_alone() -> None:
    strategy = lived()
    size, other = len(strategy.trunk), bits(strategy.weights(4))
    before = strategy.weights(2)
    learn(strategy, 2, 10)
    assert bits(strategy.weights(2)[:size]) == bits(before[:size])
    assert bits(strategy.weights(2)[size:]) != bits(before[size:])
    assert bits(strategy.weights(4)) == other


def test_without_labels_it_is_told_what_the_agent_infers() -> None:
    strategy = strategy_of("adaptors", labels="none")
    assert inferred(strategy, Labels.NONE) == ["Adaptors has to be told which task it is"]
