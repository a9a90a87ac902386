"""What the command line shows of results: tables and one-line figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from crl.console import PlainTable

LISTED = 10
"""Missions that were not completed and are named, each in a line."""


def results_table(results: Mapping[str, Any]) -> PlainTable:
    """Success and mean return of every task, as evaluated after the last one; of a sample, of the tasks in it.

    Args:
        results: Content of ``results.json``, or what an evaluation returned.
    """
    table = PlainTable(title=f"{results.get('env', '')} · {results.get('strategy', '')}".strip(" ·") or None)
    table.add_column("task")
    table.add_column("success", justify="right")
    table.add_column("mean return", justify="right")
    unlabelled = results.get("labels") == "none"
    if unlabelled:
        table.add_column("right label", justify="right")
    for task in results["tasks"]:
        mean = task["mean_return"]
        if mean is None and results.get("estimates"):
            continue
        success = _success(task, results.get("episodes"))
        right = task.get("right_label")
        inferred = ["-" if right is None else f"{right:.0%}"] if unlabelled else []
        table.add_row(str(task["name"]), success, "-" if mean is None else f"{mean:.1f}", *inferred)
    return table


def run_missions_table(results: Mapping[str, Any]) -> PlainTable | None:
    """The missions of a run by class of faults; ``None`` without any.

    Args:
        results: Content of ``results.json``.
    """
    missions = results.get("missions") or []
    if not missions:
        return None
    table = PlainTable(title="missions")
    for heading in ("class", "completed", "waypoints", "steps", "cross-track (m)"):
        table.add_column(heading, justify="left" if heading == "class" else "right")
    groups = list(dict.fromkeys(str(mission["class"]) for mission in missions))
    for group in [*groups, *(["all"] if len(groups) > 1 else [])]:
        inside = [mission for mission in missions if group in ("all", str(mission["class"]))]
        done = [mission for mission in inside if mission["completed"]]
        tracks = [mission["cross_track"] for mission in inside if mission["cross_track"] is not None]
        table.add_row(
            group,
            f"{len(done)} of {len(inside)}",
            f"{_mean([mission['reached_fraction'] for mission in inside]):.0%}",
            f"{_mean([mission['steps'] for mission in inside]):,.0f}",
            f"{_mean(tracks):.3f}" if tracks else "-",
        )
    return table


def life_table(results: Mapping[str, Any]) -> PlainTable:
    """A life by its true regimes.

    Args:
        results: Content of ``results.json``.
    """
    life = results["life"]
    table = PlainTable(title="the life by its true regimes")
    for heading in ("regime", "visits", "steps", "reward per step", "right"):
        table.add_column(heading, justify="left" if heading == "regime" else "right")
    every = {"reward": life["reward"], "right": life["right"], "steps": life["steps"], "visits": life["visits"]}
    for name, part in [*life["by_regime"].items(), ("all", every)]:
        row = (f"{part['visits']:,}", f"{part['steps']:,}", f"{part['reward']:.3f}", f"{part['right']:.1%}")
        table.add_row(name, *row)
    return table


def life_summary(results: Mapping[str, Any]) -> list[str]:
    """How well a life went as a whole, in a line or two.

    Args:
        results: Content of ``results.json``.
    """
    life = results["life"]
    found = life["returns"]["median"]
    lines = [
        f"waypoints per 1,000 steps: {life['waypoints']:.1f}, cross-track {life['cross_track']:.3f} m, "
        f"crashes: {life['crashes']}",
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


def sequences_table(rows: Sequence[tuple[str, str, Sequence[tuple[str, str]]]]) -> PlainTable:
    """Task sequences (name, description, [(task, environment)]) with the index of every task."""
    table = PlainTable()
    table.add_column("env", no_wrap=True)
    table.add_column("tasks", no_wrap=True)
    table.add_column("description")
    for name, description, tasks in rows:
        listed = "\n".join(f"{index} {task}" for index, (task, _) in enumerate(tasks))
        ids = ", ".join(dict.fromkeys(environment for _, environment in tasks))
        table.add_row(name, listed, f"{description}\n{ids}" if ids else description)
        table.add_section()
    return table


def duration(seconds: float) -> str:
    """Minutes and seconds, or hours and minutes."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    if whole >= 60:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{seconds:.1f} s"


def _why(mission: Mapping[str, Any]) -> str:
    """What became of a mission that was not completed."""
    reason = mission.get("crash") or ("given up" if mission.get("given_up") else "out of time")
    reached = f"{mission['reached']} of {mission['waypoints']} waypoints"
    return f"{mission['mission']}, seed {mission['seed']}: {reached}, {reason}"


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _success(task: Mapping[str, Any], episodes: int | None) -> str:
    """Successes of episodes where both are known, else the share; a task may have no notion of success."""
    rate = task.get("success_rate")
    if rate is None:
        return "-"
    count = len(task["successes"]) if "successes" in task else episodes
    return f"{rate:.0%}" if count is None else f"{round(rate * count)} of {count}"
