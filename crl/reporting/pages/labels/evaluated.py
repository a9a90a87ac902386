"""The page of runs that were evaluated with labels told and without."""

from __future__ import annotations

from statistics import fmean
from typing import Any

from crl.reporting.tables.kind import Style
from crl.reporting.tables.kinds import Number, Text
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table

WITHIN, RIGHT = 0.95, 0.95
"""What must hold: the share of the return with labels, and of the steps after the first 20 with the right label."""


def row(one: dict[str, Any]) -> tuple[Any, ...]:
    """A run: mean returns over its tasks, their quotient, and how often the label was right."""
    told, none = one["told"], one["none"]
    returns = [fmean(task["mean_return"] for task in tasks) for tasks in (told, none)]
    right = [task["right_label"] for task in none]
    share = returns[1] / returns[0]
    verdict = "pass" if share >= WITHIN and fmean(right) >= RIGHT else "fail"
    about = one["run"]
    return (
        *(about["env"], about["strategy"], about["seed"], len(told), one["episodes"], *returns, share),
        *(fmean(right), min(right), verdict, about["commit"]),
    )


COLUMNS = (
    *(
        Column("sequence", Text(Style.CODE)),
        Column("strategy"),
        Column("seed", Number("d")),
        Column("tasks", Number("d")),
    ),
    *(Column("episodes per task", Number("d")), Column("return, told", Number(".1f"))),
    *(Column("return, inferred", Number(".1f")), Column("share", Number(".3f"))),
    *(Column("right label, mean", Number(".1%")), Column("right label, least of all tasks", Number(".1%"))),
    *(Column("", Text(Style.STRONG)), Column("commit", Text(Style.CODE))),
)


def page(rows: list[dict[str, Any]]) -> str:
    """The page."""
    return "\n".join(
        [
            "# Evaluation without labels",
            "",
            "The agent is not told which of its learned tasks it is in. It infers that from transitions, and acts by",
            "it, from the first step on (`crl eval RUN --labels none`, [how it works](../how-to/more_tasks.md)).",
            "Nothing was tuned on these runs. Both evaluations use the same episodes. What must hold:",
            f"a return of at least {WITHIN:.0%} of that with labels, and the right label in at least {RIGHT:.0%}",
            "of the steps after the first 20 of each episode, on average over the tasks.",
            "",
            *markdown(Table.of(COLUMNS, [row(one) for one in rows])),
            "",
            "Between poles, or pushers, a wrong label is mostly that of a neighbour, and then costs nothing. At the",
            "doors all models predict the free arm alike. So nothing tells the tasks apart until the hand touches a",
            "door, and acting by another door's model until then takes longer. Of 30 episodes 29 open their door.",
            "Made by",
            "`python scripts/measure_labels.py docs/results/labels.json RUN ...` and `python scripts/page_labels.py`.",
            "",
        ]
    )
