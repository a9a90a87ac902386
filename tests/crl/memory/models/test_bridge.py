"""Contexts relative to a known regime: identified, predicted under, corrected by."""

from __future__ import annotations

import pytest
import torch

from tests.crl.memory.unicycle import BOX, PERIOD, drive, gains, make_bridge


@pytest.mark.parametrize("pair", [(1.0, -1.0), (-0.5, 0.5), (0.8, 1.7)])
def test_gains_are_identified_from_few_transitions(pair: tuple[float, float]) -> None:
    bridge, steps = make_bridge(), drive(gains(*pair), 6, 1)
    context = bridge.identify(bridge.base.weights, steps)
    effective = bridge.effective(context, BOX.half.unsqueeze(0) * 0.5)[0] / (0.5 * BOX.half)
    assert effective.tolist() == pytest.approx(pair, abs=0.05)


def test_a_context_is_relative_to_the_regime_beneath() -> None:
    bridge = make_bridge()
    flipped = -bridge.base.weights.clone()
    at = bridge.base.network.size - bridge.base.network.head_size
    flipped[:at] = bridge.base.weights[:at]  # the last layer's sign: a body that does the opposite of everything
    context = bridge.identify(flipped, drive(gains(-1, -1), 8, 1))
    assert context.abs().max() < 0.05
    context = bridge.identify(flipped, drive(gains(1, -1), 8, 1))
    assert bridge.effective(context, torch.tensor([0.5, 0.5])).tolist() == pytest.approx([-0.5, 0.5], abs=0.05)


def test_what_is_corrected_does_what_was_planned() -> None:
    bridge, effect = make_bridge(), gains(-0.8, 1.6)
    context = bridge.identify(bridge.base.weights, drive(effect, 10, 2))
    planned = torch.tensor([0.5, -0.7])
    assert effect(bridge.correct(context, planned)).tolist() == pytest.approx(planned.tolist(), abs=0.04)
    out_of_reach = torch.tensor([1.0, 0.2])
    corrected = bridge.correct(context, out_of_reach)
    assert bool(((corrected >= BOX.low) & (corrected <= BOX.high)).all())
    assert float(corrected[0]) == pytest.approx(-1.0)
    assert float(bridge.reachable(context).high[0]) == pytest.approx(0.8, abs=0.04)


def test_predictions_under_several_contexts_are_one_batch() -> None:
    bridge, steps = make_bridge(), drive(gains(1, -1), 12, 3)
    contexts = torch.stack([bridge.nominal, bridge.identify(bridge.base.weights, steps)])
    found = bridge.predict(bridge.base.weights, contexts, steps.observation, steps.action)
    assert found.shape == (2, 12, 3)
    assert torch.allclose(found[1], steps.change, atol=0.02 * PERIOD)
    alone = bridge.predict(bridge.base.weights, contexts[1:], steps.observation, steps.action)
    assert torch.allclose(alone[0], found[1], atol=1e-6)


def test_what_can_not_be_identified_counts_as_nominal() -> None:
    bridge, steps = make_bridge(), drive(gains(1, 1), 4, 0)
    steps.change[1] = torch.inf
    assert torch.equal(bridge.identify(bridge.base.weights, steps), bridge.nominal)
