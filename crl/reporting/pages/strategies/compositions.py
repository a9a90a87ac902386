"""Does a composition transfer more than `hypercrl`, at equal forgetting? A section of the strategies' page.

The criteria are those of ``scripts/measure_compositions.py``, which states them before the runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from crl.reporting.measures import REFERENCE, comparable, finals, gather, measure, scale
from crl.reporting.pages.parts import commits
from crl.reporting.pages.sequences.tables import estimate
from crl.reporting.runs import Groups
from crl.reporting.statistics import Interval, paired_difference
from crl.reporting.tables.kind import Style
from crl.reporting.tables.kinds import Estimate, Number, Text
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table

RIVAL = "hypercrl"
FORGETS_AS_LITTLE = 0.05
"""Largest mean difference of forgetting that counts as equal."""
COLUMNS = (
    *(Column("composition", Text(Style.CODE)), Column("seeds", Number("d")), Column("score", Estimate())),
    *(Column("forgetting, N - 1", Estimate()), Column("forward transfer (curves)", Estimate())),
    *(Column(f"transfer minus {RIVAL}'s", Estimate()), Column(f"forgetting minus {RIVAL}'s", Estimate())),
    Column("transfers more, forgets as little"),
)


def beats(transfer: Interval, forgetting: Interval) -> bool:
    """Whether both criteria hold.

    Args:
        transfer: Forward transfer minus the rival's, paired by seed.
        forgetting: Forgetting minus the rival's, paired by seed.
    """
    return transfer.low > 0 and forgetting.value <= FORGETS_AS_LITTLE


def table(groups: Groups, zero: Mapping[str, float]) -> Table:
    """A row per composition.

    Args:
        groups: Comparable runs by composition, :data:`REFERENCE` and :data:`RIVAL` among them, of the same seeds.
        zero: Return of the random policy, by name of the task.
    """
    singles = groups[REFERENCE]
    measured = measure(groups, scale(groups, zero, singles), singles)
    paired = {
        name: {key: gather(sorted(runs, key=lambda run: run.seed), key) for key in ("forgetting", "curve_transfer")}
        for name, runs in measured.items()
    }
    rows = []
    for name, runs in measured.items():
        own = paired[name]
        row: list[Any] = [name, len(runs), estimate(finals(runs)), *(estimate(own[key]) for key in own)]
        if name in (REFERENCE, RIVAL):
            rows.append([*row, None, None, "reference" if name == REFERENCE else "to beat"])
            continue
        more, forgets = (paired_difference(own[key], paired[RIVAL][key]) for key in ("curve_transfer", "forgetting"))
        rows.append([*row, more, forgets, "yes" if beats(more, forgets) else "no"])
    return Table.of(COLUMNS, rows)


def section(found: Mapping[str, Any], zero: Mapping[str, float], groups: Groups) -> list[str]:
    """The section in Markdown.

    Args:
        found: What ``scripts/measure_compositions.py`` collected.
        zero: Return of the random policy, by name of the task.
        groups: Its runs by composition.
    """
    kept, problems = comparable(groups)
    made = table(kept, zero)
    winners = [f"`{row[0]}`" for row in made.rows if row[-1] == "yes"]
    runs = [run for each in kept.values() for run in each]
    seeds = np.unique([run.seed for run in runs])
    verdict = f"{', '.join(winners)} did." if winners else "None did."
    return [
        "",
        "## Compositions by hand against HyperCRL",
        "",
        f"Does a composition transfer forward more than `{RIVAL}`, at equal forgetting? Criteria, fixed before the "
        "runs: the 95 % interval of the difference of forward transfer lies above 0, and forgetting is at most "
        f"{FORGETS_AS_LITTLE:g} higher. **{verdict}** Written from `compositions.json`, which "
        f"`scripts/measure_compositions.py FOLDER` makes: four lengths, `{' '.join(found['settings'])}`, seeds "
        f"{seeds[0]} to {seeds[-1]}, which development did not use, {commits(runs)}.",
        "",
        *markdown(made),
        *(f"- {problem}" for problem in problems),
    ]
