"""Which regimes are merged: those that predict alike wherever both were seen."""

from __future__ import annotations

import pytest
import torch

from crl.adaptation.box import Box
from crl.memory.models.memory import Memory
from crl.memory.recall.coverage import add
from crl.memory.recall.merging import dense_grid, twin, where_seen
from tests.crl.memory.unicycle import BOX, Effect, drive, gains, make_bridge, memory_of, units

SMALL = Box(BOX.middle - 0.35 * BOX.half, BOX.middle + 0.35 * BOX.half)
"""What most commands of a robot that keeps still are like."""


def met(memory: Memory, effect: Effect, seed: int, box: Box = SMALL) -> int:
    """A regime that was seen at commands of a box."""
    steps = drive(effect, 60, seed, box)
    index, _ = memory.open(0, steps, now=seed)
    for observation, action in zip(steps.observation, steps.action, strict=True):
        add(memory.regimes[index], make_bridge().base, observation, action)
    return index


def twin_of(memory: Memory, index: int) -> int | None:
    return twin(memory, index, make_bridge().base, units(), torch.zeros(10), dense_grid(BOX))


@pytest.mark.parametrize("weak", [0.6, 0.7])
def test_regimes_that_differ_at_the_few_commands_that_both_were_given_are_not_merged(weak: float) -> None:
    memory = memory_of("contexts")
    met(memory, gains(1, 0.9), 1)
    assert twin_of(memory, met(memory, gains(1, weak), 2)) is None


def test_a_regime_that_was_opened_twice_is_merged_whichever_commands_it_was_given() -> None:
    memory = memory_of("contexts")
    first = met(memory, gains(1, 0.6), 1)
    assert twin_of(memory, met(memory, gains(1, 0.6), 2)) == first


def test_nothing_tells_regimes_apart_where_one_of_them_was_not_seen() -> None:
    memory = memory_of("contexts")
    pair = (met(memory, gains(1, 0.6), 1), met(memory, gains(1, 0.9), 2))
    base, neutral = make_bridge().base, BOX.middle
    assert where_seen(memory, pair, base, units(), neutral) > 2.5
    memory.regimes[pair[1]].seen = (torch.zeros(1, 10), BOX.high.unsqueeze(0))
    assert where_seen(memory, pair, base, units(), neutral) == 0.0
