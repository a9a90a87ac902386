"""Half fine-tuning: what rests does not move, another part rests in each task, and the share is as asked."""

from __future__ import annotations

import pytest
import torch

from crl.continual.composable import Composable
from crl.continual.gradients.hft import HFT
from tests.crl.continual.trials import learn, part_of, strategy_of


@pytest.mark.parametrize("name", ["hft", "hypercrl+hft"])
def test_what_rests_does_not_move(name: str) -> None:
    strategy = strategy_of(name)
    assert isinstance(strategy, Composable)
    part = part_of(strategy, HFT)
    masks = []
    for task in (0, 1):
        before = {key: value.detach().clone() for key, value in strategy.shared().items()}
        learn(strategy, task, 30, end=False)
        for key, value in strategy.shared().items():
            moved = value.detach() != before[key]
            assert not bool((moved & (part.learns[key] == 0)).any())
            assert bool(moved.any())
        masks.append(torch.cat([value.flatten() for value in part.learns.values()]))
        learn(strategy, task, 0)
    assert bool((masks[0] != masks[1]).any())


def test_the_share_is_as_asked() -> None:
    for share in (0.0, 0.3, 1.0):
        strategy = strategy_of("hft", options={"hft_share": share})
        drawn = []
        for task in range(60):
            strategy.begin_task(task)
            drawn.append(part_of(strategy, HFT).learns["trunk"].mean())
        assert float(torch.stack(drawn).mean()) == pytest.approx(share, abs=0.05)
