"""The page of lives of bodies without waypoints: what their reward is beside an oracle's, and what they had to reach.

The criteria stand here, and were committed before the lives that the page shows. Every seed draws its own regimes and
their order; all arms of a seed live the same life. The oracle is told how the body moves, where that can be said; else
it is the memory that is told the regime at every step.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from statistics import fmean
from typing import Any

from crl.reporting.pages.lives.waypoints import Life, alarms, by_arm, entries, mean, verdicts
from crl.reporting.tables.kinds import Estimate, Number
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table

ARMS = {
    "oracle": "oracle: told how the body moves at every step",
    "told": "lifelong, told the regime at every step",
    "heads": "lifelong, a context and a last layer per regime (the default)",
    "heads_halved": "the same, in 16 bits (memory.halved=true)",
    "networks": "lifelong, a context and a network per regime",
    "hypercrl": "lifelong, a context and an embedding per regime",
    "contexts": "lifelong, a context per regime",
    "afm": "action flow matching, no memory",
    "online": "online learning alone",
}
DEFAULT = "heads"
"""The arm that the criteria are for: what the sequences' own settings choose."""
BODIES: Mapping[str, tuple[str, str]] = {
    "cartpole_life": ("A pole's lives", "A cart keeps a pole up and drives from goal to goal, while pole and motor"),
    "pusher_life": ("A block's lives", "A fingertip pushes a block from goal to goal, while block and table"),
}
"""By sequence: the page's title, and what is lived."""


def share(life: Life, best: Life) -> float:
    """Reward per step as a share of the best one's."""
    return float(life["reward"] / best["reward"])


def falls(life: Life) -> float:
    """Crashes per 1,000 steps."""
    return 1000 * float(life["crashes"]) / int(life["steps"])


CRITERIA: tuple[tuple[str, Callable[[Life, Life], float | None], str, float], ...] = (
    ("reward per step, share of the oracle's", share, ">=", 0.9),
    ("crashes per 1,000 steps beyond the oracle's", lambda life, best: falls(life) - falls(best), "<=", 2),
    ("steps until a known regime is in force, median", lambda life, _: life["returns"]["median"], "<=", 3),
    ("the same, 90 %", lambda life, _: life["returns"]["p90"], "<=", 9),
    # Lives of before visits were judged by their ends only know own entries, which is stricter.
    ("returns recalled", lambda life, _: life.get("served", life["recalled"]), ">=", 0.95),
    ("entries per true regime", lambda life, _: entries(life), "<=", 1.5),
    ("false alarms per 10,000 steps of an unchanged regime", lambda life, _: alarms(life), "<=", 1),
    ("belief and recall, median", lambda life, _: life["ms"]["identify"]["median"], "<=", 5),
)
"""What the default has to reach on average over the seeds: name, quantity of a life and the oracle's, sense, bound."""


def table(lives: dict[str, dict[int, Life]]) -> Table:
    """One row per arm."""
    columns = (
        *(Column("arm"), Column("seeds", Number("d")), Column("reward", Estimate(3), "per step")),
        *(Column("share of the oracle's", Estimate(3)), Column("distance to the goal", Estimate(3), "m")),
        *(Column("crashes", Estimate(1), "per 1,000 steps"), Column("recalled", Number(".1%"))),
        Column("by an own entry", Number(".1%")),
        *(Column("in force, median", Number(".1f"), "steps"), Column("90 %", Number(".0f"), "steps")),
        *(Column("entries per regime", Number(".2f")), Column("false alarms", Number(".2f"), "per 10,000")),
        *(Column("learned after, median", Number(".0f"), "steps"), Column("longest", Number("d"), "steps")),
        *(Column("belief", Number(".1f"), "ms"), Column("bytes per entry", Number(",.0f"))),
        Column("per regime met", Number(",.0f")),
    )
    best, rows = reference(lives), []
    for arm, about in ARMS.items():
        mine = list(lives.get(arm, {}).values())
        if not mine:
            continue
        pairs = [(life, best[seed]) for seed, life in lives[arm].items() if seed in best]
        found = [life["returns"] for life in mine if life["returns"]["median"] is not None]
        remembers = [life for life in mine if life.get("bytes")]
        steps = [count for life in remembers for count in life["learning"] if count is not None]
        rows.append(
            (
                *(about, len(mine), mean([life["reward"] for life in mine])),
                *(mean([share(*pair) for pair in pairs]), mean([life["goal_distance"] for life in mine])),
                *(mean([falls(life) for life in mine]), _mean([life.get("served") for life in remembers])),
                _mean([life["recalled"] for life in remembers]),
                *(_mean([part["median"] for part in found]), _mean([part["p90"] for part in found])),
                *(_mean([entries(life) for life in remembers]), _mean([alarms(life) for life in remembers])),
                *(_median(steps), max(steps, default=None)),
                _mean([life["ms"]["identify"]["median"] for life in remembers]),
                _mean([life["bytes"]["per_regime"] for life in remembers]),
                _mean([life["bytes"]["per_regime"] * entries(life) for life in remembers]),
            )
        )
    return Table.of(columns, rows)


def reference(lives: dict[str, dict[int, Life]]) -> dict[int, Life]:
    """The oracle's lives by seed; where there is none, those of the memory that is told the regime."""
    return lives.get("oracle") or lives.get("told") or {}


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _median(values: list[int]) -> float | None:
    return float(sorted(values)[len(values) // 2]) if values else None


def page(rows: list[Life], name: str | None = None) -> str:
    """The page of one body's lives.

    Args:
        rows: The lives.
        name: Name of their file; the environment's by default.
    """
    lives, env = by_arm(rows), rows[0]["env"]
    title, about = BODIES[env]
    steps, commits, seeds = (sorted({row[key] for row in rows}) for key in ("steps", "commit", "seed"))
    regimes = sorted({len(row["by_regime"]) for row in rows})
    judged: Any = {**lives, "oracle": reference(lives)}
    lived = " or ".join(f"{count:,}" for count in steps)
    met = " or ".join(map(str, regimes))
    return "\n".join(
        [
            f"# {title}: regimes that come and go, and nobody tells",
            "",
            f"One uninterrupted life per seed and arm, of {lived} steps. {about}",
            f"change unannounced; {met} regimes were met. Seeds: {', '.join(map(str, seeds))}. All arms of a seed",
            f"live the same life. Code: {', '.join(commits)}. How to read the columns: [lives](../how-to/lives.md).",
            "Brackets: 95 % intervals over seeds. *Learned after*: steps that a new regime was lived until an entry",
            "of its own was in force. *Recalled*: returns of known regimes at whose end an entry of before was in",
            "force that was the regime's own or predicted as well: at least 12 of the visit's last 15 steps, each",
            "within 10 % of the greatest usual change. *By an own entry*: no other regime's entry counts.",
            "",
            *markdown(table(lives)),
            "",
            "## What had to be reached",
            "",
            "Written down before these lives were lived; for the default memory, on average over the seeds.",
            "",
            *markdown(verdicts(judged, DEFAULT, CRITERIA)),
            "",
            "Fewer entries than regimes: those that predict alike share one. Made by",
            f"`python scripts/measure_lives.py FOLDER docs/results/{name or env}.json --env {env} --seeds S --fit S`",
            f"with `--steps {steps[-1]}` (the entry `command` of every life has all of its settings), and",
            f"`python scripts/page_lives.py docs/results/{name or env}.json`.",
            "",
        ]
    )
