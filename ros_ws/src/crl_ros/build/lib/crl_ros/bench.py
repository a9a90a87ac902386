"""Measurements between real processes; behind ``crl bench ros``.

See :mod:`timing`, :mod:`faults`, :mod:`cycles` and :mod:`living`.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from crl.errors import CrlError
from crl_robots import load_spec


def main(args: Sequence[str] | None = None) -> int:
    """Measure, print, and write JSON."""
    parser = argparse.ArgumentParser(prog="python -m crl_ros.bench", description=(__doc__ or "").partition(";")[0])
    parser.add_argument("what", choices=("timing", "faults", "cycles", "life"))
    parser.add_argument("--robot", default="ugv_husky")
    parser.add_argument("--deployment", type=Path, help="without one a plain waypoint follower drives")
    parser.add_argument("--seconds", type=float, default=600.0, help="of timing, or of the life")
    parser.add_argument("--cycles", type=int, default=1000)
    parser.add_argument("--only", help="one fault")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--logs", type=Path, metavar="DIR")
    wanted = parser.parse_args(args)
    try:
        load_spec(wanted.robot)
        if wanted.logs is not None:
            wanted.logs.mkdir(parents=True, exist_ok=True)
        if wanted.what == "timing":
            from crl_ros.timing import measure

            results = measure(wanted.robot, wanted.deployment, wanted.seconds, wanted.logs)
        elif wanted.what == "faults":
            from crl_ros.faults import inject

            results = inject(wanted.robot, wanted.deployment, wanted.logs, wanted.only)
        elif wanted.what == "life":
            from crl_ros.living import live

            results = live(wanted.robot, wanted.deployment, wanted.seconds, wanted.logs)
        else:
            from crl_ros.cycles import cycle

            results = cycle(wanted.robot, wanted.deployment, wanted.cycles, wanted.logs)
    except CrlError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    text = json.dumps(results, indent=2)
    if wanted.json is not None:
        wanted.json.parent.mkdir(parents=True, exist_ok=True)
        wanted.json.write_text(text + "\n", encoding="utf-8")
    print(text)
    return 1 if "failed" in results else 0


if __name__ == "__main__":
    raise SystemExit(main())
