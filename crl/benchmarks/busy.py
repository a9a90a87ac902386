"""A learner that does nothing but learn, for measurements beside it: ``python -m crl.benchmarks.busy RUN``.

It takes gradient steps on the last task of a run, in memory alone, until it is killed or its standard input ends.
"""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

from crl.training.load import load_run
from crl.types import LearnBudget

LOWER = 5
"""How much lower than its parent's its priority is (nice)."""


def main() -> None:
    """Say that it learns, and learn."""
    run = load_run(Path(sys.argv[1]))
    os.nice(LOWER)
    run.agent.learn(LearnBudget(1))
    print("learning", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        run.agent.learn(LearnBudget(1))


if __name__ == "__main__":
    main()
