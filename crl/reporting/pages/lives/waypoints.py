"""The page of lives of several arms and seeds, and what they had to reach.

The criteria stand here, and were committed before the lives that the page shows. Every seed draws its own regimes,
their order and its own fit of the nominal body; all arms of a seed live the same life.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np

from crl.reporting.statistics import Interval, interval
from crl.reporting.tables.kind import Style
from crl.reporting.tables.kinds import Estimate, Number, Text
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table

Life = dict[str, Any]
AFFINE = ("nominal", "gains", "coupled", "turned")
"""Words in the names of regimes that a context expresses."""
ARMS = {
    "oracle": "oracle: told the truth at every step",
    "networks": "lifelong, a context and a network per regime",
    "heads": "lifelong, a context and a last layer per regime",
    "hypercrl": "lifelong, a context and an embedding per regime",
    "told": "lifelong, told the regime at every step",
    "contexts": "lifelong, a context per regime",
    "contexts_newest": "lifelong, a context per regime from its newest transitions (memory.gathered=false)",
    "afm": "action flow matching, no memory",
    "online": "online learning alone",
}


def share(life: Life, oracle: Life, of: Callable[[str], bool] | None = None) -> float:
    """Waypoints per step as a share of the oracle's; with ``of``, reward per step within such regimes instead."""
    if of is None:
        return float(life["waypoints"] / oracle["waypoints"])
    mine, best = ([part for name, part in one["by_regime"].items() if of(name)] for one in (life, oracle))
    total: list[float] = [
        sum(part["reward"] * part["steps"] for part in parts) / sum(part["steps"] for part in parts)
        for parts in (mine, best)
    ]
    return float(total[0] / total[1])


def curved(name: str) -> bool:
    """Whether a regime is more than a context."""
    return not any(word in name for word in AFFINE)


def entries(life: Life) -> float:
    """Regimes in the memory per true regime that was met."""
    return float(life["known"]) / len(life["by_regime"])


def alarms(life: Life) -> float:
    """False alarms per 10,000 steps of an unchanged regime."""
    return 10_000 * float(life["false_alarms"]) / max(1, int(life["unchanged"]))


CRITERIA: tuple[tuple[str, Callable[[Life, Life], float | None], str, float], ...] = (
    ("waypoints per step, share of the oracle's", lambda life, oracle: share(life, oracle), ">=", 0.95),
    ("reward within regimes that are not affine, share of the oracle's", lambda a, b: share(a, b, curved), ">=", 0.9),
    ("steps until a known regime is in force, median", lambda life, _: life["returns"]["median"], "<=", 3),
    ("the same, 90 %", lambda life, _: life["returns"]["p90"], "<=", 9),
    ("returns recalled", lambda life, _: life["recalled"], ">=", 0.95),
    ("entries per true regime", lambda life, _: entries(life), "<=", 1.5),
    ("false alarms per 10,000 steps of an unchanged regime", lambda life, _: alarms(life), "<=", 1),
    ("crashes beyond the oracle's", lambda life, oracle: life["crashes"] - oracle["crashes"], "<=", 0),
)
"""What the default has to reach on average over the seeds: name, quantity of a life and the oracle's, sense, bound."""
Criteria = Sequence[tuple[str, Callable[[Life, Life], float | None], str, float]]


def mean(values: list[float]) -> Interval | None:
    """Mean with its interval, where there is a value."""
    return interval(np.array(values)) if values else None


def table(lives: dict[str, dict[int, Life]], default: str = "networks") -> Table:
    """One row per arm; the default one says so."""
    columns = (
        *(Column("arm"), Column("seeds", Number("d")), Column("waypoints", Estimate(1), "per 1,000 steps")),
        *(Column("share of the oracle's", Estimate(3)), Column("cross-track", Estimate(3), "m")),
        *(Column("not affine, share of reward", Estimate(3)), Column("recalled", Number(".1%"))),
        *(Column("in force, median", Number(".1f"), "steps"), Column("90 %", Number(".0f"), "steps")),
        *(Column("entries per regime", Number(".2f")), Column("false alarms", Number(".2f"), "per 10,000")),
        *(Column("settled", Number(".1%"), "of visits"), Column("crashes", Number("d"))),
        Column("CPU", Number(".0f"), "ms per step"),
    )
    oracle, rows = lives["oracle"], []
    for arm, name in ARMS.items():
        about = f"{name} (the default)" if arm == default else name
        every = [(life, oracle[seed]) for seed, life in lives.get(arm, {}).items() if seed in oracle]
        if not every:
            continue
        mine = [life for life, _ in every]
        found = [life["returns"] for life in mine if life["returns"]["median"] is not None]
        remembers = arm in ("networks", "heads", "hypercrl", "told", "contexts", "contexts_newest")
        rows.append(
            (
                *(about, len(mine), mean([life["waypoints"] for life in mine])),
                *(mean([share(*pair) for pair in every]), mean([life["cross_track"] for life in mine])),
                *(mean([share(*pair, curved) for pair in every]), _mean(mine, "recalled") if remembers else None),
                *(fmean(part["median"] for part in found) if found else None,),
                *(fmean(part["p90"] for part in found) if found else None,),
                *(fmean(map(entries, mine)) if remembers else None, fmean(map(alarms, mine)) if remembers else None),
                *(
                    fmean(life["reach"]["settled"] for life in mine) if remembers else None,
                    sum(life["crashes"] for life in mine),
                    1e3 * fmean(life["cpu_seconds"] / life["steps"] for life in mine),
                ),
            )
        )
    return Table.of(columns, rows)


def _mean(lives: list[Life], key: str) -> float | None:
    values = [life[key] for life in lives if life[key] is not None]
    return fmean(values) if values else None


def verdicts(lives: dict[str, dict[int, Life]], arm: str, criteria: Criteria = CRITERIA) -> Table:
    """Every criterion, with pass or fail."""
    rows = []
    for name, quantity, sense, bound in criteria:
        pairs = [(life, lives["oracle"][seed]) for seed, life in lives.get(arm, {}).items() if seed in lives["oracle"]]
        values = [value for value in (quantity(*pair) for pair in pairs) if value is not None]
        if values:
            reached = fmean(values)
            held = reached >= bound if sense == ">=" else reached <= bound
            rows.append((name, f"{sense} {bound:g}", reached, min(values), max(values), "pass" if held else "fail"))
    columns = (
        *(Column("criterion"), Column("bound"), Column("mean", Number(".3f")), Column("least", Number(".3f"))),
        *(Column("greatest", Number(".3f")), Column("", Text(Style.STRONG))),
    )
    return Table.of(columns, rows)


def by_arm(rows: list[Life]) -> dict[str, dict[int, Life]]:
    """Lives by arm and seed; an arm that has not lived as many seeds as another shows those that it has."""
    lives: dict[str, dict[int, Life]] = {}
    for row in rows:
        lives.setdefault(row["arm"], {})[row["seed"]] = row
    return lives


def short_table(lives: dict[str, dict[int, Life]]) -> Table:
    """The first columns, and what is recalled."""
    whole = table(lives)
    chosen = [0, 1, 2, 3, 6]
    return Table.of([whole.columns[at] for at in chosen], [[row[at] for at in chosen] for row in whole.rows])


@dataclass(frozen=True)
class Lived:
    """Whose lives a page shows.

    Attributes:
        title: Heading of the page.
        who: The first words about the life.
        default: The arm that the sequence's own settings choose; the criteria are for it.
        criteria: What it has to reach.
    """

    title: str
    who: str
    default: str = "networks"
    criteria: Criteria = CRITERIA


SERVED: Criteria = (
    ("returns recalled, or served as well by another regime's entry", lambda life, _: life.get("served"), ">=", 0.95),
)
"""What regimes that a context expresses equally well may share, as on the page of poles."""


def _slower(criteria: Criteria, median: float) -> Criteria:
    """The same with other bounds of the steps until a known regime is in force: a median, and three times as many."""
    bounds = {"steps until a known regime is in force, median": median, "the same, 90 %": 3 * median}
    return [(name, quantity, sense, bounds.get(name, bound)) for name, quantity, sense, bound in criteria]


BODIES = {
    "ugv_life": Lived(
        "Lives: regimes that come and go, and nobody tells", "A unicycle follows waypoints for ever. Its body"
    ),
    # 15 steps by velocity set-points, as was asked for.
    "quadrotor_life": Lived(
        "A quadrotor's lives",
        "A quadrotor flies through waypoints for ever. Its body",
        "contexts",
        (*_slower(CRITERIA, 15), *SERVED),
    ),
    "husky_life": Lived(
        "A husky's lives", "A husky follows waypoints for ever. Its body", "contexts", (*CRITERIA, *SERVED)
    ),
}
"""Whose lives there are pages of, by sequence."""


def page(rows: list[Life], name: str = "lives") -> str:
    """The page.

    Args:
        rows: The lives, all of one sequence.
        name: Name of the file that they are in.
    """
    env = str(rows[0].get("env", "ugv_life"))  # lives of before there were other bodies do not say whose they are
    about = BODIES[env]
    file = "" if name == "lives" else f" docs/results/{name}.json"
    words = "" if env == "ugv_life" else f" --env {env}"
    lives = by_arm(rows)
    steps = sorted({row["steps"] for row in rows})
    commits = sorted({row["commit"] for row in rows})
    seeds = sorted({row["seed"] for row in rows})
    lived = f"{' or '.join(f'{count:,}' for count in steps)} steps"
    made = f"python scripts/measure_lives.py FOLDER docs/results/{name}.json --seeds S --fit S{words}"
    return "\n".join(
        [
            f"# {about.title}",
            "",
            f"One uninterrupted life per seed and arm, of {lived}. {about.who}",
            f"changes unannounced among 12 regimes. Seeds: {', '.join(map(str, seeds))}. Each draws its own regimes,",
            "their order and its own fit of the nominal body. None of them was lived before. All arms of a seed live",
            f"the same life. Code: {', '.join(commits)}. How to read the columns: [lives](../how-to/lives.md).",
            "Brackets: 95 % intervals over seeds.",
            "",
            *markdown(table(lives, about.default)),
            "",
            "## What had to be reached",
            "",
            "Written down before these lives were lived; for the default memory, on average over the seeds.",
            "",
            *markdown(verdicts(lives, about.default, about.criteria)),
            "",
            f"Made by `{made} --steps {steps[-1]}` for every seed S, and `python scripts/page_lives.py{file}`.",
            "",
        ]
    )
