"""The compiled kernel against NumPy in float64, on every instruction set that this processor has."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from crl.kernel import unroller as module
from crl.kernel.layout import CHANGES, NUMBERS, Layout
from crl.kernel.library import SETS, Library, library
from crl.kernel.unroller import KernelError, Unroller

pytestmark = pytest.mark.skipif(library().loaded is None, reason="the kernel was not built")
HERE = library().sets
ACTIVATIONS: dict[str, Callable[[Any], Any]] = {
    "silu": lambda x: x / (1 + np.exp(-x)),
    "relu": lambda x: np.maximum(x, 0),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "tanh": np.tanh,
}


@dataclass
class Case:
    """Networks with random weights."""

    layout: Layout
    layers: list[tuple[Tensor, Tensor]]
    activation: str
    drives: int

    def unroller(self, instructions: str | None = None) -> Unroller:
        return Unroller(self.layout, self.layers, self.activation, instructions)


def case(
    kinds: tuple[str, ...],
    hidden: tuple[int, ...],
    *,
    members: int = 1,
    activation: str = "silu",
    drives: int = 2,
    first_change: int = 0,
    scale: float = 1.0,
    fed_back: bool = False,
) -> Case:
    numbers = sum(NUMBERS[kind] for kind in kinds)
    low, high = torch.full((numbers,), -math.inf), torch.full((numbers,), math.inf)
    layout = Layout(kinds, low, high, first_change, fed_back)
    source = torch.Generator().manual_seed(len(hidden) + members + drives)
    widths = [layout.features + drives + fed_back * layout.changes, *hidden, layout.changes]
    layers = [
        (
            scale * torch.randn(members, fan_in, out, generator=source) / math.sqrt(fan_in),
            0.3 * torch.randn(members, 1, out, generator=source),
        )
        for fan_in, out in zip(widths[:-1], widths[1:], strict=True)
    ]
    layers[-1] = (0.2 * layers[-1][0], 0.2 * layers[-1][1])
    return Case(layout, layers, activation, drives)


def product(p: Any, q: Any) -> Any:
    """The Hamilton product of quaternions (w, x, y, z)."""
    return np.array(
        [
            p[0] * q[0] - p[1:] @ q[1:],
            *(p[0] * q[1:] + q[0] * p[1:] + np.cross(p[1:], q[1:])),
        ]
    )


def seen(kinds: tuple[str, ...], state: Any) -> list[float]:
    """What a network reads of one state."""
    found: list[float] = []
    at = 0
    for kind in kinds:
        field = state[at : at + NUMBERS[kind]]
        at += NUMBERS[kind]
        if kind == "linear":
            found += [field[0]]
        elif kind == "quaternion":
            conjugate = field * np.array([1, -1, -1, -1])
            turned = [product(product(field, np.array([0, *axis])), conjugate)[1:] for axis in np.eye(3)]
            found += list(np.stack(turned, axis=1).ravel())
        else:
            found += [math.cos(field[0]), math.sin(field[0])]
    return found


def moved(layout: Layout, state: Any, change: Any) -> Any:
    """One state after one change."""
    after = state.copy()
    at, of = 0, layout.first_change
    for kind in layout.kinds:
        step = change[of : of + CHANGES[kind]]
        if kind == "quaternion":
            angle = np.linalg.norm(step)
            turn = np.array([math.cos(angle / 2), *(step * math.sin(angle / 2) / angle)])
            after[at : at + 4] = product(state[at : at + 4], turn)
            after[at : at + 4] /= np.linalg.norm(after[at : at + 4])
        else:
            after[at] += step[0]
            if kind == "angle":
                after[at] = (after[at] + math.pi) % (2 * math.pi) - math.pi
        at += NUMBERS[kind]
        of += CHANGES[kind]
    return np.clip(after, layout.low.numpy(), layout.high.numpy())


def oracle(
    made: Case, start: Tensor, drives: Tensor, offset: Tensor | None = None, before: Tensor | None = None
) -> tuple[Any, Any]:
    """States and changes, one path, one step and one member at a time, in float64."""
    act = ACTIVATIONS[made.activation]
    layers = [(matrix.double().numpy(), bias.double().numpy()) for matrix, bias in made.layers]
    all_states, all_changes = [], []
    for row, path in enumerate(drives.double().numpy()):
        state = (start if start.dim() == 1 else start[row]).double().numpy()
        states, changes = [state], []
        last = np.zeros(made.layout.changes) if before is None else before.double().numpy()
        for drive in path:
            change = np.zeros(made.layout.changes)
            for member in range(len(layers[0][0])):
                x = np.array([*seen(tuple(made.layout.kinds), state), *drive, *(last if made.layout.fed_back else [])])
                for index, (matrix, bias) in enumerate(layers):
                    x = x @ matrix[member] + bias[member, 0]
                    x = x if index + 1 == len(layers) else act(x)
                change = change + x
            change = change if offset is None else change + offset.double().numpy()
            state, last = moved(made.layout, state, change), change
            states.append(state)
            changes.append(change)
        all_states.append(states)
        all_changes.append(changes)
    return np.array(all_states), np.array(all_changes)


def agrees(
    made: Case,
    samples: int,
    horizon: int,
    instructions: str,
    offset: Tensor | None = None,
    before: Tensor | None = None,
) -> None:
    source = torch.Generator().manual_seed(7)
    start = torch.randn(made.layout.numbers, generator=source)
    at = 0
    for kind in made.layout.kinds:
        if kind == "quaternion":
            start[at : at + 4] /= start[at : at + 4].norm()
        at += NUMBERS[kind]
    drives = torch.randn(samples, horizon, made.drives, generator=source)
    states, changes = made.unroller(instructions)(start, drives, offset, before)
    wanted, wanted_changes = oracle(made, start, drives, offset, before)
    np.testing.assert_allclose(states.numpy(), wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(changes.numpy(), wanted_changes, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("instructions", HERE)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation(activation: str, instructions: str) -> None:
    """Weights large enough for the flat ends of the activations."""
    agrees(case(("linear",) * 3, (13, 7), activation=activation, scale=3.0), 5, 2, instructions)


@pytest.mark.parametrize("instructions", HERE)
@pytest.mark.parametrize(
    ("samples", "kinds", "hidden", "drives"),
    [(1, ("linear",), (3,), 1), (37, ("linear",) * 2, (1,), 0), (70, ("linear",) * 17, (25, 6, 29), 3)],
)
def test_odd_sizes(
    samples: int, kinds: tuple[str, ...], hidden: tuple[int, ...], drives: int, instructions: str
) -> None:
    agrees(case(kinds, hidden, drives=drives), samples, 1, instructions)


@pytest.mark.parametrize("instructions", HERE)
def test_every_kind_of_field_with_members_bounds_and_an_offset(instructions: str) -> None:
    made = case(("linear", "angle", "quaternion", "free_angle", "linear"), (9, 8), members=3, first_change=2)
    made.layout.low[0], made.layout.high[-1] = -0.1, 0.2
    offset = torch.linspace(-0.2, 0.2, made.layout.changes)
    agrees(made, 3, 5, instructions, offset)


@pytest.mark.parametrize("instructions", HERE)
@pytest.mark.parametrize("before", [False, True])
def test_changes_of_the_step_before_are_fed_back(before: bool, instructions: str) -> None:
    made = case(("linear", "free_angle"), (9, 8), members=2, first_change=2, fed_back=True)
    changes = made.layout.changes
    agrees(made, 37, 4, instructions, torch.linspace(-0.2, 0.2, changes), torch.ones(changes) if before else None)


@pytest.mark.parametrize("instructions", HERE)
def test_nothing_to_read_but_drives(instructions: str) -> None:
    agrees(case((), (6,), first_change=3), 4, 3, instructions)


@pytest.mark.parametrize("instructions", HERE)
def test_angles_of_many_turns(instructions: str) -> None:
    """Where float32 still tells angles apart: some of these are turned back by the C library."""
    made = case(("angle", "free_angle"), (6,))
    start = torch.tensor([[100.0, -100.0], [9000.0, -9000.0], [math.pi, 0.0]])
    states, _ = made.unroller(instructions)(start, torch.zeros(3, 1, 2))
    wanted, _ = oracle(made, start, torch.zeros(3, 1, 2))
    apart = states.double().numpy() - wanted
    assert np.abs(apart - 2 * math.pi * np.round(apart / (2 * math.pi))).max() < 3e-3  # a digit of 9000 in float32
    assert float(states[:, 1, 0].abs().max()) <= math.pi + 1e-6


@pytest.mark.parametrize("instructions", HERE)
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_what_is_not_a_number_stays_so_and_leaves_other_paths_alone(activation: str, instructions: str) -> None:
    made = case(("linear", "angle"), (5, 5), activation=activation)
    drives = torch.zeros(4, 3, 2)
    sound, _ = made.unroller(instructions)(torch.zeros(2), drives)
    drives[1, 1, 0] = math.nan
    states, changes = made.unroller(instructions)(torch.zeros(2), drives)
    assert bool(torch.isnan(states[1, 2:]).all())
    assert bool(torch.isnan(changes[1, 1:]).all())
    kept = [0, 2, 3]
    torch.testing.assert_close(states[kept], sound[kept], rtol=0, atol=0)
    torch.testing.assert_close(states[1, :2], sound[1, :2], rtol=0, atol=0)


@pytest.mark.parametrize("instructions", HERE)
def test_infinite_bounds_and_states_stay_infinite_or_not_a_number(instructions: str) -> None:
    made = case(("linear", "angle"), (5,), activation="relu")
    states, _ = made.unroller(instructions)(torch.tensor([math.inf, 0.0]), torch.zeros(2, 1, 2))
    assert not bool(torch.isfinite(states[:, 1, 0]).any())


def test_a_part_of_the_rows_in_each_thread_gives_the_same_bits() -> None:
    made = case(("linear", "angle"), (8, 8))
    drives = torch.randn(100, 3, 2, generator=torch.Generator().manual_seed(1))
    start = torch.randn(100, 2, generator=torch.Generator().manual_seed(2))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        alone = made.unroller()(start, drives)
        torch.set_num_threads(3)
        shared = made.unroller()(start, drives)
    finally:
        torch.set_num_threads(threads)
    assert torch.equal(alone[0], shared[0])
    assert torch.equal(alone[1], shared[1])


def test_it_keeps_its_weights() -> None:
    made = case(("linear",), (4,))
    unroller, drives = made.unroller(), torch.ones(2, 2, 2)
    before, _ = unroller(torch.zeros(1), drives)
    made.layers[0][0].mul_(2)
    again, _ = unroller(torch.zeros(1), drives)
    other, _ = made.unroller()(torch.zeros(1), drives)
    assert torch.equal(before, again)
    assert not torch.equal(before, other)


def test_rows_that_are_not_contiguous_are_read_as_they_are() -> None:
    made = case(("linear",), (4,))
    drives = torch.randn(2, 5, 3).permute(2, 1, 0)
    assert not drives.is_contiguous()
    found, plain = made.unroller()(torch.zeros(1), drives), made.unroller()(torch.zeros(1), drives.contiguous())
    assert torch.equal(found[0], plain[0])


@pytest.mark.parametrize(
    ("start", "drives", "named"),
    [
        (torch.zeros(1), torch.zeros(2, 3, 2).double(), r"the drives.*float64"),
        (torch.zeros(1), torch.zeros(2, 3, 5), r"the drives.*\[2, 3, 5\]"),
        (torch.zeros(1), torch.zeros(2), "the drives"),
        (torch.zeros(4), torch.zeros(2, 3, 2), r"the start.*\[4\]"),
        (torch.zeros(3, 1), torch.zeros(2, 3, 2), r"the start.*\[3, 1\]"),
    ],
)
def test_what_it_cannot_read_is_named(start: Tensor, drives: Tensor, named: str) -> None:
    with pytest.raises(KernelError, match=named) as caught:
        case(("linear",), (4,)).unroller()(start, drives)
    assert "torch.float32" in str(caught.value.hint)


def test_layers_that_do_not_fit_are_named() -> None:
    made = case(("linear",), (4,))
    with pytest.raises(KernelError, match="the bias of layer 0"):
        Unroller(made.layout, [(made.layers[0][0], made.layers[0][1][..., :2]), made.layers[1]], "relu")
    with pytest.raises(KernelError, match="of 3 inputs and 1 outputs does not fit a state of 4 features"):
        Unroller(Layout(("angle", "angle"), torch.zeros(2), torch.zeros(2)), made.layers, "relu")


def test_instructions_that_are_not_there_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "library", lambda: Library(library().loaded, SETS[:1]))
    with pytest.raises(KernelError, match="no instruction set 'avx512'"):
        case(("linear",), (4,)).unroller("avx512")
