"""What is computed with others, and what alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from crl.continual.networks.watching import WatchedNetwork
from crl.dynamics.task_model import TaskModel
from crl.dynamics.windows import Windows
from crl.errors import CrlError
from crl.learning.computing import Computing
from crl.learning.knowledge import plain_rollout
from crl.training.together.computing import ComputingTogether, Stacks
from crl.training.together.meeting import Meeting, Seat
from tests import tiny
from tests.crl.dynamics.test_model import observations, trained


def meeting(work: Callable[[ComputingTogether], Any]) -> Meeting:
    """A meeting of one run, which is over."""
    made = Meeting()

    def sit(seat: Seat) -> Any:
        return work(ComputingTogether(seat, Stacks()))

    (outcome,) = made.run([sit])
    if outcome.error is not None:
        raise outcome.error
    return made


def rows(name: str) -> Windows:
    start = torch.stack([observations(name, seed=seed).float() for seed in range(6)])
    after = torch.stack([observations(name, seed=seed + 6).float() for seed in range(6)])
    return Windows(start, torch.rand(1, 6, 2), after.unsqueeze(0))


def test_a_loss_hands_on_its_gradient_times_what_comes_after_it() -> None:
    model, weights, normalisers, _ = trained("linear")
    windows = rows("linear")

    def work(computing: ComputingTogether) -> None:
        mine, theirs = (weights.float().detach().clone().requires_grad_() for _ in range(2))
        (3 * computing.loss(model, 2 * mine, normalisers, windows, model.network)).backward()
        (3 * model.loss(2 * theirs, normalisers, windows)).backward()
        torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-5, atol=1e-6)

    assert meeting(work).sizes == {1: [1]}


@pytest.mark.parametrize("out_var", [False, True])
def test_alone_are_losses_that_others_have_no_part_in(out_var: bool) -> None:
    model, weights, normalisers, _ = trained("linear", out_var=out_var)
    windows, plain = rows("linear"), weights.float().detach()
    watched = WatchedNetwork(model.network, [])

    def work(computing: ComputingTogether) -> None:
        found = [computing.loss(model, plain, normalisers, windows, model.network)]
        with torch.no_grad():
            found.append(computing.loss(model, plain.clone().requires_grad_(), normalisers, windows, model.network))
        network = model.network if out_var else watched
        found.append(computing.loss(model, plain.clone().requires_grad_(), normalisers, windows, network))
        for value in found:
            torch.testing.assert_close(value.detach(), model.loss(plain, normalisers, windows))

    assert meeting(work).sizes == {}


def test_planners_share_rollouts_and_whoever_needs_gradients_does_not() -> None:
    model, weights, normalisers, _ = trained("linear", kernel="torch")
    known = TaskModel(model, weights.float(), normalisers, model.network)
    start, actions = observations("linear", seed=1).float(), torch.rand(4, 3, 2)

    def work(computing: ComputingTogether) -> None:
        unroll = computing.unrolling(known, plain_rollout)
        steered = actions.clone().requires_grad_()
        unroll(start, steered).sum().backward()
        assert steered.grad is not None and bool(steered.grad.any())
        with torch.inference_mode():
            torch.testing.assert_close(unroll(start, actions), plain_rollout(known)(start, actions))

    assert meeting(work).sizes == {0: [1]}


def test_an_agent_that_computes_by_itself_says_so() -> None:
    with pytest.raises(CrlError, match="leave out batch=seeds"):
        tiny.Puppet().compute_with(Computing())
