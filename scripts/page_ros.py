"""Writes docs/results/ros.md from a folder of JSON files that `crl bench ros` left.

Files are named timing_ROBOT.json, faults_ROBOT.json and cycles_ROBOT.json; see scripts/measure_ros.sh. Remarks by hand,
which it puts into the page, are in scripts/remarks/ros.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from crl.reporting.tables.kinds import Composite, Number, Of
from crl.reporting.tables.markdown import block
from crl.reporting.tables.table import Column, Table
from crl.training.runs.provenance import commit

HERE = Path(__file__).resolve().parent
BARS = {"period_error_ms_p50": 2.0, "period_error_ms_p99": 15.0, "period_max_ms": 100.0}
"""Promised of the commands as they arrive (ms)."""


def timing(runs: list[dict[str, Any]]) -> Table:
    """A row per robot: how regularly commands came while the learner trained."""

    def barred(key: str) -> Composite:
        bar = BARS[key]
        return Composite(lambda value: f"{value:.1f} ms{'' if value <= bar else f' (more than {bar:g})'}")

    keys = {"period error p50": "period_error_ms_p50", "p99": "period_error_ms_p99", "longest gap": "period_max_ms"}
    decision = Composite(lambda found: f"{found[0]:.1f} / {found[1]:.1f} ms")
    columns = [
        *(Column("robot"), Column("rate", Number("g", suffix=" Hz")), Column("s", Number("g"))),
        *(Column(title, barred(key)) for title, key in keys.items()),
        *(Column("missed", Of()), Column("decision p50 / p99", decision)),
        *(Column(title, Number(",d")) for title in ("learner steps", "stops", "unsafe")),
    ]
    rows = [
        (
            *(run["robot"], run["rate"], run["seconds"], *(run[key] for key in keys.values())),
            *((run["missed"], run["commands"]), (run["decision_ms_p50"], run["decision_ms_p99"])),
            *(run["learner_steps"], run["stops"], run["unsafe"]),
        )
        for run in runs
    ]
    return Table.of(columns, rows)


def faults(found: dict[str, dict[str, Any]]) -> Table:
    """A row per fault: the time to the first stop, and whatever else was looked at."""
    rows = []
    for name, values in found.items():
        rest = dict(values)
        times = [rest.pop(key, []) or None for key in ("stop_ms", "stands_ms")]
        unsafe = rest.pop("unsafe")
        rows.append((name, *times, rest, unsafe))
    columns = [
        *(
            Column("fault"),
            Column("to the first stop", Composite(_times)),
            Column("until it stands", Composite(_times)),
        ),
        *(Column("else", Composite(_else)), Column("unsafe", Number("d"))),
    ]
    return Table.of(columns, rows)


def _times(values: list[float]) -> str:
    return f"{max(values):.0f} ms" + (f" (greatest of {len(values)})" if len(values) > 1 else "")


def _else(values: dict[str, Any]) -> str:
    return ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in values.items()).replace("\n", "; ")


def cycles(run: dict[str, Any]) -> Table:
    """What the agent held before and after."""
    rows = [(key.replace("_", " "), run["before"][key], run["after"][key]) for key in run["before"]]
    return Table.of([Column("of the agent"), Column("before"), Column("after")], rows)


def cycled(run: dict[str, Any]) -> str:
    """How often the agent was activated, in a sentence."""
    died = run["processes_that_died"] or "none"
    return f"{run['cycles']:,} times deactivated and activated; processes that died: {died}."


def page(folder: Path) -> str:
    """The page of what was measured into a folder."""

    def read(kind: str) -> dict[str, Any]:
        return {
            path.stem.removeprefix(f"{kind}_"): json.loads(path.read_text(encoding="utf-8"))
            for path in sorted(folder.glob(f"{kind}_*.json"))
        }

    parts = [
        "# Measured between processes over ROS 2",
        "Written by `scripts/page_ros.py` from what `scripts/measure_ros.sh` measured: simulated robot, agent with its "
        f"learner, and a watcher as processes of one computer, over DDS on loopback. Page: commit {commit()}.",
    ]
    remarks = HERE / "remarks" / "ros.md"
    if remarks.exists():
        parts.append(remarks.read_text(encoding="utf-8").strip())
    if runs := read("timing"):
        parts.append(
            f"## Commands while the learner trains at full speed\n\n{block(timing(list(runs.values())))}\n\nOn "
            f"{next(iter(runs.values()))['cores']} cores. A period's error is that of the time between two commands as "
            "they arrive in the watcher; missed: more than one and a half periods."
        )
    parts += [f"## Faults, {robot}\n\n{block(faults(found))}" for robot, found in read("faults").items()]
    parts += [
        f"## Activation, {robot}\n\n{cycled(run)}\n\n{block(cycles(run))}" for robot, run in read("cycles").items()
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Read the results and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("target", nargs="?", type=Path, default=Path("docs/results"), help="folder of the page")
    options = parser.parse_args()
    options.target.mkdir(parents=True, exist_ok=True)
    target = options.target / "ros.md"
    target.write_text(page(options.folder), encoding="utf-8")
    print(f"wrote {target}")


if __name__ == "__main__":
    main()
