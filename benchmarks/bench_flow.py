"""Identify and refine one action of a unicycle: CPU milliseconds of one thread, per identifier and solver.

The velocity field is not trained: its cost does not depend on its weights.

    python benchmarks/bench_flow.py [--actions 2] [--decisions 500]
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable

os.environ.setdefault("OMP_NUM_THREADS", "1")

import torch

from crl.adaptation.box import Box
from crl.adaptation.calibration import calibrate
from crl.adaptation.flow_matching.action_flow import ActionFlow
from crl.adaptation.identification.making import make_identifier
from crl.adaptation.nominal_model import NominalModel
from crl.adaptation.refiners.flow import FlowRefiner
from crl.config.sections.flow import FlowConfig, IntegrationConfig
from crl.types import ActionSpec


def change(observation: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    """A body whose velocities are its commands."""
    return 0.1 * action + 0 * observation


def timed(work: Callable[[], object], count: int) -> list[float]:
    """CPU milliseconds of calls."""
    times = []
    for _ in range(count):
        started = time.process_time()
        work()
        times.append(1e3 * (time.process_time() - started))
    return times


def measure(kind: str, solver: str, actions: int, decisions: int) -> dict[str, float | str]:
    """Medians and 99th percentiles of one refinement and of one observed transition."""
    names = tuple(f"a{i}" for i in range(actions))
    action = ActionSpec(names, ("m/s",) * actions, (-1.0,) * actions, (1.0,) * actions)
    generator = torch.Generator().manual_seed(0)
    config, nominal = FlowConfig(integration=IntegrationConfig(solver=solver)), NominalModel(change)
    calibration = calibrate(1e-4 * torch.randn(1000, actions, generator=generator), torch.full((actions,), 1e-4))
    identifier = make_identifier(kind, config, Box.of(action), nominal, calibration)
    refiner = FlowRefiner(ActionFlow(config, action, identifier, calibration), nominal)
    state = torch.zeros(actions)

    def observe() -> None:
        executed = 2 * torch.rand(actions, generator=generator) - 1
        refiner.observe(state, executed, -0.1 * executed)

    for _ in range(20):
        observe()
    observing = timed(observe, decisions)
    context = torch.full((1, identifier.size), -2.0)
    planned = torch.full((1, actions), 0.3)
    refining = timed(lambda: refiner.flow.refine(planned, context), decisions)
    return {
        "identifier": kind,
        "solver": solver,
        "refine_median_ms": round(statistics.median(refining), 3),
        "refine_p99_ms": round(statistics.quantiles(refining, n=100)[-1], 3),
        "identify_median_ms": round(statistics.median(observing), 3),
        "identify_p99_ms": round(statistics.quantiles(observing, n=100)[-1], 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--actions", type=int, default=2)
    parser.add_argument("--decisions", type=int, default=500)
    options = parser.parse_args()
    torch.set_num_threads(1)
    rows = []
    print(f"{'identifier':12}{'solver':>10}{'refine':>10}{'p99':>8}{'identify':>10}{'p99':>8}   (CPU ms)")
    for kind in ("structured", "learned"):
        for solver in ("midpoint", "dopri5"):
            row = measure(kind, solver, options.actions, options.decisions)
            rows.append(row)
            figures = [row[f"{what}_{of}_ms"] for what in ("refine", "identify") for of in ("median", "p99")]
            print(f"{kind:12}{solver:>10}{figures[0]:10}{figures[1]:8}{figures[2]:10}{figures[3]:8}", flush=True)
    print(json.dumps({"benchmark": "flow", "actions": options.actions, "torch": torch.__version__, "rows": rows}))


if __name__ == "__main__":
    main()
