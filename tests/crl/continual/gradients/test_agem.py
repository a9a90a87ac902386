"""A-GEM: a gradient never points against the reference, and one that does not is left alone."""

from __future__ import annotations

import torch

from crl.checks.regression import loss_on, rows_of
from crl.continual.gradients.agem import AGEM, TASKS, project
from tests.crl.continual.trials import error, learn, network_of, part_of, strategy_of
from tests.crl.states import bits


def test_the_projection_is_the_nearest_gradient_that_does_not_oppose() -> None:
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        gradient, reference = torch.randn(2, 9, generator=generator)
        changed = gradient.clone()
        project(changed, reference)
        if float(gradient @ reference) >= 0:
            assert bits(changed) == bits(gradient)
            continue
        assert abs(float(changed @ reference)) < 1e-5
        # The change is along the reference alone, so that no nearer one lies in the half space.
        change = changed - gradient
        torch.testing.assert_close(change, (change @ reference) / (reference @ reference) * reference)


def test_the_reference_is_the_gradient_of_the_kept_transitions() -> None:
    strategy = strategy_of("agem", memory=1)
    learn(strategy, 0, 20)
    learn(strategy, 1, 5, end=False)
    part, host = part_of(strategy, AGEM), network_of(strategy)
    found = part.reference()
    loss = loss_on(strategy, 0, part.kept[0])(host.join(0))
    (expected,) = torch.autograd.grad(loss, [host.trunk])
    assert found is not None
    torch.testing.assert_close(found, expected)


def test_a_step_costs_the_same_for_many_tasks() -> None:
    strategy = strategy_of("agem")
    for task in range(TASKS + 3):
        learn(strategy, task, 1)
    strategy.begin_task(TASKS + 3)
    evaluator = strategy.evaluator
    before = evaluator.old_rows  # type: ignore[attr-defined]
    strategy.step(loss_on(strategy, TASKS + 3, rows_of(0)))
    assert evaluator.old_rows - before == strategy.config.learning.batch  # type: ignore[attr-defined]


def test_it_keeps_what_heads_alone_lose() -> None:
    lost = {}
    for name in ("agem", "finetune_heads"):
        strategy = strategy_of(name)
        learn(strategy, 0, 200)
        before = error(strategy, 0)
        learn(strategy, 2, 200)
        lost[name] = error(strategy, 0) - before
    assert lost["agem"] < lost["finetune_heads"]
