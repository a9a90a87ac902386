"""Where a regime was seen, and how far its expectation widens elsewhere."""

from __future__ import annotations

import torch

from crl.memory.models.memory import NOMINAL
from crl.memory.models.regime import Regime
from crl.memory.recall.coverage import MOST, SPACING, WIDER, add, distance, join, widening
from tests.crl.memory.unicycle import BOX, TASK, drive, gains, make_bridge, memory_of

HERE = torch.zeros(TASK.observation.size)


def test_inputs_are_few_and_apart_and_cover_what_was_learned() -> None:
    regime, base = Regime(1, 3), make_bridge().base
    steps = drive(gains(1, 1), 300, 0)
    for observation, action in zip(steps.observation, steps.action, strict=True):
        add(regime, base, observation, action)
    assert regime.seen is not None
    assert 8 < len(regime.seen[1]) <= MOST
    for at in range(len(regime.seen[1])):
        others = torch.arange(len(regime.seen[1])) != at
        rest = (regime.seen[0][others], regime.seen[1][others])
        assert float(distance(rest, base, regime.seen[0][at : at + 1], regime.seen[1][at : at + 1])) > SPACING
    assert float(distance(regime.seen, base, steps.observation, steps.action).max()) < 3 * SPACING


def test_the_expectation_widens_with_the_distance() -> None:
    memory, regime, base = memory_of("networks"), Regime(1, 3), make_bridge().base
    add(regime, base, HERE, BOX.middle)
    actions = BOX.middle + torch.tensor([0.0, 0.1, 0.5, 1.0]).unsqueeze(-1) * BOX.half
    wider = widening(memory, regime, base, HERE.expand(4, -1), actions)
    assert torch.equal(wider[:2], torch.zeros(2, 3))
    apart = base.read(HERE.expand(4, -1), actions) - base.read(HERE.unsqueeze(0), BOX.middle.unsqueeze(0))
    expected = WIDER * (apart.square().mean(dim=-1).sqrt() - SPACING).clamp_min(0).unsqueeze(-1) * base.scale
    assert torch.allclose(wider, expected)


def test_the_nominal_regime_is_known_everywhere() -> None:
    memory, base = memory_of("networks"), make_bridge().base
    assert torch.equal(
        widening(memory, memory.regimes[NOMINAL], base, HERE.unsqueeze(0), BOX.high.unsqueeze(0)), torch.zeros(1, 3)
    )


def test_inputs_are_restored() -> None:
    regime, base = Regime(1, 3), make_bridge().base
    add(regime, base, HERE, BOX.high)
    again = Regime.from_state(regime.state_dict(), 3)
    assert again.seen is not None
    assert torch.equal(again.seen[1], BOX.high.unsqueeze(0))


def test_a_regime_has_the_inputs_of_both_in_turn() -> None:
    one, other, base = Regime(1, 3), Regime(2, 3), make_bridge().base
    for share in (-1.0, 0.0, 1.0):
        add(one, base, HERE, BOX.middle + share * BOX.half)
    turned = torch.tensor([1.0, -1.0])
    for share in (-1.0, 0.0, 1.0):
        add(other, base, HERE, BOX.middle + share * BOX.half * turned)
    join(one, other, base)
    assert one.seen is not None
    assert len(one.seen[1]) == 5  # the middle is one input
    assert torch.equal(one.seen[1][1], BOX.middle - BOX.half * turned)  # the other's first comes second
