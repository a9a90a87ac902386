"""Writes docs/results/missions_NAME.md from a folder that `crl eval-missions` left.

Remarks by hand, which it puts into the page, are in scripts/remarks/missions_NAME.md.
"""

from __future__ import annotations

import argparse
import json
import math
import shlex
import shutil
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crl.reporting.pages.missions.expectations import expectations, expectations_table
from crl.reporting.pages.missions.tables import missions_table
from crl.reporting.tables.kinds import Composite
from crl.reporting.tables.markdown import block
from crl.reporting.tables.table import Column, Table
from crl.training.runs.provenance import commit

HERE = Path(__file__).resolve().parent
PREAMBLE = """\
The fault comes at 15 % and goes at 80 % of the waypoints; nobody but the oracle is told. *success* is the mean share of
the waypoints reached, *steps* counts completed missions; ratios are to the oracle (clipped likewise) on the same map,
fault and seed. Brackets: 95 % bootstrap intervals over seeds. Milliseconds are CPU medians on a shared machine with
other work beside: upper estimates."""

EXPECTED = """\
A: the oracle's missions (95 %). B: half of what the oracle gains over no refiner, where it gains more than 5 %, else no
more than 5 % worse than no refiner. C: no more than 5 % worse than no refiner. D: it arrives, or gives up and stops. No
crash where the oracle has none. Time and error (while the fault is on) are means over the seeds on which all arrived;
with three seeds a mean is uncertain by 5 to 10 %; *all* is the class as a whole."""


@dataclass(frozen=True)
class Flown:
    """What became of the missions of one method with one fault.

    Attributes:
        completed: Completed missions.
        flown: Missions.
        steps: Mean steps of the completed ones.
        reached: Mean share of the waypoints reached, of all.
        ends: How those that were not completed ended, with their numbers.
    """

    completed: int
    flown: int
    steps: float
    reached: float
    ends: tuple[tuple[str, int], ...]

    @classmethod
    def of(cls, missions: list[dict[str, Any]]) -> Flown | None:
        """Count missions; ``None`` if there are none."""
        if not missions:
            return None
        done = [m for m in missions if m["completed"]]
        ends = Counter(m["crash"] or ("given up" if m["given_up"] else "") for m in missions if not m["completed"])
        ends.pop("", None)
        return cls(
            len(done),
            len(missions),
            sum(m["steps"] for m in done) / len(done) if done else math.nan,
            sum(m["reached_fraction"] for m in missions) / len(missions),
            tuple(ends.items()),
        )

    def text(self) -> str:
        """The counts in a line."""
        how = f"{self.steps:.0f} steps" if self.completed else f"{self.reached:.2f} reached"
        return f"{self.completed} of {self.flown}, {how}" + "".join(f"; {count}x {end}" for end, count in self.ends)


def faults(missions: list[dict[str, Any]]) -> Table:
    """A row per fault: of each method, missions completed and mean share of the waypoints reached."""
    methods = list(dict.fromkeys(m["method"] for m in missions))
    rows = [
        (
            group,
            name,
            *(
                Flown.of([m for m in missions if (m["class"], m["mission"], m["method"]) == (group, name, method)])
                for method in methods
            ),
        )
        for group, name in dict.fromkeys((m["class"], m["mission"]) for m in missions)
    ]
    shown = Composite(Flown.text, lambda found: found.completed)
    return Table.of([Column("class"), Column("fault"), *(Column(method, shown) for method in methods)], rows)


def page(name: str, results: dict[str, Any]) -> str:
    """The page's text.

    Args:
        name: Name of the page, ``missions_NAME``.
        results: What `crl eval-missions` left, without what made no difference to it.
    """
    missions = results["missions"]
    judged = expectations(missions)
    verdict = (
        f"## What is expected of each class\n\n{EXPECTED}\n\n{block(expectations_table(judged))}" if judged else ""
    )
    remarks, short = HERE / "remarks" / f"{name}.md", name.removeprefix("missions_")
    parts = [
        f"# Missions of {results['env']}: {len(missions)} flown by {len(results['methods'])} rows of methods",
        f"Written by `scripts/page_missions.py {short}` from the results of\n\n    {results['command']}",
        f"Flown at commit {results['commit']}; page: commit {commit()}.",
        PREAMBLE,
        remarks.read_text(encoding="utf-8").strip() if remarks.exists() else "",
        f"## By class\n\n{block(missions_table(results['methods']))}\n",
        verdict,
        f"## By fault\n\n{block(faults(missions))}",
        f"## Paths\n\n![Paths of the first seed]({name}_paths.png)",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def main() -> None:
    """Read the results, write the page and copy its picture."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("name", help="name of the page: missions_NAME.md")
    parser.add_argument("folder", type=Path, help="what `crl eval-missions out=...` named")
    parser.add_argument("target", nargs="?", type=Path, default=Path("docs/results"), help="folder of the page")
    options = parser.parse_args()
    name = f"missions_{options.name}"
    results = json.loads((options.folder / "results.json").read_text())
    # Where it was flown, and by how many processes, makes no difference.
    words = [word for word in shlex.split(results["command"]) if not word.startswith(("out=", "workers="))]
    results["command"] = shlex.join(words)
    options.target.mkdir(parents=True, exist_ok=True)
    (options.target / f"{name}.md").write_text(page(name, results), encoding="utf-8")
    shutil.copyfile(options.folder / "paths.png", options.target / f"{name}_paths.png")
    slim = {**results, "missions": [{k: v for k, v in m.items() if k != "ms"} for m in results["missions"]]}
    (options.target / f"{name}.json").write_text(json.dumps(slim) + "\n", encoding="utf-8")
    print(f"wrote {options.target / f'{name}.md'}")


if __name__ == "__main__":
    main()
