"""How busy a sweep keeps its cores: the share of time after start-up in which each of the workers' slots runs a point.

    python benchmarks/bench_sweep.py [--launcher ray] [--runs 12] [--workers 2] [--steps 200]

Start-up ends when the first worker has begun. From then until no point is left to be handed out, a slot is busy while a
point's process lives; the end, when fewer points than slots are left, is in `busy_with_end` only. `cpu` is the CPU
seconds of all workers per slot and second: on a machine that others use, too, it is less, whatever the launcher does.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")


def living(sweep: Path) -> dict[str, float]:
    """CPU seconds so far of each point's process that lives, by name."""
    found = {}
    ticks = os.sysconf("SC_CLK_TCK")
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().split(b"\0")
            stat = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if b"crl.sweeps.worker" in words and str(sweep).encode() in words and stat[0] != "Z":
            found[words[words.index(str(sweep).encode()) + 1].decode()] = (int(stat[11]) + int(stat[12])) / ticks
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launcher", default="ray", choices=["local", "ray"])
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", type=int, default=200, help="environment steps of a run")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        sweep = Path(place).resolve() / "sweep"
        command = [sys.executable, "-m", "crl.cli", "sweep", "env=cartpole_length", "tasks=[0]", f"sweep_dir={sweep}"]
        command += [f"seed=range(0,{given.runs})", f"budget.steps=[{given.steps}]", "--any-code"]
        command += ["evaluation.episodes=1", "learning.initial_steps=100", "learning.final_steps=100"]
        command += [f"launcher={given.launcher}", f"launcher.workers={given.workers}"]
        asked = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        began: float | None = None
        seen: dict[str, float] = {}
        last = asked
        all_begun = False
        spent = {"full": [0.0, 0.0], "end": [0.0, 0.0]}  # busy and passed seconds of slots
        while process.poll() is None:
            now, alive = time.monotonic(), living(sweep)
            if alive and began is None:
                began = last = now
            if began is not None:
                part = spent["end" if all_begun and len(alive) < given.workers else "full"]
                part[0] += min(len(alive), given.workers) * (now - last)
                part[1] += given.workers * (now - last)
            seen |= alive
            all_begun = len(seen) == given.runs
            last = now
            time.sleep(0.02)
        ended = last
        if process.wait() or began is None:
            raise SystemExit(f"the sweep ended with {process.returncode}")
        print(
            json.dumps(
                {
                    "launcher": given.launcher,
                    "runs": given.runs,
                    "workers": given.workers,
                    "start_up_seconds": round(began - asked, 1),
                    "seconds": round(ended - began, 1),
                    "busy": round(spent["full"][0] / spent["full"][1], 3),
                    "busy_with_end": round(sum(p[0] for p in spent.values()) / sum(p[1] for p in spent.values()), 3),
                    "cpu": round(sum(seen.values()) / given.workers / (ended - began), 3),
                    "load": round(os.getloadavg()[0], 1),
                }
            )
        )


if __name__ == "__main__":
    main()
