"""Writes docs/results/strategies.md from the JSON files beside it.

Remarks by hand are in scripts/remarks/strategies.md.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from crl.errors import CrlError
from crl.reporting.pages.strategies.page import strategies_page


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("target", nargs="?", type=Path, default=Path("docs/results"), help="folder of the files")
    try:
        page = strategies_page(
            parser.parse_args().target, remarks=Path(__file__).resolve().parent / "remarks" / "strategies.md"
        )
    except CrlError as error:
        sys.exit(str(error))
    print(f"wrote {page}")


if __name__ == "__main__":
    main()
