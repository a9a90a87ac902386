"""Memories that do more than to keep windows: each one's defining property, and that it keeps old tasks."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from crl.checks.regression import loss_on, rows_of
from crl.continual.memories.activations import Activations, above
from crl.continual.memories.answers.generative import Generative
from crl.continual.memories.answers.reference import Reference
from crl.continual.memories.distilled import Distilled, distil, moments
from crl.continual.memories.general import General, states
from crl.continual.memories.mixing import Mixing
from crl.continual.memories.perturbed import Perturbed
from crl.dynamics.network import TargetNetwork
from crl.dynamics.windows import Windows
from tests.crl.continual.trials import error, learn, network_of, part_of, strategy_of

NETWORK = TargetNetwork(2, [24, 24], 2)


def held_out(inputs: torch.Tensor, answers: torch.Tensor, seed: int) -> float:
    """Error on new rows of a network that learned a few inputs with their answers."""
    strategy = strategy_of("finetune", seed=seed + 50, network=NETWORK)
    strategy.begin_task(0)
    kept = Windows(inputs, inputs.new_empty(1, len(inputs), 0), answers.unsqueeze(0))
    for _ in range(300):
        strategy.step(loss_on(strategy, 0, kept))
    return float(loss_on(strategy, 0, rows_of(0, 999, count=300))(strategy.weights(0)))


def test_distilled_inputs_beat_random_ones_of_the_same_number_on_held_out_rows() -> None:
    lost: dict[str, list[float]] = {"random": [], "distilled": []}
    for seed in range(3):
        teacher = strategy_of("finetune", seed=seed, network=NETWORK)
        learn(teacher, 0, 400)
        every = rows_of(0, 500 + seed, count=300).observation
        for name, steps in (("random", 0), ("distilled", 150)):
            inputs = distil(NETWORK, every, 6, steps, 0.02, torch.Generator().manual_seed(seed))
            with torch.no_grad():
                answers = NETWORK.forward(teacher.weights(0), inputs.unsqueeze(0))[0]
            lost[name].append(held_out(inputs, answers, seed))
    assert sum(lost["distilled"]) < 0.8 * sum(lost["random"])


def test_distilled_inputs_have_the_moments_of_all_in_networks_that_they_never_saw() -> None:
    every = rows_of(0, 1, count=200).observation
    found = []
    for steps in (0, 100):
        few = distil(NETWORK, every, 10, steps, 0.02, torch.Generator().manual_seed(0))
        weights = NETWORK.initial(torch.Generator().manual_seed(77))
        pairs = zip(moments(NETWORK, weights, few), moments(NETWORK, weights, every), strict=True)
        found.append(sum(float((few - all_).square().sum() / all_.square().sum()) for few, all_ in pairs))
    assert found[1] < 0.2 * found[0]
    all_of_them = distil(NETWORK, every[:5], 9, 5, 0.1, torch.Generator())
    assert torch.equal(all_of_them.sort(0).values, every[:5].sort(0).values)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("distilled", {}),
        ("hypercrl+distilled", {}),
        ("self_distilled", {}),
        ("selected", {}),
        ("perturbed", {}),
        ("mixing", {"mixing_every": 10}),
        ("generative", {"generative_strength": 3.0}),
        ("zscl", {"zscl_every": 10, "zscl_strength": 3.0}),
        ("activations", {}),
    ],
)
def test_what_is_lost_without_it_is_kept(name: str, options: dict[str, float]) -> None:
    lost = {}
    for chosen in ("finetune_heads", name):
        given: dict[str, Any] = {"options": options} if chosen == name else {}
        strategy = strategy_of(chosen, network=NETWORK, beta=1e-6, lr=3e-3, memory=60, **given)
        learn(strategy, 0, 300)
        before = error(strategy, 0)
        learn(strategy, 2, 300)
        lost[chosen] = error(strategy, 0) - before
    assert lost[name] < 0.4 * lost["finetune_heads"]
    assert error(strategy, 2) < 0.5


def test_perturbed_windows_are_judged_by_moved_weights() -> None:
    strategy = strategy_of("perturbed", options={"perturbed_size": 0.0})
    learn(strategy, 0, 30)
    part: Perturbed[Any] = part_of(strategy, Perturbed)
    weights, rows = strategy.weights(0), rows_of(0, 3)
    still = float(part.loss(0, weights, rows))
    assert still == float(strategy.evaluator.loss(0, weights, rows))
    part.size = 0.5
    losses = torch.stack([part.loss(0, weights, rows) for _ in range(20)])
    assert float(losses.std()) > 0 and float(losses.mean()) > still


def test_mixing_draws_what_was_forgotten_more() -> None:
    strategy = strategy_of("mixing", options={"mixing_every": 1, "mixing_rate": 1.0})
    for task in (0, 1, 2):
        learn(strategy, task, 40)
    strategy.begin_task(3)
    part: Mixing[Any] = part_of(strategy, Mixing)
    even = part.weights()
    assert list(even.values()) == pytest.approx([1 / 3] * 3)
    with torch.no_grad():
        network_of(strategy).heads[1] += 3.0  # what task 1 said is lost
    for _ in range(5):
        part.draw()
    learned = part.weights()
    assert sum(learned.values()) == pytest.approx(1)
    assert learned[1] > 0.8 > 0.2 > learned[0]
    drawn = [part.draw() for _ in range(60)]
    assert sum(found is not None and found[0] == 1 for found in drawn) > 40


def test_mixing_validates_on_rows_that_it_does_not_replay() -> None:
    strategy = strategy_of("mixing", memory=20)
    learn(strategy, 0, 5)
    part: Mixing[Any] = part_of(strategy, Mixing)
    replayed, held = (some.observation for some in part._parts(0))
    assert len(replayed) == 15 and len(held) == 5
    assert not bool((replayed.unsqueeze(1) == held.unsqueeze(0)).all(dim=-1).any())


@pytest.mark.parametrize(("name", "kind"), [("zscl", Reference), ("generative", Generative)])
def test_the_network_before_the_task_answers(name: str, kind: type[Any]) -> None:
    strategy = strategy_of(name)
    learn(strategy, 0, 30)
    part = part_of(strategy, kind)
    strategy.begin_task(1)
    cost = part.replay()
    assert cost is not None and float(cost.detach()) < 1e-10
    with torch.no_grad():
        network_of(strategy).trunk += 0.1
    cost = part.replay()
    assert cost is not None and float(cost.detach()) > 1e-5


def test_generated_inputs_have_the_mean_and_covariance_of_the_task() -> None:
    strategy = strategy_of("generative")
    learn(strategy, 0, 2, end=False)
    rows = rows_of(0, 500, count=400)
    real = rows.observation @ torch.tensor([[2.0, 1.0], [0.0, 0.5]]) + torch.tensor([1.0, -1.0])
    strategy.end_task(Windows(real, rows.actions, rows.next_observations))
    part: Generative = part_of(strategy, Generative)
    drawn = part.inputs(0, 20000)
    assert drawn is not None
    torch.testing.assert_close(drawn.mean(dim=0), real.mean(dim=0), atol=0.05, rtol=0)
    torch.testing.assert_close(torch.cov(drawn.T), torch.cov(real.T), atol=0.1, rtol=0.05)


def test_the_weights_of_zscl_are_the_plain_mean_from_the_task_before_on() -> None:
    strategy = strategy_of("zscl", options={"zscl_every": 2})
    learn(strategy, 0, 10)
    before = strategy.weights(0)[: -strategy.network.head_size]
    members = [before]
    strategy.begin_task(1)
    for step in range(6):
        strategy.step(loss_on(strategy, 1, rows_of(1, step)))
        if step % 2:
            members.append(network_of(strategy).trunk.detach().clone())
    torch.testing.assert_close(strategy.weights(1)[: len(before)], torch.stack(members).mean(dim=0))


def test_activation_states_of_the_general_samples_stay() -> None:
    kept = []
    for strength in (0.0, 30.0):
        strategy = strategy_of("general", network=NETWORK, lr=3e-3, options={"general_strength": strength})
        learn(strategy, 0, 200)
        part: General = part_of(strategy, General)
        before = part.states.clone()
        learn(strategy, 2, 300)
        with torch.no_grad():
            now = states(part.activations(part.samples), part.limits)
        kept.append(float((now == before).float().mean()))
        assert torch.equal(part.states, before), "they are chosen once"
    assert kept[1] > 0.95 > kept[0]


def test_the_first_layer_rests_and_recent_tasks_are_replayed_more() -> None:
    strategy = strategy_of("activations", network=NETWORK, options={"activations_recency": 0.5})
    part: Activations = part_of(strategy, Activations)
    for task in (0, 1):
        learn(strategy, task, 30)
        if task == 0:
            first = network_of(strategy).trunk.detach()[: part.first].clone()
    assert torch.equal(network_of(strategy).trunk.detach()[: part.first], first)
    seen = NETWORK.layer_inputs(strategy.weights(1), rows_of(1, 500, count=128).observation.unsqueeze(0))[1]
    units = part.kept[1][..., : seen.shape[-1]]
    assert all(bool((seen[0] - unit).abs().sum(dim=-1).min() < 1e-5) for unit in units[0]), "they are what it gives"
    answers = above(NETWORK, strategy.weights(1), part.kept[1][..., : seen.shape[-1]])
    torch.testing.assert_close(answers, part.kept[1][..., seen.shape[-1] :])


def test_a_part_of_learned_inputs_keeps_what_the_network_says_of_them() -> None:
    strategy = strategy_of("distilled", memory=12)
    learn(strategy, 0, 30)
    part: Distilled[Any] = part_of(strategy, Distilled)
    found = strategy.network.forward(strategy.weights(0), part.inputs[0].unsqueeze(0))
    torch.testing.assert_close(part.outputs[0], found)
    assert part.bytes_per_task() == 4 * 12 * 4
