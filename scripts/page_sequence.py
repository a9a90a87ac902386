"""Writes docs/results/SEQUENCE.md from the run folders that scripts/run_sequence.sh leaves.

Remarks by hand, which it puts into the page, are in scripts/remarks/SEQUENCE.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from crl.errors import CrlError
from crl.reporting.pages.sequences.page import sequence_page

HERE = Path(__file__).resolve().parent


def command(sequence: str) -> str:
    """What makes the runs of a sequence: the script that names it, or the general one."""
    for path in sorted(HERE.glob("reproduce_*.sh")):
        if f" {sequence} " in path.read_text(encoding="utf-8"):
            return f"scripts/{path.name}"
    return f'scripts/run_sequence.sh {sequence} "STRATEGY:SEEDS ..."'


def main() -> None:
    """Read the runs, write the page and its pictures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("sequence", help="name of the task sequence")
    parser.add_argument("runs", nargs="?", type=Path, help="folder of its runs (default: runs/SEQUENCE)")
    parser.add_argument("target", nargs="?", type=Path, default=Path("docs/results"), help="folder of the page")
    parser.add_argument("--reference", type=Path, help="folder of other runs, whose `single` gives the scale, too")
    options = parser.parse_args()
    sequence = options.sequence
    try:
        page = sequence_page(
            sequence,
            options.runs or Path("runs") / sequence,
            options.target,
            script=f"scripts/page_sequence.py {sequence}",
            command=command(sequence),
            remarks=HERE / "remarks" / f"{sequence}.md",
            reference=options.reference,
        )
    except CrlError as error:
        sys.exit(str(error))
    print(f"wrote {page}")


if __name__ == "__main__":
    main()
