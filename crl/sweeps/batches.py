"""``batch=seeds``: which points of a sweep are one process, and which can't be."""

from __future__ import annotations

from collections.abc import Sequence

from crl.config import Config
from crl.config.declared.agents import kind_of
from crl.errors import SettingsError
from crl.sweeps.options import Request
from crl.sweeps.points.point import Point

HINT = "leave out batch=seeds: every run then has a process of its own"


def refuse_launcher(request: Request) -> None:
    """Refuse kinds of sweeps whose points are handed over one by one.

    Raises:
        SettingsError: It is such a one.
    """
    if request.batch == "none":
        return
    if request.kind == "tune":
        raise SettingsError("sweep=tune makes its points one by one, and batch=seeds does several at once", HINT)
    if request.launcher != "local":
        raise SettingsError(
            f"launcher={request.launcher} does every point by itself, and batch=seeds does several at once",
            "use launcher=local, or leave out batch=seeds",
        )


def refuse_alone(configs: Sequence[Config]) -> None:
    """Refuse runs that can't learn and plan together with others.

    Raises:
        SettingsError: One of them can't; the message says why.
    """
    for config in configs:
        reason = _why_alone(config)
        if reason:
            raise SettingsError(f"batch=seeds can't do {config.method}: {reason}", HINT)


def _why_alone(config: Config) -> str:
    """Why a run can't be in a batch; empty: it can."""
    alone = kind_of(config).alone
    if not alone and config.planner.deadline > 0:
        return "with planner.deadline a plan depends on the time that it takes, and runs wait for each other here"
    return alone


def by_seed(points: Sequence[Point]) -> list[list[Point]]:
    """Points that differ in nothing but the seed, together, in the order of the first of each."""
    found: dict[tuple[str, ...], list[Point]] = {}
    for point in points:
        rest = tuple(item for item in point.settings if item.partition("=")[0] != "seed")
        found.setdefault(rest, []).append(point)
    return list(found.values())
