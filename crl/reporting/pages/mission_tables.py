"""Tables of missions: what each method reached, how fast it found out, what it cost; with intervals over seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from crl.console import PlainTable
from crl.reporting.pages.parts import markdown_table
from crl.reporting.statistics import Interval, interval

Record = dict[str, Any]


def summarise_missions(records: Sequence[Record], reference: str = "oracle") -> list[Record]:
    """One row per method and class of faults, and one per method over all of its missions.

    ``success`` is the mean share of the waypoints reached; ``steps`` the mean of completed missions; ``steps_ratio``
    the mean of a mission's steps divided by those of the reference (an oracle clipped likewise) on the same map, fault
    and seed, where both completed; ``error_ratio`` the same of the cross-track error while the fault is on. Intervals
    (95 %) are bootstrapped over seeds, stratified by map and fault.
    """
    rows = []
    methods = list(dict.fromkeys(record["method"] for record in records))
    for method in methods:
        ours = [record for record in records if record["method"] == method]
        groups = list(dict.fromkeys(record["class"] for record in ours))
        others = _matching(records, ours, reference)
        for group in [*groups, *(["all"] if len(groups) > 1 else [])]:
            rows.append(_row(method, group, [r for r in ours if group in ("all", r["class"])], others))
    return rows


def _row(method: str, group: str, records: list[Record], reference: dict[tuple[Any, ...], Record]) -> Record:
    completed = [record for record in records if record["completed"]]
    pairs = [(r, reference[_key(r)]) for r in completed if reference.get(_key(r), {}).get("completed")]
    found = [r["steps_to_identify"] for r in records if r["steps_to_identify"] is not None]
    faulty = [r for r in records if r["fault_came"] is not None and r["fault"]]
    nominal = sum(r["nominal_steps"] for r in records)
    phases = {phase: _middle(records, phase) for phase in ("plan", "identify", "refine", "learn", "step")}
    return {
        "method": method,
        "class": group,
        "missions": len(records),
        "completed": len(completed),
        "crashes": sum(record["crash"] is not None for record in records),
        "given_up": sum(record["given_up"] for record in records),
        "success": _interval(records, lambda r: r["reached_fraction"]),
        "steps": _interval(completed, lambda r: r["steps"]),
        "steps_ratio": _mean([ours["steps"] / theirs["steps"] for ours, theirs in pairs]),
        "error_ratio": _mean(
            [
                ours["cross_track_fault"] / theirs["cross_track_fault"]
                for ours, theirs in pairs
                if ours["cross_track_fault"] and theirs["cross_track_fault"]
            ]
        ),
        "cross_track": _interval(records, lambda r: r["cross_track"]),
        "identified": len(found) / len(faulty) if faulty else None,
        "steps_to_identify": {
            "median": float(np.median(found)) if found else None,
            "p90": float(np.percentile(found, 90)) if found else None,
            "worst": max(found, default=None),
        },
        "false_alarms": sum(record["false_alarms"] for record in records),
        "nominal_steps": nominal,
        "ms": phases,
    }


def _matching(records: Sequence[Record], ours: Sequence[Record], reference: str) -> dict[tuple[Any, ...], Record]:
    """The reference's record for each mission, clipped or not as ours are."""
    clipped = ours[0]["clipped"]
    return {_key(r): r for r in records if r["refiner"] == reference and r["clipped"] == clipped}


def _key(record: Record) -> tuple[Any, ...]:
    return record["map"], record["mission"], record["seed"]


def _interval(records: Sequence[Record], value: Callable[[Record], float]) -> dict[str, float | None]:
    """Mean with its interval where every fault has every seed, else the mean alone."""
    if not records:
        return {"mean": None, "low": None, "high": None}
    strata = list(dict.fromkeys((r["map"], r["mission"]) for r in records))
    seeds = sorted({r["seed"] for r in records})
    table = np.full((len(seeds), len(strata)), math.nan)
    for record in records:
        table[seeds.index(record["seed"]), strata.index((record["map"], record["mission"]))] = value(record)
    if len(seeds) < 2 or not np.isfinite(table).all():
        return {"mean": float(np.nanmean(table)), "low": None, "high": None}
    found: Interval = interval(table)
    return {"mean": found.value, "low": found.low, "high": found.high}


def _middle(records: Sequence[Record], phase: str) -> dict[str, float] | None:
    """Median over missions of the median and of the 99th percentile of a phase."""
    parts = [record["ms"][phase] for record in records if phase in record["ms"]]
    if not parts:
        return None
    return {name: float(np.median([part[name] for part in parts])) for name in ("median", "p99")}


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


HEADINGS = (
    "method",
    "class",
    "success",
    "completed",
    "crashes",
    "steps",
    "steps / oracle",
    "error / oracle",
    "cross-track (m)",
    "steps to identify",
    "false alarms",
    "ms per step (plan, identify, refine, learn)",
)


def cells(row: Record) -> list[str]:
    """A row as text, under :data:`HEADINGS`."""
    found = row["steps_to_identify"]
    times = row["ms"]
    parts = ", ".join(f"{times[p]['median']:.1f}" if times[p] else "-" for p in ("plan", "identify", "refine", "learn"))
    whole = times["step"]
    return [
        row["method"],
        row["class"],
        _text(row["success"], 3),
        f"{row['completed']} of {row['missions']}",
        str(row["crashes"]),
        _text(row["steps"], 0),
        "-" if row["steps_ratio"] is None else f"{row['steps_ratio']:.3f}",
        "-" if row["error_ratio"] is None else f"{row['error_ratio']:.2f}",
        _text(row["cross_track"], 3),
        "-" if found["median"] is None else f"{found['median']:.0f} (90 %: {found['p90']:.0f}, worst {found['worst']})",
        f"{row['false_alarms']} in {row['nominal_steps']:,}",
        f"{whole['median']:.1f} (p99 {whole['p99']:.1f}): {parts}" if whole else parts,
    ]


def missions_table(rows: Sequence[Record], title: str) -> PlainTable:
    """The rows for a terminal."""
    table = PlainTable(title=title)
    for heading in HEADINGS:
        table.add_column(heading)
    for row in rows:
        table.add_row(*cells(row))
    return table


def missions_markdown(rows: Sequence[Record]) -> str:
    """The rows as a Markdown table."""
    return "\n".join(markdown_table(HEADINGS, map(cells, rows))) + "\n"


def _text(value: dict[str, float | None], digits: int) -> str:
    if value["mean"] is None:
        return "-"
    text = f"{value['mean']:.{digits}f}"
    return text if value["low"] is None else f"{text} [{value['low']:.{digits}f}, {value['high']:.{digits}f}]"
