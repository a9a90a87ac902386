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

    @property
    def tasks(self) -> int:
        """Number of tasks."""
        return max((len(values) for values in self.vary.values()), default=1)


BOUND = "the most that an episode can give"
ZOO = "RL Baselines3 Zoo"
ENVIRONMENTS: Mapping[str, Environment] = {
    "pendulum": Environment("gym:Pendulum-v1", 10, -157.0, f"SAC, 20,000 steps ({ZOO})"),
    "reacher": Environment("gym:Reacher-v5", 20, -3.75, "threshold in Gymnasium's registry"),
    "inverted_pendulum": Environment(
        "gym:InvertedPendulum-v5",
        2,
        950.0,
        "threshold in Gymnasium's registry",
        {"actuator.slide.gear": [200, 100, 50]},
    ),
    "swimmer": Environment("gym:Swimmer-v5", 2, 345.6, f"SAC, 1,000,000 steps, v3 ({ZOO})"),
    "hopper": Environment("gym:Hopper-v5", 3, 2325.5, f"SAC, 1,000,000 steps, v3 ({ZOO})"),
    "half_cheetah": Environment("gym:HalfCheetah-v5", 2, 9535.5, f"SAC, 1,000,000 steps, v3 ({ZOO})"),
    "cartpole_balance": Environment("gym:dm_control/cartpole-balance-v0", 2, 1000.0, BOUND),
    "cheetah_run": Environment("gym:dm_control/cheetah-run-v0", 2, 1000.0, BOUND),
}
"""By preset (``configs/recipes``)."""

COLUMNS = (
    *(Column("environment", Text(Style.CODE)), Column("task"), Column("seed", Number("d"))),
    *(Column("steps of training", Number(",d")), Column("episodes", Number("d"))),
    *(Column("random actions", Number(",.1f")), Column("no actions", Number(",.1f"))),
    *(Column("crl, mean return", Number(",.1f")), Column("crl, worst episode", Number(",.1f"))),
    Column("reference", Number(",.1f")),
    *(Column("error of the learned reward", Number(".2f")), Column("CPU time (min)", Number(".1f"))),
    Column("commit", Text(Style.CODE)),
)


def line(row: Mapping[str, Any]) -> tuple[Any, ...]:
    """A run."""
    about = ENVIRONMENTS[row["preset"]]
    returns = row["returns"]
    return (
        *(about.env.removeprefix("gym:"), row["name"] if about.vary else "-", row["seed"], row["env_steps"]),
        *(len(returns), row["random"], row["idle"], fmean(returns), min(returns), about.reference),
        *(row.get("reward_error"), row["cpu_seconds"] / 60, row["commit"]),
    )


def page(rows: Sequence[Mapping[str, Any]], remarks: str = "") -> str:
    """The page.

    Args:
        rows: What ``scripts/measure_presets.py`` measured.
        remarks: Text by hand.
    """
    order = list(ENVIRONMENTS)
    rows = sorted(rows, key=lambda row: (order.index(row["preset"]), row["task"], row["seed"]))
    known = {(row["preset"], row["task"]) for row in rows}
    missing = [
        one.env.removeprefix("gym:") + (f" (task {task})" if one.vary else "")
        for name, one in ENVIRONMENTS.items()
        for task in range(one.tasks)
        if (name, task) not in known
    ]
    return "\n".join(
        [
            "# Presets for common environments",
            "",
            "Some Gymnasium environments have settings of their own: `crl train env=gym:Pendulum-v1` uses the preset",
            "`configs/recipes/pendulum.yaml`. The table shows what each preset reaches. Rewards and ends of episodes",
            "are learned, as for any environment that gives none as functions. Evaluation episodes are played after",
            "training, without exploration and without learning. Each line is a run of its own, also where the body is",
            "varied (`vary`).",
            "",
            "* *Random actions* and *no actions*: mean returns of 10 episodes without learning.",
            "* *Error of the learned reward*: root mean square error on new steps, as a share of the rewards' standard",
            "  deviation. 0.1 is good. 1 says no more than the mean.",
            "* Seeds from 500 on are fresh: nothing was chosen on them. Smaller ones are development seeds.",
            "",
            *markdown(Table.of(COLUMNS, [line(row) for row in rows])),
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
            *(["## Remarks", "", remarks.strip(), ""] if remarks else []),
            "Made by `python scripts/measure_presets.py FOLDER`, which goes on where it was stopped.",
            "",
        ]
    )
