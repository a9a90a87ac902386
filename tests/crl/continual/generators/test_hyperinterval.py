"""Intervals of embeddings: the width is learned down, what is promised holds, and both ends are kept."""

from __future__ import annotations

import pytest
import torch

from crl.checks.regression import rows_of
from crl.continual.generators.hyper.hyperinterval import HyperInterval
from crl.continual.generators.hyper.intervals import predicted
from crl.errors import SettingsError
from tests.crl.continual.trials import error, learn, strategy_of


def intervals(**options: float) -> HyperInterval:
    strategy = strategy_of("hyperinterval", beta=5.0, average=0.0, options={"interval_radius": 0.1, **options})
    assert isinstance(strategy, HyperInterval)
    return strategy


def widths(strategy: HyperInterval, task: int) -> tuple[torch.Tensor, torch.Tensor]:
    inputs = rows_of(task, 999).observation.unsqueeze(0)
    within = strategy.weights_within(strategy.parameters, strategy.embeddings[task].unsqueeze(0))
    centre, radius = predicted(strategy.network, (within[0][0], within[1][0]), inputs)
    return centre.detach(), radius.detach()


def test_predictions_of_all_embeddings_of_a_task_stay_within_what_is_promised() -> None:
    strategy = intervals(interval_strength=1.0)
    learn(strategy, 0, 60)
    inputs = rows_of(0, 999).observation.unsqueeze(0)
    centre, radius = widths(strategy, 0)
    source = torch.Generator().manual_seed(0)
    for _ in range(50):
        near = strategy.embeddings[0].detach() + 0.1 * (2 * torch.rand(3, generator=source) - 1)
        weights = strategy.hypernetwork.generate(strategy.parameters, near.unsqueeze(0))[0].detach()
        assert bool(((strategy.network.forward(weights, inputs) - centre).abs() <= radius + 1e-5).all())


def test_the_strength_narrows_the_intervals_of_predictions() -> None:
    found = {}
    for strength in (0.0, 3.0):
        strategy = intervals(interval_strength=strength)
        learn(strategy, 2, 120)
        found[strength] = float(widths(strategy, 2)[1].mean())
        assert error(strategy, 2) < 0.3
    assert found[3.0] < 0.5 * found[0.0]


def test_both_ends_of_an_earlier_interval_are_kept() -> None:
    strategy = intervals()
    learn(strategy, 0, 60)
    embedding = strategy.embeddings[0].detach().unsqueeze(0)
    before = strategy.weights_within(strategy.parameters, embedding)
    learn(strategy, 2, 60)
    after = strategy.weights_within(strategy.parameters, embedding)
    for side in (-1, 1):
        ends = [within[0] + side * within[1] for within in (before, after)]
        assert float(((ends[1] - ends[0]).norm() / ends[0].norm()).detach()) < 0.05


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SettingsError, match="interval_radius is 0"):
        intervals(interval_radius=0.0)
