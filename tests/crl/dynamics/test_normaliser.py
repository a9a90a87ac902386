"""Running mean and deviation: numpy's over all the data, however it comes in."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crl.dynamics.normaliser import Normaliser


def normaliser(size: int = 3, floor: float = 0.0, *, centred: bool = False) -> Normaliser:
    return Normaliser(torch.full((size,), floor), centred=centred)


def data(rows: int = 200, seed: int = 0) -> np.ndarray:
    """Columns of very different size and offset."""
    return np.random.default_rng(seed).normal([0.0, 1e3, -5.0], [1.0, 0.1, 40.0], (rows, 3))


@pytest.mark.parametrize("batches", [[200], [1, 199], [1] * 200, [50, 0, 100, 50]])
def test_batches_give_the_mean_and_deviation_of_all_values(batches: list[int]) -> None:
    values, running = data(), normaliser()
    for batch in np.split(values, np.cumsum(batches)[:-1]):
        running.update(torch.from_numpy(batch))
    np.testing.assert_allclose(running.mean, values.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(running.std, values.std(axis=0), rtol=1e-6)
    assert running.mean.dtype == running.std.dtype == torch.float32


def test_a_large_offset_does_not_cost_the_digits() -> None:
    """The naive formula, mean of squares less square of mean, fails here."""
    values = 1e6 + data()[:, :1]
    running = normaliser(1)
    for batch in np.split(values, 20):
        running.update(torch.from_numpy(batch))
    np.testing.assert_allclose(running.std, values.std(axis=0), rtol=1e-5)


def test_centred_means_the_root_mean_square() -> None:
    values, running = data(), normaliser(centred=True)
    for batch in np.split(values, 4):
        running.update(torch.from_numpy(batch))
    np.testing.assert_array_equal(running.mean, np.zeros(3))
    np.testing.assert_allclose(running.std, np.sqrt((values**2).mean(axis=0)), rtol=1e-6)


@pytest.mark.parametrize("value", [0.0, -3.0, 0.1, 1e8])
def test_what_never_varies_counts_as_deviation_one(value: float) -> None:
    running = normaliser(2, floor=1e-6)
    for rows in (3, 50, 1):
        running.update(torch.full((rows, 2), value))
    np.testing.assert_array_equal(running.std, [1, 1])
    np.testing.assert_array_equal(running.mean, np.full(2, value, np.float32))


def test_a_deviation_below_its_floor_counts_as_the_floor() -> None:
    running = Normaliser(torch.tensor([0.5, 0.5, 0.5]))
    running.update(torch.tensor([[0.0, 0.0, 7.0], [0.2, 8.0, 7.0]]))
    np.testing.assert_allclose(running.std, [0.5, 4.0, 1.0])


def test_before_any_value_nothing_is_changed() -> None:
    running = normaliser(floor=0.5)
    np.testing.assert_array_equal(running.mean, np.zeros(3))
    np.testing.assert_array_equal(running.std, np.ones(3))
    running.update(torch.empty(0, 3))
    assert running.count == 0


def test_frozen_it_stays_as_it_is() -> None:
    running = normaliser()
    running.update(torch.from_numpy(data()))
    mean, std = running.mean, running.std
    running.freeze()
    running.update(torch.from_numpy(data(seed=1) + 100))
    np.testing.assert_array_equal(running.mean, mean)
    np.testing.assert_array_equal(running.std, std)


@pytest.mark.parametrize("frozen", [False, True])
def test_a_restored_one_goes_on_as_if_nothing_had_happened(frozen: bool) -> None:
    first, second = normaliser(), normaliser()
    first.update(torch.from_numpy(data()))
    if frozen:
        first.freeze()
    second.load_state_dict(first.state_dict())
    for running in (first, second):
        running.update(torch.from_numpy(data(seed=1)))
    assert first.count == second.count == (200 if frozen else 400)
    np.testing.assert_array_equal(first.mean, second.mean)
    np.testing.assert_array_equal(first.std, second.std)


def test_a_saved_state_is_a_copy() -> None:
    running = normaliser()
    running.update(torch.from_numpy(data()))
    state = running.state_dict()
    saved = {name: value.clone() for name, value in state.items() if isinstance(value, torch.Tensor)}
    running.update(torch.from_numpy(data(seed=1)))
    for name, value in saved.items():
        assert torch.equal(state[name], value)


def test_a_weighted_batch_counts_as_often_as_its_weight_says() -> None:
    first, second = (torch.randn(5, 3, generator=torch.Generator().manual_seed(seed)) for seed in (0, 1))
    weighted, repeated = (Normaliser(torch.zeros(3)) for _ in range(2))
    for part in (weighted, repeated):
        part.update(first)
    weighted.update(second, weight=3.0)
    repeated.update(second.repeat(3, 1))
    torch.testing.assert_close(weighted.mean, repeated.mean)
    torch.testing.assert_close(weighted.std, repeated.std)
    mean = weighted.mean
    weighted.update(first + 100, weight=0.0)
    assert torch.equal(weighted.mean, mean)


def test_one_that_begins_at_another_has_its_moments_as_if_from_so_many_rows() -> None:
    rows = torch.randn(40, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 2.0, 3.0]) + 5
    more = torch.randn(40, 3, generator=torch.Generator().manual_seed(1))
    other, one = Normaliser(torch.full((3,), 1e-6)), Normaliser(torch.full((3,), 1e-6))
    other.update(rows.repeat(10, 1))
    other.freeze()
    one.begin_at(other, 40)
    torch.testing.assert_close(one.mean, other.mean)
    torch.testing.assert_close(one.std, other.std)
    one.update(more)
    both = Normaliser(torch.full((3,), 1e-6))
    both.update(torch.cat([rows, more]))
    torch.testing.assert_close(one.mean, both.mean)
    torch.testing.assert_close(one.std, both.std)
    torch.testing.assert_close(other.mean, rows.mean(dim=0))
