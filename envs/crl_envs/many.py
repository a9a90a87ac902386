"""Long task sequences: a hundred poles and a hundred blocks, drawn once by a fixed seed (plain data)."""

from __future__ import annotations

from typing import Any

import numpy as np

COUNT = 100
"""Tasks of a long sequence."""
LENGTH = (0.4, 1.3)
"""Range of the pole lengths (m), those of ``cartpole_length``."""
DENSITY = (100.0, 1000.0)
"""Range of the densities of a block's halves (kg/m3)."""
SEED = 100


def _spread(low: float, high: float, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers whose logarithm is uniform: as many between 100 and 200 as between 500 and 1,000."""
    return np.exp(np.random.default_rng(SEED).uniform(np.log(low), np.log(high), shape))


def lengths() -> list[float]:
    """A hundred different pole lengths (m), in the order of the sequence."""
    found = [round(float(length), 3) for length in _spread(*LENGTH, (2 * COUNT,))]
    return list(dict.fromkeys(found))[:COUNT]


def densities() -> list[tuple[int, int]]:
    """A hundred different pairs of densities (kg/m3), in the order of the sequence."""
    found = [(int(left), int(right)) for left, right in _spread(*DENSITY, (2 * COUNT, 2)).round(-1)]
    return list(dict.fromkeys(found))[:COUNT]


CARTPOLE_100: dict[str, Any] = {
    "name": "cartpole_100",
    "description": "a cart swings up poles of a hundred lengths, drawn once (MuJoCo)",
    "tasks": [
        {"name": f"length_{length:g}", "id": "crl/CartPoleLength-v0", "kwargs": {"length": length}}
        for length in lengths()
    ],
}
PUSHER_100: dict[str, Any] = {
    "name": "pusher_100",
    "description": "a fingertip pushes a hundred blocks whose halves differ in density, drawn once (MuJoCo)",
    "tasks": [
        {"name": f"density_{left}_{right}", "id": "crl/Pusher-v0", "kwargs": {"left": left, "right": right}}
        for left, right in densities()
    ],
}
