"""Noise of the planners: iCEM's power spectrum, MPPI's AR(1) process."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from crl.planning.colour import colouring
from crl.planning.mppi import ar1
from tests.oracles.planners import powerlaw_noise


@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 2.0, 4.0])
@pytest.mark.parametrize("horizon", [1, 2, 3, 12, 15, 30])
def test_every_step_has_unit_variance_and_channels_need_no_more(beta: float, horizon: int) -> None:
    matrix = colouring(beta, horizon)
    covariance = (matrix @ matrix.T).numpy()
    np.testing.assert_allclose(np.diagonal(covariance), 1.0, atol=1e-5)
    assert matrix.shape == (horizon, horizon)
    if beta == 0:
        np.testing.assert_allclose(covariance, np.eye(horizon), atol=1e-5)


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
@pytest.mark.parametrize("horizon", [2, 5, 12])
def test_the_matrix_is_the_inverse_transform_of_scaled_coefficients(beta: float, horizon: int) -> None:
    normal = np.random.default_rng(0).normal(size=(3, horizon))
    ours = normal @ colouring(beta, horizon).double().numpy().T
    np.testing.assert_allclose(ours, powerlaw_noise(beta, normal, horizon), atol=1e-5)


@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0, 3.0])
def test_the_spectrum_falls_as_the_law_says(beta: float) -> None:
    horizon = 64
    white = torch.randn(20_000, horizon, generator=torch.Generator().manual_seed(0))
    noise = (white @ colouring(beta, horizon).T).double().numpy()
    power = (np.abs(np.fft.rfft(noise, axis=1)) ** 2).mean(axis=0)
    frequencies = np.fft.rfftfreq(horizon)
    inner = slice(1, horizon // 2)  # both ends have one real coefficient
    slope = np.polyfit(np.log(frequencies[inner]), np.log(power[inner]), 1)[0]
    assert slope == pytest.approx(-beta, abs=0.03)
    assert noise.std() == pytest.approx(1, abs=0.02)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.7, 0.99])
@pytest.mark.parametrize("horizon", [1, 2, 10])
def test_mppis_noise_is_a_stationaryar1_process(correlation: float, horizon: int) -> None:
    matrix = ar1(correlation, horizon).double().numpy()
    steps = np.arange(horizon)
    expected = correlation ** np.abs(steps[:, None] - steps)
    np.testing.assert_allclose(matrix @ matrix.T, expected, atol=1e-5)
    assert np.allclose(matrix, np.tril(matrix))  # no step knows the future
