"""Writes docs/results/door_open_quick.md, and the range that ``crl train`` compares with, from the JSON beside it.

usage: python scripts/page_door_open_quick.py [FOLDER OF THE PAGE] [FILE OF THE RANGE]

The JSON is written by scripts/confirm_door_open.py; without it the page states the criteria alone.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from crl.reporting.tables.kinds import Composite, Number
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table

SEEDS, LEAST_OPENED, LEAST_SEEDS, LEAST_MEAN = 10, 8, 9, 0.95
MOST_STEPS, MOST_MINUTES = 7000, 12.0
REMARKS = Path(__file__).parent / "remarks" / "door_open_quick.md"

Rows = list[dict[str, Any]]


def criteria(rows: Rows) -> list[tuple[str, str, bool | None]]:
    """Criterion, what was found, and whether it holds; ``None`` where the seeds do not suffice to say."""
    complete = len(rows) >= SEEDS
    opened = np.array([[n / row["episodes"] for n in row["opened"].values()] for row in rows])
    sound = int((opened >= LEAST_OPENED / 10 - 1e-9).all(axis=1).sum()) if rows else 0
    mean = float(opened.mean()) if rows else float("nan")
    steps = max((int(row["env_steps"]) for row in rows), default=0)
    minutes = max((float(row["cpu_seconds"]) / 60 for row in rows), default=0.0)
    few = len(rows) - sound > SEEDS - LEAST_SEEDS
    return [
        (
            f"every door opens in at least {LEAST_OPENED} of 10 episodes, in at least {LEAST_SEEDS} of {SEEDS} seeds",
            f"in {sound} of {len(rows)}",
            (sound >= LEAST_SEEDS) if complete else False if few else None,
        ),
        (
            f"mean over all seeds, doors and episodes at least {LEAST_MEAN:.0%}",
            f"{mean:.1%}",
            mean >= LEAST_MEAN if complete else None,
        ),
        (
            f"at most {MOST_STEPS:,} environment steps in every run",
            f"at most {steps:,}",
            steps <= MOST_STEPS if complete or steps > MOST_STEPS else None,
        ),
        (
            f"at most {MOST_MINUTES:.0f} CPU minutes in every run",
            f"at most {minutes:.1f}",
            minutes <= MOST_MINUTES if complete or minutes > MOST_MINUTES else None,
        ),
    ]


def page(rows: Rows, remarks: str) -> list[str]:
    """The page's lines."""
    words = {True: "pass", False: "fail", None: "open"}
    found_in = Column(f"found in {len(rows)} of {SEEDS} seeds")
    verdicts = Table.of(
        [Column("criterion"), found_in, Column("verdict")],
        [(text, found if rows else None, words[holds if rows else None]) for text, found, holds in criteria(rows)],
    )
    lines = [
        "# door_open, quick profile: what `make train` does on ten seeds",
        "",
        "Written by `scripts/page_door_open_quick.py` from what `scripts/confirm_door_open.py` left. Each run is "
        "`crl train env=door_open seed=SEED` with seeds 201 to 210, which development never used. The evaluation "
        "plays 10 episodes per door after the last door, on the same initial states for every seed, without noise and "
        "without learning; it chooses nothing.",
        "",
        "## Criteria, written down before the first of these runs",
        "",
        *markdown(verdicts),
        "",
    ]
    if len(rows) < SEEDS:
        lines += [
            f"{len(rows)} of {SEEDS} seeds are finished. `python scripts/confirm_door_open.py` runs those that are "
            "missing.",
            "",
        ]
    if rows:
        lines += ["## Every run: doors opened of 10", "", *markdown(runs_table(rows)), ""]
        lines += [
            "*Successes in the validation of the snapshot that was kept, per door; 30 are played, or fewer where "
        ]
        lines[-1] += "failures ended it."
        lines += [""]
    return [*lines, *remarks.splitlines()]


def runs_table(rows: Rows) -> Table:
    """One row per run: of each door, episodes in which it was opened."""
    doors = list(rows[0]["opened"])
    validated = Composite(lambda found: " / ".join(map(str, found)))
    columns = [
        *(Column(title, Number("d")) for title in ("seed", *doors)),
        *(Column("validated*", validated), Column("env steps", Number(",d")), Column("CPU min", Number(".1f"))),
        Column("commit"),
    ]
    return Table.of(
        columns,
        [
            (
                *(row["seed"], *(row["opened"][door] for door in doors)),
                [row["validated"][door] for door in doors],
                *(row["env_steps"], row["cpu_seconds"] / 60, row["commit"]),
            )
            for row in rows
        ],
    )


def recorded(rows: Rows) -> dict[str, Any]:
    """The range over seeds, as ``crl train`` reads it."""

    def span(values: list[float]) -> list[float]:
        return [min(values), max(values)]

    doors = list(rows[0]["opened"])
    return {
        "env": "door_open",
        "profile": "quick",
        "seeds": [row["seed"] for row in rows],
        "episodes": rows[0]["episodes"],
        "least": LEAST_OPENED,
        "commits": sorted({str(row["commit"]) for row in rows}),
        "opened": {door: span([row["opened"][door] for row in rows]) for door in doors},
        "success": span([round(sum(row["opened"].values()) / row["episodes"] / len(doors), 4) for row in rows]),
        "env_steps": span([row["env_steps"] for row in rows]),
        "cpu_minutes": span([round(row["cpu_seconds"] / 60, 1) for row in rows]),
    }


def main() -> None:
    """Write the page, and the range if there are runs."""
    root = Path(__file__).resolve().parents[1]
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else root / "docs" / "results"
    shipped = Path(sys.argv[2]) if len(sys.argv) > 2 else root / "configs" / "recorded" / "door_open_quick.json"
    source = target / "door_open_quick.json"
    rows: Rows = json.loads(source.read_text(encoding="utf-8")) if source.exists() else []
    remarks = REMARKS.read_text(encoding="utf-8") if REMARKS.exists() else ""
    path = target / "door_open_quick.md"
    path.write_text("\n".join(page(rows, remarks)).rstrip() + "\n", encoding="utf-8")
    print(f"wrote {path}")
    if rows:
        shipped.parent.mkdir(parents=True, exist_ok=True)
        shipped.write_text(json.dumps(recorded(rows), indent=2) + "\n", encoding="utf-8")
        print(f"wrote {shipped}")


if __name__ == "__main__":
    main()
