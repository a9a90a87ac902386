"""Writes docs/results/ros_life.md from docs/results/ros_life.json, which `crl bench ros --life --json FILE` makes.

usage: python scripts/page_ros_life.py [FILE]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from crl.reporting.tables.kinds import Number
from crl.reporting.tables.markdown import block
from crl.reporting.tables.table import Column, Table

DEFAULT = Path("docs/results/ros_life.json")


def visits(found: dict[str, Any]) -> Table:
    """A row per visit."""
    columns = [
        *(Column("visit", Number("d")), Column("gains of speed and turn rate"), Column("label in force", Number("d"))),
        *(Column("known after (s)", Number(".1f")), Column("regimes known", Number("d"))),
    ]
    rows = []
    for number, visit in enumerate(found["visits"], start=1):
        gains = ", ".join(f"{gain:g}" for gain in found["regimes"][visit["regime"]])
        rows.append((number, gains, visit["label"], visit["known_s"], visit["known"]))
    return Table.of(columns, rows)


def page(found: dict[str, Any]) -> str:
    """The page."""
    half = len(found["regimes"])
    parts = [
        "# A life over ROS 2",
        "Written by `scripts/page_ros_life.py` from `ros_life.json`. The command: `crl bench ros --robot ugv_generic "
        "--run RUN --life --json FILE`. RUN is a run of `crl train env=ugv_mission refiner=lifelong`.",
        "The simulated robot, its agent and a watcher are processes of one computer. "
        f"For {found['seconds']:.0f} s the robot drives there and back. "
        f"Its body goes through {half} regimes, twice, and nobody announces them. "
        f"At {found['killed_at_s']:.0f} s the agent is killed (SIGKILL). "
        "It starts again, and reads its memory from disk.",
        f"- Recalled in the second round: {found['recalled']} of {found['returns']} regimes. "
        "Recalled: the label is that of the first round.\n"
        f"- Regimes opened in the second round: {found['opened_again']}.\n"
        f"- Labels in the first round: {found['different_labels']} different ones for {half} regimes.\n"
        f"- From the kill until the robot was driven again: {found['restarted_s']:.1f} s.\n"
        f"- Unsafe commands: {found['unsafe']} of {found['commands']:,}.",
        block(visits(found)),
        "The agent says what it believes once a second, so that times have an error of a second. "
        "In the visit of the kill, time counts from the kill.",
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Write the page beside the JSON file."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("file", type=Path, nargs="?", default=DEFAULT)
    chosen = parser.parse_args()
    found = json.loads(chosen.file.read_text(encoding="utf-8"))
    chosen.file.with_suffix(".md").write_text(page(found), encoding="utf-8")


if __name__ == "__main__":
    main()
