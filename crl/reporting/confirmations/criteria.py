"""Criteria of a confirmation: bounds on a mean, or on its ratio or difference to another method's, written before."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from crl.errors import CrlError
from crl.matching import nearest
from crl.reporting.confirmations.kind import Kind, Record
from crl.reporting.confirmations.missions import MISSIONS
from crl.reporting.statistics import Interval


@dataclass(frozen=True)
class Criterion:
    """A bound on a method.

    Attributes:
        method: The method.
        quantity: One of those of the kind.
        group: Class of faults, or ``all``.
        relative_to: Method to whose value on the same fit and mission the ratio is taken; ``None``: no ratio.
        minus: Method whose value on the same fit and mission is subtracted; ``None``: no difference.
        at_least: Least value of the mean; ``None``: no such bound.
        at_most: Greatest value.
        kind: What is measured.
    """

    method: str
    quantity: str
    group: str = "all"
    relative_to: str | None = None
    minus: str | None = None
    at_least: float | None = None
    at_most: float | None = None
    kind: Kind = field(default=MISSIONS, repr=False, compare=False)

    @classmethod
    def parse(cls, plain: Any, where: str, kind: Kind = MISSIONS) -> Criterion:
        """Build it from plain data.

        Raises:
            CrlError: A key is unknown or missing, or there is no bound.
        """
        keys = {"method", "quantity", "class", "relative_to", "minus", "at_least", "at_most"}
        if not isinstance(plain, Mapping) or not {"method", "quantity"} <= set(plain) <= keys:
            raise CrlError(f"a criterion of {where} is {plain!r}", f"its keys are {', '.join(sorted(keys))}")
        if ("at_least" in plain) + ("at_most" in plain) != 1:
            raise CrlError(f"a criterion of {where} needs one bound: {plain!r}", "say at_least or at_most")
        if {"relative_to", "minus"} <= set(plain):
            raise CrlError(f"a criterion of {where} has a ratio and a difference", "say relative_to or minus")
        quantity = str(plain["quantity"])
        if quantity not in kind.quantities:
            raise CrlError(f"{where} names an unknown quantity {quantity!r}{nearest(quantity, kind.quantities)}")
        values = {"group" if key == "class" else key: value for key, value in plain.items()}
        return cls(**values, kind=kind)

    def check(self, methods: Sequence[str], groups: set[str], where: str) -> None:
        """Refuse a criterion of a method or class that is not there.

        Raises:
            CrlError: It can't be judged.
        """
        for method in (self.method, self.relative_to, self.minus):
            if method is not None and method not in methods:
                raise CrlError(f"a criterion of {where} names {method!r}", f"the methods are {', '.join(methods)}")
        if self.group not in (*groups, "all"):
            raise CrlError(f"a criterion of {where} names class {self.group!r}", f"there are {sorted(groups)} and all")

    def text(self) -> str:
        """The criterion in words."""
        what = f"{self.quantity} of `{self.method}`"
        if self.relative_to is not None:
            what += f" / that of `{self.relative_to}`"
        if self.minus is not None:
            what += f" minus that of `{self.minus}`"
        bound = f">= {self.at_least:g}" if self.at_least is not None else f"<= {self.at_most:g}"
        where = f", class {self.group}" if self.group != "all" or self.kind is MISSIONS else ""
        return f"{what}{where}: {bound}"

    def estimate(self, records: Sequence[Record]) -> Interval:
        """The mean that is judged, with its interval."""
        return estimate(records, self.method, self.quantity, self.group, self.relative_to, self.minus, kind=self.kind)

    def holds(self, value: float) -> bool:
        """Whether a mean is inside the bound; without a value it is not."""
        if math.isnan(value):
            return False
        return value >= self.at_least if self.at_least is not None else value <= float(self.at_most or 0.0)


def estimate(
    records: Sequence[Record],
    method: str,
    quantity: str,
    group: str = "all",
    relative_to: str | None = None,
    minus: str | None = None,
    *,
    kind: Kind = MISSIONS,
) -> Interval:
    """Mean of a quantity over records, or of its ratio or difference to another method's on the same ones.

    Args:
        records: Missions or runs of all methods.
        method: The method.
        quantity: One of the kind's.
        group: Class of faults, or ``all``.
        relative_to: The other method of a ratio; pairs in which either has no value, or the other's is 0, are left out.
        minus: The other method of a difference; pairs in which either has no value are left out.
        kind: What is measured.
    """
    chosen = [r for r in records if group == "all" or r["class"] == group]
    others: dict[str, dict[Any, float]] = {}
    for r in chosen:
        others.setdefault(r["method"], {})[_pair(r)] = kind.measure(r, quantity)
    values: dict[Any, list[float]] = {}
    for r in chosen:
        if r["method"] != method:
            continue
        value = others[method][_pair(r)]
        if relative_to is not None:
            beneath = others.get(relative_to, {}).get(_pair(r), math.nan)
            value = value / beneath if beneath else math.nan
        if minus is not None:
            value -= others.get(minus, {}).get(_pair(r), math.nan)
        if math.isfinite(value):
            values.setdefault(r["fit"], []).append(value)
    return kind.interval([np.array(fit_values) for fit_values in values.values()])


def _pair(record: Record) -> tuple[Any, Any]:
    """What methods are paired by: fit and mission; a run has no missions."""
    return record["fit"], record.get("mission")
