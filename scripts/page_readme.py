"""Writes the figures of README.md from the JSON in docs/results; `--check` only says whether they agree.

The text between the marks `<!-- figures: NAME -->` and `<!-- end -->` is made here and nowhere else.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from crl.reporting.confirmations.criteria import estimate
from crl.reporting.confirmations.kind import Kind
from crl.reporting.confirmations.missions import MISSIONS
from crl.reporting.confirmations.sequences import SEQUENCES
from crl.reporting.pages.baseline import random_returns
from crl.reporting.pages.lives.waypoints import by_arm, short_table, verdicts
from crl.reporting.tables.kinds import Estimate
from crl.reporting.tables.markdown import block
from crl.reporting.tables.table import Column, Table
from crl.sequences import load_sequence

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "docs" / "results"
ZEROS = RESULTS / "zeros.json"
"""Mean returns of uniformly random actions by sequence and task: the zero of normalised scores."""
BODIES = {
    "missions_ugv": "unicycle, 11 gain faults and none",
    "missions_husky": "husky",
    "missions_velocity": "quadrotor, velocity set-points",
    "missions_rates": "quadrotor, thrust and body rates",
}


def read(name: str) -> Any:
    """What a page was made of."""
    return json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))


def link(name: str) -> str:
    """A link to a page of results."""
    return f"[page](docs/results/{name}.md)"


def zeros(sequence: str) -> dict[str, float]:
    """Returns of random actions by task; measured once, and kept."""
    known = json.loads(ZEROS.read_text(encoding="utf-8")) if ZEROS.exists() else {}
    if sequence not in known:
        episodes = read(sequence)["single"][0]["evaluation"]
        known[sequence] = random_returns(load_sequence(sequence), episodes=10, seed=int(episodes["seed"]))
        ZEROS.write_text(json.dumps(known, indent=1) + "\n", encoding="utf-8")
    found: dict[str, float] = known[sequence]
    return found


def score(sequence: str, strategy: str) -> float:
    """Mean over seeds and tasks of the final return: 0 is random, 1 a network per task just after its task."""
    groups, zero = read(sequence), zeros(sequence)
    names = [task["name"] for task in groups["single"][0]["tasks"]]
    one = np.mean([np.diag(run["matrix_return"]) for run in groups["single"]], axis=0)
    base = np.array([zero[name] for name in names])
    final = np.array([run["matrix_return"][-1] for run in groups[strategy]])
    return float(((final - base) / (one - base)).mean())


def minutes(runs: list[dict[str, Any]]) -> str:
    """CPU minutes as a range."""
    taken = [run["cpu_seconds"] / 60 for run in runs]
    low, high = round(min(taken)), round(max(taken))
    return f"{low} CPU minutes" if low == high else f"{low} to {high} CPU minutes"


def percent(low: float, high: float) -> str:
    """A range of shares."""
    return f"{100 * low:.0f} %" if round(100 * low) == round(100 * high) else f"{100 * low:.0f} to {100 * high:.0f} %"


def doors(strategy: str) -> list[float]:
    """Success after the last door, by seed."""
    return [float(run["average_success"]) for run in read("door_open")[strategy]]


def seeds(count: int) -> str:
    """A number of seeds in words."""
    return f"{count} seed" if count == 1 else f"{count} seeds"


def text(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> str:
    """A table as it stands on the page."""
    return block(Table.of(columns, rows))


def headline() -> str:
    """The one result at the top."""
    ours, theirs = doors("hypercrl"), doors("finetune")
    return (
        "**One result:** the arm learns five doors, one after the other. After the last one, "
        f"{percent(min(ours), max(ours))} of the evaluation episodes\nopen their door (range over {seeds(len(ours))}). "
        f"With fine-tuning alone it is {percent(min(theirs), max(theirs))} ({seeds(len(theirs))}). "
        "[More results](#results)."
    )


def sequences() -> str:
    """The table of task sequences."""
    quick = read("door_open_quick")
    shares = [sum(row["opened"].values()) / (row["episodes"] * len(row["opened"])) for row in quick]
    ours, theirs = doors("hypercrl"), doors("finetune")
    rows = [
        (
            f"three doors, quick profile, {seeds(len(quick))} ({link('door_open_quick')})",
            f"{percent(min(shares), max(shares))} of the episodes succeed",
            "",
            minutes(quick),
        ),
        (
            f"five doors, {seeds(len(ours))} ({link('door_open')})",
            f"{percent(min(ours), max(ours))} of the episodes succeed",
            f"{percent(min(theirs), max(theirs))} ({seeds(len(theirs))})",
            minutes(read("door_open")["hypercrl"]),
        ),
    ]
    for name, title in (("cartpole_length", "ten pole lengths"), ("pusher", "blocks of five densities")):
        runs = read(name)["hypercrl"]
        rows.append(
            (
                f"{title}, {seeds(len(runs))} ({link(name)})",
                f"{score(name, 'hypercrl'):.2f} of the score of one network per task",
                f"{score(name, 'finetune'):.2f}",
                minutes(runs),
            )
        )
    head = ("Task sequence", "HyperCRL, after the last task", "Fine-tuning", "Cost of HyperCRL")
    return text([Column(title) for title in head], rows)


def missions() -> str:
    """The table of missions: all classes of every suite."""
    rows = []
    for name, title in BODIES.items():
        found: dict[str, dict[str, str]] = {}
        for row in read(name)["methods"]:
            if row["class"] != "all":
                found.setdefault(row["method"], {})[row["class"]] = f"{row['completed']} of {row['missions']}"
        cells = [", ".join(_classed(found, method)) for method in ("afm", "none", "oracle")]
        rows.append([f"{title} ({link(name)})", *cells])
    head = ("Missions completed, by class of faults", "Action flow matching", "Online learning alone", "Oracle")
    return text([Column(title) for title in head], rows)


def _classed(found: dict[str, dict[str, str]], method: str) -> list[str]:
    counts = found.get(method, {})
    return [count if group == "published" else f"{group}: {count}" for group, count in counts.items()] or ["not flown"]


def confirmed() -> str:
    """The tables of confirmations: fresh seeds, faults and maps; fresh seeds and orders of tasks."""
    missions = [Column("completed", Estimate(2)), Column("steps", Estimate(0)), Column("cross-track", Estimate(2), "m")]
    runs = [Column("success", Estimate(2)), Column("return", Estimate(0)), Column("forgetting", Estimate(2))]
    tables = [
        _confirmed(MISSIONS, ("success", "steps", "cross_track"), missions),
        _confirmed(SEQUENCES, ("success", "return", "forgetting"), runs),
    ]
    return "\n\n".join(table for table in tables if table) or "No suite has been confirmed yet (`crl confirm`)."


def _confirmed(kind: Kind, quantities: Sequence[str], columns: Sequence[Column]) -> str:
    rows = []
    for path in sorted(RESULTS.glob("confirm_*.json")):
        found = json.loads(path.read_text(encoding="utf-8"))
        held = sum(criterion["holds"] for criterion in found["criteria"])
        suite = (
            f"{path.stem.removeprefix('confirm_')} ([page](docs/results/{path.stem}.md)), "
            f"{held} of {len(found['criteria'])} criteria hold"
        )
        records = found.get(kind.records, [])
        for method in dict.fromkeys(record["method"] for record in records):
            rows.append((suite, method, *(estimate(records, method, what, kind=kind) for what in quantities)))
            suite = ""  # it stands at its first method
    return text([Column("Suite"), Column("method"), *columns], rows) if rows else ""


def lives() -> str:
    """Lives of several arms, and runs that are evaluated without labels."""
    rows = json.loads((RESULTS / "lives.json").read_text(encoding="utf-8"))
    count, steps = len({row["seed"] for row in rows}), max(row["steps"] for row in rows)
    held = verdicts(by_arm(rows), "networks")
    passed = sum(row[-1] == "pass" for row in held.rows)
    said = (
        f"Lives of {steps:,} steps, {count} fresh seed{'s' * (count != 1)} "
        f"([page](docs/results/lives.md)); the default memory meets {passed} of {len(held.rows)} criteria:"
    )
    return f"{said}\n\n{block(short_table(by_arm(rows)))}"


PARTS: dict[str, Callable[[], str]] = {
    "headline": headline,
    "sequences": sequences,
    "missions": missions,
    "confirmed": confirmed,
    "lives": lives,
}


def renewed(text: str) -> str:
    """The text of a page with all its figures made again.

    Raises:
        KeyError: A mark names a part that there isn't.
    """

    def part(match: re.Match[str]) -> str:
        return f"<!-- figures: {match[1]} -->\n{PARTS[match[1]]()}\n<!-- end -->"

    return re.sub(r"<!-- figures: (\w+) -->\n.*?\n<!-- end -->", part, text, flags=re.DOTALL)


def main() -> None:
    """Write README.md, or check it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 if a figure differs")
    path = ROOT / "README.md"
    text = path.read_text(encoding="utf-8")
    new = renewed(text)
    if parser.parse_args().check:
        sys.exit("README.md differs from docs/results: run scripts/page_readme.py" if new != text else 0)
    path.write_text(new, encoding="utf-8")
    print(f"wrote {path}")


if __name__ == "__main__":
    main()
