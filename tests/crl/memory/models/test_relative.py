"""Networks under contexts: one network of the same shape, and what is affine needs no learning."""

from __future__ import annotations

import torch

from crl.memory.models.networks import NetworkMemory
from crl.memory.models.relative import GOOD, NO_CONTEXTS, RelativeContexts
from tests.crl.memory.unicycle import BOX, drive, gains, make_bridge, memory_of, squared, units

COUPLED = torch.tensor([[0.8, 0.2], [-0.3, -0.9]])


def test_a_network_under_a_context_is_the_network_of_the_effective_command() -> None:
    bridge, steps = make_bridge(), drive(gains(1, 1), 50, 1)
    context = bridge.contexts.context_of(COUPLED)
    weights = torch.stack([bridge.composed(bridge.base.weights, bridge.turned(context)), bridge.base.weights])
    under, _ = bridge.base.predict(weights, steps.observation, steps.action)
    inner = bridge.as_effective(context, steps)
    assert torch.allclose(inner.action, BOX.half * (steps.action / BOX.half @ COUPLED.T), atol=1e-5)
    _, expected = bridge.base.predict(weights, inner.observation, inner.action)
    assert torch.allclose(under, expected, atol=1e-5)


def test_what_is_affine_is_known_at_commands_that_were_never_seen() -> None:
    memory, bridge = memory_of("networks"), make_bridge()
    effect = gains(-0.7, 0.6)
    slow = drive(effect, 40, 5)
    few = slow[(slow.action[:, 0].abs() < 0.4 * BOX.half[0]) & (slow.action[:, 1].abs() < 0.4 * BOX.half[1])]
    index, _ = memory.open(0, few, now=1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(10):
        memory.learn(index, few, 10, generator)
    everywhere = drive(effect, 200, 6)
    left = everywhere.change - memory.predict(everywhere.observation, everywhere.action)[1]
    assert float((left / bridge.base.scale).square().mean().sqrt()) < 0.05


def test_a_context_stays_where_what_was_learned_is_better() -> None:
    bridge = make_bridge()
    relative, steps = RelativeContexts(bridge, units()), drive(squared, 60, 5)
    nominal = bridge.base.weights
    relative.begin(1, steps[:6], [nominal])
    memory = memory_of("networks")
    index, _ = memory.open(0, steps, now=1)
    generator = torch.Generator().manual_seed(0)
    for _ in range(60):
        memory.learn(index, steps, 10, generator)
    learned = memory.weights(index)
    assert relative.misfit(learned, steps) < relative.misfit(relative.weights(1, nominal), steps)
    assert not relative.again(1, steps, nominal, learned)
    assert relative.again(1, steps[:40], nominal, nominal) is False  # not four more than before


def test_a_context_is_identified_again_with_more_transitions() -> None:
    bridge, steps = make_bridge(), drive(gains(-1, 0.7), 40, 5)
    relative, nominal = RelativeContexts(bridge, units()), bridge.base.weights
    relative.begin(1, steps[:1], [nominal])
    assert relative.again(1, steps, nominal, relative.weights(1, nominal))
    assert relative.misfit(relative.weights(1, nominal), steps) <= GOOD


def test_a_memory_without_contexts_is_read() -> None:
    memory = memory_of("networks")
    assert isinstance(memory, NetworkMemory)
    index, _ = memory.open(0, drive(gains(-1, 0.7), 20, 5), now=1)
    state = memory.state_dict()
    own = state["predicts"]["weights"][index]
    del state["predicts"]["relative"]
    other = memory_of("networks")
    other.load_state_dict(state)
    assert torch.equal(other.weights(index), own)
    assert other.state_dict()["predicts"]["relative"] == NO_CONTEXTS
