"""The lives of a section's runs: how well each arm lived, whether it knew its regimes again, and what it cost.

A life that began with what another run has learned (``life.run=``) learned no task, so its run has no scores: it stands
in a section of lives. The lives of runs that learned the nominal body themselves stand beside their scores.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from crl.reporting.pages.sequences.findings import of_seeds
from crl.reporting.report.fact import Fact, alone
from crl.reporting.report.gather import Section
from crl.reporting.report.record import ReportedRun
from crl.reporting.report.runs_table import runs_table
from crl.reporting.statistics import Interval, interval
from crl.reporting.tables.kind import Kind
from crl.reporting.tables.kinds import Composite, Estimate, Number, Of
from crl.reporting.tables.table import Column, Table
from crl.text import counted

Life = Mapping[str, Any]

MEASURES: Mapping[str, tuple[Column, Callable[[Life], float | None]]] = {
    "waypoints_per_1000_steps": (Column("waypoints per 1,000 steps", Estimate(1)), lambda life: life["waypoints"]),
    "cross_track": (Column("cross-track", Estimate(3), "m"), lambda life: life["cross_track"]),
    "reward": (Column("reward per step", Estimate(3)), lambda life: life.get("reward")),
    "goal_distance": (Column("distance to the goal", Estimate(3), "m"), lambda life: life.get("goal_distance")),
    "right_expectations": (Column("right expectations", Estimate(0, 100.0), "%"), lambda life: life["right"]),
    "recalled": (Column("recalled", Estimate(0, 100.0), "%"), lambda life: life.get("recalled")),
    "false_alarms": (Column("false alarms", Estimate(1)), lambda life: life["false_alarms"]),
    "known_regimes": (Column("known regimes", Estimate(1)), lambda life: life["known"]),
    "crashes": (Column("crashes", Estimate(1)), lambda life: life["crashes"]),
}
"""What is measured of a life, one number each: its column, and how it is read."""

NOTE = (
    "Means over lives, one per seed; brackets: 95 % bootstrap intervals over seeds. Recalled: share of the returns of "
    "a known regime that ended with one of its earlier entries in force. False alarms, known regimes and crashes (of "
    "a pole: falls) are per life."
)


def lived(section: Section) -> dict[str, list[ReportedRun]]:
    """Runs that lived, by arm; arms without any are absent."""
    found = {name: [run for run in runs if run.life is not None] for name, runs in section.groups.items()}
    return {name: runs for name, runs in found.items() if runs}


def measured(runs: Sequence[ReportedRun], measure: str) -> tuple[Interval | None, list[float]]:
    """A measure over the lives of an arm with its interval, and that of every life that knows it."""
    read = MEASURES[measure][1]
    values = [float(value) for run in runs if run.life is not None and (value := read(run.life)) is not None]
    return interval(np.array(values)) if values else None, values


def tables(section: Section) -> list[Table]:
    """A row per arm, and a row per life; empty where nobody lived."""
    arms = lived(section)
    return [_arms(arms), _lives(arms)] if arms else []


def facts(section: Section) -> Iterator[Fact]:
    """Every measure of every arm and of every life."""
    for name, runs in lived(section).items():
        for measure, (_, read) in MEASURES.items():
            found, values = measured(runs, measure)
            if found is None:
                continue
            yield Fact(name, len(values), f"life_{measure}", found)
            for run in runs:
                value = read(run.life) if run.life is not None else None
                if value is not None:
                    yield Fact(name, f"seed {run.seed}", f"life_{measure}", alone(value))


def said(section: Section) -> list[str]:
    """A sentence per arm on its lives."""
    lines = []
    for name, runs in lived(section).items():
        waypoints, reward, recalled = (
            measured(runs, measure)[0] for measure in ("waypoints_per_1000_steps", "reward", "recalled")
        )
        crashes = round(sum(measured(runs, "crashes")[1]))
        known = f", recalled {recalled.format(0, 100.0)} % of the regimes that came back" if recalled else ""
        went = f"reached {waypoints.format(1)} waypoints per 1,000 steps" if waypoints else "lived"
        if waypoints is None and reward is not None:
            went = f"earned {reward.format(3)} per step"
        lines.append(
            f"`{name}` {went}{known}, and crashed {counted(crashes, 'time')} in {counted(len(runs), 'life', 'lives')}."
        )
    return lines


def limits(section: Section) -> list[str]:
    """What the lives do not show."""
    counts = {name: len(runs) for name, runs in lived(section).items()}
    last = "Nothing here says how the arms compare in longer lives, on other bodies, or with other regimes."
    return [*of_seeds(counts), last]


def meaning(section: Section) -> str:
    """What a life is, in a sentence."""
    steps = sorted({run.life["steps"] for runs in lived(section).values() for run in runs if run.life is not None})
    many = f"{steps[0]:,}" if len(steps) == 1 else f"{steps[0]:,} to {steps[-1]:,}"
    return (
        f"A life is {many} uninterrupted steps in a body that changes unannounced, again and again; the seed decides "
        "which regimes come, and when."
    )


def runs(section: Section) -> Table:
    """Every run of the section."""
    if waypoints(section):
        return runs_table(
            section, "waypoints per 1,000 steps", Number(".1f"), lambda run: (run.life or {})["waypoints"]
        )
    return runs_table(section, "reward per step", Number(".3f"), lambda run: (run.life or {})["reward"])


def waypoints(section: Section) -> bool:
    """Whether the section's body drives from waypoint to waypoint; else its reward says how well it lived."""
    return any(run.life is not None and run.life["waypoints"] is not None for run in section.runs)


def _arms(arms: Mapping[str, Sequence[ReportedRun]]) -> Table:
    columns = [Column("arm"), Column("seeds", Number("d")), *(column for column, _ in MEASURES.values())]
    rows = [(name, len(runs), *(measured(runs, measure)[0] for measure in MEASURES)) for name, runs in arms.items()]
    return Table.of(columns, rows).named("lives", "Lives, by arm", NOTE).known()


def _lives(arms: Mapping[str, Sequence[ReportedRun]]) -> Table:
    parts: list[tuple[str, Kind, Callable[[Life], Any]]] = [
        ("steps", Number(",d"), lambda life: life["steps"]),
        ("waypoints per 1,000 steps", Number(".1f"), lambda life: life["waypoints"]),
        ("cross-track (m)", Number(".3f"), lambda life: life["cross_track"]),
        ("reward per step", Number(".3f"), lambda life: life.get("reward")),
        ("distance to the goal (m)", Number(".3f"), lambda life: life.get("goal_distance")),
        ("right expectations", Number(".1%"), lambda life: life["right"]),
        ("regimes met", Number("d"), lambda life: len(life["by_regime"])),
        ("known", Number("d"), lambda life: life["known"]),
        ("recalled", Composite(_share, lambda found: found[0]), _recalled),
        ("false alarms", Of("in", grouped=True), lambda life: (life["false_alarms"], life["unchanged"])),
        ("crashes", Number("d"), lambda life: life["crashes"]),
    ]
    rows = [
        (name, run.seed, *(read(run.life) for _, _, read in parts))
        for name, runs in arms.items()
        for run in runs
        if run.life is not None
    ]
    columns = [Column("arm"), Column("seed", Number("d")), *(Column(title, kind) for title, kind, _ in parts)]
    note = "False alarms: in so many steps of visits that had lasted for a while."
    return Table.of(columns, rows).named("life", "Every life", note).known()


def _recalled(life: Life) -> tuple[float, int] | None:
    return None if life.get("recalled") is None else (float(life["recalled"]), int(life["recalls"]))


def _share(found: tuple[float, int]) -> str:
    return f"{found[0]:.0%} of {found[1]}"
