"""Self-distillation with swapped means: the divergence behind it, its two limits, and what it corrects."""

from __future__ import annotations

from typing import Any

import torch
from torch.distributions import Normal, kl_divergence

from crl.checks.regression import rows_of
from crl.continual.memories.clonex import ClonEx
from crl.continual.memories.self_distilled import SelfDistilled, swapped
from tests.crl.continual.trials import learn, network_of, part_of, strategy_of


def test_only_wrong_means_are_swapped_and_log_variances_stay() -> None:
    outputs = torch.tensor([[[0.0, 7.0], [0.1, 8.0], [-0.1, 9.0], [5.0, 6.0]]])
    observed = torch.tensor([[0.1], [0.0], [0.0], [0.0]])
    found = swapped(outputs, observed, 3.0)
    assert torch.equal(found, torch.tensor([[[0.0, 7.0], [0.1, 8.0], [-0.1, 9.0], [0.0, 6.0]]]))


def test_on_what_is_learned_anyway_the_swap_adds_nothing_to_a_fixed_deviation() -> None:
    """KL(N(y, s_t^2) || N(mu, s^2)) = -log N(y; mu, s^2) + s_t^2 / (2 s^2) - entropy of the teacher."""
    y, mu = (torch.randn(20, generator=torch.Generator().manual_seed(seed)).double() for seed in (0, 1))
    teacher, student = torch.tensor(0.3).double(), torch.tensor(0.7).double()
    divergence = kl_divergence(Normal(y, teacher), Normal(mu, student))
    added = teacher.square() / (2 * student.square()) - Normal(y, teacher).entropy()
    torch.testing.assert_close(divergence, -Normal(mu, student).log_prob(y) + added)
    assert float(added.std()) < 1e-12  # the same for all: no gradient of mu in it


def kept(name: str, limit: float | None = None) -> tuple[torch.Tensor, torch.Tensor]:
    """What a memory answers about a task (mean of the members), and what was observed."""
    options: dict[str, Any] = {} if limit is None else {"options": {"self_distilled_limit": limit}}
    strategy = strategy_of(name, **options)
    learn(strategy, 0, 60)
    part: ClonEx[Any] = part_of(strategy, ClonEx if limit is None else SelfDistilled)
    return part.outputs[0][0], part.kept[0].next_observations[0]


def test_the_limits_are_the_observed_values_and_cloning() -> None:
    answers, observed = kept("clonex")
    assert torch.equal(kept("self_distilled", 1e9)[0], answers)
    assert torch.equal(kept("self_distilled", 0.0)[0], observed)
    between = kept("self_distilled", 3.0)[0]
    assert 0.0 < float((between == observed).float().mean()) < 0.5
    assert bool(((between == observed) | (between == answers)).all())


def test_an_answer_that_was_wrong_is_not_handed_on() -> None:
    """A unit of the last layer is broken when the task ends: cloning keeps the error, the swap does not."""
    left = {}
    for name in ("clonex", "self_distilled"):
        strategy = strategy_of(name, average=0.0)
        learn(strategy, 0, 300, end=False)
        with torch.no_grad():  # wrong answers where the first number is large
            network = network_of(strategy)
            matrix = network.trunk[:12].view(2, 6)
            matrix[:, 0] = torch.tensor([4.0, 0.0])
        strategy.end_task(rows_of(0, 500, count=128))
        part: ClonEx[Any] = part_of(strategy, ClonEx)
        left[name] = float((part.outputs[0][0] - part.kept[0].next_observations[0]).square().mean())
    assert left["self_distilled"] < 0.5 * left["clonex"]
