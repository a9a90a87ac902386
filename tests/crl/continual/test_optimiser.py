"""Adam with its clip and look-ahead, and the average of parameters, against their formulas."""

from __future__ import annotations

import math
from collections.abc import Iterator

import pytest
import torch

from crl.continual.optimiser import Adam, Average
from tests.crl.states import bits, differences


@pytest.fixture(autouse=True)
def _double() -> Iterator[None]:
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


def parameters(seed: int = 0) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return {name: torch.randn(size, generator=generator).requires_grad_() for name, size in (("a", 4), ("b", 3))}


def gradients(values: dict[str, torch.Tensor], step: int, size: float = 1.0) -> None:
    generator = torch.Generator().manual_seed(100 + step)
    for value in values.values():
        value.grad = size * torch.randn(value.shape, generator=generator)


class Formula:
    """Kingma and Ba 2015, algorithm 1, one number at a time."""

    def __init__(self, lr: float) -> None:
        self.lr, self.m, self.v, self.t = lr, 0.0, 0.0, 0

    def step(self, x: float, g: float) -> float:
        self.t += 1
        self.m = 0.9 * self.m + 0.1 * g
        self.v = 0.999 * self.v + 0.001 * g * g
        m, v = self.m / (1 - 0.9**self.t), self.v / (1 - 0.999**self.t)
        return x - self.lr * m / (math.sqrt(v) + 1e-8)


@pytest.mark.parametrize("clip", [0.5, 1e9])
def test_steps_are_adams_with_the_norm_of_all_tensors_clipped(clip: float) -> None:
    values = parameters()
    adam = Adam(values, 0.01, clip)
    expected = [float(x) for value in values.values() for x in value.detach()]
    formulas = [Formula(0.01) for _ in expected]
    for step in range(12):
        gradients(values, step, size=10.0 ** (step % 3 - 1))  # norms below and above the clip
        flat = [float(g) for value in values.values() for g in value.grad]
        norm = math.sqrt(sum(g * g for g in flat))
        if norm > clip:
            flat = [g * clip / norm for g in flat]
        expected = [f.step(x, g) for f, x, g in zip(formulas, expected, flat, strict=True)]
        adam.step()
        adam.zero()
        got = torch.cat([value.detach() for value in values.values()])
        torch.testing.assert_close(got, torch.tensor(expected), rtol=0, atol=1e-12)


@pytest.mark.parametrize("steps", [0, 1, 7])
def test_the_lookahead_is_the_step_that_would_be_taken_and_moves_nothing(steps: int) -> None:
    values = parameters()
    adam = Adam(values, 0.01, clip=1e9)
    adam.factor = 0.3
    for step in range(steps):
        gradients(values, step)
        adam.step()
    gradients(values, steps)
    before = {name: value.detach().clone() for name, value in values.items()}
    state = adam.state_dict()
    changes = adam.lookahead()
    assert not differences(adam.state_dict(), state)
    assert all(bits(before[name]) == bits(value) for name, value in values.items())
    assert not any(change.requires_grad for change in changes.values())
    adam.step()
    for name, value in values.items():
        torch.testing.assert_close(value.detach() - before[name], changes[name], rtol=0, atol=1e-12)


def test_the_lookahead_takes_the_unclipped_gradient() -> None:
    values = parameters()
    adam = Adam(values, 0.01, clip=1e-3)
    gradients(values, 0)
    adam.step()
    gradients(values, 1)
    first, second = 0.9 * adam.state_dict()["a"]["exp_avg"] + 0.1 * values["a"].grad, values["a"].grad.square()
    second = 0.999 * adam.state_dict()["a"]["exp_avg_sq"] + 0.001 * second
    expected = -0.01 * first / (1 - 0.9**2) / ((second / (1 - 0.999**2)).sqrt() + 1e-8)
    torch.testing.assert_close(adam.lookahead()["a"], expected, rtol=0, atol=1e-12)


def test_a_tensor_without_a_gradient_stays() -> None:
    values = parameters()
    adam = Adam(values, 0.01, 5.0)
    gradients(values, 0)
    values["b"].grad = None
    before = bits(values["b"])
    assert (adam.lookahead()["b"] == 0).all()
    adam.step()
    assert bits(values["b"]) == before


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_a_gradient_that_is_not_finite_moves_nothing(bad: float) -> None:
    values = parameters()
    adam = Adam(values, 0.01, 5.0)
    gradients(values, 0)
    adam.step()
    before, state = {name: bits(value) for name, value in values.items()}, adam.state_dict()
    gradients(values, 1)
    values["b"].grad[1] = bad
    adam.step()
    assert {name: bits(value) for name, value in values.items()} == before
    assert not differences(adam.state_dict(), state)
    gradients(values, 2)
    adam.step()
    assert all(bits(value) != before[name] for name, value in values.items())


def test_factor_scales_the_rate() -> None:
    moved = []
    for factor in (1.0, 0.25):
        values = parameters()
        before = values["a"].detach().clone()
        adam = Adam(values, 0.01, 5.0)
        adam.factor = factor
        gradients(values, 0)
        adam.step()
        moved.append(values["a"].detach() - before)
    torch.testing.assert_close(moved[1], moved[0] / 4)


@pytest.mark.parametrize("steps", [0, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_restored_optimiser_takes_the_same_steps_to_the_bit(steps: int, dtype: torch.dtype) -> None:
    torch.set_default_dtype(dtype)
    values = parameters()
    adam = Adam(values, 0.01, 5.0)
    for step in range(steps):
        gradients(values, step)
        adam.step()
    state = adam.state_dict()
    copies = {name: value.detach().clone().requires_grad_() for name, value in values.items()}
    other = Adam(copies, 0.01, 5.0)
    other.load_state_dict(state)
    for step in range(steps, steps + 4):
        for one, mine in ((adam, values), (other, copies)):
            gradients(mine, step)
            one.step()
    assert not differences(adam.state_dict(), other.state_dict())
    assert all(bits(values[name]) == bits(copies[name]) for name in values)


def test_the_average_is_the_bias_corrected_sum() -> None:
    average, history = Average(0.9, every=2), []
    for step in range(1, 9):
        values = {"x": torch.full((3,), float(step**2))}
        average.update(values)
        if step % 2 == 0:
            history.append(float(step**2))
        weights = [0.81 ** (len(history) - 1 - i) for i in range(len(history))]
        expected = sum(w * x for w, x in zip(weights, history, strict=True)) / sum(weights) if history else step**2
        torch.testing.assert_close(average.of(values)["x"], torch.full((3,), float(expected)))


def test_without_decay_the_average_is_the_parameters_themselves() -> None:
    average = Average(0.0)
    for step in range(10):
        values = {"x": torch.tensor([float(step)])}
        average.update(values)
    assert average.of(values)["x"] is values["x"]


def test_a_restored_average_goes_on_and_a_cleared_one_starts_anew() -> None:
    one, other = Average(0.9), Average(0.9)
    for step in range(7):
        one.update({"x": torch.tensor([float(step)])})
    other.load_state_dict(one.state_dict(), {"x": torch.zeros(1)})
    for step in range(7, 14):
        for average in (one, other):
            average.update({"x": torch.tensor([float(step)])})
    assert not differences(one.state_dict(), other.state_dict())
    one.clear()
    assert not differences(one.state_dict(), Average(0.9).state_dict())


def test_a_restored_average_is_where_the_parameters_are() -> None:
    average = Average(0.9, every=1)
    average.update({"w": torch.ones(3)})
    restored = Average(0.9, every=1)
    parameters = {"w": torch.ones(3, device="meta")}
    restored.load_state_dict(average.state_dict(), parameters)
    assert restored.of(parameters)["w"].device.type == "meta"
