"""Coloured noise as a linear map: power spectrum 1 / f**beta (Timmer and Koenig 1995), as iCEM uses it."""

from __future__ import annotations

import math

import torch
from torch import Tensor

FINER = 0.25
"""Deviation of a scale of the noise, as a share of that of the scale before."""


def colouring(beta: float, horizon: int) -> Tensor:
    """Matrix [horizon, M] that turns M standard normal numbers into unit-variance noise of a power-law spectrum.

    The inverse real Fourier transform is linear, so drawing coloured noise is one matrix product:
    ``noise[..., h] = sum_m matrix[h, m] * normal[..., m]``.
    """
    if horizon == 1:
        return torch.ones(1, 1)
    frequencies = torch.fft.rfftfreq(horizon, dtype=torch.float64)
    # The lowest frequency takes the power of the first harmonic instead of infinity.
    frequencies[0] = frequencies[1]
    amplitude = frequencies ** (-beta / 2)
    # These two have a real part only, which carries all their power.
    amplitude[0] *= math.sqrt(2)
    if horizon % 2 == 0:
        amplitude[-1] *= math.sqrt(2)
    identity = torch.eye(len(frequencies), dtype=torch.complex128)
    real = torch.fft.irfft(identity * amplitude, n=horizon)
    imaginary = torch.fft.irfft(1j * identity * amplitude, n=horizon)
    rows = torch.cat([real, imaginary])
    rows = rows[rows.abs().sum(dim=1) > 1e-12]
    matrix = rows.T
    # Unit variance at every step on average: tr(M M^T) = horizon.
    return (matrix * math.sqrt(horizon / float((matrix * matrix).sum()))).float()


def coloured(white: Tensor, matrix: Tensor, scales: int) -> Tensor:
    """Coloured noise of several scales.

    With more than one scale the noise is a mixture of normal distributions: where nobody knows which deviation is
    right, as with a motor of unknown strength, some sequences have about the right one.

    Args:
        white: Standard normal numbers, [K, A, M].
        matrix: What :func:`colouring` gave, [H, M].
        scales: Number of scales; sequence k has the deviation ``FINER ** (k % scales)``.

    Returns:
        [K, H, A].
    """
    noise = (white @ matrix.T).transpose(1, 2)
    if scales == 1:
        return noise
    return noise * (FINER ** (torch.arange(len(noise), device=noise.device) % scales)).view(-1, 1, 1)
