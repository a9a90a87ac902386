"""Every figure of docs/performance.md as a ratio, with the machine's limits measured in the same process.

Learning steps against the published formulation, rollouts against the fastest matrix product, decisions of the
sequences' default settings, and how late plans are that have a deadline. CPU time of one thread, in turn, medians;
deadlines in wall time. Nothing is asserted.

    python benchmarks/bench_speed.py [--json docs/results/performance.json] [--quick]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")

import bench_hypernetwork_step as steps
import bench_planning
import torch

from crl.benchmarks.limits import measure_limits
from crl.benchmarks.planning import measure_deadlines, measure_rollouts, measure_updates
from crl.benchmarks.precision import measure_precisions
from crl.benchmarks.rivals import measure_rival
from crl.training.runs.provenance import commit
from crl.version import __version__

EARLIER = {"pusher": (0, 20, 100), "door": (0, 5, 20)}
DECISIONS = (("door_open", "icem"), ("cartpole_length", "icem"), ("cartpole_length", "mppi"), ("pusher", "icem"))


def processor() -> str:
    """The processor's name."""
    found = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return found[0].partition(":")[2].strip() if found else platform.processor()


def measure(quick: bool) -> dict[str, Any]:
    """All figures; ``quick`` measures little of each."""
    repeats = 1 if quick else 3
    limits = measure_limits(3 if quick else 15)
    found: dict[str, Any] = {
        "benchmark": "speed",
        "version": __version__,
        "commit": commit(),
        "torch": torch.__version__,
        "processor": processor(),
        "threads": torch.get_num_threads(),
        "quick": quick,
        "limits": {**asdict(limits), "product": limits.product},
        "rollouts": measure_rollouts(limits, 3 if quick else 15),
        "updates": measure_updates(3 if quick else 9),
        "precisions": {"rows": measure_precisions(3 if quick else 15)},
        "rival": measure_rival(3 if quick else 7),
        "deadlines": measure_deadlines(10 if quick else 100),
    }
    found["steps"] = [
        steps.measure(size, earlier, repeats)
        for size, numbers in EARLIER.items()
        for earlier in (numbers[:1] if quick else numbers)
    ]
    found["decisions"] = [
        {"env": env, **bench_planning.measure(env, planner, 3 if quick else 40)}
        for env, planner in DECISIONS[: 1 if quick else None]
    ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="write the figures there")
    parser.add_argument("--quick", action="store_true", help="little of everything, to see that it works")
    options = parser.parse_args()
    torch.set_num_threads(1)
    found = measure(options.quick)
    text = json.dumps(found, indent=1)
    if options.json is not None:
        options.json.parent.mkdir(parents=True, exist_ok=True)
        options.json.write_text(text + "\n", encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
