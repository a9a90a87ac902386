"""Criteria of a confirmation: bounds on a method's mean, or on its ratio to another method, written down before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from crl.errors import CrlError
from crl.matching import nearest
from crl.reporting.confirmations.two_levels import two_level_interval
from crl.reporting.statistics import Interval

Record = dict[str, Any]

QUANTITIES = {
    "success": "share of the missions that were completed",
    "reached": "share of the waypoints that were reached",
    "steps": "control steps of a completed mission",
    "cross_track": "mean distance to the leg (m)",
    "cross_track_fault": "the same while the fault is on (m)",
    "crashes": "crashes per mission",
    "safe_end": "share of the missions that were completed, or were given up without a crash",
    "steps_to_stop": "control steps from the fault until the mission was given up",
    "false_alarms": "false alarms per mission",
    "refine_ms": "CPU time of a correction (ms), median of a mission",
}
"""What can be measured of a mission, and means of it."""
COMPLETED = {"steps"}
"""Quantities of completed missions only."""


def measure(record: Record, quantity: str) -> float:
    """A quantity of one mission; NaN where it has none."""
    completed = bool(record["completed"])
    crashed = record["crash"] is not None
    if quantity == "success":
        return float(completed)
    if quantity == "reached":
        return float(record["reached_fraction"])
    if quantity == "crashes":
        return float(crashed)
    if quantity == "safe_end":
        return float(completed or (bool(record["given_up"]) and not crashed))
    if quantity == "steps_to_stop":
        given_up, came = record.get("given_up_at"), record["fault_came"]
        return math.nan if given_up is None or came is None else float(given_up - came)
    if quantity == "refine_ms":
        taken = record["ms"].get("refine", {}).get("median") if "ms" in record else record["refine_ms"]
        return math.nan if taken is None else float(taken)
    value = record["steps"] if quantity == "steps" and completed else record.get(quantity)
    return math.nan if value is None or (quantity in COMPLETED and not completed) else float(value)


@dataclass(frozen=True)
class Criterion:
    """A bound on a method.

    Attributes:
        method: The method.
        quantity: One of :data:`QUANTITIES`.
        group: Class of faults, or ``all``.
        relative_to: Method to whose value on the same fit and mission the ratio is taken; ``None``: no ratio.
        at_least: Least value of the mean; ``None``: no such bound.
        at_most: Greatest value.
    """

    method: str
    quantity: str
    group: str = "all"
    relative_to: str | None = None
    at_least: float | None = None
    at_most: float | None = None

    @classmethod
    def parse(cls, plain: Any, where: str) -> Criterion:
        """Build it from plain data.

        Raises:
            CrlError: A key is unknown or missing, or there is no bound.
        """
        keys = {"method", "quantity", "class", "relative_to", "at_least", "at_most"}
        if not isinstance(plain, Mapping) or not {"method", "quantity"} <= set(plain) <= keys:
            raise CrlError(f"a criterion of {where} is {plain!r}", f"its keys are {', '.join(sorted(keys))}")
        if ("at_least" in plain) + ("at_most" in plain) != 1:
            raise CrlError(f"a criterion of {where} needs one bound: {plain!r}", "say at_least or at_most")
        quantity = str(plain["quantity"])
        if quantity not in QUANTITIES:
            raise CrlError(f"{where} names an unknown quantity {quantity!r}{nearest(quantity, QUANTITIES)}")
        values = {"group" if key == "class" else key: value for key, value in plain.items()}
        return cls(**values)

    def check(self, methods: Sequence[str], groups: set[str], where: str) -> None:
        """Refuse a criterion of a method or class that is not there.

        Raises:
            CrlError: It can't be judged.
        """
        for method in (self.method, self.relative_to):
            if method is not None and method not in methods:
                raise CrlError(f"a criterion of {where} names {method!r}", f"the methods are {', '.join(methods)}")
        if self.group not in (*groups, "all"):
            raise CrlError(f"a criterion of {where} names class {self.group!r}", f"there are {sorted(groups)} and all")

    def text(self) -> str:
        """The criterion in words."""
        what = f"{self.quantity} of `{self.method}`"
        if self.relative_to is not None:
            what += f" / that of `{self.relative_to}`"
        bound = f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"
        return f"{what}, class {self.group}: {bound}"

    def estimate(self, records: Sequence[Record]) -> Interval:
        """The mean that is judged, with its two-level interval."""
        return estimate(records, self.method, self.quantity, self.group, self.relative_to)

    def holds(self, value: float) -> bool:
        """Whether a mean is inside the bound; without a value it is not."""
        if math.isnan(value):
            return False
        return value >= self.at_least if self.at_least is not None else value <= float(self.at_most or 0.0)


def estimate(
    records: Sequence[Record], method: str, quantity: str, group: str = "all", relative_to: str | None = None
) -> Interval:
    """Mean of a quantity over fits and missions, or of its ratio to another method's on the same ones.

    Args:
        records: Missions of all methods.
        method: The method.
        quantity: One of :data:`QUANTITIES`.
        group: Class of faults, or ``all``.
        relative_to: The other method; pairs in which either has no value, or the other's is 0, are left out.
    """
    chosen = [r for r in records if group in ("all", r["class"])]
    other = {(r["fit"], r["mission"]): measure(r, quantity) for r in chosen if r["method"] == relative_to}
    values: dict[Any, list[float]] = {}
    for record in chosen:
        if record["method"] != method:
            continue
        value = measure(record, quantity)
        if relative_to is not None:
            beneath = other.get((record["fit"], record["mission"]), math.nan)
            value = value / beneath if beneath else math.nan
        if math.isfinite(value):
            values.setdefault(record["fit"], []).append(value)
    return two_level_interval([np.array(group_values) for group_values in values.values()])
