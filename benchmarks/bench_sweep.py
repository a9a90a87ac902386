"""How busy a sweep keeps the cores: CPU time of its runs per core and second, after start-up.

    python benchmarks/bench_sweep.py [--launcher ray] [--runs 12] [--workers 2] [--steps 400]

The window begins when the first run's process is there, and ends when no point is left to be handed out and a worker
has nothing to do: what comes before is the start of the launcher, what comes after can't be shared out any more. Over
the window, per worker:

``cpu``    CPU seconds of the runs' processes (and their children) per second; on a machine that others use, too, it is
           less, whatever the launcher does
``slots``  share of the time in which the worker's slot holds a living run, which others can't take away
``machine``  share of the time in which the machine's cores did anything at all, from ``/proc/stat``

Nothing else should run beside it: ``load`` says what did. It takes 2 to 4 minutes on two cores. The exit code is 1 if
``cpu`` is below ``--least``.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
TICKS = os.sysconf("SC_CLK_TCK")
EVERY = 0.02
"""Seconds between two looks; what a process does after the last one before its end is missed."""


def living(sweep: Path) -> dict[str, float]:
    """CPU seconds so far of each run's process that lives, and of its children that have ended, by name."""
    found = {}
    for path in Path("/proc").glob("[0-9]*"):
        try:
            words = (path / "cmdline").read_bytes().split(b"\0")
            stat = (path / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if b"crl.sweeps.launchers.worker" in words and str(sweep).encode() in words and stat[0] != "Z":
            name = words[words.index(str(sweep).encode()) + 1].decode()
            found[name] = sum(map(int, stat[11:15])) / TICKS
    return found


def machine() -> tuple[float, float]:
    """Busy and passed seconds of all cores since the machine was started."""
    numbers = list(map(int, Path("/proc/stat").read_text().splitlines()[0].split()[1:9]))
    idle = numbers[3] + numbers[4]
    return (sum(numbers) - idle) / TICKS, sum(numbers) / TICKS


@dataclass
class Window:
    """What happened between the first run's start and the beginning of the end."""

    workers: int
    runs: int
    began: float | None = None
    ended: float | None = None
    slots: float = 0.0
    cpu: float = 0.0
    at_first: tuple[float, float] = (0.0, 0.0)
    cores: tuple[float, float] = (0.0, 0.0)
    seen: dict[str, float] = field(default_factory=dict)
    last: float = 0.0

    def look(self, now: float, alive: dict[str, float]) -> None:
        """Take in what lives now."""
        if self.began is None:
            if not alive:
                return
            self.began, self.last, self.at_first = now, now, machine()
        over = len(self.seen) == self.runs and len(alive) < self.workers
        if self.ended is None and over:
            self.ended = self.last
            busy, passed = machine()
            self.cores = busy - self.at_first[0], passed - self.at_first[1]
        if self.ended is None:
            self.slots += min(len(alive), self.workers) * (now - self.last)
            self.cpu += sum(spent - self.seen.get(name, 0.0) for name, spent in alive.items())
        self.seen |= alive
        self.last = now


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--launcher", default="ray", choices=["local", "ray"])
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--steps", type=int, default=400, help="environment steps of a run")
    parser.add_argument("--least", type=float, default=0.0, help="least cpu that is no failure, such as 0.9")
    given = parser.parse_args()
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as place:
        sweep = Path(place).resolve() / "sweep"
        command = [sys.executable, "-m", "crl.cli", "sweep", "env=cartpole_length", "tasks=[0]", f"sweep_dir={sweep}"]
        command += [f"seed=range(0,{given.runs})", f"budget.steps=[{given.steps}]", "--any-code"]
        command += ["evaluation.episodes=1", "learning.initial_steps=100", "learning.final_steps=100"]
        command += [f"launcher={given.launcher}", f"launcher.workers={given.workers}"]
        asked = time.monotonic()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        window = Window(given.workers, given.runs)
        while process.poll() is None:
            window.look(time.monotonic(), living(sweep))
            time.sleep(EVERY)
        if process.wait() or window.began is None:
            raise SystemExit(f"the sweep ended with {process.returncode}")
        if len(window.seen) < given.runs:
            raise SystemExit(f"only {len(window.seen)} of {given.runs} runs were seen")
    ended = window.ended or window.last
    passed = (ended - window.began) * given.workers
    cpu = window.cpu / passed
    told = {
        "launcher": given.launcher,
        "runs": given.runs,
        "workers": given.workers,
        "start_up_seconds": round(window.began - asked, 1),
        "window_seconds": round(ended - window.began, 1),
        "end_seconds": round(window.last - ended, 1),
        "cpu": round(cpu, 3),
        "slots": round(window.slots / passed, 3),
        "machine": round(window.cores[0] / window.cores[1], 3) if window.cores[1] else None,
        "load_before": round(load, 1),
    }
    print(json.dumps(told))
    raise SystemExit(int(cpu < given.least))


if __name__ == "__main__":
    main()
