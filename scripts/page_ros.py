"""Writes docs/results/ros.md from a folder of JSON files that `crl bench ros` left.

Files are named timing_ROBOT.json, faults_ROBOT.json and cycles_ROBOT.json; see scripts/measure_ros.sh. Remarks by hand,
which it puts into the page, are in scripts/remarks/ros.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from crl.training.runs.provenance import commit

HERE = Path(__file__).resolve().parent
BARS = {"period_error_ms_p50": 2.0, "period_error_ms_p99": 15.0, "period_max_ms": 100.0}
"""Promised of the commands as they arrive (ms)."""


def timing(runs: list[dict[str, Any]]) -> str:
    """A row per robot: how regularly commands came while the learner trained."""
    lines = [
        "| robot | rate | s | period error p50 | p99 | longest gap | missed | decision p50 / p99 | learner steps "
        "| stops | unsafe |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for run in runs:
        cells = [f"{run[key]:.1f} ms{'' if run[key] <= bar else f' (more than {bar:g})'}" for key, bar in BARS.items()]
        lines.append(
            f"| {run['robot']} | {run['rate']:g} Hz | {run['seconds']:g} | {' | '.join(cells)} | {run['missed']} of "
            f"{run['commands']} | {run['decision_ms_p50']:.1f} / {run['decision_ms_p99']:.1f} ms | "
            f"{run['learner_steps']:,} | {run['stops']} | {run['unsafe']} |"
        )
    return "\n".join(lines)


def faults(found: dict[str, dict[str, Any]]) -> str:
    """A row per fault: the time to the first stop, and whatever else was looked at."""
    lines = ["| fault | to the first stop | until it stands | else | unsafe |", "| --- | --- | --- | --- | --- |"]
    for name, values in found.items():
        rest = dict(values)
        times = [_times(rest.pop(key, [])) for key in ("stop_ms", "stands_ms")]
        unsafe = rest.pop("unsafe")
        said = ", ".join(f"{key.replace('_', ' ')}: {value}" for key, value in rest.items()).replace("\n", "; ")
        lines.append(f"| {name} | {times[0]} | {times[1]} | {said} | {unsafe} |")
    return "\n".join(lines)


def _times(values: list[float]) -> str:
    if not values:
        return "-"
    return f"{max(values):.0f} ms" + (f" (greatest of {len(values)})" if len(values) > 1 else "")


def cycles(run: dict[str, Any]) -> str:
    """What the agent held before and after."""
    rows = [f"| {key.replace('_', ' ')} | {run['before'][key]} | {run['after'][key]} |" for key in run["before"]]
    died = run["processes_that_died"] or "none"
    head = f"{run['cycles']:,} times deactivated and activated; processes that died: {died}."
    return "\n".join([head, "", "| of the agent | before | after |", "| --- | --- | --- |", *rows])


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
            f"## Commands while the learner trains at full speed\n\n{timing(list(runs.values()))}\n\nOn "
            f"{next(iter(runs.values()))['cores']} cores. A period's error is that of the time between two commands as "
            "they arrive in the watcher; missed: more than one and a half periods."
        )
    parts += [f"## Faults, {robot}\n\n{faults(found)}" for robot, found in read("faults").items()]
    parts += [f"## Activation, {robot}\n\n{cycles(run)}" for robot, run in read("cycles").items()]
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
