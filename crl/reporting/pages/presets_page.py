"""The page of what the presets for common environments reach."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from crl.reporting.tables.kind import Style
from crl.reporting.tables.kinds import Number, Text
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table


@dataclass(frozen=True)
class Environment:
    """A common environment, and what others reach there.

    Attributes:
        env: Name of the sequence.
        episodes: Evaluation episodes per task.
        reference: Mean return to compare with.
        source: Who reaches it, and with how many steps.
        vary: What differs between tasks.
    """

    env: str
    episodes: int
    reference: float
    source: str
    vary: Mapping[str, Sequence[float]] = field(default_factory=dict)


ZOO = "RL Baselines3 Zoo"
ENVIRONMENTS: Mapping[str, Environment] = {
    "pendulum": Environment("gym:Pendulum-v1", 10, -157.0, f"SAC, 20,000 steps ({ZOO})"),
    "reacher": Environment("gym:Reacher-v5", 20, -3.75, "threshold in Gymnasium's registry"),
    "inverted_pendulum": Environment(
        "gym:InvertedPendulum-v5",
        2,
        950.0,
        "threshold in Gymnasium's registry",
        {"actuator.slide.gear": [100, 50, 200]},
    ),
    "swimmer": Environment("gym:Swimmer-v5", 2, 345.6, f"SAC, 1,000,000 steps, v3 ({ZOO})"),
    "hopper": Environment("gym:Hopper-v5", 3, 2325.5, f"SAC, 1,000,000 steps, v3 ({ZOO})"),
    "half_cheetah": Environment("gym:HalfCheetah-v5", 2, 9535.5, f"SAC, 1,000,000 steps, v3 ({ZOO})"),
}
"""By preset (``configs/recipes``)."""

COLUMNS = (
    *(Column("environment", Text(Style.CODE)), Column("task"), Column("seed", Number("d"))),
    *(Column("steps per task", Number(",d")), Column("episodes", Number("d"))),
    *(Column("random actions", Number(",.1f")), Column("no actions", Number(",.1f"))),
    *(Column("`crl`, mean return", Number(",.1f")), Column("worst episode", Number(",.1f"))),
    Column("reference", Number(",.1f")),
    *(Column("error of the learned reward", Number(".2f")), Column("CPU of the run (min)", Number(".1f"))),
    Column("commit", Text(Style.CODE)),
)


def lines(row: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """A run: one line per task."""
    about = ENVIRONMENTS[row["preset"]]
    return [
        (
            *(about.env.removeprefix("gym:"), task["name"] if about.vary else "-", row["seed"]),
            *(row["env_steps"] // len(row["tasks"]), len(task["returns"]), task["random"], task["idle"]),
            *(fmean(task["returns"]), min(task["returns"]), about.reference, task.get("reward_error")),
            *(row["cpu_seconds"] / 60, row["commit"]),
        )
        for task in row["tasks"]
    ]


def page(rows: Sequence[Mapping[str, Any]]) -> str:
    """The page."""
    order = list(ENVIRONMENTS)
    rows = sorted(rows, key=lambda row: (order.index(row["preset"]), row["seed"]))
    missing = [ENVIRONMENTS[name].env.removeprefix("gym:") for name in order if name not in {r["preset"] for r in rows}]
    return "\n".join(
        [
            "# Presets for common environments",
            "",
            "Some Gymnasium environments have settings of their own: `crl train env=gym:Pendulum-v1` uses the preset",
            "`configs/recipes/pendulum.yaml`. The table shows what each preset reaches. Rewards and ends of episodes",
            "are learned, as for any environment that gives none as functions. Evaluation episodes are played after",
            "the last task, without exploration and without learning.",
            "",
            "* *Random actions* and *no actions*: mean returns of 10 episodes without learning.",
            "* *Steps per task*: environment steps of training.",
            "* *Error of the learned reward*: root mean square error on new steps, as a share of the rewards' standard",
            "  deviation. 0.1 is good. 1 says no more than the mean.",
            "* Seeds from 500 on are fresh: nothing was chosen on them. Smaller ones are development seeds.",
            "",
            *markdown(Table.of(COLUMNS, [line for row in rows for line in lines(row)])),
            "",
            *(
                [f"Not measured with the present preset: {', '.join(f'`{name}`' for name in missing)}.", ""]
                * bool(missing)
            ),
            "The references:",
            "",
            *(
                f"* `{one.env.removeprefix('gym:')}`: {one.reference:,g}, {one.source}."
                for one in ENVIRONMENTS.values()
            ),
            "",
            "Made by `python scripts/measure_presets.py FOLDER`, which goes on where it was stopped.",
            "",
        ]
    )
