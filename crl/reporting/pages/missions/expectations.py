"""What is expected of a refiner for each class of faults, and whether flown missions keep to it.

* **A, correctable**: as many missions as the oracle (95 % of them), which corrects by the true parameters.
* **B, degraded**: half of what the oracle gains over no refiner, in error and in time; where it gains nothing (less
  than :data:`NOTICED`), no worse than no refiner.
* **C, do no harm**: as no refiner, within :data:`SAME`, in error and in time (in error only where all gains are above
  1: undoing them costs speed).
* **D, must fail safe**: it arrives, or the mission is given up and the robot stops, which is how it says so; no crash
  where the oracle has none. A robot that goes on without arriving until its time is over has not said so.

No crash is expected in A to C where the oracle has none. Time is steps, error the mean cross-track error while the
fault is on (all of the mission where there is none), both over the seeds on which all who are compared arrived.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Any

from crl.reporting.tables.kinds import YesNo
from crl.reporting.tables.table import Column, Table

Record = dict[str, Any]

SAME = 0.05
"""Relative difference within which two methods count as equivalent."""
NOTICED = 0.05
"""Relative gain of the oracle from which half of it is expected."""
SHARE = 0.95
"""Share of the oracle's missions that is expected in class A."""


def expectations(records: Sequence[Record], refiner: str = "afm") -> list[Record]:
    """A row per fault, and per class, of A to D: ``class``, ``fault``, ``expected``, ``measured``, ``met``.

    Args:
        records: Missions of the refiner, of ``oracle`` and of ``none``, on the same maps, faults and seeds; faults that
            one of them has not flown are left out.
        refiner: Whose missions are judged.
    """
    rows = []
    for group in dict.fromkeys(r["class"] for r in records if r["class"] in _JUDGES):
        faults = [
            (fault, _common(records, group, fault, refiner))
            for fault in dict.fromkeys(r["mission"] for r in records if r["class"] == group)
        ]
        whole = [part for _, part in faults if part[0] and not _quickens(part[0][0])]
        if len(whole) > 1:
            pooled = tuple([record for part in whole for record in part[i]] for i in range(3))
            faults.append(("all", (pooled[0], pooled[1], pooled[2])))
        for fault, (ours, oracle, none) in faults:
            if not ours:
                continue
            expected, measured, met = _JUDGES[group](ours, oracle, none)
            crashes = sum(r["crash"] is not None and o["crash"] is None for r, o in zip(ours, oracle, strict=True))
            if crashes:
                measured, met = f"{measured}; {crashes} crashed where the oracle did not", False
            rows.append({"class": group, "fault": fault, "expected": expected, "measured": measured, "met": met})
    return rows


def _common(records: Sequence[Record], group: str, fault: str, refiner: str) -> tuple[list[Record], ...]:
    """The missions of the refiner, the oracle and no refiner on the maps and seeds that all three have flown."""
    flown = [
        {(r["map"], r["seed"]): r for r in records if (r["refiner"], r["class"], r["mission"]) == (name, group, fault)}
        for name in (refiner, "oracle", "none")
    ]
    keys = sorted(set.intersection(*(set(part) for part in flown)))
    return tuple([part[key] for key in keys] for part in flown)


def _quickens(record: Record) -> bool:
    """Whether the fault is nothing but gains above 1: who undoes them gives away speed, which is no harm."""
    return bool(min(record["fault"].get("gain", [1.0])) > 1)


def expectations_table(rows: Sequence[Record]) -> Table:
    """The rows as a table."""
    columns = [*(Column(name) for name in ("class", "fault", "expected", "measured")), Column("", YesNo(True))]
    return Table.of(columns, [[row[key] for key in ("class", "fault", "expected", "measured", "met")] for row in rows])


def _correctable(ours: list[Record], oracle: list[Record], none: list[Record]) -> tuple[str, str, bool]:
    done, could, bare = (sum(r["completed"] for r in part) for part in (ours, oracle, none))
    measured = f"{done} of {len(ours)} (oracle {could}, uncorrected {bare})"
    return "the oracle's missions", measured, done >= SHARE * could


def _degraded(ours: list[Record], oracle: list[Record], none: list[Record]) -> tuple[str, str, bool]:
    if any(o["completed"] and not r["completed"] for r, o in zip(ours, oracle, strict=True)):
        return "the oracle's missions", _counted(ours, oracle, none), False
    found = _means(ours, oracle, none)
    if found is None:
        return "the oracle's missions", _counted(ours, oracle, none), True
    parts, met = [], True
    for name, (mine, best, bare) in found.items():
        gain = bare - best
        if gain > NOTICED * bare:
            parts.append(f"{(bare - mine) / gain:.0%} of the oracle's gain of {gain / bare:.0%} in {name}")
            met &= bare - mine >= gain / 2
        else:
            parts.append(f"{name} {mine / bare:.2f} of no refiner's")
            met &= mine <= (1 + SAME) * bare
    return "half the oracle's gain, else no harm", "; ".join(parts), met


def _harmless(ours: list[Record], oracle: list[Record], none: list[Record]) -> tuple[str, str, bool]:
    if any(b["completed"] and not r["completed"] for r, b in zip(ours, none, strict=True)):
        return "no harm", _counted(ours, oracle, none), False
    found = _means(ours, none)
    if found is None:
        return "no harm", _counted(ours, oracle, none), True
    ratios = {name: mine / bare for name, (mine, bare) in found.items()}
    if _quickens(ours[0]):
        del ratios["time"]
    measured = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items())
    return "no refiner's time and error", measured, all(ratio <= 1 + SAME for ratio in ratios.values())


def _safe(ours: list[Record], oracle: list[Record], none: list[Record]) -> tuple[str, str, bool]:
    stopped = [r for r in ours if r["given_up"] and not r["completed"] and r["crash"] is None]
    crashed = sum(r["crash"] is not None for r in ours)
    arrived = sum(r["completed"] for r in ours)
    taken = [(r["given_up_at"] - r["fault_came"]) * r["seconds"] / r["steps"] for r in stopped if _known(r)]
    ends = [
        f"{arrived} arrived",
        f"{len(stopped)} given up" + (f" after {median(taken):.0f} s of the fault" if taken else ""),
        f"{crashed} crashed (oracle {sum(r['crash'] is not None for r in oracle)})",
        f"{len(ours) - arrived - len(stopped) - crashed} went on until their time was over",
    ]
    met = all(
        r["completed"] or r in stopped or (r["crash"] is not None and o["crash"] is not None)
        for r, o in zip(ours, oracle, strict=True)
    )
    return "arrives or gives up, no needless crash", ", ".join(ends), met


def _known(record: Record) -> bool:
    """Whether it is known when the mission was given up; older records lack it."""
    return record.get("given_up_at") is not None and record["fault_came"] is not None


_JUDGES = {"A": _correctable, "B": _degraded, "C": _harmless, "D": _safe}


def _counted(ours: list[Record], oracle: list[Record], none: list[Record]) -> str:
    done, could, bare = (sum(r["completed"] for r in part) for part in (ours, oracle, none))
    return f"{done} of {len(ours)} arrived (oracle {could}, no refiner {bare})"


def _means(*methods: list[Record]) -> dict[str, list[float]] | None:
    """Mean time and error of every method, over the missions that all completed; ``None`` if there are none."""
    both = [rows for rows in zip(*methods, strict=True) if all(r["completed"] for r in rows)]
    if not both:
        return None
    columns = list(zip(*both, strict=True))
    return {
        "time": [sum(r["steps"] for r in column) / len(column) for column in columns],
        "error": [sum(_error(r) for r in column) / len(column) for column in columns],
    }


def _error(record: Record) -> float:
    """Cross-track error (m) while the fault is on, or of all of a mission without one."""
    under = record["cross_track_fault"]
    return float(record["cross_track"] if under is None else under)
