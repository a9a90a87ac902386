"""Updates of planners against those of pytorch-mppi (UM-ARM-Lab), with the same network, where it is installed."""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from crl.benchmarks.planning import PATHS, SIZES, UPDATED, Size, action_of, reward, rollout_of
from crl.benchmarks.timing import interleaved, median
from crl.config import PlannerConfig
from crl.planning.planner import make_planner

PACKAGE, MODULE = "pytorch-mppi", "pytorch_mppi"
MISSING = f"{PACKAGE} is not installed, so that nothing is compared with it: pip install {PACKAGE}==0.9.1"
RIVAL = "rival"
NOISE = 0.25
"""Variance of what it adds to actions in [-1, 1]; it decides nothing about the time."""


def measure_rival(repeats: int = 7) -> dict[str, Any]:
    """Milliseconds of one update: samples, rollout, returns and the new plan.

    All have the same network, the same reward, and equally many samples and steps. pytorch-mppi is given one step of
    the network by PyTorch, as our own rollout takes it without the kernel.

    Args:
        repeats: Rounds of the timing.

    Returns:
        ``version`` and ``rows``; or ``missing``, what to do to have it.
    """
    try:
        module = importlib.import_module(MODULE)
    except ImportError as error:
        return {"missing": f"{MISSING} ({error})"}
    rows = []
    for size in SIZES:
        works: dict[str, Callable[[], object]] = {RIVAL: _theirs(module, size)}
        works |= {f"{name} {path}": _ours(size, name, path) for name in UPDATED for path in PATHS}
        with torch.inference_mode():
            taken = {name: median(times) for name, times in interleaved(works, repeats).items()}
        theirs = taken.pop(RIVAL)
        ratios = {name: round(theirs / ms, 2) for name, ms in taken.items()}
        rows.append({"name": size.name, "theirs_ms": theirs, "ms": taken, "ratio": ratios})
    return {"version": importlib.metadata.version(PACKAGE), "rows": rows}


def _theirs(module: ModuleType, size: Size) -> Callable[[], object]:
    rollout, start, _ = rollout_of(size, "torch")

    def cost(state: Tensor, action: Tensor) -> Tensor:
        del action
        return state.square().sum(dim=-1)

    made = module.MPPI(
        rollout.step,
        cost,
        len(start),
        NOISE * torch.eye(size.actions),
        num_samples=size.samples,
        horizon=size.horizon,
        u_min=-torch.ones(size.actions),
        u_max=torch.ones(size.actions),
    )
    return functools.partial(made.command, start, shift_nominal_trajectory=False)


def _ours(size: Size, name: str, path: str) -> Callable[[], object]:
    rollout, start, _ = rollout_of(size, path)
    config = PlannerConfig(name=name, samples=size.samples, horizon=size.horizon, rounds=1)
    planner = make_planner(config, action_of(size.actions))
    return functools.partial(planner.plan, rollout, reward, start, torch.Generator().manual_seed(0))
