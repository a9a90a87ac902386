"""What a regime in force is forgiven: what it usually errs, up to a bound; and what recall is not."""

from __future__ import annotations

from dataclasses import replace

import torch

from crl.memory.models.memory import NOMINAL
from crl.memory.models.units import mean_square
from crl.memory.recall.evidence import Seen
from crl.memory.recall.explaining import Explaining
from crl.memory.recall.likelihood import FIT
from tests.crl.memory.unicycle import BOX, drive, gains, make_bridge, memory_of, settings, units


def asked() -> tuple[Explaining, Seen, torch.Tensor]:
    """A memory of the nominal body; transitions of one whose commands do a sixth less, as the nominal one has them."""
    memory = memory_of("networks")
    explaining = Explaining(memory, make_bridge(), units(), BOX.middle, settings("networks").memory.belief)
    steps = drive(gains(0.85, 0.85), 30, 3)
    predicted, effects, informative = explaining.predict(steps)
    return explaining, Seen(steps[informative], effects[informative]), predicted[0, informative]


def test_a_regime_is_forgiven_what_it_usually_errs_and_no_more() -> None:
    explaining, seen, predicted = asked()
    entry = explaining._memory.regimes[NOMINAL]
    strict = explaining.tolerated(entry, seen, predicted)
    assert float(mean_square(strict)) > FIT
    assert not explaining.tolerates(entry, seen)
    entry.judge(2.5 * torch.ones(8, 3) / 1.4826)
    assert torch.allclose(explaining.tolerated(entry, seen, predicted), strict / 2.5)
    assert explaining.tolerates(entry, seen)
    entry.judge(torch.full((8, 3), 1000.0))
    assert torch.allclose(explaining.tolerated(entry, seen, predicted), strict / explaining._memory.widest)


def test_a_small_deviation_makes_no_regime_stricter_than_common_units() -> None:
    explaining, seen, predicted = asked()
    entry = explaining._memory.regimes[NOMINAL]
    strict = explaining.tolerated(entry, seen, predicted)
    entry.judge(torch.full((8, 3), 1e-3))
    assert torch.equal(explaining.tolerated(entry, seen, predicted), strict)


def test_of_what_was_never_seen_no_more_is_forgiven_than_a_share_of_the_effect() -> None:
    """Far from everything that it was seen at, a regime explains another body, unless that is bounded."""
    explaining, seen, predicted = asked()
    entry = explaining._memory.regimes[NOMINAL]
    strict = explaining.tolerated(entry, seen, predicted)
    entry.seen = (seen.steps.observation[:1].clone(), seen.steps.action[:1] + 100.0)
    assert explaining.tolerates(entry, seen)
    explaining._config = replace(explaining._config, forgiven=0.01)
    assert not explaining.tolerates(entry, seen)
    bounded = explaining.tolerated(entry, seen, predicted)
    unit = units().unit
    allowed = (seen.steps.change - predicted) / strict  # what one of the scaled residuals was divided by
    effect = (seen.effects / unit).square().mean(dim=-1, keepdim=True).sqrt()
    assert torch.allclose(bounded, (seen.steps.change - predicted) / (allowed + 0.01 * effect * unit), atol=1e-5)
    explaining._config = replace(explaining._config, forgiven=0.0)
    assert torch.allclose(explaining.tolerated(entry, seen, predicted), strict)
