"""A kinematic unicycle, one step at a time, as plainly as it can be written; and its published faults."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from crl.types import ActionSpec, ObservationField, ObservationSpec

DT = 0.2
NOISE = 1e-5
ACTION = ActionSpec(("v", "w"), ("m/s", "rad/s"), (-1.0, -math.pi / 2), (1.0, math.pi / 2))
OBSERVATION = ObservationSpec(
    (
        ObservationField("x", "m"),
        ObservationField("y", "m"),
        ObservationField("heading", "rad", "angle", -math.pi, math.pi),
    )
)
GAINS = [
    (-1.0, 2.0), (-2.5, 1.0), (2.5, 0.05), (1.0, -1.0), (1.0, -0.5), (-1.0, 1.0),
    (-0.5, 1.0), (2.0, 2.0), (-1.0, -1.0), (0.1, -1.5), (-0.5, 0.5),
]  # fmt: skip


def wrapped(angle: float) -> float:
    """An angle in [-pi, pi)."""
    return (angle + math.pi) % (2 * math.pi) - math.pi


def step(
    state: np.ndarray, action: np.ndarray, gains: tuple[float, float] = (1.0, 1.0), noise: np.ndarray | None = None
) -> np.ndarray:
    """The next (x, y, heading) after a command (v, w) that the body multiplies by its gains."""
    x, y, heading = (float(value) for value in state)
    v, w = float(action[0]) * gains[0], float(action[1]) * gains[1]
    after = np.array([x + DT * v * math.cos(heading), y + DT * v * math.sin(heading), heading + DT * w])
    after += np.zeros(3) if noise is None else NOISE * noise
    after[2] = wrapped(after[2])
    return after.astype(np.float32)


def nominal(observation: Tensor, action: Tensor) -> Tensor:
    """Changes [N, 3] of nominal bodies at observations [N, 3] under commands [N, 2]."""
    v, w, heading = action[:, 0], action[:, 1], observation[:, 2]
    return DT * torch.stack([v * heading.cos(), v * heading.sin(), w], dim=-1)
