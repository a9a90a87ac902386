"""Tunes online learning without a refiner (refiner=none): a grid over the nominal share of its batches and its rate.

Every point of the grid flies eight of the published gain pairs with the development seeds 1, 2, ... (at most 20),
clipped. All points share one fit of the nominal body, which reads neither setting. The point that completes most
missions is taken; then the one that reaches most waypoints. What is flown in FOLDER is not flown again. Writes
docs/results/online_tuning.json after every point, and with `--collect` does nothing else.

usage: python scripts/tune_online.py FOLDER [--seeds N] [--workers N] [--collect]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from crl.reporting.tables.kinds import Number, Of, Text
from crl.reporting.tables.markdown import block
from crl.reporting.tables.table import Column, Table
from crl.sequences import load_sequence
from crl.training.missions.trials import Method, Trial, read_trials, run_trials

ENV = "ugv_mission"
STEPS = 1500
SHARES = (0.0, 0.25, 0.5, 0.75)
RATES = (1e-4, 3e-4, 1e-3, 3e-3)
GAINS = ((-1, 1), (-2.5, 1), (1, -1), (1, -0.5), (-1, -1), (0.1, -1.5), (2.5, 0.05), (2, 2))
"""Of the published pairs; the three that are left out turn the speed alone, as the first two here do."""
RESULTS = Path(__file__).resolve().parent.parent / "docs" / "results"
DEVELOPMENT = 20
"""Greatest seed of development."""


def trials(share: float, rate: float, seeds: int) -> list[Trial]:
    """The missions of a point: every pair of gains with every seed."""
    flown = (f"body.nominal={share}", f"body.online_lr={rate:g}")
    settings = (f"env={ENV}", f"missions.steps={STEPS}")
    method = Method("none", True, settings, flown=flown, label=f"none_nominal-{share:g}_rate-{rate:g}")
    faults = [mission for mission in load_sequence(ENV).missions if tuple(mission.fault.get("gain", ())) in GAINS]
    return [Trial(method, None, mission, seed) for seed in range(1, seeds + 1) for mission in faults]


def row(share: float, rate: float, planned: int, records: list[dict[str, Any]]) -> dict[str, Any]:
    """What a point came to."""
    done = [record for record in records if record["completed"]]
    gains = sorted({record["mission"] for record in done})
    return {
        "nominal": share,
        "rate": rate,
        "flown": len(records),
        "planned": planned,
        "completed": len(done),
        "completed_gains": {name: sum(record["mission"] == name for record in done) for name in gains},
        "reached": sum(record["reached_fraction"] for record in records) / max(1, len(records)),
        "steps": sum(record["steps"] for record in done) / len(done) if done else None,
        "commit": sorted({record["commit"] for record in records}),
    }


def best(rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The point that completes most, then reaches most; ``None`` until all are flown."""
    if len(rows) < len(SHARES) * len(RATES) or any(one["flown"] < one["planned"] for one in rows):
        return None
    return max(rows, key=lambda one: (one["completed"], one["reached"]))


def page(found: dict[str, Any]) -> str:
    """The page of the grid."""
    rows, chosen = found["grid"], found["chosen"]
    columns = [
        *(Column("nominal share", Number("g")), Column("rate", Number("g")), Column("completed", Of())),
        *(Column("waypoints reached", Number(".3f")), Column("steps of completed", Number(".0f"))),
        Column("gains that were completed, and how often", Text()),
    ]
    told = [
        (
            one["nominal"],
            one["rate"],
            (one["completed"], one["flown"]),
            one["reached"],
            one["steps"],
            ", ".join(f"{name.removeprefix('gain_')} {count}x" for name, count in one["completed_gains"].items()),
        )
        for one in rows
    ]
    verdict = (
        "The grid is not finished: nothing is chosen."
        if chosen is None
        else f"Chosen: `body.nominal={chosen['nominal']:g} body.online_lr={chosen['rate']:g}`."
    )
    return "\n".join(
        [
            "# Online learning alone, tuned",
            "",
            f"`refiner=none` on {len(GAINS)} of the published gain pairs of `{ENV}`, clipped, development seeds 1 to "
            f"{found['seeds']}, one fit, at most {STEPS} steps. The point that completes most missions is taken; then "
            "the one that reaches most waypoints. These seeds, faults and this map are those of development: the "
            "numbers are for choosing alone. Made by `python scripts/tune_online.py`.",
            "",
            verdict,
            "",
            block(Table.of(columns, told)),
            "",
        ]
    )


def collect(folder: Path, seeds: int) -> dict[str, Any]:
    """Everything that was flown."""
    rows = []
    for share in SHARES:
        for rate in RATES:
            planned = trials(share, rate, seeds)
            records = read_trials(planned, folder)
            if records:
                rows.append(row(share, rate, len(planned), records))
    return {"env": ENV, "steps": STEPS, "seeds": seeds, "chosen": best(rows), "grid": rows}


def write(found: dict[str, Any]) -> None:
    """Write both files."""
    (RESULTS / "online_tuning.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    (RESULTS / "online_tuning.md").write_text(page(found), encoding="utf-8")


def main() -> None:
    """Fly and collect."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seeds", type=int, default=2, choices=range(1, DEVELOPMENT + 1), metavar="N")
    parser.add_argument("--workers", type=int, default=1, metavar="N")
    parser.add_argument("--collect", action="store_true", help="fly nothing")
    chosen = parser.parse_args()
    planned = [one for share in SHARES for rate in RATES for one in trials(share, rate, chosen.seeds)]
    for done, count, said in () if chosen.collect else run_trials(planned, chosen.folder, chosen.workers):
        print(f"{done} of {count}: {said}", flush=True)
        if done and done % (len(planned) // (len(SHARES) * len(RATES))) == 0:
            write(collect(chosen.folder, chosen.seeds))
    write(collect(chosen.folder, chosen.seeds))


if __name__ == "__main__":
    main()
