"""Compares compositions of strategies with `hypercrl` on four pole lengths, and collects one JSON file.

The question: does a composition transfer forward more than `hypercrl`, at equal forgetting? Criteria, fixed before the
runs, over five seeds that nothing else was developed on, paired by seed:

- forward transfer (area under the training curve against a fresh model's): the 95 % bootstrap interval of the
  difference lies above 0;
- forgetting (N - 1, of normalised returns): the mean difference is at most 0.05.

What is finished in FOLDER is not run again, so that the same command resumes.

usage: python scripts/measure_compositions.py FOLDER [--collect] [METHOD ...]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from search_strategies import SEARCH, final, finished, sweep

SEEDS = (501, 502, 503, 504, 505)
METHODS = ("single", "hypercrl", "mixing", "distilled", "hypercrl+rewarm", "hypercrl+mixing", "hypercrl+distilled")
"""The reference of curves, the method to beat, and the rest by what development showed on one seed."""


def main() -> None:
    """Run what is missing and collect."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("methods", nargs="*", default=METHODS)
    parser.add_argument("--out", type=Path, default=Path("docs/results/compositions.json"))
    parser.add_argument("--collect", action="store_true", help="run nothing, and collect what is finished")
    chosen = parser.parse_args()
    for method in () if chosen.collect else chosen.methods:
        name = f"[{method.replace('+', ',')}]" if "+" in method else method
        sweep(chosen.folder / method, f"continual={name}", f"seed={','.join(map(str, SEEDS))}", *SEARCH)
    methods = {method: [final(run) for run in finished(chosen.folder / method)] for method in METHODS}
    about = {"settings": SEARCH, "seeds": SEEDS, "methods": {name: runs for name, runs in methods.items() if runs}}
    chosen.out.write_text(json.dumps(about, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
