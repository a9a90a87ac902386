"""Layers in bfloat16, on every instruction set that this processor has: with its instructions for it, and without."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.kernel.layout import Layout
from crl.kernel.library import library
from crl.kernel.unroller import KernelError
from tests.crl.kernel.test_unroller import ACTIVATIONS, Case, case, oracle

pytestmark = pytest.mark.skipif(library().loaded is None, reason="the kernel was not built")
HERE = library().sets
SLOPE = {"silu": 1.1, "relu": 1.0, "elu": 1.0, "tanh": 1.0}
"""The steepest slope of each activation."""


def halved(made: Case) -> Case:
    """The same networks with bfloat16 between the first and the last layer."""
    middle = [(matrix.bfloat16(), bias) for matrix, bias in made.layers[1:-1]]
    return replace(made, layers=[made.layers[0], *middle, made.layers[-1]])


def whole(*shape: int, most: int, source: torch.Generator) -> Tensor:
    """Whole numbers in [-most, most]."""
    return torch.randint(-most, most + 1, shape, generator=source).float()


@pytest.mark.parametrize("instructions", HERE)
@pytest.mark.parametrize("hidden", [(3, 1), (25, 6, 29), (12, 24)])
def test_numbers_that_it_holds_are_multiplied_exactly(hidden: tuple[int, ...], instructions: str) -> None:
    """Whole numbers up to 256 have no error at all, so that every weight must meet its own number."""
    source = torch.Generator().manual_seed(1)
    widths = [4, *hidden, 3]
    layers = [
        (whole(2, fan_in, out, most=1, source=source), whole(2, 1, out, most=3, source=source))
        for fan_in, out in zip(widths[:-1], widths[1:], strict=True)
    ]
    made = Case(Layout(("linear",) * 3, torch.full((3,), -math.inf), torch.full((3,), math.inf)), layers, "relu", 1)
    drives, start = whole(37, 1, 1, most=4, source=source), whole(3, most=2, source=source)
    states, changes = halved(made).unroller(instructions)(start, drives)
    wanted, wanted_changes = oracle(made, start, drives)
    assert np.array_equal(changes.numpy(), wanted_changes)
    assert np.array_equal(states.numpy(), wanted)
    assert np.abs(wanted_changes).max() > 0


@pytest.mark.parametrize("instructions", HERE)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_its_error_is_that_of_rounding_what_a_layer_reads(activation: str, instructions: str) -> None:
    """At most 2^-9 of every number that the middle layer reads; float32's own is allowed 1e-5."""
    made = halved(case(("linear",) * 3, (33, 17), activation=activation))
    drives = torch.randn(40, 1, 2, generator=torch.Generator().manual_seed(2))
    (first, first_bias), (middle, _), (last, _) = ((m[0].double(), b[0].double()) for m, b in made.layers)
    start = torch.tensor([0.5, -1.0, 0.2])
    rows = torch.cat([start.expand(40, -1), drives[:, 0]], dim=1).double()
    read = torch.from_numpy(ACTIVATIONS[activation]((rows @ first + first_bias).numpy()))
    bound = SLOPE[activation] * 2.0**-9 * (read.abs() @ middle.abs()) @ last.abs()
    _, changes = made.unroller(instructions)(start, drives)
    _, wanted = oracle(made, start, drives)
    error = torch.from_numpy(np.abs(changes[:, 0].double().numpy() - wanted[:, 0]))
    assert bool((error <= bound + 1e-5).all())
    assert float(error.max()) > 1e-4, "nothing was rounded"


@pytest.mark.parametrize("instructions", HERE)
def test_what_is_not_a_number_stays_so_and_leaves_other_paths_alone(instructions: str) -> None:
    made = halved(case(("linear", "angle"), (5, 5)))
    drives = torch.zeros(4, 3, 2)
    sound, _ = made.unroller(instructions)(torch.zeros(2), drives)
    drives[1, 1, 0] = math.nan
    states, _ = made.unroller(instructions)(torch.zeros(2), drives)
    assert bool(torch.isnan(states[1, 2:]).all())
    assert torch.equal(states[[0, 2, 3]], sound[[0, 2, 3]])


@pytest.mark.skipif("avx512_bf16" not in HERE, reason="this processor multiplies no bfloat16 numbers")
def test_its_instructions_leave_float32_as_it_was() -> None:
    made = case(("linear", "angle"), (13, 8), members=2)
    drives = torch.randn(37, 3, 2, generator=torch.Generator().manual_seed(3))
    before, after = (made.unroller(name)(torch.zeros(2), drives)[0] for name in ("avx512", "avx512_bf16"))
    assert torch.equal(before, after)


def test_the_first_and_the_last_layer_are_float32() -> None:
    made = case(("linear",), (4, 4))
    made.layers[0] = made.layers[0][0].bfloat16(), made.layers[0][1]
    with pytest.raises(KernelError, match=r"the matrix of layer 0.*bfloat16"):
        halved(made).unroller()
    mixed = case(("linear",), (4, 4, 4))
    mixed.layers[2] = mixed.layers[2][0].bfloat16(), mixed.layers[2][1]
    with pytest.raises(KernelError, match=r"the matrix of layer 2.*bfloat16"):
        mixed.unroller()
