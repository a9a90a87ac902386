"""The page of runs that were learned with labels told and without."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crl.reporting.tables.kind import Style
from crl.reporting.tables.kinds import Number, Text
from crl.reporting.tables.markdown import markdown
from crl.reporting.tables.table import Column, Table

Row = Mapping[str, Any]

WITHIN = 0.95
"""Share of the return with labels told that learning without them has to reach."""
TOO_MANY = 0.1
"""Labels too many that are allowed, per task."""


def row_of(results: Mapping[str, Any], labels: str) -> dict[str, Any]:
    """What the page keeps of a run's results.

    Args:
        results: ``results.json``.
        labels: What the agent was told while it learned.
    """
    own = results.get("own_labels", {})
    return {
        **{key: results[key] for key in ("env", "strategy", "seed", "commit", "env_steps", "cpu_seconds")},
        "labels": labels,
        "tasks": len(results["tasks"]),
        "returns": [task["mean_return"] for task in results["tasks"]],
        "average_return": results["average_return"],
        "average_success": results["average_success"],
        "own": {key: own.get(key) for key in ("labels", "dropped", "own")} if own else None,
    }


def shared(rows: Sequence[Row], one: Row) -> float | None:
    """The return as a share of that of the same seed with labels told; ``None`` without such a run."""
    keys = ("env", "strategy", "seed", "tasks")
    for other in rows:
        if other["labels"] == "told" and all(other[key] == one[key] for key in keys):
            return float(one["average_return"] / other["average_return"])
    return None


def verdict(rows: Sequence[Row], one: Row) -> str | None:
    """Whether a run without labels reached what it had to; ``None`` for one with labels told."""
    share = shared(rows, one)
    if one["own"] is None or share is None:
        return None
    few = one["own"]["labels"] <= one["tasks"] * (1 + TOO_MANY)
    return "pass" if share >= WITHIN and few else "fail"


COLUMNS = (
    *(Column("sequence", Text(Style.CODE)), Column("strategy"), Column("seed", Number("d"))),
    *(
        Column("tasks", Number("d")),
        Column("labels"),
        Column("return", Number(".1f")),
        Column("success", Number(".0%")),
    ),
    *(Column("share of told", Number(".3f")), Column("labels in use", Number("d")), Column("dropped", Number("d"))),
    *(Column("learned under the task's own label", Number(".0%")), Column("", Text(Style.STRONG))),
    Column("commit", Text(Style.CODE)),
)


def page(rows: Sequence[Row]) -> str:
    """The page."""
    order = {"told": 0, "boundaries": 1, "none": 2}
    table = []
    for one in sorted(rows, key=lambda row: (row["env"], row["tasks"], row["seed"], order[row["labels"]])):
        own = one["own"] or {}
        table.append(
            (
                *(one[key] for key in ("env", "strategy", "seed", "tasks", "labels", "average_return")),
                *(one["average_success"], shared(rows, one), own.get("labels"), own.get("dropped")),
                *(own.get("own"), verdict(rows, one), one["commit"]),
            )
        )
    return "\n".join(
        [
            "# Learning without labels",
            "",
            "The agent is not told its tasks while it learns, nor in evaluations (`continual.labels`,",
            "[how it works](../how-to/more_tasks.md#learn-without-labels)). The seeds were not used in development.",
            f"What must hold without labels: a return of at least {WITHIN:.0%} of that with labels told (same seed),",
            "and at most one label too many for ten tasks.",
            "",
            *markdown(Table.of(COLUMNS, table)),
            "",
            "Fewer labels than tasks: tasks that can hardly be told apart share one. Made by",
            "`python scripts/page_own_labels.py docs/results/own_labels.json RUN ...`.",
            "",
        ]
    )
