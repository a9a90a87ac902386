"""Rollouts and plans: how near they come to the computer's limits, and how well plans keep their deadlines."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from crl.benchmarks.limits import Limits
from crl.benchmarks.timing import interleaved, median
from crl.config import DynamicsConfig, PlannerConfig
from crl.dynamics.model import DynamicsModel
from crl.planning.planner import make_planner
from crl.planning.rollout import Rollout
from crl.types import ActionSpec, ObservationField, ObservationSpec

RATES = (20, 50, 100)
"""Rates of control that deadlines are measured for (Hz)."""
SHARE = 0.5
"""Share of a control period that a plan may take."""


PATHS = ("torch", "auto")
"""Values of ``dynamics.kernel``: PyTorch, and the compiled kernel where it was built."""
UPDATED = ("mppi", "icem")
"""Planners whose rounds are measured."""


@dataclass(frozen=True)
class Size:
    """A rollout that is measured: K sequences of H steps, by a network."""

    name: str
    samples: int
    horizon: int
    hidden: tuple[int, ...]
    linear: int = 10
    angles: int = 0
    actions: int = 2
    members: int = 1
    activation: str = "silu"


SIZES = (
    Size("cart-pole", 64, 20, (64, 64), linear=3, angles=1, actions=1),
    Size("pusher", 256, 20, (200, 200), activation="relu"),
    Size("door", 128, 20, (200, 200, 200, 200), linear=24, angles=2, actions=7, activation="relu"),
    Size("ensemble", 512, 20, (128, 128), members=5),
    Size("large", 2000, 56, (256, 256)),
)


def rollout_of(size: Size, kernel: str = "auto", precision: str = "float32") -> tuple[Rollout, Tensor, int]:
    """A rollout of a size with fresh weights, an observation [S], and floating point operations of its products.

    Args:
        size: The size.
        kernel: ``dynamics.kernel``.
        precision: ``dynamics.precision``.
    """
    fields = [ObservationField(f"x{i}", "1") for i in range(size.linear)]
    fields += [ObservationField(f"angle{i}", "rad", kind="angle") for i in range(size.angles)]
    action = action_of(size.actions)
    config = DynamicsConfig(
        hidden=list(size.hidden),
        activation=size.activation,
        ensemble=size.members,
        kernel=kernel,
        precision=precision,
    )
    model = DynamicsModel(config, ObservationSpec(tuple(fields)), action)
    weights = model.network.initial(torch.Generator().manual_seed(0))
    per_row = sum(2 * size.members * fan_in * fan_out for fan_in, fan_out in model.network.layers)
    start = torch.zeros(len(fields))
    return Rollout(model, weights, model.normalisers()), start, size.samples * size.horizon * per_row


def measure_rollouts(limits: Limits, repeats: int = 9) -> list[dict[str, Any]]:
    """Milliseconds of rollouts by PyTorch and as they come, and the shares of the machine's limits that they reach."""
    rows = []
    for size in SIZES:
        made = {kernel: rollout_of(size, kernel) for kernel in PATHS}
        actions = torch.rand(size.samples, size.horizon, size.actions) * 2 - 1
        with torch.inference_mode():
            works = {path: functools.partial(rollout, start, actions) for path, (rollout, start, _) in made.items()}
            compared = _compared(works, repeats)
        rate = made["auto"][2] / 1e6 / compared["ms"]
        rows.append(
            {
                "name": size.name,
                "size": f"{size.samples} x {size.horizon}, {size.members} x {list(size.hidden)} {size.activation}",
                **compared,
                "gflops": round(rate, 1),
                "share_of_product": round(rate / limits.product, 2),
                "share_of_layer": round(rate / limits.layer, 2),
                "share_of_fma": None if limits.fma is None else round(rate / limits.fma, 2),
            }
        )
    return rows


def measure_updates(repeats: int = 5) -> list[dict[str, Any]]:
    """Milliseconds of one round of a planner, by PyTorch and as it comes: samples, rollout, returns and refit."""
    rows = []
    for size in SIZES:
        action = action_of(size.actions)
        for name in UPDATED:
            config = PlannerConfig(name=name, samples=size.samples, horizon=size.horizon, rounds=1)
            works: dict[str, Callable[[], object]] = {}
            for path in PATHS:
                rollout, start, _ = rollout_of(size, path)
                planner, generator = make_planner(config, action), torch.Generator().manual_seed(0)
                works[path] = functools.partial(planner.plan, rollout, reward, start, generator)
            with torch.inference_mode():
                rows.append({"name": size.name, "planner": name, **_compared(works, repeats)})
    return rows


def measure_deadlines(plans: int = 100) -> list[dict[str, Any]]:
    """How late plans are whose settings ask for more than there is time for.

    By CPU time, as if nothing else ran; and by wall time, with whatever else the machine does.
    """
    rollout, start, _ = rollout_of(SIZES[1])
    action = action_of(SIZES[1].actions)
    config = PlannerConfig(samples=2000, horizon=SIZES[1].horizon, rounds=4)
    rows = []
    for rate in RATES:
        row: dict[str, Any] = {"hz": rate, "deadline_ms": 1e3 * SHARE / rate}
        for name, clock in (("cpu", time.process_time), ("wall", time.perf_counter)):
            planner, generator = make_planner(config, action), torch.Generator().manual_seed(0)
            planner.clock = clock
            late, scored = [], []
            for _ in range(plans):
                began = clock()
                with torch.inference_mode():
                    plan = planner.plan(rollout, reward, start, generator, deadline=SHARE / rate)
                late.append(1e3 * (clock() - began - SHARE / rate))
                scored.append(plan.samples)
            median_late, p99 = (round(float(np.percentile(late, share)), 2) for share in (50, 99))
            row[name] = {"sequences": int(np.median(scored)), "late_median_ms": median_late, "late_p99_ms": p99}
        rows.append(row)
    return rows


def _compared(works: Mapping[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Milliseconds by PyTorch and as it comes, and their ratio, of works by :data:`PATHS`, in turn."""
    times = interleaved(works, repeats)
    taken, in_torch = median(times["auto"]), median(times["torch"])
    return {"torch_ms": in_torch, "ms": taken, "ratio": round(in_torch / taken, 2)}


def action_of(size: int) -> ActionSpec:
    """Actions of so many elements in [-1, 1]."""
    return ActionSpec(tuple(f"u{i}" for i in range(size)), ("1",) * size, (-1.0,) * size, (1.0,) * size)


def reward(observation: Tensor, action: Tensor, next_observation: Tensor) -> Tensor:
    """Minus the squared length of the next observation [..., S]."""
    return -(next_observation**2).sum(-1)
