"""HyperCRL with weighted regularisers: the weights' scale, what they mean, and what they free."""

from __future__ import annotations

import pytest
import torch

from crl.checks.regression import loss_on, rows_of
from crl.continual.generators.hypercrl import HyperCRL
from crl.continual.penalties.fisher import diagonal_fisher
from crl.continual.penalties.output_path import OutputPath
from crl.continual.penalties.si import XI
from crl.continual.penalties.weighting import Weighting
from tests.crl.continual.trials import error, learn, part_of, strategy_of

NAMES = ["hypercrl_ewc", "hypercrl_si"]


@pytest.mark.parametrize("name", NAMES)
def test_importances_have_mean_one_so_that_beta_means_the_same(name: str) -> None:
    strategy = strategy_of(name)
    part = part_of(strategy, Weighting)
    for task in range(2):
        learn(strategy, task, 40)
        importance = part.importances[task]
        assert importance.shape == (strategy.network.size,)
        assert float(importance.mean()) == pytest.approx(1.0, rel=1e-5)
        assert float(importance.min()) >= 0
        assert float(importance.std()) > 0.1, "they differ"


@pytest.mark.parametrize("name", NAMES)
def test_with_equal_importances_it_is_hypercrl(name: str) -> None:
    weighted, plain = strategy_of(name), strategy_of("hypercrl")
    part = part_of(weighted, Weighting)
    assert isinstance(plain, HyperCRL)
    own = f"{part.name}."
    plain.load_state_dict({key: value for key, value in weighted.state_dict().items() if not key.startswith(own)})
    for strategy in (weighted, plain):
        learn(strategy, 0, 20)
    part.importances[0] = torch.ones_like(part.importances[0])
    for strategy in (weighted, plain):
        generator = torch.Generator().manual_seed(3)
        strategy.generator.set_state(generator.get_state())
        learn(strategy, 1, 20, end=False)
    torch.testing.assert_close(weighted.weights(1), plain.weights(1))
    torch.testing.assert_close(weighted.weights(0), plain.weights(0))


def test_the_regulariser_is_weighted_per_task_and_weight() -> None:
    strategy = strategy_of("hypercrl_ewc", beta=3.0)
    part = part_of(strategy, Weighting)
    learn(strategy, 0, 10)
    learn(strategy, 1, 10)
    strategy.begin_task(2)
    others = torch.randn(2, strategy.network.size, generator=torch.Generator().manual_seed(0))
    targets = torch.stack([strategy.weights(0), strategy.weights(1)])
    expected = 0.0
    for row, task in enumerate((0, 1)):
        expected += 3.0 / 2 * float((part.importances[task] * (others[row] - targets[row]) ** 2).sum())
    assert float(strategy.retention(others)) == pytest.approx(expected, rel=1e-4)


def test_fisher_importance_is_that_of_the_generated_weights() -> None:
    strategy = strategy_of("hypercrl_ewc", fisher_rows=4000)
    part = part_of(strategy, Weighting)
    learn(strategy, 0, 100, rows=4000)
    rows = rows_of(0, 500, count=4000).observation
    fisher = diagonal_fisher(strategy.network, strategy.weights(0), rows, torch.Generator().manual_seed(0))
    torch.testing.assert_close(part.importances[0], fisher / fisher.mean(), rtol=0.2, atol=0.05)


def test_the_path_on_generated_weights_adds_up_to_the_decrease_of_the_loss() -> None:
    strategy = strategy_of("hypercrl_si", lr=1e-4, lr_embedding=1e-4, clip=1e9)
    part = part_of(strategy, OutputPath)
    strategy.begin_task(0)
    loss = loss_on(strategy, 0, rows_of(0, count=64))
    first = float(loss(strategy.weights(0)))
    for _ in range(1500):
        strategy.step(loss)
    last = float(loss(strategy.weights(0)))
    path = part.path - part.gradient * (strategy.weights(0) - part.before)
    assert first - last > 0.1
    assert float(path.sum()) == pytest.approx(first - last, rel=0.02)
    end = strategy.weights(0)
    expected = path.clamp(min=0) / ((end - part.start) ** 2 + XI)
    strategy.end_task(rows_of(0))
    torch.testing.assert_close(part.importances[0], expected / expected.mean(), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_it_keeps_the_old_task_where_no_regulariser_loses_it(name: str) -> None:
    lost = {0.0: 0.0, 1.0: 0.0}
    for beta in lost:
        for seed in range(3):  # with some embeddings two tasks hardly meet, and nothing is lost without help
            strategy = strategy_of(name, beta=beta, seed=seed)
            learn(strategy, 0, 200)
            before = error(strategy, 0)
            learn(strategy, 2, 200)
            lost[beta] += error(strategy, 0) - before
    assert lost[1.0] < 0.2 * lost[0.0]


def test_a_task_without_any_importance_is_held_evenly() -> None:
    strategy = strategy_of("hypercrl_si")
    part = part_of(strategy, Weighting)
    learn(strategy, 0, 0)  # nothing was learned: no path
    assert float(part.importances[0].min()) == float(part.importances[0].max()) == 1.0
