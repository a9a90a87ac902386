"""What a regime in force is forgiven: what it usually errs, up to a bound; and what recall is not."""

from __future__ import annotations

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
