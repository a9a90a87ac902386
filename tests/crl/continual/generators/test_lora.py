"""Low-rank adapters: their arithmetic, what rests, orthogonality, ranks, two memories, the selector and the gates."""

from __future__ import annotations

import math

import pytest
import torch

from crl.checks.regression import loss_on, rows_of
from crl.continual.generators.lora.codyra import CoDyRA
from crl.continual.generators.lora.conpet import ConPET
from crl.continual.generators.lora.experts import Experts, mixture
from crl.continual.generators.lora.ilora import ILoRA
from crl.continual.generators.lora.lae import LAE
from crl.continual.generators.lora.low_rank import LowRank
from crl.continual.generators.lora.olora import OLoRA
from crl.dynamics.network import TargetNetwork
from crl.errors import CrlError, SettingsError
from tests.crl.continual.trials import error, learn, strategy_of
from tests.crl.states import bits

NETWORK = TargetNetwork(2, [12, 12], 2, ensemble=2)
NAMES = ["olora", "codyra", "lae", "ilora", "conpet", "conpet_static", "experts"]


def adapted(name: str, **options: float) -> LowRank:
    strategy = strategy_of(name, network=NETWORK, options={"lora_rank": 2, **options})
    assert isinstance(strategy, LowRank)
    return strategy


def test_a_change_is_the_product_of_narrow_matrices() -> None:
    strategy = adapted("lae")
    flat = torch.randn(strategy.adapter.numel(), generator=torch.Generator().manual_seed(0))
    change = strategy.change(flat)
    layers = NETWORK.unpack(torch.cat([change, torch.zeros(NETWORK.head_size)]))
    at = 0
    for (inputs, outputs), (matrix, bias) in zip(NETWORK.layers[:2], layers[:2], strict=True):
        for member in range(2):
            down = flat[at + member * inputs * 2 : at + (member + 1) * inputs * 2].view(inputs, 2)
            middle = at + 2 * inputs * 2
            up = flat[middle + member * 2 * outputs : middle + (member + 1) * 2 * outputs].view(2, outputs)
            torch.testing.assert_close(matrix[member], down @ up)
        assert not bool(bias.any())
        at += 2 * 2 * (inputs + outputs)


@pytest.mark.parametrize("name", NAMES)
def test_a_new_adapter_changes_nothing_and_then_learns(name: str) -> None:
    strategy = adapted(name)
    learn(strategy, 0, 60)
    known, base = strategy.weights(0), bits(strategy.trunk)
    strategy.begin_task(2)
    size = len(strategy.trunk)
    assert bits(strategy.join(2)[:size]) == bits(known[:size])
    before = error(strategy, 2)
    learn(strategy, 2, 120, end=False)
    assert bits(strategy.trunk) == base, "the first task's network rests"
    assert error(strategy, 2) < 0.6 * before


@pytest.mark.parametrize("name", ["conpet", "experts"])
def test_adapters_apart_keep_earlier_tasks_to_the_bit(name: str) -> None:
    strategy, kept = adapted(name), []
    for task in (1, 0, 2):
        learn(strategy, task, 20)
        kept.append(bits(strategy.weights(task)))
        assert [bits(strategy.weights(known)) for known in (1, 0, 2)[: len(kept)]] == kept
    learn(strategy, 0, 20)
    assert [bits(strategy.weights(task)) for task in (1, 2)] == [kept[0], kept[2]]
    assert bits(strategy.weights(0)) != kept[1]  # and a task that comes back goes on learning


def test_orthogonal_adapters_say_nothing_about_what_earlier_ones_read() -> None:
    overlaps = {}
    for strength in (0.0, 5.0):
        strategy = adapted("olora", olora_strength=strength)
        assert isinstance(strategy, OLoRA)
        for task in (0, 1, 2):
            learn(strategy, task, 60, end=task < 2)
        # The first layer's input has two numbers only: an adapter of rank two fills it. The second layer has room.
        kept, mine = strategy._views(strategy.subspaces[0])[1], strategy.downs(strategy.adapter)[1].detach()
        overlaps[strength] = float((kept.mT @ mine).norm() / (kept.norm() * mine.norm()))
    assert overlaps[5.0] < 0.2 * overlaps[0.0]


def test_a_strong_pull_takes_all_ranks_and_none_takes_none() -> None:
    ranks = {}
    for strength in (0.0, 0.6, 50.0):
        strategy = adapted("codyra", codyra_strength=strength)
        assert isinstance(strategy, CoDyRA)
        learn(strategy, 0, 30)
        base = bits(strategy.trunk)
        learn(strategy, 2, 60)
        ranks[strength] = float(strategy.ranks.mean())
        assert (bits(strategy.trunk) == base) is (strength == 50.0)
        assert not bool((strategy.change(strategy.adapter) != 0).any()), "what was learned is in the trunk"
    assert ranks[0.0] == 2.0
    assert ranks[50.0] == 0.0


def test_the_offline_adapter_is_the_average_of_the_online_one() -> None:
    strategy = adapted("lae", lae_decay=0.9)
    assert isinstance(strategy, LAE)
    learn(strategy, 0, 10)
    strategy.begin_task(1)
    expected = strategy.slow.clone()
    for step in range(5):
        strategy.step(loss_on(strategy, 1, rows_of(1, step)))
        expected = 0.9 * expected + 0.1 * strategy.adapter.detach()
    torch.testing.assert_close(strategy.slow, expected)
    size = len(strategy.trunk)
    torch.testing.assert_close(strategy.weights(0)[:size], strategy.trunk + strategy.change(strategy.slow))
    torch.testing.assert_close(strategy.join(1)[:size], strategy.trunk + strategy.change(strategy.adapter))


def test_the_long_term_adapter_answers_and_holds_the_working_one() -> None:
    away = {}
    for consistency in (0.0, 30.0):
        strategy = adapted("ilora", ilora_consistency=consistency, ilora_decay=0.98)
        assert isinstance(strategy, ILoRA)
        learn(strategy, 0, 40)
        learn(strategy, 2, 60, end=False)
        size = len(strategy.trunk)
        slow = strategy.trunk + strategy.change(strategy.slow)
        torch.testing.assert_close(strategy.weights(2)[:size], slow.detach())
        network, inputs = strategy.network, rows_of(0, 7).observation.unsqueeze(0)
        said = [
            network.forward(torch.cat([trunk, strategy.heads[0]]), inputs) for trunk in (slow, strategy.join(0)[:size])
        ]
        away[consistency] = float((said[0] - said[1]).square().mean().detach())
    assert away[30.0] < 0.5 * away[0.0]


def test_replay_keeps_what_one_adapter_for_all_tasks_loses() -> None:
    lost = {}
    for name in ("conpet_static", "crl.continual.generators.lora.low_rank:LowRank"):
        strategy = adapted(name)
        learn(strategy, 1, 60)
        learn(strategy, 0, 150)
        before = error(strategy, 0)
        learn(strategy, 2, 150)
        lost[name] = error(strategy, 0) - before
    kept, without = lost.values()
    assert kept < 0.4 * without


def test_the_selector_starts_from_the_adapter_that_knows_the_data() -> None:
    strategy = adapted("conpet")
    assert isinstance(strategy, ConPET)
    for task in (0, 2, 4):
        learn(strategy, task, 80)
    strategy.begin_task(7)
    strategy.step(loss_on(strategy, 7, rows_of(2, 900)))  # the data of task 2, under a number of its own
    assert strategy.chosen == 2


def test_gates_have_a_residual_that_is_not_linear() -> None:
    plain = mixture(torch.tensor([1.0, -2.0, 0.0, 1.0]))
    torch.testing.assert_close(plain, torch.softmax(torch.tensor([0.0, 1.0, -2.0]), 0)[1:])
    gated = mixture(torch.tensor([1.0, -2.0, 0.5, 2.0]))
    scores = [0.0, 1 + 0.5 * math.tanh(2.0), -2 + 0.5 * math.tanh(-4.0)]
    torch.testing.assert_close(gated, torch.softmax(torch.tensor(scores), 0)[1:])
    strategy = adapted("experts")
    assert isinstance(strategy, Experts)
    for task in (0, 1, 2):
        learn(strategy, task, 3)
    strategy.begin_task(3)
    assert float(mixture(strategy.scores.detach())[-1]) == pytest.approx(0.5)  # its own expert has half of the weight


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(SettingsError, match="lora_rank is 0"):
        adapted("olora", lora_rank=0)
    with pytest.raises(SettingsError, match="lae_decay is 1"):
        adapted("lae", lae_decay=1)
    with pytest.raises(CrlError, match="ewc does not fit, because low-rank adapters change a network that rests"):
        strategy_of("olora+ewc")
    with pytest.raises(SettingsError, match="ILoRA looks at transitions of finished tasks again"):
        strategy_of("ilora", revisits=False)
    assert strategy_of("codyra+coreset").storage().revisits_data
