"""What the command line shows of results: tables and one-line figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crl.console import PlainTable
from crl.reporting.tables.kinds import Composite, Number, Of
from crl.reporting.tables.table import Column, Table
from crl.reporting.tables.terminal import terminal
from crl.reporting.tables.wording import duration

LISTED = 10
"""Missions that were not completed and are named, each in a line."""


def results_table(results: Mapping[str, Any]) -> PlainTable:
    """Success and mean return of every task, as evaluated after the last one; of a sample, of the tasks in it.

    Args:
        results: Content of ``results.json``, or what an evaluation returned.
    """
    title = f"{results.get('env', '')} · {results.get('strategy', '')}".strip(" ·")
    columns = [Column("task"), Column("success", Composite(_success)), Column("mean return", Number(".1f"))]
    unlabelled = results.get("labels") == "none"
    if unlabelled:
        columns.append(Column("right label", Number(".0%")))
    rows = [
        (
            *(str(task["name"]), _successes(task, results.get("episodes")), task["mean_return"]),
            *([task.get("right_label")] if unlabelled else []),
        )
        for task in results["tasks"]
        if task["mean_return"] is not None or not results.get("estimates")
    ]
    return terminal(Table.of(columns, rows).named("tasks", title))


def run_missions_table(results: Mapping[str, Any]) -> PlainTable | None:
    """The missions of a run by class of faults; ``None`` without any.

    Args:
        results: Content of ``results.json``.
    """
    missions = results.get("missions") or []
    if not missions:
        return None
    columns = [
        *(Column("class"), Column("completed", Of()), Column("waypoints", Number(".0%"))),
        *(Column("steps", Number(",.0f")), Column("cross-track", Number(".3f"), "m")),
    ]
    rows = []
    groups = list(dict.fromkeys(str(mission["class"]) for mission in missions))
    for group in [*groups, *(["all"] if len(groups) > 1 else [])]:
        inside = [mission for mission in missions if group in ("all", str(mission["class"]))]
        done = [mission for mission in inside if mission["completed"]]
        tracks = [mission["cross_track"] for mission in inside if mission["cross_track"] is not None]
        reached, steps = (_mean([mission[key] for mission in inside]) for key in ("reached_fraction", "steps"))
        rows.append((group, (len(done), len(inside)), reached, steps, _mean(tracks) if tracks else None))
    return terminal(Table.of(columns, rows).named("missions", "missions"))


def life_table(results: Mapping[str, Any]) -> PlainTable:
    """A life by its true regimes.

    Args:
        results: Content of ``results.json``.
    """
    life = results["life"]
    keys = ("visits", "steps", "reward", "right")
    columns = [
        *(Column("regime"), Column("visits", Number(",d")), Column("steps", Number(",d"))),
        *(Column("reward per step", Number(".3f")), Column("right", Number(".1%"))),
    ]
    parts = [*life["by_regime"].items(), ("all", life)]
    rows = [(name, *(part[key] for key in keys)) for name, part in parts]
    return terminal(Table.of(columns, rows).named("life", "the life by its true regimes"))


def life_summary(results: Mapping[str, Any]) -> list[str]:
    """How well a life went as a whole, in a line or two.

    Args:
        results: Content of ``results.json``.
    """
    life = results["life"]
    found = life["returns"]["median"]
    if life["waypoints"] is None:
        went = f"reward per step: {life['reward']:.3f}, distance to the goal {life['goal_distance']:.3f} m"
    else:
        went = f"waypoints per 1,000 steps: {life['waypoints']:.1f}, cross-track {life['cross_track']:.3f} m"
    lines = [
        f"{went}, crashes: {life['crashes']}",
        f"regimes known: {life['known']}, false alarms: {life['false_alarms']}",
    ]
    if found is not None:
        lines.append(
            f"a known regime's return: in force after {found:.0f} steps (median; 90 % within "
            f"{life['returns']['p90']:.0f}), in {life['returned']:.0%} of the visits"
        )
    return lines


def summary(results: Mapping[str, Any]) -> list[str]:
    """Forgetting, environment steps and time of a run, one line each; what is not known is left out."""
    lines = []
    lost = [
        f"{results[key]:+.3f} {what}"
        for key, what in (("forgetting", "success"), ("forgetting_return", "return"))
        if results.get(key) is not None
    ]
    if lost:
        lines.append(f"forgetting: {', '.join(lost)}")
    lines += _estimated(results.get("estimates") or {})
    if missions := results.get("missions"):
        failed = [_why(mission) for mission in missions if not mission["completed"]]
        lines.append(f"missions: {len(missions) - len(failed)} of {len(missions)} completed")
        lines += [f"  not completed: {line}" for line in failed[:LISTED]]
        lines += [f"  and {len(failed) - LISTED} more"] if len(failed) > LISTED else []
    if "env_steps" in results:
        lines.append(f"environment steps: {results['env_steps']:,}")
    if results.get("decision_ms") is not None:
        lines.append(f"planning decision: {results['decision_ms']:.1f} ms (median)")
    if "wall_seconds" in results and "cpu_seconds" in results:
        lines.append(f"time: {duration(results['wall_seconds'])} wall, {duration(results['cpu_seconds'])} CPU")
    return lines


def _estimated(estimates: Mapping[str, Any]) -> list[str]:
    """What a sample of the tasks says of all of them; nothing where all were evaluated."""
    known = {name: found for name, found in estimates.items() if found is not None}
    if not known:
        return []
    counted = known.get("average_return") or next(iter(known.values()))
    lines = [f"evaluated: {counted['evaluated']:,} of {counted['tasks']:,} tasks, drawn at random"]
    for name, found in known.items():
        ends = f" [{found['low']:.3f}, {found['high']:.3f}]" if found["low"] is not None else ", no interval"
        lines.append(f"  {name.replace('_', ' ')}: {found['value']:.3f}{ends}")
    return [*lines, "  (estimates; brackets: 95 % intervals for the choice of tasks)"]


def sequences_table(rows: Sequence[tuple[str, str, Sequence[tuple[str, str]]]], most: int | None = 20) -> PlainTable:
    """Task sequences with the index of every task.

    Args:
        rows: Name, description, and name and environment of each task.
        most: Tasks that are listed; of a longer sequence, only the first three and the last. ``None``: all.
    """
    listed = []
    for name, description, tasks in rows:
        ids = ", ".join(dict.fromkeys(environment for _, environment in tasks))
        names = [f"{index} {task}" for index, (task, _) in enumerate(tasks)]
        if most is not None and len(names) > most:
            names = [*names[:3], "...", names[-1], f"(crl envs {name})"]
        listed.append((name, "\n".join(names), f"{description}\n{ids}" if ids else description))
    columns = [Column("env"), Column("tasks"), Column("description")]
    return terminal(Table.of(columns, listed), unbroken=1, ruled=True)


def _why(mission: Mapping[str, Any]) -> str:
    """What became of a mission that was not completed."""
    reason = mission.get("crash") or ("given up" if mission.get("given_up") else "out of time")
    reached = f"{mission['reached']} of {mission['waypoints']} waypoints"
    return f"{mission['mission']}, seed {mission['seed']}: {reached}, {reason}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _successes(task: Mapping[str, Any], episodes: int | None) -> tuple[float, int | None] | None:
    """Share and number of episodes of a task, where it has a notion of success and they are known."""
    rate = task.get("success_rate")
    return None if rate is None else (rate, len(task["successes"]) if "successes" in task else episodes)


def _success(found: tuple[float, int | None]) -> str:
    """Successes of episodes where both are known, else the share."""
    rate, count = found
    return f"{rate:.0%}" if count is None else f"{round(rate * count)} of {count}"
