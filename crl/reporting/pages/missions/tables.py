"""Tables of missions: what each method reached, how fast it found out, what it cost; with intervals over seeds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from crl.reporting.statistics import Interval, interval
from crl.reporting.tables.kinds import Composite, Estimate, Number, Of
from crl.reporting.tables.table import Column, Table

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


def _found(value: dict[str, float | None]) -> Interval | None:
    """A mean of a row of :func:`summarise_missions`, which are plain data."""
    if value["mean"] is None:
        return None
    low, high = (math.nan if value[end] is None else float(value[end] or 0.0) for end in ("low", "high"))
    return Interval(float(value["mean"]), low, high)


def _steps(found: Mapping[str, float]) -> str:
    return f"{found['median']:.0f} (90 %: {found['p90']:.0f}, worst {found['worst']})"


def _milliseconds(times: Mapping[str, Mapping[str, float] | None]) -> str:
    known = [times[phase] for phase in ("plan", "identify", "refine", "learn")]
    parts = ", ".join(f"{part['median']:.1f}" if part else "-" for part in known)
    whole = times["step"]
    return f"{whole['median']:.1f} (p99 {whole['p99']:.1f}): {parts}" if whole else parts


def _whole_step(times: Mapping[str, Mapping[str, float] | None]) -> float | None:
    whole = times["step"]
    return whole["median"] if whole else None


COLUMNS = (
    Column("method"),
    Column("class"),
    Column("success", Estimate()),
    Column("completed", Of()),
    Column("crashes", Number("d")),
    Column("steps", Estimate(0)),
    Column("steps / oracle", Number(".3f")),
    Column("error / oracle", Number(".2f")),
    Column("cross-track", Estimate(), "m"),
    Column("steps to identify", Composite(_steps, lambda found: found["median"])),
    Column("false alarms", Of("in", grouped=True)),
    Column("ms per step (plan, identify, refine, learn)", Composite(_milliseconds, _whole_step)),
)


def missions_table(rows: Sequence[Record]) -> Table:
    """The rows of :func:`summarise_missions` as a table."""
    return Table.of(
        COLUMNS,
        [
            (
                *(row["method"], row["class"], _found(row["success"]), (row["completed"], row["missions"])),
                *(row["crashes"], _found(row["steps"]), row["steps_ratio"], row["error_ratio"]),
                _found(row["cross_track"]),
                row["steps_to_identify"] if row["steps_to_identify"]["median"] is not None else None,
                *((row["false_alarms"], row["nominal_steps"]), row["ms"]),
            )
            for row in rows
        ],
    )
