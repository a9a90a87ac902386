"""Rollouts with ``dynamics.precision`` bfloat16 against float32."""

from __future__ import annotations

import functools
from typing import Any

import torch

from crl.benchmarks.planning import PATHS, SIZES, rollout_of
from crl.benchmarks.timing import interleaved, median

PRECISIONS = ("float32", "bfloat16")


def measure_precisions(repeats: int = 9) -> list[dict[str, Any]]:
    """Milliseconds of rollouts by precision and ``dynamics.kernel``, and how far bfloat16 leads away from float32.

    Args:
        repeats: Rounds of the timing.

    Returns:
        A row per size: ``ms`` and ``ratio`` by ``dynamics.kernel``, and ``deviation``: the mean distance of the states
        from those in float32, as a share of how far they move.
    """
    rows = []
    for size in SIZES:
        actions = torch.rand(size.samples, size.horizon, size.actions, generator=torch.Generator().manual_seed(0)) * 2
        actions -= 1
        made = {(path, name): rollout_of(size, path, name) for path in PATHS for name in PRECISIONS}
        with torch.inference_mode():
            works = {key: functools.partial(rollout, start, actions) for key, (rollout, start, _) in made.items()}
            taken = {key: median(times) for key, times in interleaved(works, repeats).items()}
            wanted, found = (works["auto", name]() for name in PRECISIONS)
        moved = (wanted[:, 1:] - wanted[:, :1]).abs().mean()
        rows.append(
            {
                "name": size.name,
                "ms": {path: {name: taken[path, name] for name in PRECISIONS} for path in PATHS},
                "ratio": {path: round(taken[path, "float32"] / taken[path, "bfloat16"], 2) for path in PATHS},
                "deviation": float(f"{float((found - wanted)[:, 1:].abs().mean() / moved):.1e}"),
            }
        )
    return rows
