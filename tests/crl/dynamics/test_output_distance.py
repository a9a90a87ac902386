"""The Gram form of the distance of generated weights against the plain sum."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from crl.config import HypernetworkConfig
from crl.dynamics.hypernetwork import Hypernetwork, Parameters, make_hypernetwork
from crl.dynamics.network import TargetNetwork
from crl.dynamics.output_distance import OutputDistance, pays

TARGET = TargetNetwork(3, [8], 2)
TASKS = 40


def made(dtype: torch.dtype, moved: float) -> tuple[Hypernetwork, Parameters, Parameters, Tensor]:
    """A hypernetwork, its snapshot, its parameters after a move of a given size, and embeddings."""
    generator = torch.Generator().manual_seed(0)
    hypernetwork = make_hypernetwork(HypernetworkConfig(embedding=4, hidden=[6, 5]), TARGET)
    anchor = {name: value.to(dtype) for name, value in hypernetwork.initial(generator).items()}
    now = {
        name: (value + moved * torch.randn(value.shape, generator=generator).to(dtype)).requires_grad_()
        for name, value in anchor.items()
    }
    return hypernetwork, anchor, now, torch.randn(TASKS, 4, generator=generator).to(dtype)


def plain(hypernetwork: Hypernetwork, anchor: Parameters, now: Parameters, embeddings: Tensor) -> Tensor:
    targets = hypernetwork.generate(anchor, embeddings)
    return (hypernetwork.generate(now, embeddings) - targets).square().sum()


def gradients(total: Tensor, now: Parameters) -> dict[str, Tensor]:
    return dict(zip(now, torch.autograd.grad(total, list(now.values())), strict=True))


@pytest.mark.parametrize("moved", [1.0, 1e-2, 1e-5])
def test_value_and_gradient_are_those_of_the_plain_sum(moved: float) -> None:
    hypernetwork, anchor, now, embeddings = made(torch.float64, moved)
    distance = hypernetwork.distance_from(anchor, embeddings)
    assert distance is not None
    ours, theirs = distance(now), plain(hypernetwork, anchor, now, embeddings)
    assert float(ours.detach()) == pytest.approx(float(theirs.detach()), rel=1e-9)
    expected = gradients(theirs, now)
    for name, value in gradients(3 * ours, now).items():
        largest = float(expected[name].abs().max())
        torch.testing.assert_close(value, 3 * expected[name], rtol=1e-9, atol=1e-9 * largest)


def test_differences_keep_the_precision_of_float32() -> None:
    """After small steps the distances are far below the weights; their squares would cancel."""
    hypernetwork, anchor, now, embeddings = made(torch.float32, 1e-4)
    distance = hypernetwork.distance_from(anchor, embeddings)
    assert distance is not None
    exactly = [{name: value.detach().double() for name, value in part.items()} for part in (anchor, now)]
    expected = plain(hypernetwork, *exactly, embeddings.double())
    assert float(distance(now).detach()) == pytest.approx(float(expected), rel=1e-3)


def test_nothing_has_moved_yet() -> None:
    hypernetwork, anchor, now, embeddings = made(torch.float32, 0.0)
    distance = hypernetwork.distance_from(anchor, embeddings)
    assert distance is not None
    total = distance(now)
    assert float(total.detach()) == 0.0
    assert all(bool((value == 0).all()) for value in gradients(total, now).values())


def test_the_gradient_is_that_of_finite_differences() -> None:
    generator = torch.Generator().manual_seed(1)

    def drawn(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)

    distance = OutputDistance(drawn(7), drawn(3, 7), drawn(5, 3))
    assert torch.autograd.gradcheck(distance, tuple(drawn(*s).requires_grad_() for s in ((7,), (3, 7), (5, 3))))


def test_the_snapshot_stays_as_it_was() -> None:
    bias, head, hidden = torch.randn(7), torch.randn(3, 7), torch.randn(5, 3)
    distance = OutputDistance(bias, head, hidden)
    distance(torch.randn(7), torch.randn(3, 7), torch.randn(5, 3))
    assert torch.equal(distance.head, head)
    assert float(distance(bias, head, hidden)) == 0.0


def test_few_tasks_and_wide_layers_are_summed_one_by_one() -> None:
    assert not pays(15, 2)
    assert not pays(40, 50)
    assert pays(100, 50)
    assert not pays(100, 256)
    assert pays(1000, 256)


def test_a_chunked_hypernetwork_has_no_such_form() -> None:
    chunked = make_hypernetwork(HypernetworkConfig(kind="chunked", chunk=5), TARGET)
    anchor = chunked.initial(torch.Generator().manual_seed(0))
    assert chunked.distance_from(anchor, torch.randn(1000, 10)) is None
